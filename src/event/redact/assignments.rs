//! `name = value` in text of any kind: shell, JSON, YAML, INI, source code, HTTP heads. The name says whether the value is a secret.

use std::borrow::Cow;
use std::ops::Range;

use super::headers;
use super::marker::{MARKER, Rewrite, before, byte, ends_with_marker, leading_marker, run, slice};
use super::names::{MAX_NAME, Naming, is_name_byte, naming, naming_in_query};
use super::shapes::marker_of;
use super::values::{looks_secret, may_stay};

/// Takes out the values of names that say that they are secret.
pub(super) fn scrub(bytes: &[u8]) -> Cow<'_, [u8]> {
    let mut rewrite = Rewrite::new(bytes);
    let mut from = 0;
    // Where the last value ended: no name reaches back into it.
    let mut floor = 0;
    while let Some(found) = bytes.get(from..).unwrap_or_default().iter().position(|byte| matches!(byte, b'=' | b':')) {
        let sign = from + found;
        let Some(assignment) = Assignment::at(bytes, sign, floor) else {
            // `==`, `::` and `://` assign nothing, and neither does their second byte.
            from = sign + 1 + usize::from(byte(bytes, sign) == byte(bytes, sign + 1));
            continue;
        };
        from = assignment.redact(bytes, &mut rewrite).max(sign + 1);
        floor = from;
    }
    rewrite.finish()
}

struct Assignment<'a> {
    name: &'a [u8],
    naming: Naming,
    /// The quotation mark before the name.
    quote: Option<u8>,
    /// Where the value may start, after the sign.
    value: usize,
    /// Whether white space may stand before the value: `a: b` and `a = b` assign, `A= b` runs `b`.
    spaced: bool,
    /// Whether it may be prose.
    prose: bool,
}

impl<'a> Assignment<'a> {
    /// The assignment whose sign stands at `sign`, if its name is one of a secret; the name does not start before `floor`.
    fn at(bytes: &'a [u8], sign: usize, floor: usize) -> Option<Self> {
        let colon = byte(bytes, sign) == Some(b':');
        let value = match (colon, bytes.get(sign + 1..).unwrap_or_default()) {
            (true, [b':' | b'=', ..] | [b'/', b'/', ..]) | (false, [b'=', ..] | [b'~', b' ', ..]) => return None,
            (false, [b'>', ..]) => sign + 2,
            _ => sign + 1,
        };
        let (name, spaced, quoted) = name_before(bytes, sign, floor)?;
        let start = name.start;
        let name = slice(bytes, name);
        let previous = before(bytes, start);
        if colon && !quoted && matches!(previous, Some(b'/' | b'@')) {
            // A host and its port, or an image and its tag.
            return None;
        }
        let naming = match previous {
            Some(b'?' | b'&') => naming_in_query(name),
            _ if headers::is_cookie_field(name) && colon => Naming::Secret,
            _ => naming(name),
        };
        let quote = previous.filter(|byte| matches!(byte, b'"' | b'\''));
        let spaced = spaced || colon || value == sign + 2;
        let prose = spaced && !quoted;
        naming.is_secret().then_some(Self { name, naming, quote: if quoted { None } else { quote }, value, spaced, prose })
    }

    /// Replaces the value, and says where it ends.
    fn redact(&self, bytes: &[u8], rewrite: &mut Rewrite<'_>) -> usize {
        let blank = if self.spaced { run(bytes, self.value, |byte| matches!(byte, b' ' | b'\t')) } else { 0 };
        let start = self.value + blank;
        if let Some(inside) = quoted(bytes, start) {
            return self.field(bytes, inside, rewrite);
        }
        if let Some(quote) = self.quote
            && self.naming != Naming::Perhaps
            && let length = run(bytes, start, |byte| byte != quote && byte != b'\n')
            && byte(bytes, start + length) == Some(quote)
        {
            // The quotation marks hold name and value: `-H 'Authorization: Basic abc'`.
            return self.field(bytes, start..start + length, rewrite);
        }
        let start = after_opening(bytes, start);
        if headers::is_cookie_field(self.name) {
            return cookies(bytes, start, rewrite);
        }
        self.word(bytes, start, self.prose && blank > 0, rewrite)
    }

    /// A value whose end is known.
    fn field(&self, bytes: &[u8], value: Range<usize>, rewrite: &mut Rewrite<'_>) -> usize {
        let end = value.end;
        let text = slice(bytes, value.clone());
        if !may_stay(self.naming, text)
            && let Cow::Owned(redacted) = headers::value_of(self.name_as_field(), text)
        {
            rewrite.replace(value, &redacted);
        }
        end
    }

    /// A query's field such as `code` is no header's name, but its value is as secret.
    fn name_as_field(&self) -> &[u8] {
        if headers::is_secret_field(self.name) { self.name } else { b"secret" }
    }

