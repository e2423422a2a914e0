//! Names that say that their value is a secret.

use super::marker::holds_marker;

/// What a name says about its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Naming {
    /// Nothing.
    Plain,
    /// A secret if it looks like one: the name also stands for ordinary things (`auth: basic`, `token: unexpected`).
    Perhaps,
    /// A secret, or the path of the file that holds it.
    SecretOrPath,
    /// A secret.
    Secret,
}

impl Naming {
    pub(super) const fn is_secret(self) -> bool {
        !matches!(self, Naming::Plain)
    }
}

/// A longer name is not one that a person or a program gave to a secret; it also bounds the work for each `=`.
pub(super) const MAX_NAME: usize = 64;

/// Last words of names whose value is a secret.
const SECRET: &[&str] = &[
    "password",
    "passwords",
    "passwd",
    "passphrase",
    "passcode",
    "pwd",
    "secret",
    "secrets",
    "apikey",
    "apitoken",
    "authtoken",
    "accesstoken",
    "refreshtoken",
    "idtoken",
    "sessiontoken",
    "secretkey",
    "accesskey",
    "jwt",
    "bearer",
    "authorization",
    "signature",
    "creds",
    "mnemonic",
    "jsessionid",
    "phpsessid",
    "sessionid",
    "otp",
];

/// Ends of words that were written together (`dbpassword`).
const SECRET_ENDS: &[&str] = &[
    "password",
    "passwd",
    "passphrase",
    "apikey",
    "authtoken",
    "accesstoken",
    "apitoken",
    "secretkey",
    "accesskey",
    "clientsecret",
    "refreshtoken",
    "sessiontoken",
    "bearertoken",
    "usertoken",
    "securitytoken",
];

/// Words before `key` that make it a secret.
const KEY_OF: &[&str] = &[
    "api",
    "access",
    "secret",
    "signing",
    "encryption",
    "account",
    "auth",
    "master",
    "storage",
    "shared",
    "session",
    "service",
    "subscription",
    "rapidapi",
    "app",
    "admin",
    "deploy",
    "functions",
    "crypt",
    "license",
    "licence",
    "sas",
    "jwt",
];

/// First words that make the rest a question, a count or a switch.
const ABOUT: &[&str] = &[
    "no", "not", "without", "ask", "prompt", "show", "print", "max", "min", "num", "has", "is", "needs", "skip", "disable",
    "forgot",
];

/// Names of query and form fields whose value is a secret there, though they are ordinary words elsewhere.
const IN_QUERIES: &[&str] = &[
    "key",
    "sig",
    "auth",
    "session",
    "sid",
    "session_id",
    "code",
    "pass",
    "pw",
    "jwt",
    "assertion",
    "ticket",
    "hmac",
    "sas",
    "pin",
    "awsaccesskeyid",
    "code_verifier",
    "client_assertion",
    "samlresponse",
    "samlrequest",
    "passwort",
    "_auth",
];

/// What a name says about its value: in assignments, options, headers.
pub(super) fn naming(name: &[u8]) -> Naming {
    if holds_marker(name) {
        return Naming::Plain;
    }
    let name = without_number(name);
    let Words { first, previous, last } = words(name);
    let is = |word: &[u8], list: &[&str]| list.iter().any(|entry| word.eq_ignore_ascii_case(entry.as_bytes()));
    if last.is_empty() || (!previous.is_empty() && is(first, ABOUT)) {
        return Naming::Plain;
    }
    if last == b"PWD" && (previous.is_empty() || previous.eq_ignore_ascii_case(b"OLD")) || name == b"OLDPWD" {
        // The shell's working directory.
        return Naming::Plain;
    }
    if is(last, SECRET) || SECRET_ENDS.iter().any(|end| ends_with_ignore_case(last, end.as_bytes())) {
        return Naming::Secret;
    }
    if is(last, &["token", "pass", "pw"]) {
        return if previous.is_empty() { Naming::Perhaps } else { Naming::Secret };
    }
    if is(last, &["auth"]) {
        return Naming::Perhaps;
    }
    if is(last, &["credential", "credentials"]) {
        return Naming::SecretOrPath;
    }
    if is(last, &["key", "keys"]) {
        if is(previous, &["private"]) {
            return Naming::SecretOrPath;
        }
        if is(previous, KEY_OF) {
            return Naming::Secret;
        }
    }
    Naming::Plain
}

/// What a name says about its value in the query of a URL or in a form.
pub(super) fn naming_in_query(name: &[u8]) -> Naming {
    if IN_QUERIES.iter().any(|entry| name.eq_ignore_ascii_case(entry.as_bytes())) || naming(name).is_secret() {
        Naming::Secret
    } else {
        Naming::Plain
    }
}

/// The bytes that a name is made of.
pub(super) const fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.')
}

fn ends_with_ignore_case(word: &[u8], end: &[u8]) -> bool {
    word.len().checked_sub(end.len()).and_then(|at| word.get(at..)).is_some_and(|tail| tail.eq_ignore_ascii_case(end))
}

/// The first word of a name and its last two; a name of one word has no previous one.
struct Words<'a> {
    first: &'a [u8],
    previous: &'a [u8],
    last: &'a [u8],
}

fn words(name: &[u8]) -> Words<'_> {
    let mut found = Words { first: &[], previous: &[], last: &[] };
    let mut rest = name;
    loop {
        let skip = rest.iter().take_while(|byte| !byte.is_ascii_alphanumeric()).count();
        rest = rest.get(skip..).unwrap_or_default();
        if rest.is_empty() {
            return found;
        }
        let (word, tail) = rest.split_at(word_length(rest));
        if found.first.is_empty() {
            found.first = word;
        }
        found.previous = found.last;
        found.last = word;
        rest = tail;
    }
}

/// The length of the word that `text` starts with, at least 1: `clientSecret` is two words, `APIKey` as well, `PASSWORD` one.
fn word_length(text: &[u8]) -> usize {
    let mut length = 1;
    while let Some(&byte) = text.get(length) {
        let previous = text.get(length - 1).copied().unwrap_or(b'a');
        let next_is_lower = text.get(length + 1).is_some_and(u8::is_ascii_lowercase);
        let ends = !byte.is_ascii_alphanumeric()
            || (byte.is_ascii_alphabetic() && previous.is_ascii_digit())
            || (byte.is_ascii_uppercase() && (!previous.is_ascii_uppercase() || next_is_lower));
        if ends {
            break;
        }
        length += 1;
    }
    length
}

/// Without digits at the end and what separates them: `TOKEN_2`, `password1` and `signature-256` are what they were before.
fn without_number(name: &[u8]) -> &[u8] {
    let kept = name.iter().rev().skip_while(|byte| byte.is_ascii_digit() || !byte.is_ascii_alphanumeric()).count();
    name.get(..kept).unwrap_or_default()
}
