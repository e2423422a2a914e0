//! One pass over the JSON text of a stored payload, without a tree: the caller says at each key what it wants of the value.

use std::borrow::Cow;

/// A position in a JSON text. Every reader answers `None` where the text is not what it asks for, and the scan ends there.
pub(super) struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scanner<'a> {
    pub(super) const fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    fn rest(&self) -> &'a [u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }

    /// The next byte that is no white space.
    fn peek(&mut self) -> Option<u8> {
        loop {
            let byte = *self.text.as_bytes().get(self.at)?;
            if !matches!(byte, b' ' | b'\t' | b'\n' | b'\r') {
                return Some(byte);
            }
            self.at += 1;
        }
    }

    fn take(&mut self, wanted: u8) -> Option<()> {
        (self.peek()? == wanted).then(|| self.at += 1)
    }

    /// Reads an object; `each` must consume the value of each key.
    pub(super) fn object(&mut self, mut each: impl FnMut(&'a str, &mut Self) -> Option<()>) -> Option<()> {
        self.take(b'{')?;
        if self.peek()? == b'}' {
            self.at += 1;
            return Some(());
        }
        loop {
            let (key, _escaped) = self.raw_text()?;
            self.take(b':')?;
            each(key, self)?;
            match self.peek()? {
                b',' => self.at += 1,
                b'}' => {
                    self.at += 1;
                    return Some(());
                }
                _ => return None,
            }
        }
    }

    /// Reads a list; `each` must consume each item.
    pub(super) fn list(&mut self, mut each: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        self.take(b'[')?;
        if self.peek()? == b']' {
            self.at += 1;
            return Some(());
        }
        loop {
            each(self)?;
            match self.peek()? {
                b',' => self.at += 1,
                b']' => {
                    self.at += 1;
                    return Some(());
                }
                _ => return None,
            }
        }
    }

    /// What stands between the quotes, and whether it has escapes.
    fn raw_text(&mut self) -> Option<(&'a str, bool)> {
        self.take(b'"')?;
        let start = self.at;
        let mut escaped = false;
        loop {
            let found = self.rest().iter().position(|byte| matches!(byte, b'"' | b'\\'))?;
            self.at += found;
            if *self.text.as_bytes().get(self.at)? == b'"' {
                let text = self.text.get(start..self.at)?;
                self.at += 1;
                return Some((text, escaped));
            }
            escaped = true;
            self.at += 2;
        }
    }

    /// Reads a string.
    pub(super) fn text(&mut self) -> Option<Cow<'a, str>> {
        self.peek()?;
        let start = self.at;
        match self.raw_text()? {
            (text, false) => Some(Cow::Borrowed(text)),
            (_, true) => serde_json::from_str(self.text.get(start..self.at)?).ok().map(Cow::Owned),
        }
    }

    /// Reads a number; the outer `None` where there is none, the inner where it is no 64-bit integer.
    pub(super) fn integer(&mut self) -> Option<Option<i64>> {
        let (start, length) = (self.at, self.bare()?.len());
        let text = self.text.get(start..start + length)?;
        Some(text.parse().ok())
    }

    /// Reads `true` or `false`.
    pub(super) fn flag(&mut self) -> Option<bool> {
        match self.bare()? {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        }
    }

    /// A number or a word.
    fn bare(&mut self) -> Option<&'a str> {
        self.peek()?;
        let rest = self.rest();
        let length = rest
            .iter()
            .position(|byte| !matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'a'..=b'z' | b'E'))
            .unwrap_or(rest.len());
        let word = self.text.get(self.at..self.at + length).filter(|word| !word.is_empty())?;
        self.at += length;
        Some(word)
    }

    /// Reads any value.
    pub(super) fn skip(&mut self) -> Option<()> {
        let mut depth = 0_u32;
        loop {
            match self.peek()? {
                b'"' => drop(self.raw_text()?),
                b'{' | b'[' => {
                    depth += 1;
                    self.at += 1;
                    continue;
                }
                b'}' | b']' => {
                    depth = depth.checked_sub(1)?;
                    self.at += 1;
                }
                b',' | b':' if depth > 0 => {
                    self.at += 1;
                    continue;
                }
                _ => drop(self.bare()?),
            }
            if depth == 0 {
                return Some(());
            }
        }
    }

    /// Whether a value is of the type that `kind` begins with (`"`, `{`, `[`, `t`, `0`).
    pub(super) fn next_is(&mut self, first: u8) -> bool {
        self.peek().is_some_and(|byte| match first {
            b'0' => byte == b'-' || byte.is_ascii_digit(),
            b't' => matches!(byte, b't' | b'f'),
            other => byte == other,
        })
    }
}
