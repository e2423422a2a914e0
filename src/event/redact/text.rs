//! Text of any origin: token shapes, URLs and assignments, one pass after the other.

use std::borrow::Cow;

use super::marker::{settled, settled_text, then};
use super::{assignments, shapes, urls};

/// Takes secrets out of a text.
#[must_use]
pub fn text(input: &str) -> Cow<'_, str> {
    settled_text(input, |input| at_depth(input, 0))
}

/// Takes secrets out of a value that has a name, such as a value of the registry: the name may say that all of it is one.
#[must_use]
pub fn named_value(name: &str, value: &str) -> String {
    let named = format!("{name}={value}");
    match text(&named).strip_prefix(name).and_then(|rest| rest.strip_prefix('=')) {
        Some(redacted) => redacted.to_owned(),
        None => text(value).into_owned(),
    }
}

/// Takes secrets out of bytes that may not be text.
#[must_use]
pub fn bytes(input: &[u8]) -> Cow<'_, [u8]> {
    settled(input, |input| at_depth(input, 0))
}

/// URLs within the values of URLs are read to a depth of [`urls::MAX_DEPTH`]; `depth` says how deep `input` stands already.
///
/// Names come before shapes, so that a password that starts like a token goes as a whole.
pub(super) fn at_depth(input: &[u8], depth: u8) -> Cow<'_, [u8]> {
    if !may_hold_names(input) {
        return shapes::scrub(input);
    }
    let scrubbed = then(shapes::scrub_private_keys(input), |input| urls::scrub(input, depth));
    then(then(scrubbed, assignments::scrub), shapes::scrub)
}

/// What is done to text whose URLs are not read any deeper.
pub(super) fn flat(input: &[u8]) -> Cow<'_, [u8]> {
    if !may_hold_names(input) {
        return shapes::scrub(input);
    }
    then(then(shapes::scrub_private_keys(input), assignments::scrub), shapes::scrub)
}

/// Without one of these two bytes there is neither a URL nor an assignment: most arguments and paths have none.
fn may_hold_names(input: &[u8]) -> bool {
    input.iter().any(|byte| matches!(byte, b'=' | b':'))
}
