//! The stored form of an event: the journal's columns, the frame that the intake carries, and the bytes that the tree's leaves hash.
//!
//! A **frame** is the event's columns but `seq` and `leaf`, in the order of the `events` table, each as a tag byte and a value:
//!
//! ```text
//! frame  := id time_us session_id command_id cause kind pid subject decision rule severity attack payload
//! column := 0x00                                 NULL
//!         | 0x01 i64 (little endian)             INTEGER
//!         | 0x02 length u32 (little endian) text TEXT, UTF-8
//!         | 0x03 length u32 (little endian) data BLOB
//! leaf   := SHA-256(0x00 ‖ 0x01 ‖ seq u64 (big endian) ‖ frame)
//! ```
//!
//! The leaf's first byte is RFC 6962's leaf prefix (§2.1), the second the version of this format. A frame follows from a row of
//! the `events` table alone, so anyone with the file and this page can recompute a leaf; since `seq` is hashed too, a row that was
//! moved does not match its leaf any more.
//!
//! `payload` is the payload's JSON object with the envelope's `sensor`, `imported` and `actor`, where the event has them, in front.

mod envelope;

use std::sync::Arc;

use sha2::{Digest, Sha256};

use self::envelope::InPayload;
use crate::event::{
    CommandId, Decision, Event, EventId, ImportOrigin, Kind, Payload, SensorOrigin, Seq, SessionId, Severity, TechniqueId,
    Timestamp, UnknownKind,
};

const NULL: u8 = 0;
const INTEGER: u8 = 1;
const TEXT: u8 = 2;
const BLOB: u8 = 3;

/// Version of the leaf format.
const LEAF_VERSION: u8 = 1;

/// Why bytes or a row are not an event.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// The frame ends within a column.
    #[error("the frame ends within column `{column}`")]
    Short {
        /// The column that is not whole.
        column: &'static str,
    },
    /// A column has a tag that its type does not allow.
    #[error("column `{column}` has tag {tag}, which its type does not allow")]
    Tag {
        /// The column.
        column: &'static str,
        /// The tag byte that stands there.
        tag: u8,
    },
    /// A text column is not UTF-8, or an id has not 16 bytes.
    #[error("column `{column}` does not hold a value of its type")]
    Value {
        /// The column.
        column: &'static str,
    },
    /// The kind is not known to this version.
    #[error(transparent)]
    Kind(#[from] UnknownKind),
    /// The payload is not what its kind says.
    #[error("the payload of a `{kind}` cannot be read: {source}")]
    Payload {
        /// The kind.
        kind: &'static str,
        /// What the JSON reader said.
        source: serde_json::Error,
    },
}

/// The columns of one event, borrowed from a frame or from a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Columns<'a> {
    /// `id`, 16 bytes.
    pub id: &'a [u8],
    /// `time_us`.
    pub time_us: i64,
    /// `session_id`.
    pub session_id: Option<&'a str>,
    /// `command_id`.
    pub command_id: Option<&'a str>,
    /// `cause`, 16 bytes.
    pub cause: Option<&'a [u8]>,
    /// `kind`.
    pub kind: &'a str,
    /// `pid`.
    pub pid: Option<i64>,
    /// `subject`.
    pub subject: Option<&'a str>,
    /// `decision`.
    pub decision: Option<&'a str>,
    /// `rule`.
    pub rule: Option<&'a str>,
    /// `severity`.
    pub severity: i64,
    /// `attack`, a JSON array.
    pub attack: Option<&'a str>,
    /// `payload`, a JSON object.
    pub payload: &'a str,
}

/// Appends the frame of an event to `out`.
pub fn encode(event: &Event, out: &mut Vec<u8>) {
    put_frame(event, out, None);
}

/// Encodes many events one behind the other: what an event shares with the one before is written once and copied then.
#[derive(Debug, Default)]
pub struct Encoder {
    origin: Option<Arc<ImportOrigin>>,
    /// The JSON of that.
    json: Vec<u8>,
}

