//! Private keys in their text forms: PEM (RFC 7468, RFC 1421), OpenPGP armour (RFC 9580 §6.2), OpenSSH.

use std::ops::Range;

use super::marker::{run, slice};

/// The end of a block that starts with `-----BEGIN `: a private key's, and one that a key follows. The header line alone is what
/// people search for, and no secret.
pub(super) fn pem(bytes: &[u8], start: usize, from: usize) -> Option<Range<usize>> {
    let label_end = from + label_length(bytes, from);
    let label = slice(bytes, from..label_end);
    if !label.windows(11).any(|text| text == b"PRIVATE KEY") || !starts_with(bytes, label_end, b"-----") {
        return None;
    }
    let end = body(bytes, label_end + 5)?;
    let footer = end + separators(bytes, end, 16);
    if !starts_with(bytes, footer, b"-----END ") {
        return Some(start..end);
    }
    let footer_label = footer + 9 + label_length(bytes, footer + 9);
    Some(start..if starts_with(bytes, footer_label, b"-----") { footer_label + 5 } else { footer_label })
}

/// A PEM block that was encoded in base64 as a whole, as Kubernetes and CI variables hold it. `PRIVATE KEY` shows in one of three ways,
/// by its place in the groups of three bytes.
pub(super) fn pem_in_base64(bytes: &[u8], start: usize, from: usize) -> Option<Range<usize>> {
    const PRIVATE_KEY: [&[u8]; 3] = [b"UFJJVkFURSBLRV", b"BSSVZBVEUgS0V", b"QUklWQVRFIEtF"];
    let head = slice(bytes, from..(from + 64).min(bytes.len()));
    let named = PRIVATE_KEY.iter().any(|text| head.windows(text.len()).any(|window| window == *text));
    if named { body(bytes, start).map(|end| start..end) } else { None }
}

/// The inside of an OpenSSH key, which is base64 of `openssh-key-v1`.
pub(super) fn openssh(bytes: &[u8], start: usize, from: usize) -> Option<Range<usize>> {
    let body = body(bytes, start)?;
    (body >= from + 16).then_some(start..body)
}

/// The end of the lines of base64 that start at `from`, after header lines such as `Proc-Type: 4,ENCRYPTED`.
fn body(bytes: &[u8], from: usize) -> Option<usize> {
    /// Base64 lines are 64 or 76 bytes long; what is shorter than this may be a word of something else.
    const FULL_LINE: usize = 16;
    let mut at = from + separators(bytes, from, usize::MAX);
    // RFC 1421 and RFC 9580 name fewer; the bound keeps the work for each block constant.
    for _ in 0..6 {
        let Some(end) = header_line(bytes, at) else { break };
        at = end + separators(bytes, end, 64);
    }
    let first = run(bytes, at, is_base64);
    if first < FULL_LINE {
        return None;
    }
    let mut end = at + first;
    // The last data line may be short, and so may the checksum of OpenPGP that follows it.
    let mut short_lines = 0;
    loop {
        let next = end + separators(bytes, end, 16);
        let line = run(bytes, next, is_base64);
        short_lines += usize::from(line < FULL_LINE);
        if next == end || line == 0 || short_lines > 2 {
            return Some(end);
        }
        end = next + line;
    }
}

fn header_line(bytes: &[u8], from: usize) -> Option<usize> {
    let name = bytes.get(from..).unwrap_or_default().iter().take(32).take_while(|byte| is_header_name(**byte)).count();
    if name == 0 || !starts_with(bytes, from + name, b": ") {
        return None;
    }
    let value = from + name + 2;
    Some(
        value + bytes.get(value..).unwrap_or_default().iter().take(128).take_while(|byte| !matches!(byte, b'\n' | b'\\')).count(),
    )
}

/// Bytes between two lines: white space, written escapes (`\n`), and what joins string literals in source text.
fn separators(bytes: &[u8], from: usize, at_most: usize) -> usize {
    let mut at = from;
    while at - from < at_most {
        at += match bytes.get(at..).unwrap_or_default() {
            [b'\\', b'n' | b'r' | b't', ..] => 2,
            [b' ' | b'\n' | b'\r' | b'\t' | b'"' | b'\'' | b',' | b'\\', ..] => 1,
            _ => break,
        };
    }
    at - from
}

fn label_length(bytes: &[u8], from: usize) -> usize {
    let label = bytes.get(from..).unwrap_or_default().iter().take(48);
    label.take_while(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || **byte == b' ').count()
}

fn starts_with(bytes: &[u8], at: usize, text: &[u8]) -> bool {
    bytes.get(at..).unwrap_or_default().starts_with(text)
}

const fn is_header_name(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'-'
}

const fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=')
}
