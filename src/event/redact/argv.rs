//! Arguments of a program, as a list.

use std::borrow::Cow;

use super::headers;
use super::marker::{holds_marker, is_marker, run, slice, then};
use super::names::{Naming, is_name_byte, naming};
use super::programs::{self, Program, Takes};
use super::values::may_stay;
use super::{shapes, shell, text, urls};
use crate::event::OsText;

/// Takes secrets out of a program's arguments, the first of which is its name.
#[must_use]
pub fn argv(arguments: &[OsText]) -> Vec<OsText> {
    /// See [`super::marker::settled`].
    const MAX_ROUNDS: usize = 6;
    let mut arguments = arguments.to_vec();
    for _ in 0..MAX_ROUNDS {
        let list: Vec<Argument<'_>> =
            arguments.iter().map(|argument| Argument { text: argument.as_bytes(), substitutes: false }).collect();
        let redacted: Vec<Option<OsText>> = redact_list(&list, 0)
            .into_iter()
            .map(|redacted| match redacted {
                Cow::Borrowed(_) => None,
                Cow::Owned(bytes) => Some(OsText::from_bytes(bytes)),
            })
            .collect();
        let mut changed = false;
        for (argument, redacted) in arguments.iter_mut().zip(redacted) {
            if let Some(redacted) = redacted {
                changed |= *argument != redacted;
                *argument = redacted;
            }
        }
        if !changed {
            break;
        }
    }
    arguments
}

/// One argument of a list.
pub(super) struct Argument<'a> {
    pub(super) text: &'a [u8],
    /// Whether a shell finds commands to substitute in it (`"$(curl -u a:b …)"`).
    pub(super) substitutes: bool,
}

/// What the arguments so far say about the next one.
struct State {
    program: &'static Program,
    /// Whether the program's name has come.
    named: bool,
    /// What the option before takes.
    pending: Option<(Takes, Naming)>,
    /// Whether `config`, `configure` or `set` has come: then a name may stand before its value.
    configures: bool,
    /// Whether the sub-command has come that the program's options belong to.
    in_subcommand: bool,
    depth: u8,
}

/// The arguments without their secrets, in the same order; borrowed where nothing changed.
pub(super) fn redact_list<'a>(arguments: &[Argument<'a>], depth: u8) -> Vec<Cow<'a, [u8]>> {
    let mut state =
        State { program: &programs::UNKNOWN, named: false, pending: None, configures: false, in_subcommand: false, depth };
    arguments.iter().map(|argument| state.next(argument)).collect()
}

impl State {
    fn next<'a>(&mut self, argument: &Argument<'a>) -> Cow<'a, [u8]> {
        let bytes = argument.text;
        if let Some((takes, naming)) = self.pending.take()
            && !(takes == Takes::Secret && is_option(bytes))
        {
            return then(value(takes, naming, bytes), |bytes| text::at_depth(bytes, 0));
        }
        self.learn(bytes);
        // A key would fall apart into words and assignments.
        let without_keys = shapes::scrub_private_keys(bytes);
        if self.depth < shell::MAX_DEPTH && (argument.substitutes || (self.program.shell && is_shell_text(&without_keys))) {
            return then(then(without_keys, |bytes| shell::scrub(bytes, self.depth + 1)), |bytes| text::at_depth(bytes, 0));
        }
        then(then(without_keys, |bytes| self.argument(bytes)), |bytes| text::at_depth(bytes, 0))
    }

    /// Takes note of the program and the sub-command.
    fn learn(&mut self, bytes: &[u8]) {
        let assigns = bytes.contains(&b'=');
        if (!self.named || self.program.runs_others) && !bytes.starts_with(b"--") && !assigns {
            let known = programs::named(bytes);
            if let Some(program) = known {
                self.program = program;
                self.in_subcommand = false;
            }
            self.named = true;
        }
        self.configures |= matches!(bytes, b"config" | b"configure" | b"set" | b"set-context" | b"set-credentials");
        self.in_subcommand |= self.program.only_with.is_none_or(|word| word.as_bytes() == bytes);
    }

    fn argument<'b>(&mut self, bytes: &'b [u8]) -> Cow<'b, [u8]> {
        let dashes = run(bytes, 0, |byte| byte == b'-');
        if dashes > 0
            && self.in_subcommand
            && let Some((takes, at)) = self.program.short_option(bytes)
        {
            if at == bytes.len() {
                self.pending = Some((takes, Naming::Secret));
                return Cow::Borrowed(bytes);
            }
            return tail(bytes, at, |tail| value(takes, Naming::Secret, tail));
        }
        let name_end = run(bytes, 0, |byte| is_name_byte(byte) || matches!(byte, b'/' | b':' | b'@' | b'$' | b'[' | b']'));
        let sign = bytes.get(name_end).copied();
        let name = slice(bytes, dashes.min(name_end)..name_end);
        // The registry in `//registry/:_authToken` is no part of the name.
        let start = name.iter().rposition(|byte| !is_name_byte(*byte) && *byte != b']').map_or(0, |at| at + 1);
        let name = if holds_marker(name) { &[] } else { slice(name, start..name.len()) };
        if sign == Some(b'=') {
            let takes = if dashes > 0 { self.program.long_option(name) } else { None };
            return match (takes, naming(name)) {
                (Some(takes), naming) => tail(bytes, name_end + 1, |tail| value(takes, naming, tail)),
                (None, Naming::Plain) => field(bytes),
                (None, naming) => tail(bytes, name_end + 1, |tail| value(Takes::Secret, naming, tail)),
            };
        }
        if sign.is_none() && dashes > 0 {
            let takes = self.program.long_option(name).or_else(|| naming(name).is_secret().then_some(Takes::Secret));
            self.pending = takes.map(|takes| (takes, naming(name)));
            return Cow::Borrowed(bytes);
        }
        if sign.is_none() && self.configures && naming(bytes) == Naming::Secret {
            self.pending = Some((Takes::Secret, Naming::Secret));
            return Cow::Borrowed(bytes);
        }
        if let Some(name) = bytes.strip_suffix(b":")
            && name.iter().all(|byte| is_name_byte(*byte))
            && headers::is_secret_field(name)
        {
            self.pending = Some((Takes::Secret, Naming::Secret));
            return Cow::Borrowed(bytes);
        }
        field(bytes)
    }
}

