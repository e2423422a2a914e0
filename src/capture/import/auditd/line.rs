//! One record: `type=SYSCALL msg=audit(1700000000.123:456): arch=c000003e syscall=59 …`, behind `node=…` where hosts are merged, and in
//! the enriched format with the numbers' names behind a byte 0x1d.

use std::borrow::Cow;

use crate::event::{OsText, Timestamp};

/// One record of an event.
#[derive(Clone, Debug)]
pub(super) struct AuditLine {
    pub(super) node: String,
    pub(super) kind: String,
    pub(super) time: Timestamp,
    pub(super) serial: u64,
    fields: Vec<(String, Vec<u8>)>,
}

/// Fields of a record that are kept.
const MOST_FIELDS: usize = 4_096;

impl AuditLine {
    /// Reads a line.
    ///
    /// # Errors
    /// Why it is no record.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, &'static str> {
        let (mut node, mut kind, mut rest) = (String::new(), None, bytes.trim_ascii());
        loop {
            let end = rest.iter().position(|byte| *byte == b' ').ok_or("it ends before `msg=audit(…)`")?;
            let (word, after) = rest.split_at_checked(end).unwrap_or((rest, &[]));
            let after = after.trim_ascii_start();
            if let Some(name) = word.strip_prefix(b"node=") {
                node = String::from_utf8_lossy(name).into_owned();
            } else if let Some(name) = word.strip_prefix(b"type=") {
                kind = Some(String::from_utf8_lossy(name).into_owned());
            } else if let Some(stamp) = word.strip_prefix(b"msg=audit(") {
                let stamp = stamp
                    .strip_suffix(b":")
                    .unwrap_or(stamp)
                    .strip_suffix(b")")
                    .ok_or("the stamp of `msg=audit(…)` has no end")?;
                let (time, serial) = self::stamp(stamp).ok_or("the stamp of `msg=audit(…)` is not a time and a serial number")?;
                let kind = kind.ok_or("it has no `type=`")?;
                return Ok(Self { node, kind, time, serial, fields: fields(after) });
            } else {
                return Err("it does not start with `node=`, `type=` or `msg=audit(…)`");
            }
            rest = after;
        }
    }

    /// A value as it stands there, without quotes.
    pub(super) fn raw(&self, name: &str) -> Option<&[u8]> {
        self.fields.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_slice())
    }

    /// A value without quotes, unless it is `(null)` or `?`.
    pub(super) fn word(&self, name: &str) -> Option<Cow<'_, str>> {
        let value = self.raw(name).map(unquoted).filter(|value| !matches!(*value, b"" | b"?" | b"(null)" | b"(none)"))?;
        Some(String::from_utf8_lossy(value))
    }

    /// A value that the kernel writes in quotes, or in hex where it holds a quote, a blank or a byte that is no text.
    pub(super) fn text(&self, name: &str) -> Option<OsText> {
        let value = self.raw(name)?;
        if matches!(value, b"" | b"?" | b"(null)") {
            return None;
        }
        if let [b'"', inner @ .., b'"'] = value {
            return Some(OsText::from_bytes(inner));
        }
        Some(OsText::from_bytes(unhex(value).unwrap_or_else(|| value.to_vec())))
    }

    /// A decimal number.
    pub(super) fn number(&self, name: &str) -> Option<i64> {
        std::str::from_utf8(unquoted(self.raw(name)?)).ok()?.parse().ok()
    }

    pub(super) fn id(&self, name: &str) -> Option<u32> {
        // 4294967295 is -1: not set.
        self.number(name).and_then(|number| u32::try_from(number).ok()).filter(|id| *id != u32::MAX)
    }

    /// A number in hex without a prefix, as `a0` to `a3` are.
    pub(super) fn hex(&self, name: &str) -> Option<u64> {
        u64::from_str_radix(std::str::from_utf8(self.raw(name)?).ok()?, 16).ok()
    }
}

fn unquoted(value: &[u8]) -> &[u8] {
    if let [b'"', inner @ .., b'"'] = value { inner } else { value }
}

/// `1700000000.123:456`.
fn stamp(stamp: &[u8]) -> Option<(Timestamp, u64)> {
    let text = std::str::from_utf8(stamp).ok()?;
    let (time, serial) = text.split_once(':')?;
    let (seconds, millis) = time.split_once('.')?;
    if millis.len() != 3 {
        return None;
    }
    let micros = seconds.parse::<i64>().ok()?.checked_mul(1_000_000)?.checked_add(millis.parse::<i64>().ok()? * 1_000)?;
    Some((Timestamp::from_micros(micros), serial.parse().ok()?))
}

