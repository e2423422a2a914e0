//! A reader of stored JSON that builds nothing: it walks over the text once and hands out slices and numbers.
//!
//! Rows are written by `serde_json`, in UTF-8 and without spaces. What differs from that and is JSON is read too; what is no JSON is an
//! error with its place. Slices begin and end at ASCII characters, so they are UTF-8 as the text is.

use super::error::Malformed;

/// How deep a value may be nested that no table knows; `serde_json` has the same bound.
const DEEPEST: u32 = 128;

/// One byte in each byte of a word.
const ONES: u64 = u64::from_ne_bytes([1; 8]);
/// The highest bit of each byte of a word.
const HIGH: u64 = ONES << 7;

/// The place that was reached in a text.
#[derive(Clone, Debug)]
pub(super) struct Reader<'a> {
    rest: &'a [u8],
    len: usize,
}

/// A string as it stands between its quotation marks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Text<'a> {
    raw: &'a [u8],
    escaped: bool,
    /// Offset of its first byte.
    at: usize,
}

/// An integer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Integer {
    negative: bool,
    magnitude: u64,
}

impl<'a> Reader<'a> {
    pub(super) const fn new(text: &'a str) -> Self {
        Self { rest: text.as_bytes(), len: text.len() }
    }

    /// Bytes that were not read yet.
    pub(super) const fn left(&self) -> usize {
        self.rest.len()
    }

    #[cold]
    pub(super) const fn expected(&self, expected: &'static str) -> Malformed {
        Malformed { at: self.len - self.rest.len(), expected }
    }

    /// The next byte that is no white space, without reading it.
    #[inline]
    fn peek(&mut self) -> Option<u8> {
        while let Some((b' ' | b'\n' | b'\r' | b'\t', rest)) = self.rest.split_first() {
            self.rest = rest;
        }
        self.rest.first().copied()
    }

    #[inline]
    fn skip(&mut self, bytes: usize) {
        self.rest = self.rest.get(bytes..).unwrap_or_default();
    }

    #[inline]
    fn take(&mut self, byte: u8, expected: &'static str) -> Result<(), Malformed> {
        if self.peek() != Some(byte) {
            return Err(self.expected(expected));
        }
        self.skip(1);
        Ok(())
    }

    /// Enters an object; `false` if it is empty, which leaves it.
    pub(super) fn object(&mut self) -> Result<bool, Malformed> {
        self.take(b'{', "an object")?;
        Ok(!self.leave(b'}'))
    }

    /// Enters a list; `false` if it is empty, which leaves it.
    pub(super) fn list(&mut self) -> Result<bool, Malformed> {
        self.take(b'[', "a list")?;
        Ok(!self.leave(b']'))
    }

    #[inline]
    fn leave(&mut self, end: u8) -> bool {
        let ends = self.peek() == Some(end);
        if ends {
            self.skip(1);
        }
        ends
    }

    /// Goes on to the next key; `false` at the object's end, which leaves it.
    #[inline]
    pub(super) fn next_key(&mut self) -> Result<bool, Malformed> {
        if self.leave(b'}') {
            return Ok(false);
        }
        self.take(b',', "`,` or `}`").map(|()| true)
    }

    /// Goes on to the next item; `false` at the list's end, which leaves it.
    #[inline]
    pub(super) fn next_item(&mut self) -> Result<bool, Malformed> {
        if self.leave(b']') {
            return Ok(false);
        }
        self.take(b',', "`,` or `]`").map(|()| true)
    }

