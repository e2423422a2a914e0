//! From a row to the wire: the stored JSON is read once and written as protobuf, field by field, by the tables.
//!
//! Nothing is built in between. What proto3 leaves out (0, "", false of a field that is not optional) is left out; words become the
//! numbers of their enum; keys that no table has are read over.

use super::error::{EncodeError, Malformed};
use super::form::{Field, Form, Label, Message};
use super::json::Reader;
use super::mask::{Mask, Want};
use super::tables::{KindTable, kind_named, table};
use crate::encode::stored::Columns;
use crate::event::UnknownKind;

/// Wire types (<https://protobuf.dev/programming-guides/encoding/#structure>).
const VARINT: u32 = 0;
const LEN: u32 = 2;

/// Appends the bytes of one `Event` message, without tag and length, for a row of the journal.
///
/// # Errors
/// [`EncodeError`] when the row is not one that the journal wrote; then nothing was appended.
pub fn put_event(seq: u64, columns: &Columns<'_>, mask: &Mask, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    let start = out.len();
    let put = put(seq, columns, mask, out);
    if put.is_err() {
        out.truncate(start);
    }
    put
}

fn put(seq: u64, columns: &Columns<'_>, mask: &Mask, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    let json = |column| move |source| EncodeError::Json { seq, column, source };
    let name = columns.kind;
    let kind =
        kind_named(name.as_bytes()).ok_or_else(|| EncodeError::Kind { seq, source: UnknownKind { name: name.to_owned() } })?;
    out.reserve(columns.payload.len() + 256);

    put_number(1, seq, out);
    if mask.sends(2) {
        put_id(2, columns.id, out).ok_or(EncodeError::Value { seq, column: "id" })?;
    }
    if mask.sends(3) {
        put_number(3, columns.time_us.cast_unsigned(), out);
    }
    for (number, text) in [(4, columns.session_id), (5, columns.command_id)] {
        if let Some(text) = text.filter(|_| mask.sends(number)) {
            put_bytes(number, text.as_bytes(), out);
        }
    }
    if let Some(cause) = columns.cause.filter(|_| mask.sends(6)) {
        put_id(6, cause, out).ok_or(EncodeError::Value { seq, column: "cause" })?;
    }
    let table = table(kind);
    if mask.sends(9) {
        put_number(9, table.number.into(), out);
    }
    if mask.sends(10) {
        let severity = u64::try_from(columns.severity).ok().filter(|number| (1..=6).contains(number));
        put_number(10, severity.ok_or(EncodeError::Value { seq, column: "severity" })?, out);
    }
    if let Some(attack) = columns.attack.filter(|_| mask.sends(11)) {
        let mut put = Put { json: Reader::new(attack), out };
        put.list(11, Form::Text, Want::Whole).and_then(|()| put.json.end()).map_err(json("attack"))?;
    }
    if let Some(subject) = columns.subject.filter(|_| mask.sends(12)) {
        put_bytes(12, subject.as_bytes(), out);
    }
    let wants = Parts { actor: mask.want(7), sensor: mask.want(8), imported: mask.want(13), payload: mask.want_payload(kind) };
    if wants.actor.is_some() || wants.sensor.is_some() || wants.imported.is_some() || wants.payload.is_some() {
        let mut put = Put { json: Reader::new(columns.payload), out };
        put.stored_payload(table, &wants).map_err(json("payload"))?;
    }
    Ok(())
}

/// What is wanted of the stored payload.
struct Parts<'m> {
    actor: Option<Want<'m>>,
    sensor: Option<Want<'m>>,
    imported: Option<Want<'m>>,
    payload: Option<Want<'m>>,
}

struct Put<'a, 'o> {
    json: Reader<'a>,
    out: &'o mut Vec<u8>,
}

