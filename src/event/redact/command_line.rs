//! A command line as one text, of systems where a process is given one (Windows).

use std::borrow::Cow;
use std::ops::Range;

use super::{argv, text};
use crate::event::OsText;

/// Takes secrets out of a command line: each argument as [`argv`] does it, and what is left as [`text`] does. Quotes and spaces of
/// arguments that hold no secret stay as they were written.
#[must_use]
pub fn command_line(line: &str) -> Cow<'_, str> {
    let spans = spans(line);
    let arguments: Vec<OsText> =
        spans.iter().map(|span| OsText::from(value(line.get(span.clone()).unwrap_or_default()))).collect();
    let redacted = argv(&arguments);
    let is_same = redacted.len() != spans.len() || redacted == arguments;
    if is_same {
        return text(line);
    }
    let (mut out, mut done) = (String::with_capacity(line.len()), 0);
    for ((span, was), is) in spans.into_iter().zip(&arguments).zip(&redacted) {
        if was == is {
            continue;
        }
        out.push_str(line.get(done..span.start).unwrap_or_default());
        let quoted = line.get(span.clone()).is_some_and(|argument| argument.starts_with('"'));
        let replaced = String::from_utf8_lossy(is.as_bytes());
        if quoted {
            out.push('"');
            out.push_str(&replaced);
            out.push('"');
        } else {
            out.push_str(&replaced);
        }
        done = span.end;
    }
    out.push_str(line.get(done..).unwrap_or_default());
    match text(&out) {
        Cow::Borrowed(_) => Cow::Owned(out),
        Cow::Owned(out) => Cow::Owned(out),
    }
}

/// Where the arguments stand: separated by blanks that stand in no quotes (`CommandLineToArgvW`, without its rule for backslashes
/// before quotes, which changes where no secret starts).
fn spans(line: &str) -> Vec<Range<usize>> {
    let (mut spans, mut start, mut quoted) = (Vec::new(), None, false);
    for (at, byte) in line.bytes().enumerate() {
        match byte {
            b'"' => {
                quoted = !quoted;
                start = start.or(Some(at));
            }
            b' ' | b'\t' | b'\r' | b'\n' if !quoted => spans.extend(start.take().map(|start| start..at)),
            _ => start = start.or(Some(at)),
        }
    }
    spans.extend(start.map(|start| start..line.len()));
    spans
}

/// The argument without the quotes around it.
fn value(argument: &str) -> &str {
    argument.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(argument)
}