impl Encoder {
    /// Appends the frame of an event to `out`, the same that [`encode`] appends.
    pub fn encode(&mut self, event: &Event, out: &mut Vec<u8>) {
        put_frame(event, out, Some(self));
    }

    fn put_origin(&mut self, out: &mut Vec<u8>, origin: &Arc<ImportOrigin>) {
        if !self.origin.as_ref().is_some_and(|before| Arc::ptr_eq(before, origin)) {
            self.json.clear();
            put_json(&mut self.json, origin.as_ref());
            self.origin = Some(Arc::clone(origin));
        }
        out.extend_from_slice(&self.json);
    }
}

fn put_frame(event: &Event, out: &mut Vec<u8>, encoder: Option<&mut Encoder>) {
    put_blob(out, event.id.as_bytes());
    put_integer(out, event.time.as_micros());
    put_text(out, event.session_id.as_ref().map(SessionId::as_str));
    put_text(out, event.command_id.as_ref().map(CommandId::as_str));
    match &event.cause {
        Some(cause) => put_blob(out, cause.as_bytes()),
        None => out.push(NULL),
    }
    put_text(out, Some(event.kind().as_str()));
    match &event.actor {
        Some(actor) => put_integer(out, i64::from(actor.pid)),
        None => out.push(NULL),
    }
    put_text(out, event.subject().as_deref());
    put_text(out, event.payload.decision().map(Decision::as_str));
    put_text(out, event.payload.rule());
    put_integer(out, i64::from(event.severity.number()));
    if event.attack.is_empty() {
        out.push(NULL);
    } else {
        put_text_with(out, |out| put_json(out, &event.attack));
    }
    put_text_with(out, |out| put_payload(out, event, encoder));
}

fn put_payload(out: &mut Vec<u8>, event: &Event, encoder: Option<&mut Encoder>) {
    let start = out.len();
    let put_key = |out: &mut Vec<u8>, key: &str| {
        out.push(if out.len() == start { b'{' } else { b',' });
        out.extend_from_slice(key.as_bytes());
    };
    if let Some(sensor) = &event.sensor {
        put_key(out, envelope::SENSOR);
        put_json(out, sensor);
    }
    if let Some(imported) = &event.imported {
        put_key(out, envelope::IMPORTED);
        match encoder {
            Some(encoder) => encoder.put_origin(out, imported),
            None => put_json(out, imported.as_ref()),
        }
    }
    if let Some(actor) = &event.actor {
        put_key(out, envelope::ACTOR);
        put_json(out, actor);
    }
    if out.len() == start {
        put_json(out, &event.payload);
        return;
    }
    // The payload is an object too: its brace becomes the comma between what stands in front and its first key.
    let brace = out.len();
    put_json(out, &event.payload);
    if out.len() == brace + 2 {
        out.truncate(brace);
        out.push(b'}');
    } else if let Some(byte) = out.get_mut(brace) {
        *byte = b',';
    }
}

fn put_json(out: &mut Vec<u8>, value: &impl serde::Serialize) {
    // Writing to a Vec cannot fail, and every type of the vocabulary has string keys only: nothing can go wrong here.
    let result = serde_json::to_writer(&mut *out, value);
    debug_assert!(result.is_ok(), "{result:?}");
}

fn put_integer(out: &mut Vec<u8>, value: i64) {
    out.push(INTEGER);
    out.extend_from_slice(&value.to_le_bytes());
}

fn put_blob(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(BLOB);
    out.extend_from_slice(&u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_le_bytes());
    out.extend_from_slice(bytes);
}

fn put_text(out: &mut Vec<u8>, text: Option<&str>) {
    match text {
        Some(text) => put_text_with(out, |out| out.extend_from_slice(text.as_bytes())),
        None => out.push(NULL),
    }
}

