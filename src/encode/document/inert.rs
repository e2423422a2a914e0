//! Characters that command whoever shows a text.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Whether a terminal or a browser would obey the character, or hide or reorder what stands around it.
fn commands(ch: char) -> bool {
    ch.is_control()
        || matches!(ch, '\u{061c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// The text with each such character written as an escape.
#[must_use]
pub fn inert(text: &str) -> Cow<'_, str> {
    if !text.contains(commands) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 8);
    for ch in text.chars() {
        match ch {
            '\n' => shown.push_str("\\n"),
            '\t' => shown.push_str("\\t"),
            '\r' => shown.push_str("\\r"),
            ch if commands(ch) => {
                // Writing to a String cannot fail.
                let _infallible = write!(shown, "\\u{{{:x}}}", u32::from(ch));
            }
            ch => shown.push(ch),
        }
    }
    Cow::Owned(shown)
}
