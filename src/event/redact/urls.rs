//! URLs: the userinfo, the values in query and fragment, and the secrets that some services put into the path.

use std::borrow::Cow;
use std::ops::Range;

use super::marker::{MARKER, Rewrite, before, byte, is_marker, leading_marker, run, settled_text, slice, then};
use super::names::{Naming, naming_in_query};
use super::{shapes, text};

/// How deep URLs within the values of URLs are read. What lies deeper is still searched for token shapes and assignments.
pub(super) const MAX_DEPTH: u8 = 2;

/// How often a value is percent-decoded to look for a secret in it.
const MAX_DECODINGS: usize = 2;

/// Takes the password, and a user name that looks like a token, out of every URL in the text; nothing else of it.
#[must_use]
pub fn url_userinfo(input: &str) -> Cow<'_, str> {
    settled_text(input, userinfo)
}

/// Takes the values of secret fields out of a query (without its question mark), and tokens out of the other values.
#[must_use]
pub fn query(input: &str) -> Cow<'_, str> {
    settled_text(input, |bytes| {
        let whole = then(shapes::scrub_private_keys(bytes), userinfo);
        then(then(whole, |bytes| query_at_depth(bytes, 0)), shapes::scrub)
    })
}

/// Takes secrets out of the path of a URL: token shapes, webhooks, session ids in `;jsessionid=…`.
#[must_use]
pub fn path(input: &str) -> Cow<'_, str> {
    // Without the pass that looks for assignments, whose values do not end at a slash.
    settled_text(input, |bytes| {
        let scrubbed = then(shapes::scrub_private_keys(bytes), |bytes| scrub(bytes, 1));
        then(then(scrubbed, shapes::scrub), segments)
    })
}

fn segments(bytes: &[u8]) -> Cow<'_, [u8]> {
    let mut rewrite = Rewrite::new(bytes);
    let mut from = 0;
    let mut webhook = 0;
    for part in bytes.split_inclusive(|byte| matches!(byte, b'/' | b';')) {
        let segment = part.strip_suffix(b"/").or_else(|| part.strip_suffix(b";")).unwrap_or(part);
        let range = from..from + segment.len();
        let name = segment.iter().position(|byte| *byte == b'=').unwrap_or(segment.len());
        let value = (range.start + name + 1).min(range.end)..range.end;
        let text = slice(bytes, value.clone());
        webhook = webhook_state(webhook, segment);
        if leading_marker(text).is_some() {
            // Judged before.
        } else if !text.is_empty() && naming_of_encoded(slice(segment, 0..name)).is_secret() {
            rewrite.replace(value, MARKER.as_bytes());
        } else if webhook == 4 || has_encoded_secret(segment, 1) {
            rewrite.replace(range, MARKER.as_bytes());
        }
        from += part.len();
    }
    rewrite.finish()
}

/// Slack's incoming webhooks are `/services/T…/B…/SECRET`, on its own host or behind a proxy: counts how far a path has come.
fn webhook_state(state: u8, segment: &[u8]) -> u8 {
    let id = |letter: u8| segment.first() == Some(&letter) && segment.len() >= 8 && segment.iter().all(u8::is_ascii_alphanumeric);
    match state {
        1 if id(b'T') => 2,
        2 if id(b'B') => 3,
        3 if segment.len() >= 8 => 4,
        _ if segment == b"services" => 1,
        _ => 0,
    }
}

/// Takes secrets out of every URL in the text.
pub(super) fn scrub(bytes: &[u8], depth: u8) -> Cow<'_, [u8]> {
    then(userinfo(bytes), |bytes| queries(bytes, depth))
}

/// The queries and fragments of the URLs in the text; a URL within a URL is part of it.
fn queries(bytes: &[u8], depth: u8) -> Cow<'_, [u8]> {
    let mut rewrite = Rewrite::new(bytes);
    let mut at = 0;
    while let Some(url) = next_url(bytes, at) {
        at = url + run(bytes, url, |byte| !ends_url(byte) && !matches!(byte, b'?' | b'#'));
        while matches!(byte(bytes, at), Some(b'?' | b'#')) {
            let part = at + 1..at + 1 + run(bytes, at + 1, |byte| !ends_url(byte) && byte != b'#');
            at = part.end;
            if let Cow::Owned(redacted) = query_at_depth(slice(bytes, part.clone()), depth) {
                rewrite.replace(part, &redacted);
            }
        }
    }
    rewrite.finish()
}

