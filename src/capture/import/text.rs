//! Text of other systems: times, wide characters, numbers, command lines.

use std::borrow::Cow;

use crate::event::{OsText, Timestamp, redact};

/// A time as ISO 8601 writes it, in UTC or with an offset: `2025-11-28T08:30:20.966901Z`, `2025-11-28 08:30:20.964`. Without an offset it
/// is UTC. Digits behind the microseconds are left out.
pub(super) fn time(text: &str) -> Option<Timestamp> {
    let bytes = text.trim_ascii().as_bytes();
    let number = |from: usize, len: usize| -> Option<i64> {
        let digits = bytes.get(from..from + len)?;
        digits.iter().try_fold(0, |sum, digit| digit.is_ascii_digit().then(|| sum * 10 + i64::from(digit - b'0')))
    };
    let is = |at: usize, any: &[u8]| bytes.get(at).is_some_and(|byte| any.contains(byte));
    if !(is(4, b"-") && is(7, b"-") && is(10, b"T ") && is(13, b":") && is(16, b":")) {
        return None;
    }
    let (year, month, day) = (number(0, 4)?, number(5, 2)?, number(8, 2)?);
    let (hour, minute, second) = (number(11, 2)?, number(14, 2)?, number(17, 2)?);
    let is_date = (1..=12).contains(&month) && (1..=31).contains(&day);
    if !is_date || hour > 24 || minute > 59 || second > 60 {
        return None;
    }
    let mut rest = bytes.get(19..).unwrap_or_default();
    let mut micros = 0;
    if let Some(fraction) = rest.strip_prefix(b".") {
        let digits = fraction.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (fraction, after) = fraction.split_at_checked(digits)?;
        let padded = fraction.iter().copied().chain(std::iter::repeat(b'0')).take(6);
        micros = padded.fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0'));
        rest = after;
    }
    let offset_minutes = match rest {
        b"" | b"Z" => 0,
        [sign @ (b'+' | b'-'), digits @ ..] => {
            let digits: Vec<i64> =
                digits.iter().filter(|byte| byte.is_ascii_digit()).map(|digit| i64::from(digit - b'0')).collect();
            let [h1, h2, m1, m2] = digits.try_into().ok()?;
            let minutes = (h1 * 10 + h2) * 60 + m1 * 10 + m2;
            if *sign == b'-' { -minutes } else { minutes }
        }
        _ => return None,
    };
    let seconds = days(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second - offset_minutes * 60;
    Some(Timestamp::from_micros(seconds * 1_000_000 + micros))
}

/// Days from 1970-01-01 to a date of the Gregorian calendar.
const fn days(year: i64, month: i64, day: i64) -> i64 {
    // A year that starts in March has its leap day at its end; 400 of them have 146,097 days.
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// A number in decimal, or in hex behind `0x`.
pub(super) fn number(text: &str) -> Option<u64> {
    let text = text.trim_ascii();
    match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(hex) => u64::from_str_radix(hex, 16).ok(),
        None => text.parse().ok(),
    }
}

/// A command line as Windows splits it for a C program (`CommandLineToArgvW`).
pub(super) fn arguments(line: &str) -> Vec<OsText> {
    let (mut all, mut one, mut begun, mut quoted) = (Vec::new(), Vec::new(), false, false);
    let mut rest = line.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        match byte {
            b'\\' => {
                let more = rest.iter().take_while(|byte| **byte == b'\\').count();
                rest = rest.get(more..).unwrap_or_default();
                begun = true;
                // Backslashes are themselves but before a quote: there, two are one, and a last one keeps the quote.
                if let Some((b'"', after)) = rest.split_first() {
                    one.extend(std::iter::repeat_n(b'\\', more.div_ceil(2)));
                    if (more + 1) % 2 == 1 {
                        one.push(b'"');
                        rest = after;
                    }
                } else {
                    one.extend(std::iter::repeat_n(b'\\', more + 1));
                }
            }
            b'"' => {
                begun = true;
                quoted = !quoted;
            }
            b' ' | b'\t' if !quoted => {
                if std::mem::take(&mut begun) {
                    all.push(OsText::from_bytes(std::mem::take(&mut one)));
                }
            }
            other => {
                begun = true;
                one.push(other);
            }
        }
    }
    if begun {
        all.push(OsText::from_bytes(one));
    }
    all
}

