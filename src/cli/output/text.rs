//! Text for terminals: what would command them is shown instead of done, and what is too long is cut in the middle.

use std::borrow::Cow;
use std::fmt::Write as _;

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// Columns that a text takes.
#[must_use]
pub fn columns(text: &str) -> usize {
    text.width()
}

/// Whether a terminal would obey the character, or hide or reorder what stands around it: a recorded name must not be able to.
fn commands(ch: char) -> bool {
    ch.is_control()
        || matches!(
            ch,
            // Soft hyphen, Arabic letter mark, fillers that show nothing, Mongolian selectors, zero width and bidirectional controls,
            // separators, invisible operators, byte order mark, annotations, and the tags that spell text nobody sees.
            '\u{ad}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
                | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}'
                | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}'
        )
}

/// The text with every character that a terminal would obey written as an escape.
#[must_use]
pub fn printable(text: &str) -> Cow<'_, str> {
    if !text.contains(commands) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 8);
    for ch in text.chars() {
        match ch {
            '\n' => shown.push_str("\\n"),
            '\t' => shown.push_str("\\t"),
            '\r' => shown.push_str("\\r"),
            // Writing to a String cannot fail.
            ch if commands(ch) && ch.is_ascii() => {
                let _infallible = write!(shown, "\\x{:02x}", u32::from(ch));
            }
            ch if commands(ch) => {
                let _infallible = write!(shown, "\\u{{{:x}}}", u32::from(ch));
            }
            ch => shown.push(ch),
        }
    }
    Cow::Owned(shown)
}

/// The text in at most so many columns, with `…` for what is left out of its middle; the end, which tells paths apart, keeps more.
#[must_use]
pub fn middle(text: &str, limit: usize) -> Cow<'_, str> {
    if columns(text) <= limit {
        return Cow::Borrowed(text);
    }
    let room = limit.saturating_sub(1);
    let head = fitting(text.chars(), room / 3);
    let tail = fitting(text.chars().rev(), room - room / 3);
    let start = text.len() - tail;
    Cow::Owned(format!("{}…{}", text.get(..head).unwrap_or_default(), text.get(start..).unwrap_or_default()))
}

/// Bytes of the characters that fit in so many columns.
fn fitting(characters: impl Iterator<Item = char>, columns: usize) -> usize {
    let mut used = 0;
    characters
        .take_while(|ch| {
            used += ch.width().unwrap_or(0);
            used <= columns
        })
        .map(char::len_utf8)
        .sum()
}

/// The text in lines of at most so many columns, broken at spaces; a word that is longer has a line to itself.
#[must_use]
pub fn wrapped(text: &str, limit: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if columns(line) + 1 + columns(word) <= limit => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}