    /// A key and its colon.
    #[inline]
    pub(super) fn key(&mut self) -> Result<Text<'a>, Malformed> {
        let key = self.text()?;
        self.take(b':', "`:`")?;
        Ok(key)
    }

    /// A string.
    #[inline]
    pub(super) fn text(&mut self) -> Result<Text<'a>, Malformed> {
        self.take(b'"', "a string")?;
        let (whole, at) = (self.rest, self.len - self.rest.len());
        let mut escaped = false;
        loop {
            self.skip(plain_bytes(self.rest));
            match self.rest.first() {
                Some(b'"') => break,
                Some(b'\\') => {
                    escaped = true;
                    // Whether it is an escape is seen when it is read; it must not end the string.
                    self.skip(2);
                }
                Some(_) => return Err(self.expected("no control character in a string")),
                None => return Err(self.expected("the end of a string")),
            }
        }
        let raw = whole.get(..whole.len() - self.rest.len()).unwrap_or_default();
        self.skip(1);
        Ok(Text { raw, escaped, at })
    }

    /// A number without fraction or exponent.
    pub(super) fn integer(&mut self) -> Result<Integer, Malformed> {
        let expected = "an integer of the field's width";
        let negative = self.peek() == Some(b'-');
        if negative {
            self.skip(1);
        }
        let first = self.rest.first().copied();
        let mut magnitude = 0_u64;
        let mut digits = 0_usize;
        while let Some((digit @ b'0'..=b'9', rest)) = self.rest.split_first() {
            let more = magnitude.checked_mul(10).and_then(|tens| tens.checked_add(u64::from(digit - b'0')));
            magnitude = more.ok_or_else(|| self.expected(expected))?;
            digits += 1;
            self.rest = rest;
        }
        let starts_with_zero = first == Some(b'0') && digits > 1;
        if digits == 0 || starts_with_zero || matches!(self.rest.first(), Some(b'.' | b'e' | b'E')) {
            return Err(self.expected(expected));
        }
        Ok(Integer { negative, magnitude })
    }

    /// `true` or `false`.
    pub(super) fn boolean(&mut self) -> Result<bool, Malformed> {
        if self.word(b"true") {
            Ok(true)
        } else if self.word(b"false") {
            Ok(false)
        } else {
            Err(self.expected("true or false"))
        }
    }

    /// Reads over `null`, if that is what stands here.
    #[inline]
    pub(super) fn null(&mut self) -> bool {
        self.peek() == Some(b'n') && self.word(b"null")
    }

    fn word(&mut self, word: &[u8]) -> bool {
        self.peek();
        let rest = self.rest.strip_prefix(word);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    /// Reads over one value of any type.
    pub(super) fn value(&mut self) -> Result<(), Malformed> {
        self.nested_value(0)
    }

    fn nested_value(&mut self, depth: u32) -> Result<(), Malformed> {
        if depth == DEEPEST {
            return Err(self.expected("no deeper value"));
        }
        match self.peek() {
            Some(b'"') => self.text()?.check(),
            Some(b'{') => {
                let mut more = self.object()?;
                while more {
                    self.key()?.check()?;
                    self.nested_value(depth + 1)?;
                    more = self.next_key()?;
                }
                Ok(())
            }
            Some(b'[') => {
                let mut more = self.list()?;
                while more {
                    self.nested_value(depth + 1)?;
                    more = self.next_item()?;
                }
                Ok(())
            }
            Some(b't' | b'f') => self.boolean().map(|_| ()),
            Some(b'n') if self.null() => Ok(()),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => Err(self.expected("a value")),
        }
    }

    /// A number of any form (RFC 8259 §6).
    fn number(&mut self) -> Result<(), Malformed> {
        let _minus = self.word(b"-");
        let zero = self.rest.first() == Some(&b'0');
        if self.digits()? > 1 && zero {
            return Err(self.expected("no zero before a number"));
        }
        if self.rest.first() == Some(&b'.') {
            self.skip(1);
            self.digits()?;
        }
        if matches!(self.rest.first(), Some(b'e' | b'E')) {
            self.skip(1);
            if matches!(self.rest.first(), Some(b'+' | b'-')) {
                self.skip(1);
            }
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<usize, Malformed> {
        let digits = self.rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if digits == 0 {
            return Err(self.expected("a digit"));
        }
        self.skip(digits);
        Ok(digits)
    }

    /// Nothing but white space may follow.
    pub(super) fn end(&mut self) -> Result<(), Malformed> {
        if self.peek().is_some() { Err(self.expected("the end of the text")) } else { Ok(()) }
    }
}

/// Bytes before the first quotation mark, backslash or control character, eight at a time.
#[inline]
fn plain_bytes(text: &[u8]) -> usize {
    let (words, tail) = text.as_chunks::<8>();
    for (at, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        // A byte is zero where it was the one looked for. A borrow marks bytes above the first hit only, and the first is what counts.
        let quote = word ^ (ONES * b'"' as u64);
        let backslash = word ^ (ONES * b'\\' as u64);
        let hits = (quote.wrapping_sub(ONES) & !quote
            | backslash.wrapping_sub(ONES) & !backslash
            | word.wrapping_sub(ONES * 0x20) & !word)
            & HIGH;
        if hits != 0 {
            return at * 8 + hits.trailing_zeros() as usize / 8;
        }
    }
    let plain = tail.iter().take_while(|byte| !matches!(byte, b'"' | b'\\' | 0..0x20)).count();
    words.len() * 8 + plain
}

impl<'a> Text<'a> {
    /// The text itself, where nothing in it is escaped.
    #[inline]
    pub(super) const fn plain(&self) -> Option<&'a [u8]> {
        if self.escaped { None } else { Some(self.raw) }
    }

    /// The text that is meant; `place` takes it where something is escaped.
    #[inline]
    pub(super) fn unescaped<'t>(&self, place: &'t mut Vec<u8>) -> Result<&'t [u8], Malformed>
    where
        'a: 't,
    {
        if !self.escaped {
            return Ok(self.raw);
        }
        place.clear();
        self.append(place)?;
        Ok(place)
    }

    /// Appends the text that is meant.
    pub(super) fn append(&self, out: &mut Vec<u8>) -> Result<(), Malformed> {
        let mut rest = self.raw;
        while let Some(backslash) = rest.iter().position(|byte| *byte == b'\\') {
            let (plain, escape) = rest.split_at_checked(backslash).unwrap_or((rest, &[]));
            out.extend_from_slice(plain);
            let malformed = |expected| Malformed { at: self.at + self.raw.len() - escape.len(), expected };
            let no_escape = || malformed("an escape");
            let (letter, after) = escape.get(1..).and_then(<[u8]>::split_first).ok_or_else(no_escape)?;
            rest = after;
            out.push(match letter {
                b'"' | b'\\' | b'/' => *letter,
                b'b' => 0x08,
                b'f' => 0x0c,
                b'n' => b'\n',
                b'r' => b'\r',
                b't' => b'\t',
                b'u' => {
                    let (ch, after) = unicode(after).ok_or_else(|| malformed("four hex digits of a character"))?;
                    out.extend_from_slice(ch.encode_utf8(&mut [0; 4]).as_bytes());
                    rest = after;
                    continue;
                }
                _ => return Err(no_escape()),
            });
        }
        out.extend_from_slice(rest);
        Ok(())
    }

    fn check(&self) -> Result<(), Malformed> {
        if self.escaped { self.append(&mut Vec::new()) } else { Ok(()) }
    }
}