/// An argument that is a header field as a whole, or has one after `-H`: then the field's value goes to the end of the argument.
fn field(bytes: &[u8]) -> Cow<'_, [u8]> {
    let start = if bytes.starts_with(b"-H") {
        2
    } else if bytes.starts_with(b"--header=") {
        9
    } else {
        0
    };
    tail(bytes, start, header)
}

fn header(bytes: &[u8]) -> Cow<'_, [u8]> {
    let colon = run(bytes, 0, is_name_byte);
    let name = slice(bytes, 0..colon);
    let perhaps = naming(name) == Naming::Perhaps && bytes.get(colon + 1) == Some(&b' ');
    let assigned = bytes.get(colon) == Some(&b':') && !matches!(bytes.get(colon + 1), Some(b':' | b'/'));
    if !assigned || perhaps || !headers::is_secret_field(name) {
        return Cow::Borrowed(bytes);
    }
    let value = colon + 1 + run(bytes, colon + 1, |byte| byte == b' ' || byte == b'\t');
    tail(
        bytes,
        value,
        |value| {
            if may_stay(Naming::Secret, value) { Cow::Borrowed(value) } else { headers::value_of(name, value) }
        },
    )
}

/// The bytes with a pass run over those from `at` on.
fn tail<'a>(bytes: &'a [u8], at: usize, pass: impl Fn(&'a [u8]) -> Cow<'a, [u8]>) -> Cow<'a, [u8]> {
    match pass(slice(bytes, at..bytes.len())) {
        Cow::Borrowed(_) => Cow::Borrowed(bytes),
        Cow::Owned(tail) => {
            let mut whole = slice(bytes, 0..at).to_vec();
            whole.extend_from_slice(&tail);
            Cow::Owned(whole)
        }
    }
}

/// The value of an option or an assignment, as a whole.
fn value(takes: Takes, naming: Naming, bytes: &[u8]) -> Cow<'_, [u8]> {
    match takes {
        Takes::Secret if may_stay(naming, bytes) => Cow::Borrowed(bytes),
        Takes::Secret => Cow::Owned(shapes::marker_of(bytes).into_owned()),
        Takes::UserPassword => userinfo(bytes, bytes.len()),
        Takes::Proxy => match bytes.iter().rposition(|byte| *byte == b'@') {
            Some(at) if !bytes.windows(3).any(|three| three == b"://") => userinfo(bytes, at),
            _ => Cow::Borrowed(bytes),
        },
        Takes::UserPercent => after(bytes, b'%'),
        Takes::Certificate => after(bytes, b':'),
        Takes::Header => header(bytes),
        Takes::Cookies if bytes.contains(&b'=') => headers::cookies(bytes, false),
        Takes::Cookies => Cow::Borrowed(bytes),
    }
}

/// `user:password` up to `end`.
fn userinfo(bytes: &[u8], end: usize) -> Cow<'_, [u8]> {
    let userinfo = slice(bytes, 0..end);
    let keep = urls::kept_of_userinfo(userinfo, true);
    let secret = slice(userinfo, keep..end);
    // A lone colon is a user and a password that are both empty (`curl -u : --ntlm`): there is nothing to hide.
    if matches!(secret, b"" | b":") || is_marker(secret) {
        return Cow::Borrowed(bytes);
    }
    Cow::Owned([slice(userinfo, 0..keep), &shapes::marker_of(secret), slice(bytes, end..bytes.len())].concat())
}

/// What follows the first `sign`.
fn after(bytes: &[u8], sign: u8) -> Cow<'_, [u8]> {
    match bytes.iter().position(|byte| *byte == sign) {
        Some(at) => tail(bytes, at + 1, |secret| value(Takes::Secret, Naming::Secret, secret)),
        None => Cow::Borrowed(bytes),
    }
}

/// Whether an argument after an option that takes a secret is an option itself, so that the secret is asked for elsewhere.
fn is_option(bytes: &[u8]) -> bool {
    match bytes {
        [b'-', b'-', letter, ..] => letter.is_ascii_lowercase(),
        [b'-', letter] => letter.is_ascii_alphabetic(),
        _ => false,
    }
}

fn is_shell_text(bytes: &[u8]) -> bool {
    bytes
        .iter()
        .any(|byte| byte.is_ascii_whitespace() || matches!(byte, b';' | b'|' | b'&' | b'(' | b'<' | b'>' | b'`' | b'\'' | b'"'))
}