impl Put<'_, '_> {
    /// The stored payload: the envelope's `sensor`, `imported` and `actor` stand in front of the payload's own keys.
    fn stored_payload(&mut self, table: KindTable, parts: &Parts<'_>) -> Result<(), Malformed> {
        let Form::Message(message) = table.form else { return Err(self.json.expected("a message")) };
        let actor = super::tables::ENVELOPE.fields.get(6);
        let sensor = super::tables::ENVELOPE.fields.get(7);
        let imported = super::tables::ENVELOPE.fields.get(12);
        let mut behind: [Option<(&Field, Option<Want<'_>>, Reader<'_>)>; 3] = [None, None, None];
        let mut opened = None;
        let (mut next, mut unescaped) = (0, Vec::new());
        let mut more = self.json.object()?;
        while more {
            let name = self.json.key()?.unescaped(&mut unescaped)?;
            let envelope = match name {
                b"actor" => actor.zip(behind.first_mut()).map(|(field, late)| (field, late, parts.actor)),
                b"sensor" => sensor.zip(behind.get_mut(1)).map(|(field, late)| (field, late, parts.sensor)),
                b"imported" => imported.zip(behind.last_mut()).map(|(field, late)| (field, late, parts.imported)),
                _ => None,
            };
            match envelope {
                Some((field, _, want)) if opened.is_none() => self.field_if(field, want)?,
                Some((field, late, want)) => {
                    *late = Some((field, want, self.json.clone()));
                    self.json.value()?;
                }
                None => {
                    if opened.is_none() && parts.payload.is_some() {
                        opened = Some(self.open(table.number));
                    }
                    self.member(message, name, &mut next, parts.payload)?;
                }
            }
            more = self.json.next_key()?;
        }
        self.json.end()?;
        if parts.payload.is_some() {
            let opened = opened.unwrap_or_else(|| self.open(table.number));
            close(opened, self.out);
        }
        for (field, want, json) in behind.into_iter().flatten() {
            Put { json, out: &mut *self.out }.field_if(field, want)?;
        }
        Ok(())
    }

    /// The members of an object.
    fn message(&mut self, message: &Message, want: Want<'_>) -> Result<(), Malformed> {
        let (mut next, mut unescaped) = (0, Vec::new());
        let mut more = self.json.object()?;
        while more {
            let name = self.json.key()?.unescaped(&mut unescaped)?;
            self.member(message, name, &mut next, Some(want))?;
            more = self.json.next_key()?;
        }
        Ok(())
    }

    #[inline]
    fn member(&mut self, message: &Message, name: &[u8], next: &mut usize, want: Option<Want<'_>>) -> Result<(), Malformed> {
        match message.find(name, next) {
            Some(field) => self.field_if(field, want.and_then(|want| want.field(field.number))),
            None => self.json.value(),
        }
    }

    #[inline]
    fn field_if(&mut self, field: &Field, want: Option<Want<'_>>) -> Result<(), Malformed> {
        let Some(want) = want else { return self.json.value() };
        match field.label {
            Label::Repeated => self.list(field.number, field.form, want),
            Label::Optional if self.json.null() => Ok(()),
            Label::Optional => self.value(field.number, field.form, want, true),
            Label::Plain => self.value(field.number, field.form, want, false),
        }
    }

    fn list(&mut self, number: u32, form: Form, want: Want<'_>) -> Result<(), Malformed> {
        let mut more = self.json.list()?;
        if !more {
            return Ok(());
        }
        // Numbers are packed: one field with all of them (proto3's default).
        let packed = matches!(form, Form::U64).then(|| self.open(number));
        while more {
            match packed {
                Some(_) => put_varint(self.unsigned(u64::MAX)?, self.out),
                None => self.value(number, form, want, true)?,
            }
            more = self.json.next_item()?;
        }
        if let Some(packed) = packed {
            close(packed, self.out);
        }
        Ok(())
    }

    /// One value; its default is only written where `always`.
    #[inline]
    fn value(&mut self, number: u32, form: Form, want: Want<'_>, always: bool) -> Result<(), Malformed> {
        let varint = match form {
            Form::Text => return self.text(number, always),
            Form::Message(message) => {
                let opened = self.open(number);
                self.message(message, want)?;
                close(opened, self.out);
                return Ok(());
            }
            Form::Bool => self.json.boolean()?.into(),
            Form::U32 => self.unsigned(u32::MAX.into())?,
            Form::U64 => self.unsigned(u64::MAX)?,
            Form::I32 => self.signed(i32::MIN.into(), i32::MAX.into())?,
            Form::I64 => self.signed(i64::MIN, i64::MAX)?,
            Form::Word(words) => {
                let word = self.json.text()?;
                let named = |(name, _): &&(&str, i32)| Some(name.as_bytes()) == word.plain();
                let number = words.iter().find(named).map(|(_, number)| number.unsigned_abs());
                number.ok_or_else(|| self.json.expected("before this a word of the field's list"))?.into()
            }
            Form::Kind => {
                let kind = self.json.text()?.plain().and_then(kind_named);
                table(kind.ok_or_else(|| self.json.expected("before this an event kind"))?).number.into()
            }
        };
        if always || varint != 0 {
            put_key(number, VARINT, self.out);
            put_varint(varint, self.out);
        }
        Ok(())
    }

