//! Recorded text for people: what would command a terminal or a browser is shown instead of done.

use std::borrow::Cow;
use std::fmt::Write as _;

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