fn put_text_with(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    out.push(TEXT);
    let at = out.len();
    out.extend_from_slice(&[0; 4]);
    write(out);
    let len = u32::try_from(out.len() - at - 4).unwrap_or(u32::MAX).to_le_bytes();
    if let Some(place) = out.get_mut(at..at + 4) {
        place.copy_from_slice(&len);
    }
}

/// The hash of the leaf of the event at `seq` with this frame: see the module's head.
#[must_use]
pub fn leaf_hash(seq: Seq, frame: &[u8]) -> [u8; 32] {
    Sha256::new().chain_update([0, LEAF_VERSION]).chain_update(seq.get().to_be_bytes()).chain_update(frame).finalize().into()
}

impl<'a> Columns<'a> {
    /// Reads one frame and returns what follows it.
    ///
    /// # Errors
    /// [`DecodeError`] when the bytes do not start with a whole frame.
    pub fn parse(frame: &'a [u8]) -> Result<(Self, &'a [u8]), DecodeError> {
        let mut reader = FrameReader { rest: frame };
        let columns = Self {
            id: there(reader.blob("id")?, "id")?,
            time_us: there(reader.integer("time_us")?, "time_us")?,
            session_id: reader.text("session_id")?,
            command_id: reader.text("command_id")?,
            cause: reader.blob("cause")?,
            kind: there(reader.text("kind")?, "kind")?,
            pid: reader.integer("pid")?,
            subject: reader.text("subject")?,
            decision: reader.text("decision")?,
            rule: reader.text("rule")?,
            severity: there(reader.integer("severity")?, "severity")?,
            attack: reader.text("attack")?,
            payload: there(reader.text("payload")?, "payload")?,
        };
        Ok((columns, reader.rest))
    }

    /// Reads when a frame's event was seen, and its kind, and nothing behind them.
    ///
    /// # Errors
    /// [`DecodeError`] when the bytes do not start with a frame.
    pub fn time_and_kind(frame: &'a [u8]) -> Result<(i64, &'a str), DecodeError> {
        let mut reader = FrameReader { rest: frame };
        reader.blob("id")?;
        let time_us = there(reader.integer("time_us")?, "time_us")?;
        reader.skip("session_id")?;
        reader.skip("command_id")?;
        reader.skip("cause")?;
        Ok((time_us, there(reader.text("kind")?, "kind")?))
    }

    /// Appends the frame that these columns are; the inverse of [`Columns::parse`].
    pub fn write(&self, out: &mut Vec<u8>) {
        put_blob(out, self.id);
        put_integer(out, self.time_us);
        put_text(out, self.session_id);
        put_text(out, self.command_id);
        match self.cause {
            Some(cause) => put_blob(out, cause),
            None => out.push(NULL),
        }
        put_text(out, Some(self.kind));
        match self.pid {
            Some(pid) => put_integer(out, pid),
            None => out.push(NULL),
        }
        put_text(out, self.subject);
        put_text(out, self.decision);
        put_text(out, self.rule);
        put_integer(out, self.severity);
        put_text(out, self.attack);
        put_text(out, Some(self.payload));
    }

    /// The sensor that told of the event, if one did. Costs nothing for any other event.
    ///
    /// # Errors
    /// [`DecodeError`] when the payload begins as one of a sensor and does not go on so.
    pub fn sensor(&self) -> Result<Option<SensorOrigin>, DecodeError> {
        if !self.payload.strip_prefix('{').is_some_and(|keys| keys.starts_with(envelope::SENSOR)) {
            return Ok(None);
        }
        let read: Result<InPayload, _> = serde_json::from_str(self.payload);
        let kind = self.kind.parse::<Kind>()?.as_str();
        read.map(|read| read.sensor).map_err(|source| DecodeError::Payload { kind, source })
    }