    fn unsigned(&mut self, most: u64) -> Result<u64, Malformed> {
        let integer = self.json.integer()?;
        integer.unsigned(most).ok_or_else(|| self.json.expected("before this an integer of the field's width"))
    }

    /// Negative numbers are ten bytes, whatever their width.
    fn signed(&mut self, least: i64, most: i64) -> Result<u64, Malformed> {
        let integer = self.json.integer()?;
        let number = integer.signed(least, most);
        number.map(i64::cast_unsigned).ok_or_else(|| self.json.expected("before this an integer of the field's width"))
    }

    #[inline]
    fn text(&mut self, number: u32, always: bool) -> Result<(), Malformed> {
        let text = self.json.text()?;
        match text.plain() {
            Some(b"") if !always => {}
            Some(plain) => put_bytes(number, plain, self.out),
            None => {
                put_key(number, LEN, self.out);
                let opened = reserve_length(0, self.out);
                text.append(self.out)?;
                close(opened, self.out);
            }
        }
        Ok(())
    }

    /// Begins a field with a length that is known at its end.
    fn open(&mut self, number: u32) -> Opened {
        put_key(number, LEN, self.out);
        reserve_length(self.json.left(), self.out)
    }
}

/// A field whose length is not written yet.
#[derive(Clone, Copy)]
struct Opened {
    /// Where the length stands.
    at: usize,
    /// Bytes kept for it.
    kept: usize,
}

/// Keeps room for a length: one byte, or two where more than a byte's worth of JSON is left.
#[inline]
fn reserve_length(left: usize, out: &mut Vec<u8>) -> Opened {
    let at = out.len();
    let kept = if left > 220 { 2 } else { 1 };
    out.extend_from_slice([0, 0].get(..kept).unwrap_or_default());
    Opened { at, kept }
}

/// Writes the length of what was appended since, and moves it where the room was another than the length needs.
#[inline]
fn close(opened: Opened, out: &mut Vec<u8>) {
    let from = opened.at + opened.kept;
    let len = out.len().saturating_sub(from);
    let needed = varint_len(len as u64);
    if needed != opened.kept {
        let end = out.len();
        out.resize(end.max(opened.at + needed + len), 0);
        out.copy_within(from..end, opened.at + needed);
        out.truncate(opened.at + needed + len);
    }
    let mut left = len;
    for byte in out.iter_mut().skip(opened.at).take(needed) {
        *byte = (left & 0x7f) as u8 | if left >= 0x80 { 0x80 } else { 0 };
        left >>= 7;
    }
}

pub(super) const fn varint_len(number: u64) -> usize {
    // Seven bits for each byte; 0 takes one.
    (64 - (number | 1).leading_zeros()).div_ceil(7) as usize
}

#[inline]
pub(super) fn put_varint(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

#[inline]
fn put_key(number: u32, wire_type: u32, out: &mut Vec<u8>) {
    put_varint((number << 3 | wire_type).into(), out);
}

/// A number that is left out when it is 0.
#[inline]
pub(super) fn put_number(field: u32, number: u64, out: &mut Vec<u8>) {
    if number != 0 {
        put_key(field, VARINT, out);
        put_varint(number, out);
    }
}

#[inline]
pub(super) fn put_bytes(field: u32, bytes: &[u8], out: &mut Vec<u8>) {
    put_key(field, LEN, out);
    put_varint(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

/// A UUID in its text form; `None` when it has not 16 bytes.
fn put_id(field: u32, id: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let id: &[u8; 16] = id.try_into().ok()?;
    let mut text = [b'-'; 36];
    let places = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34_usize];
    for (byte, at) in id.iter().zip(places) {
        let digit = |nibble: u8| if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 };
        if let Some([high, low]) = text.get_mut(at..at + 2) {
            *high = digit(byte >> 4);
            *low = digit(byte & 0xf);
        }
    }
    put_bytes(field, &text, out);
    Some(())
}
