//! What stands in place of a secret, and the splicing that puts it there.

use std::borrow::Cow;
use std::ops::Range;

/// What stands in place of a secret whose shape says nothing about its kind.
pub const MARKER: &str = "[redacted]";

const OPEN: &[u8] = b"[redacted";

/// No marker is longer, in bytes.
const LONGEST: usize = 40;

/// The bytes of a range; empty where the range does not lie within the bytes.
pub(super) fn slice(bytes: &[u8], range: Range<usize>) -> &[u8] {
    bytes.get(range).unwrap_or_default()
}

/// The byte at a position.
pub(super) fn byte(bytes: &[u8], at: usize) -> Option<u8> {
    bytes.get(at).copied()
}

/// The byte before a position.
pub(super) fn before(bytes: &[u8], at: usize) -> Option<u8> {
    at.checked_sub(1).and_then(|at| byte(bytes, at))
}

/// How many bytes from `from` on belong to the class.
pub(super) fn run(bytes: &[u8], from: usize, class: impl Fn(u8) -> bool) -> usize {
    bytes.get(from..).unwrap_or_default().iter().take_while(|byte| class(**byte)).count()
}

/// Whether the bytes are what an earlier redaction left, and nothing else.
pub(super) fn is_marker(bytes: &[u8]) -> bool {
    let Some(rest) = bytes.strip_prefix(OPEN).and_then(|rest| rest.strip_suffix(b"]")) else { return false };
    match rest.split_first() {
        None => true,
        Some((b':', kind)) => {
            !kind.is_empty() && kind.iter().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'-')
        }
        Some(_) => false,
    }
}

/// The length of what an earlier redaction left at the start of the bytes. What follows it there was judged then.
pub(super) fn leading_marker(bytes: &[u8]) -> Option<usize> {
    let end = bytes.iter().take(LONGEST).position(|byte| *byte == b']')? + 1;
    is_marker(slice(bytes, 0..end)).then_some(end)
}

/// Whether the bytes end with what an earlier redaction left: its kind is no name, though it may read like one (`api-key`).
pub(super) fn ends_with_marker(bytes: &[u8]) -> bool {
    bytes.ends_with(b"]")
        && bytes
            .iter()
            .rev()
            .take(LONGEST)
            .position(|byte| *byte == b'[')
            .is_some_and(|back| is_marker(slice(bytes, bytes.len() - back - 1..bytes.len())))
}

/// Whether a name holds what an earlier redaction left: then it is none, though the kind may read like one.
pub(super) fn holds_marker(name: &[u8]) -> bool {
    name.windows(OPEN.len()).any(|text| text == OPEN)
}

/// A marker that names the kind of the secret.
pub(super) fn marker_for(kind: &str) -> String {
    format!("[redacted:{kind}]")
}

/// The input with some ranges replaced. Allocates with the first replacement.
pub(super) struct Rewrite<'a> {
    input: &'a [u8],
    output: Vec<u8>,
    copied: usize,
}

impl<'a> Rewrite<'a> {
    pub(super) const fn new(input: &'a [u8]) -> Self {
        Self { input, output: Vec::new(), copied: 0 }
    }

    /// Puts `with` in place of a range. Ranges come in ascending order; what an earlier redaction left is not touched again, nor is
    /// an empty range.
    pub(super) fn replace(&mut self, range: Range<usize>, with: &[u8]) {
        let old = slice(self.input, range.clone());
        if range.start < self.copied || old.is_empty() || old == with || (is_marker(old) && is_marker(with)) {
            return;
        }
        self.output.extend_from_slice(slice(self.input, self.copied..range.start));
        self.output.extend_from_slice(with);
        self.copied = range.end;
    }

    pub(super) fn finish(mut self) -> Cow<'a, [u8]> {
        if self.copied == 0 {
            return Cow::Borrowed(self.input);
        }
        self.output.extend_from_slice(slice(self.input, self.copied..self.input.len()));
        Cow::Owned(self.output)
    }
}

/// Runs a second pass over what a first pass left, and borrows while nothing changed.
pub(super) fn then<'a>(first: Cow<'a, [u8]>, pass: impl FnOnce(&[u8]) -> Cow<'_, [u8]>) -> Cow<'a, [u8]> {
    match first {
        Cow::Owned(bytes) => match pass(&bytes) {
            Cow::Owned(changed) => Cow::Owned(changed),
            Cow::Borrowed(_) => Cow::Owned(bytes),
        },
        // The pass is called with the longer lifetime here, so that an untouched input stays borrowed.
        Cow::Borrowed(bytes) => match pass(bytes) {
            Cow::Owned(changed) => Cow::Owned(changed),
            Cow::Borrowed(_) => Cow::Borrowed(bytes),
        },
    }
}

/// A pass that found something runs again over what it left, until it finds nothing more: what is removed can bring together what
/// stood apart. Each round leaves fewer bytes that are not markers; the bound is for the proof and not for the practice.
pub(super) fn settled<'a>(input: &'a [u8], pass: impl Fn(&[u8]) -> Cow<'_, [u8]>) -> Cow<'a, [u8]> {
    const MAX_ROUNDS: usize = 6;
    let mut settled = Cow::Borrowed(input);
    for _ in 0..MAX_ROUNDS {
        match pass(&settled) {
            Cow::Borrowed(_) => break,
            Cow::Owned(changed) => settled = Cow::Owned(changed),
        }
    }
    settled
}

/// The same for text: every pass replaces whole runs between ASCII bytes, so UTF-8 stays UTF-8.
pub(super) fn settled_text<'a>(input: &'a str, pass: impl Fn(&[u8]) -> Cow<'_, [u8]>) -> Cow<'a, str> {
    match settled(input.as_bytes(), pass) {
        Cow::Borrowed(_) => Cow::Borrowed(input),
        Cow::Owned(bytes) => {
            Cow::Owned(String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
        }
    }
}
