//! Shell text, as `sh -c` takes it: split into the words of its commands, so that each can be read as an argument list.
//!
//! Only as much of the POSIX grammar as tells where a word starts and ends (quoting, operators, substitutions). What is not
//! valid shell is split in some way and never lost: all that is replaced is the words in which a secret was found.

use std::borrow::Cow;
use std::ops::Range;

use super::argv::{Argument, redact_list};
use super::marker::{Rewrite, byte, run, slice};

/// A shell within a shell within a shell … is read to this depth; deeper text is read as text only.
pub(super) const MAX_DEPTH: u8 = 3;

struct Word<'a> {
    range: Range<usize>,
    /// Without its quotation marks and escapes.
    text: Cow<'a, [u8]>,
}

/// Takes secrets out of the commands in a shell's text.
pub(super) fn scrub(text: &[u8], depth: u8) -> Cow<'_, [u8]> {
    let mut rewrite = Rewrite::new(text);
    let mut command = Vec::new();
    let mut at = 0;
    while let Some(next) = byte(text, at) {
        if next == b' ' || next == b'\t' {
            at += 1;
        } else if is_operator(next) {
            finish(text, &mut command, depth, &mut rewrite);
            at += 1;
        } else {
            let word = word_at(text, at);
            at = word.range.end.max(at + 1);
            command.push(word);
        }
    }
    finish(text, &mut command, depth, &mut rewrite);
    rewrite.finish()
}

/// Operators end a command. A redirection does not, but the file that follows it is no argument either.
const fn is_operator(byte: u8) -> bool {
    matches!(byte, b'\n' | b'\r' | b';' | b'|' | b'&' | b'(' | b')' | b'<' | b'>' | b'`')
}

fn finish(text: &[u8], command: &mut Vec<Word<'_>>, depth: u8, rewrite: &mut Rewrite<'_>) {
    let arguments: Vec<Argument<'_>> = command
        .iter()
        .map(|word| Argument {
            text: &word.text,
            substitutes: word.text.contains(&b'`') || word.text.windows(2).any(|two| two == b"$("),
        })
        .collect();
    for (word, redacted) in command.iter().zip(redact_list(&arguments, depth)) {
        if let Cow::Owned(redacted) = redacted {
            let raw = slice(text, word.range.clone());
            rewrite.replace(word.range.clone(), &requoted(raw, &redacted));
        }
    }
    command.clear();
}

/// The word that starts at `start`.
fn word_at(text: &[u8], start: usize) -> Word<'_> {
    let mut at = start;
    let mut unquoted: Option<Vec<u8>> = None;
    let mut quote: Option<u8> = None;
    while let Some(next) = byte(text, at) {
        let following = byte(text, at + 1);
        let (keeps, length) = match (quote, next) {
            (None, byte) if is_operator(byte) || byte == b' ' || byte == b'\t' => break,
            (None, b'"' | b'\'') => {
                quote = Some(next);
                (None, 1)
            }
            (Some(open), byte) if byte == open => {
                quote = None;
                (None, 1)
            }
            (Some(b'\''), byte) => (Some(byte), 1),
            (Some(_), b'\\') if matches!(following, Some(b'"' | b'\\' | b'$' | b'`')) => (following, 2),
            (None, b'\\') if following.is_some() => (following, 2),
            (_, byte) => (Some(byte), 1),
        };
        if keeps.is_none() || length > 1 {
            unquoted.get_or_insert_with(|| slice(text, start..at).to_vec());
        }
        if let (Some(unquoted), Some(byte)) = (&mut unquoted, keeps) {
            unquoted.push(byte);
        }
        at += length;
    }
    let text = unquoted.map_or_else(|| Cow::Borrowed(slice(text, start..at)), Cow::Owned);
    Word { range: start..at, text }
}

/// The new text of a word in quotation marks like those of the old one, where it needs any.
fn requoted(raw: &[u8], new: &[u8]) -> Vec<u8> {
    // `NAME="…"`: what stands before the quotation mark needs none.
    let bare = run(raw, 0, |byte| !matches!(byte, b'"' | b'\'' | b'\\'));
    if bare > 0 && bare < raw.len() && new.starts_with(slice(raw, 0..bare)) {
        return [slice(raw, 0..bare), &requoted(slice(raw, bare..raw.len()), slice(new, bare..new.len()))].concat();
    }
    let quoted_by = |quote: u8| raw.len() > 1 && raw.first() == Some(&quote) && raw.last() == Some(&quote);
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-+=./:,@%[]{}?#~^*!".contains(byte) || !byte.is_ascii();
    let mut text = Vec::with_capacity(new.len() + 2);
    if quoted_by(b'"') && !new.iter().any(|byte| matches!(byte, b'"' | b'\\')) {
        text.push(b'"');
        text.extend_from_slice(new);
        text.push(b'"');
    } else if !quoted_by(b'\'') && new.iter().all(|byte| plain(byte) || *byte == b'$') {
        text.extend_from_slice(new);
    } else {
        text.push(b'\'');
        for byte in new {
            match byte {
                b'\'' => text.extend_from_slice(br"'\''"),
                byte => text.push(*byte),
            }
        }
        text.push(b'\'');
    }
    text
}