/// Bytes of an unread record without the secrets that can be seen in them: as text, and as runs of wide characters (UTF-16LE), which the
/// records of Windows are made of.
pub(super) fn redact_raw(raw: &[u8]) -> Vec<u8> {
    let narrow = redact::bytes(raw);
    let (mut out, mut rest) = (Vec::with_capacity(narrow.len()), narrow.as_ref());
    while !rest.is_empty() {
        let wide = rest.chunks_exact(2).take_while(|pair| matches!(pair, [b'\t' | b'\n' | b'\r' | b' '..=b'~', 0])).count();
        if wide < 6 {
            let Some((byte, tail)) = rest.split_first() else { break };
            out.push(*byte);
            rest = tail;
            continue;
        }
        let (run, tail) = rest.split_at_checked(wide * 2).unwrap_or((rest, &[]));
        let text: Vec<u8> = run.iter().copied().step_by(2).collect();
        let scrubbed =
            std::str::from_utf8(&text).map_or(Cow::Borrowed(text.as_slice()), |text| match redact::command_line(text) {
                Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
                Cow::Owned(text) => Cow::Owned(text.into_bytes()),
            });
        out.extend(scrubbed.iter().flat_map(|byte| [*byte, 0]));
        rest = tail;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_the_systems_write_them() {
        let check = |text: &str, micros: Option<i64>| assert_eq!(time(text), micros.map(Timestamp::from_micros), "{text}");
        check("1970-01-01T00:00:00Z", Some(0));
        check("2025-11-28 08:30:20.964", Some(1_764_318_620_964_000));
        check("2025-11-28T08:30:20.966901Z", Some(1_764_318_620_966_901));
        check("2025-11-28T08:30:20.966901299Z", Some(1_764_318_620_966_901));
        check("2025-11-28T10:30:20.966901+02:00", Some(1_764_318_620_966_901));
        check("2024-02-29T00:00:00Z", Some(1_709_164_800_000_000));
        check("1601-01-01T00:00:00Z", Some(-11_644_473_600_000_000));
        check("2025-13-01T00:00:00Z", None);
        check("2025-11-28", None);
        check("-", None);
        check("2025-11-28T08:30:20 tomorrow", None);
    }

    #[test]
    fn a_windows_command_line_splits_as_its_programs_split_it() {
        let check = |line: &str, expected: &[&str]| {
            assert_eq!(arguments(line), expected.iter().map(|one| OsText::from(*one)).collect::<Vec<_>>(), "{line}");
        };
        check(r#""C:\Program Files\a.exe"  -x "b c" d"#, &[r"C:\Program Files\a.exe", "-x", "b c", "d"]);
        check(r#"a \\\"b c:\d\ """#, &["a", r#"\"b"#, r"c:\d\", ""]);
        check(r#"a "b\\" c"#, &["a", r"b\", "c"]);
        check("", &[]);
    }

    #[test]
    fn g7_a_secret_in_wide_characters_is_not_kept_either() {
        let wide = |text: &str| text.bytes().flat_map(|byte| [byte, 0]).collect::<Vec<u8>>();
        let raw = [b"\x2a\x2a\x00\x00".to_vec(), wide("curl --token hunter2hunter2 -o x")].concat();
        let kept = redact_raw(&raw);
        let has = |kept: &[u8], text: &str| kept.windows(text.len() * 2).any(|window| window == wide(text));
        assert!(has(&raw, "hunter2"));
        assert!(!has(&kept, "hunter2"));
        assert!(has(&kept, "curl") && kept.starts_with(b"\x2a\x2a\x00\x00"));
    }
}