/// The character behind `\u`, which is two escapes for one outside of the basic plane.
fn unicode(digits: &[u8]) -> Option<(char, &[u8])> {
    let (unit, rest) = code_unit(digits)?;
    if let Some(ch) = char::from_u32(unit) {
        return Some((ch, rest));
    }
    let (low, rest) = code_unit(rest.strip_prefix(b"\\u")?)?;
    if !(0xd800..0xdc00).contains(&unit) || !(0xdc00..0xe000).contains(&low) {
        return None;
    }
    Some((char::from_u32(0x1_0000 + ((unit - 0xd800) << 10) + (low - 0xdc00))?, rest))
}

fn code_unit(digits: &[u8]) -> Option<(u32, &[u8])> {
    let (digits, rest) = digits.split_first_chunk::<4>()?;
    let unit = digits.iter().try_fold(0, |unit, digit| Some(unit << 4 | char::from(*digit).to_digit(16)?))?;
    Some((unit, rest))
}

impl Integer {
    /// The number, from 0 to `most`.
    pub(super) const fn unsigned(self, most: u64) -> Option<u64> {
        if (self.negative && self.magnitude != 0) || self.magnitude > most { None } else { Some(self.magnitude) }
    }

    /// The number, from `least` to `most`.
    pub(super) fn signed(self, least: i64, most: i64) -> Option<i64> {
        let number = if self.negative { 0_i64.checked_sub_unsigned(self.magnitude) } else { i64::try_from(self.magnitude).ok() };
        number.filter(|number| (least..=most).contains(number))
    }
}
