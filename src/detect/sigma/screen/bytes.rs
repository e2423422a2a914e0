//! Which bytes may stand beside a text, and the one spelling in which texts are compared.

use std::borrow::Cow;

/// ASCII characters, whether any byte of a character beyond ASCII, and whether the end of the text may be there instead of one.
///
/// A letter is in it in both cases, if it is in it: see [`spelling`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Beside {
    ascii: u128,
    beyond: bool,
    end: bool,
}

impl Beside {
    pub(super) const NOTHING: Self = Self { ascii: 0, beyond: false, end: false };
    /// Whatever it is, or nothing.
    pub(super) const ANYTHING: Self = Self { ascii: u128::MAX, beyond: true, end: true };
    /// Any byte.
    pub(super) const SOMETHING: Self = Self { ascii: u128::MAX, beyond: true, end: false };
    /// The text begins or ends here.
    pub(super) const END: Self = Self { ascii: 0, beyond: false, end: true };

    /// These ASCII characters.
    pub(super) const fn ascii(set: u128) -> Self {
        const CAPITALS: u128 = range(b'A', b'Z');
        const SMALL: u128 = range(b'a', b'z');
        Self { ascii: set | (set & CAPITALS) << 32 | (set & SMALL) >> 32, ..Self::NOTHING }
    }

    /// With every byte of characters beyond ASCII.
    pub(super) const fn and_beyond_ascii(self) -> Self {
        Self { beyond: true, ..self }
    }

    /// With the letters as which characters beyond ASCII are spelled, too: see [`spelling`].
    pub(super) const fn and_spelled(self) -> Self {
        self.or(Self::ascii(one(b'k') | one(b'i') | one(b's'))).and_beyond_ascii()
    }

    pub(super) const fn or(self, other: Self) -> Self {
        Self { ascii: self.ascii | other.ascii, beyond: self.beyond || other.beyond, end: self.end || other.end }
    }

    pub(super) const fn both(self, other: Self) -> Self {
        Self { ascii: self.ascii & other.ascii, beyond: self.beyond && other.beyond, end: self.end && other.end }
    }

    /// Whether that may stand there; `None` is the end of the text.
    pub(super) const fn has(&self, byte: Option<u8>) -> bool {
        match byte {
            None => self.end,
            Some(byte) if byte < 128 => self.ascii >> byte & 1 == 1,
            Some(_) => self.beyond,
        }
    }

    pub(super) fn is_anything(&self) -> bool {
        *self == Self::ANYTHING
    }
}

/// The set of one ASCII character.
pub(super) const fn one(byte: u8) -> u128 {
    1 << (byte & 127)
}

/// The set of the ASCII characters from one to another.
pub(super) const fn range(first: u8, last: u8) -> u128 {
    u128::MAX >> (127 - (last & 127)) & u128::MAX << (first & 127)
}

/// A text in the spelling in which texts are compared: small letters, and no character beyond ASCII that any rule takes for one of
/// ASCII. Those are the Kelvin sign (K), the dotted capital I (an i and a dot) and the long s, by Unicode's case folding.
///
/// A text of ASCII alone is left as it is: the automata take its letters in either case.
pub(super) fn spelling(text: &str) -> Cow<'_, str> {
    if text.is_ascii() { Cow::Borrowed(text) } else { Cow::Owned(text.to_lowercase().replace('ſ', "s")) }
}

/// The longest part of a text that is of ASCII alone, in small letters, and whether that is all of it.
pub(super) fn ascii_part(text: &str) -> (String, bool) {
    let spelled = spelling(text);
    let part = spelled.split(|character: char| !character.is_ascii()).max_by_key(|part| part.len()).unwrap_or_default();
    (part.to_ascii_lowercase(), part.len() == spelled.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_characters_beyond_ascii_are_spelled_with_letters_of_it() {
        let spelled: Vec<(char, String)> = ('\u{80}'..=char::MAX)
            .map(|character| (character, spelling(&character.to_string()).into_owned()))
            .filter(|(_, text)| text.chars().any(|character| character.is_ascii()))
            .collect();
        assert_eq!(spelled, [('\u{130}', "i\u{307}".to_owned()), ('\u{17f}', "s".to_owned()), ('\u{212a}', "k".to_owned())]);
    }
}