/// The userinfo of every URL in the text, also of URLs within URLs.
fn userinfo(bytes: &[u8]) -> Cow<'_, [u8]> {
    let mut rewrite = Rewrite::new(bytes);
    let mut url_end = 0;
    let mut last_at = None;
    let mut from = 0;
    while let Some(start) = next_url(bytes, from) {
        if start >= url_end {
            // Once for each outermost URL: a URL within it has the same end.
            url_end = start + run(bytes, start, |byte| !ends_url(byte));
            last_at = slice(bytes, start..url_end).iter().rposition(|byte| *byte == b'@').map(|at| start + at);
        }
        let end = authority_end(bytes, start, url_end, last_at);
        redact_userinfo(bytes, start..end, &mut rewrite);
        // The colon of `http:` may be the end of an authority and the start of the next (`x://http://…`).
        from = start.max(end.saturating_sub(1));
    }
    rewrite.finish()
}

/// Where the next URL has its authority: after `://`, which follows the scheme.
fn next_url(bytes: &[u8], mut from: usize) -> Option<usize> {
    loop {
        let colon = from + bytes.get(from..)?.windows(3).position(|three| three == b"://")?;
        if before(bytes, colon).is_some_and(|byte| byte.is_ascii_alphanumeric()) {
            return Some(colon + 3);
        }
        from = colon + 3;
    }
}

/// Where an authority ends: at the path, the query or the fragment (RFC 3986 §3.2).
///
/// A password that was not percent-encoded may hold those very bytes. Then what stands before the first of them is no host and port,
/// and the authority goes on to the last `@` of the URL.
fn authority_end(bytes: &[u8], start: usize, url_end: usize, last_at: Option<usize>) -> usize {
    let goes_on = |byte: u8| !ends_url(byte) && !matches!(byte, b'/' | b'?' | b'#');
    let end = start + run(bytes, start, goes_on);
    let authority = slice(bytes, start..end);
    let Some(last_at) = last_at.filter(|at| (end..url_end).contains(at)) else { return end };
    if authority.contains(&b'@') || authority.starts_with(b"[") {
        return end;
    }
    let colon = user_end(authority);
    if colon == authority.len() {
        return end;
    }
    let port = slice(authority, colon + 1..authority.len());
    if port.iter().all(u8::is_ascii_digit) || matches!(port.first(), Some(b'$' | b'{')) {
        return end;
    }
    last_at + 1 + run(bytes, last_at + 1, goes_on)
}

/// Bytes that no URL in a text goes on after.
const fn ends_url(byte: u8) -> bool {
    byte.is_ascii_whitespace() || matches!(byte, b'"' | b'\'' | b'<' | b'>' | b'`' | b'\\')
}

fn redact_userinfo(bytes: &[u8], authority: Range<usize>, rewrite: &mut Rewrite<'_>) {
    let Some(length) = slice(bytes, authority.clone()).iter().rposition(|byte| *byte == b'@') else { return };
    let start = authority.start;
    let userinfo = slice(bytes, start..start + length);
    // `http://TOKEN@host` is how tokens are passed; `ssh://git@host` and `user@` of other schemes is a name.
    let web = slice(bytes, start.saturating_sub(8)..start);
    let web = [&b"http://"[..], b"https://"].iter().any(|scheme| ends_with(web, scheme));
    let keep = kept_of_userinfo(userinfo, !web);
    if keep < userinfo.len() {
        rewrite.replace(start + keep..start + length, &shapes::marker_of(slice(userinfo, keep..length)));
    }
}

fn ends_with(text: &[u8], end: &[u8]) -> bool {
    text.len().checked_sub(end.len()).and_then(|at| text.get(at..)).is_some_and(|tail| tail.eq_ignore_ascii_case(end))
}

