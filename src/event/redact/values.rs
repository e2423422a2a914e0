//! Values that stand where a secret would, and are none.

use super::marker::{leading_marker, slice};
use super::names::Naming;

/// What a value says that is no secret: switches and absences.
const NOTHING: &[&str] = &["true", "false", "null", "none", "nil", "yes", "no", "on", "off", "undefined", "0", "1"];

/// Ways to authenticate, as `--auth basic` names them.
const METHODS: &[&str] = &[
    "basic",
    "digest",
    "bearer",
    "ntlm",
    "negotiate",
    "oauth",
    "oauth2",
    "kerberos",
    "gssapi",
    "plain",
    "login",
    "iam",
    "any",
    "required",
    "optional",
    "disabled",
    "enabled",
    "token",
    "password",
    "system",
    "user",
    "inherit",
    "auto",
    "default",
];

/// Whether the value may stay after a name of that kind.
pub(super) fn may_stay(naming: Naming, value: &[u8]) -> bool {
    let is = |list: &[&str]| list.iter().any(|entry| value.eq_ignore_ascii_case(entry.as_bytes()));
    if value.is_empty() || leading_marker(value).is_some() || is(NOTHING) || is_reference(value) {
        return true;
    }
    match naming {
        Naming::Plain => true,
        Naming::Secret => false,
        Naming::SecretOrPath => is_path(value),
        Naming::Perhaps => is(METHODS),
    }
}

/// Whether a value in prose looks like a secret: "token: unexpected" does not.
pub(super) fn looks_secret(value: &[u8]) -> bool {
    value.len() >= 16 || value.iter().any(u8::is_ascii_digit)
}

/// `$TOKEN`, `${TOKEN}`, `%TOKEN%`: the name of a variable, and nothing of its value.
fn is_reference(value: &[u8]) -> bool {
    let name = match value {
        [b'$', b'{', name @ .., b'}'] | [b'%', name @ .., b'%'] | [b'$', name @ ..] => name,
        _ => return false,
    };
    !name.is_empty()
        && !name.first().is_some_and(u8::is_ascii_digit)
        && name.iter().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || *byte == b'_')
}

fn is_path(value: &[u8]) -> bool {
    let starts = |text: &[u8]| slice(value, 0..text.len()) == text;
    starts(b"/") || starts(b"./") || starts(b"../") || starts(b"~") || starts(b"file:")
}