/// `name=value name="value with blanks" name='…'`, separated by blanks, commas within `USER_*`, and the mark of the enriched format. Behind
/// that mark stand the numbers' names, in capitals; the first value of a name stays.
fn fields(bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
    let (mut fields, mut rest) = (Vec::new(), bytes);
    while fields.len() < MOST_FIELDS {
        rest =
            rest.get(rest.iter().take_while(|byte| matches!(**byte, b' ' | b'\t' | 0x1d | b',')).count()..).unwrap_or_default();
        let Some(equals) = rest.iter().position(|byte| *byte == b'=') else { break };
        let (name, after) = rest.split_at_checked(equals).unwrap_or((rest, &[]));
        let after = after.get(1..).unwrap_or_default();
        let end = match after.first() {
            Some(quote @ (b'"' | b'\'')) => {
                let end = after.iter().skip(1).position(|byte| byte == quote);
                // A quote that is not closed ends at the blank, so that one bad field does not take the others with it.
                end.map_or_else(|| blank(after), |end| end + 2)
            }
            _ => blank(after),
        };
        let (value, next) = after.split_at_checked(end).unwrap_or((after, &[]));
        // What stands in single quotes is fields again (`msg='op=… acct="…"'`).
        if let [b'\'', inner @ .., b'\''] = value {
            fields.extend(self::fields_within(inner));
        } else {
            let name = name.rsplit(|byte| *byte == b' ').next().unwrap_or(name);
            fields.push((String::from_utf8_lossy(name).into_owned(), value.to_vec()));
        }
        rest = next;
    }
    fields
}

fn fields_within(inner: &[u8]) -> Vec<(String, Vec<u8>)> {
    // Single quotes do not nest, so that this ends.
    if inner.contains(&b'\'') { Vec::new() } else { fields(inner) }
}

fn blank(bytes: &[u8]) -> usize {
    bytes.iter().position(|byte| matches!(byte, b' ' | b'\t' | 0x1d)).unwrap_or(bytes.len())
}

/// Bytes of an even number of hex digits, which the kernel writes in capitals.
pub(super) fn unhex(text: &[u8]) -> Option<Vec<u8>> {
    if text.is_empty() || text.len() % 2 == 1 {
        return None;
    }
    let digit = |byte: u8| {
        char::from(byte).to_digit(16).filter(|_| !byte.is_ascii_lowercase()).and_then(|digit| u8::try_from(digit).ok())
    };
    text.chunks_exact(2)
        .map(|pair| match pair {
            [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_read_with_quotes_hex_and_the_enriched_names() {
        let line = b"node=web1 type=SYSCALL msg=audit(1700000000.123:456): arch=c000003e syscall=59 success=yes a0=55d0 auid=1000 ses=3 comm=\"ls -l\" exe=2F746D702F6120623A key=(null)\x1dARCH=x86_64 SYSCALL=execve AUID=\"dev\"";
        let line = AuditLine::parse(line).unwrap();
        assert_eq!((line.node.as_str(), line.kind.as_str(), line.serial), ("web1", "SYSCALL", 456));
        assert_eq!(line.time.as_micros(), 1_700_000_000_123_000);
        assert_eq!(line.text("comm"), Some("ls -l".into()));
        assert_eq!(line.text("exe"), Some("/tmp/a b:".into()));
        assert_eq!(line.word("key"), None);
        assert_eq!(
            (line.hex("a0"), line.id("auid"), line.word("SYSCALL").as_deref()),
            (Some(0x55d0), Some(1000), Some("execve"))
        );
    }

    #[test]
    fn fields_in_single_quotes_are_fields() {
        let line = AuditLine::parse(b"type=USER_CMD msg=audit(1.000:1): pid=7 msg='cwd=\"/root\" cmd=6C73 res=success'").unwrap();
        assert_eq!((line.text("cwd"), line.text("cmd")), (Some("/root".into()), Some("ls".into())));
    }

    #[test]
    fn what_is_no_record_says_why() {
        for (line, reason) in [
            (&b"hello world"[..], "it does not start with `node=`, `type=` or `msg=audit(…)`"),
            (b"type=SYSCALL", "it ends before `msg=audit(…)`"),
            (b"type=SYSCALL msg=audit(x:1): a=1", "the stamp of `msg=audit(…)` is not a time and a serial number"),
        ] {
            assert_eq!(AuditLine::parse(line).unwrap_err(), reason);
        }
    }
}