/// How many bytes of `user:password` may stay: all, the user name with its colon, or none.
pub(super) fn kept_of_userinfo(userinfo: &[u8], lone_user_stays: bool) -> usize {
    if is_marker(userinfo) {
        return userinfo.len();
    }
    let colon = user_end(userinfo);
    let user = slice(userinfo, 0..colon);
    let password = slice(userinfo, (colon + 1).min(userinfo.len())..userinfo.len());
    let plain = is_plain_user(user) || is_marker(user);
    if colon == userinfo.len() {
        return if lone_user_stays && plain { colon } else { 0 };
    }
    // `TOKEN:` and `TOKEN:x-oauth-basic` carry the secret in the user's place.
    let token = password.is_empty() || password.eq_ignore_ascii_case(b"x-oauth-basic") || password == b"x";
    if plain && !token { colon + 1 } else { 0 }
}

/// Where the user name ends: at the first colon that is not part of a marker.
fn user_end(userinfo: &[u8]) -> usize {
    let is_end = |at: usize| byte(userinfo, at) == Some(b':') && !slice(userinfo, 0..at).ends_with(b"[redacted");
    (0..userinfo.len()).find(|at| is_end(*at)).unwrap_or(userinfo.len())
}

/// Whether a user name is a name, and not a token: short, or of letters alone.
fn is_plain_user(user: &[u8]) -> bool {
    user.len() < 16 || (user.len() <= 40 && !user.iter().any(u8::is_ascii_digit))
}

/// The fields of a query, of which each is a name and a value or a value alone.
fn query_at_depth(bytes: &[u8], depth: u8) -> Cow<'_, [u8]> {
    let mut rewrite = Rewrite::new(bytes);
    let mut from = 0;
    for part in bytes.split_inclusive(|byte| matches!(byte, b'&' | b';')) {
        let pair = part.strip_suffix(b"&").or_else(|| part.strip_suffix(b";")).unwrap_or(part);
        let end = from + pair.len();
        let value = pair.iter().position(|byte| *byte == b'=').map_or(0, |equals| equals + 1);
        let name = slice(pair, 0..value.saturating_sub(1));
        let range = from + value..end;
        let text = slice(bytes, range.clone());
        let secret = naming_of_encoded(name).is_secret() && leading_marker(text).is_none();
        if secret || has_encoded_secret(text, depth) {
            rewrite.replace(range, &shapes::marker_of(text));
        } else {
            let redacted = if depth < MAX_DEPTH { text::at_depth(text, depth + 1) } else { text::flat(text) };
            if let Cow::Owned(redacted) = redacted {
                rewrite.replace(range, &redacted);
            }
        }
        from += part.len();
    }
    rewrite.finish()
}

fn naming_of_encoded(name: &[u8]) -> Naming {
    let mut name = Cow::Borrowed(name);
    for _ in 0..MAX_DECODINGS {
        match percent_decoded(&name) {
            Some(decoded) => name = Cow::Owned(decoded),
            None => break,
        }
    }
    naming_in_query(&name)
}

/// Whether percent-decoding brings a secret to light: a value may hold a whole URL.
fn has_encoded_secret(value: &[u8], depth: u8) -> bool {
    let mut value = Cow::Borrowed(value);
    for _ in 0..MAX_DECODINGS {
        let Some(decoded) = percent_decoded(&value) else { return false };
        let redacted = if depth < MAX_DEPTH { text::at_depth(&decoded, depth + 1) } else { text::flat(&decoded) };
        if matches!(redacted, Cow::Owned(_)) {
            return true;
        }
        value = Cow::Owned(decoded);
    }
    false
}

/// The bytes with `%XX` replaced, or `None` where there is none.
fn percent_decoded(text: &[u8]) -> Option<Vec<u8>> {
    let digit = |digit: u8| char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let mut decoded = Vec::new();
    let mut rest = text;
    let mut found = false;
    loop {
        let plain = rest.iter().take_while(|byte| **byte != b'%').count();
        decoded.extend_from_slice(slice(rest, 0..plain));
        rest = slice(rest, plain..rest.len());
        rest = match rest {
            [] => return found.then_some(decoded),
            [_, high, low, tail @ ..] if digit(*high).is_some() && digit(*low).is_some() => {
                found = true;
                decoded.push(digit(*high).unwrap_or(0) << 4 | digit(*low).unwrap_or(0));
                tail
            }
            [percent, tail @ ..] => {
                decoded.push(*percent);
                tail
            }
        };
    }
}