    /// The typed event that the columns hold.
    ///
    /// # Errors
    /// [`DecodeError`] when a column holds no value of its type, or the kind is not known to this version.
    pub fn to_event(&self) -> Result<Event, DecodeError> {
        let kind: Kind = self.kind.parse()?;
        let payload_error = |source| DecodeError::Payload { kind: kind.as_str(), source };
        let (envelope, payload) = match envelope::read(kind, self.payload) {
            Some(read) => read,
            None => {
                let envelope: InPayload = serde_json::from_str(self.payload).map_err(payload_error)?;
                (envelope, Payload::from_json(kind, self.payload).map_err(payload_error)?)
            }
        };
        Ok(Event {
            id: event_id(self.id, "id")?,
            time: Timestamp::from_micros(self.time_us),
            session_id: self.session_id.map(SessionId::new),
            command_id: self.command_id.map(CommandId::new),
            cause: self.cause.map(|cause| event_id(cause, "cause")).transpose()?,
            actor: envelope.actor,
            sensor: envelope.sensor,
            imported: envelope.imported.map(Arc::new),
            attack: match self.attack {
                Some(attack) => serde_json::from_str::<Vec<TechniqueId>>(attack).map_err(payload_error)?,
                None => Vec::new(),
            },
            severity: Severity::from_number(self.severity).ok_or(DecodeError::Value { column: "severity" })?,
            payload,
        })
    }
}

fn event_id(bytes: &[u8], column: &'static str) -> Result<EventId, DecodeError> {
    <[u8; 16]>::try_from(bytes).map(EventId::from_bytes).map_err(|_| DecodeError::Value { column })
}

/// A value that may not be NULL. Nothing is made of the error unless there is one: it would have to be dropped for each column.
fn there<T>(value: Option<T>, column: &'static str) -> Result<T, DecodeError> {
    match value {
        Some(value) => Ok(value),
        None => Err(DecodeError::Value { column }),
    }
}

struct FrameReader<'a> {
    rest: &'a [u8],
}

impl<'a> FrameReader<'a> {
    fn take(&mut self, len: usize, column: &'static str) -> Result<&'a [u8], DecodeError> {
        let Some((taken, rest)) = self.rest.split_at_checked(len) else { return Err(DecodeError::Short { column }) };
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self, column: &'static str) -> Result<[u8; N], DecodeError> {
        self.take(N, column)?.try_into().map_err(|_| DecodeError::Short { column })
    }

    fn tag(&mut self, column: &'static str, wanted: u8) -> Result<bool, DecodeError> {
        match self.array::<1>(column)? {
            [NULL] => Ok(false),
            [tag] if tag == wanted => Ok(true),
            [tag] => Err(DecodeError::Tag { column, tag }),
        }
    }

    fn integer(&mut self, column: &'static str) -> Result<Option<i64>, DecodeError> {
        if self.tag(column, INTEGER)? { Ok(Some(i64::from_le_bytes(self.array(column)?))) } else { Ok(None) }
    }

    fn sized(&mut self, column: &'static str) -> Result<&'a [u8], DecodeError> {
        let len = u32::from_le_bytes(self.array(column)?);
        self.take(usize::try_from(len).map_err(|_| DecodeError::Short { column })?, column)
    }

    fn text(&mut self, column: &'static str) -> Result<Option<&'a str>, DecodeError> {
        if !self.tag(column, TEXT)? {
            return Ok(None);
        }
        simdutf8::basic::from_utf8(self.sized(column)?).map(Some).map_err(|_| DecodeError::Value { column })
    }

    /// Passes over a text or a blob.
    fn skip(&mut self, column: &'static str) -> Result<(), DecodeError> {
        if self.array::<1>(column)? != [NULL] {
            self.sized(column)?;
        }
        Ok(())
    }

    fn blob(&mut self, column: &'static str) -> Result<Option<&'a [u8]>, DecodeError> {
        if self.tag(column, BLOB)? { self.sized(column).map(Some) } else { Ok(None) }
    }
}