    /// A value that ends where the text says so: at white space or a sign.
    fn word(&self, bytes: &[u8], start: usize, prose: bool, rewrite: &mut Rewrite<'_>) -> usize {
        let mut at = start;
        let mut end = word_end(bytes, at);
        let may_have_scheme = headers::keeps_scheme(self.name) || (self.spaced && self.naming == Naming::Secret);
        if may_have_scheme && headers::is_scheme(slice(bytes, at..end)) && byte(bytes, end) == Some(b' ') {
            if headers::keeps_scheme(self.name) {
                at = end + 1;
            }
            end = word_end(bytes, end + 1);
            // `Digest username="a", response="b"`: the list goes on after each comma.
            while before(bytes, end) == Some(b',') && byte(bytes, end) == Some(b' ') && word_end(bytes, end + 1) > end + 1 {
                end = word_end(bytes, end + 1);
            }
        }
        let escapes = run(bytes, at, |byte| byte == b'\\');
        if let Some(length) = leading_marker(slice(bytes, at + escapes..end)) {
            return at + escapes + length;
        }
        let value = slice(bytes, at..end);
        let structure = matches!(value, [b'{', ..] | [b'['] | [b'[', b']'] | [b'('] | [b'(', b'{', ..]);
        let prose = prose && self.naming == Naming::Perhaps && !looks_secret(value);
        let without_sign = value.strip_suffix(b",").or_else(|| value.strip_suffix(b")")).or_else(|| value.strip_suffix(b"}"));
        let stays = may_stay(self.naming, value) || without_sign.is_some_and(|value| may_stay(self.naming, value));
        if !structure && !prose && !stays {
            rewrite.replace(at..end, &marker_of(value));
        }
        end
    }
}

/// `a=b; c=d` without quotation marks around it: goes on as long as a pair follows.
fn cookies(bytes: &[u8], start: usize, rewrite: &mut Rewrite<'_>) -> usize {
    let mut at = start;
    loop {
        let end = word_end(bytes, at);
        let pair = slice(bytes, at..end);
        let value = pair.iter().position(|byte| *byte == b'=').map_or(at, |equals| at + equals + 1);
        rewrite.replace(value..end, MARKER.as_bytes());
        let next = end + 2;
        let follows = slice(bytes, end..next) == b"; " && slice(bytes, next..word_end(bytes, next)).contains(&b'=');
        if !follows {
            return end;
        }
        at = next;
    }
}

/// The name before a sign, whether white space stands between them, and whether a quotation mark does.
fn name_before(bytes: &[u8], sign: usize, floor: usize) -> Option<(Range<usize>, bool, bool)> {
    /// `"]` and `\"` and a few spaces.
    const MAX_BETWEEN: usize = 6;
    let mut end = sign;
    let mut spaced = false;
    let mut quoted = false;
    while let Some(byte) = before(bytes, end).filter(|byte| !is_name_byte(*byte)) {
        match byte {
            b' ' | b'\t' => spaced = true,
            b'"' | b'\'' => quoted = true,
            b']' if ends_with_marker(slice(bytes, floor..end)) => return None,
            b'\\' | b']' | b'+' => {}
            b':' if end == sign => spaced = true,
            _ => return None,
        }
        end -= 1;
        if end <= floor || sign - end > MAX_BETWEEN {
            return None;
        }
    }
    let limit = floor.max(end.saturating_sub(MAX_NAME));
    let length = slice(bytes, limit..end).iter().rev().take_while(|byte| is_name_byte(**byte)).count();
    // What touches a marker was part of something else before.
    let whole = !ends_with_marker(slice(bytes, floor..end - length));
    (length > 0 && whole).then_some((end - length..end, spaced, quoted))
}

/// The inside of a quoted string that starts at `start`, whose quotation marks may be escaped themselves (`\"…\"`).
fn quoted(bytes: &[u8], start: usize) -> Option<Range<usize>> {
    let escapes = bytes.get(start..)?.iter().take(4).take_while(|byte| **byte == b'\\').count();
    let quote = byte(bytes, start + escapes).filter(|byte| matches!(byte, b'"' | b'\''))?;
    let from = start + escapes + 1;
    let mut escaped = false;
    let length = bytes.get(from..)?.iter().position(|byte| {
        if escapes == 0 && escaped {
            escaped = false;
            return false;
        }
        escaped = *byte == b'\\';
        *byte == quote
    })?;
    let closing = slice(bytes, from..from + length).iter().rev().take_while(|byte| escapes > 0 && **byte == b'\\').count();
    Some(from..from + length - closing)
}

/// Past a quotation mark that nothing closes.
fn after_opening(bytes: &[u8], start: usize) -> usize {
    let escapes = run(bytes, start, |byte| byte == b'\\');
    match byte(bytes, start + escapes) {
        Some(b'"' | b'\'') => start + escapes + 1,
        _ => start,
    }
}

/// Where a value without quotation marks ends.
fn word_end(bytes: &[u8], start: usize) -> usize {
    let mut at = start;
    while let Some(next) = byte(bytes, at) {
        let ends = match next {
            b'&' | b';' | b'"' | b'\'' | b'`' | b'|' | b'<' | b'>' => true,
            b'\\' => matches!(byte(bytes, at + 1), Some(b'n' | b'r' | b't' | b'"' | b'\'')),
            other => other.is_ascii_whitespace(),
        };
        if ends {
            break;
        }
        at += 1;
    }
    at
}
