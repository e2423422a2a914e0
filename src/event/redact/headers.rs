//! HTTP header fields.

use std::borrow::Cow;

use super::marker::{MARKER, Rewrite, run, settled_text, slice};
use super::names::naming;
use super::{shapes, text};

/// The value of a header field without its secrets: credentials lose all but their scheme, cookies all but their names, keys and tokens
/// everything. Every other field is read as text.
#[must_use]
pub fn header_value<'a>(name: &str, value: &'a str) -> Cow<'a, str> {
    settled_text(value, |value| value_of(name.as_bytes(), value))
}

/// Fields whose value is a secret though their name does not end like one.
const SECRET: &[&str] = &[
    "session",
    "session-id",
    "x-session-id",
    "authentication",
    "x-auth",
    "x-amzn-oidc-data",
    "cf-access-jwt-assertion",
    "x-goog-iap-jwt-assertion",
];

/// Authentication schemes: the IANA registry (RFC 9110 §16.4.1) and others in wide use. Of an unknown scheme nothing is kept, since it may be
/// the secret itself.
const SCHEMES: &[&str] = &[
    "basic",
    "bearer",
    "concealed",
    "digest",
    "dpop",
    "gnap",
    "hoba",
    "mutual",
    "negotiate",
    "oauth",
    "privatetoken",
    "scram-sha-1",
    "scram-sha-256",
    "vapid",
    "token",
    "ntlm",
    "hawk",
    "apikey",
    "key",
    "bot",
    "sharedkey",
    "sharedkeylite",
    "sharedaccesssignature",
    "splunk",
    "googlelogin",
    "genie-key",
    "ssws",
    "aws4-hmac-sha256",
    "aws4-ecdsa-p256-sha256",
    "signature",
    "zoho-oauthtoken",
];

/// Attributes of `Set-Cookie` (RFC 6265 §5.2 and its successors), which say nothing secret.
const ATTRIBUTES: &[&str] =
    &["expires", "max-age", "domain", "path", "secure", "httponly", "samesite", "partitioned", "priority", "version"];

pub(super) fn value_of<'a>(name: &[u8], value: &'a [u8]) -> Cow<'a, [u8]> {
    if is(name, &["cookie", "cookie2"]) {
        cookies(value, false)
    } else if is(name, &["set-cookie", "set-cookie2"]) {
        cookies(value, true)
    } else if is(name, SECRET) || naming(name).is_secret() {
        credentials(value, keeps_scheme(name))
    } else {
        text::at_depth(value, 0)
    }
}

/// Whether the value of a field with this name is taken out as a whole or in parts.
pub(super) fn is_secret_field(name: &[u8]) -> bool {
    is_cookie_field(name) || is(name, SECRET) || naming(name).is_secret()
}

pub(super) fn is_cookie_field(name: &[u8]) -> bool {
    is(name, &["cookie", "cookie2", "set-cookie", "set-cookie2"])
}

/// Whether the value starts with a scheme. A password may start with such a word, too.
pub(super) fn keeps_scheme(name: &[u8]) -> bool {
    is(
        name,
        &["authorization", "proxy-authorization", "authentication", "x-auth", "x-authorization", "x-forwarded-authorization"],
    )
}

/// Whether a word is the name of an authentication scheme.
pub(super) fn is_scheme(word: &[u8]) -> bool {
    is(word, SCHEMES)
}

fn is(word: &[u8], list: &[&str]) -> bool {
    list.iter().any(|entry| word.eq_ignore_ascii_case(entry.as_bytes()))
}

/// Credentials, of which a scheme may stay.
fn credentials(value: &[u8], with_scheme: bool) -> Cow<'_, [u8]> {
    let start = run(value, 0, |byte| byte.is_ascii_whitespace());
    let scheme_end = start + run(value, start, |byte| !byte.is_ascii_whitespace());
    let from = if with_scheme && is_scheme(slice(value, start..scheme_end)) {
        scheme_end + run(value, scheme_end, |byte| byte.is_ascii_whitespace())
    } else {
        start
    };
    let mut rewrite = Rewrite::new(value);
    rewrite.replace(from..value.len(), MARKER.as_bytes());
    rewrite.finish()
}

/// `name=value` pairs, of which the names stay; in a response the first is the cookie and the others say how to keep it.
pub(super) fn cookies(value: &[u8], in_response: bool) -> Cow<'_, [u8]> {
    let mut rewrite = Rewrite::new(value);
    let mut from = 0;
    for (index, part) in value.split(|byte| *byte == b';').enumerate() {
        let start = from + run(part, 0, |byte| byte.is_ascii_whitespace());
        let end = from + part.len();
        let pair = slice(value, start..end);
        let name_end = pair.iter().position(|byte| *byte == b'=');
        let name = slice(pair, 0..name_end.unwrap_or(pair.len()));
        let attribute = in_response && index > 0 && is(name.trim_ascii_end(), ATTRIBUTES);
        let name_is_secret = matches!(shapes::scrub(name), Cow::Owned(_));
        match name_end {
            _ if attribute => {}
            Some(equals) if !name_is_secret => rewrite.replace(start + equals + 1..end, MARKER.as_bytes()),
            _ => rewrite.replace(start..end, MARKER.as_bytes()),
        }
        from = end + 1;
    }
    rewrite.finish()
}
