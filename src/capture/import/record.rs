//! One record of a file, and the events that it becomes.

use std::borrow::Cow;
use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use crate::event::{
    Actor, CommandId, Event, EventId, ImportOrigin, Kind, OperationFailed, OsText, Payload, RecordUnread, SessionId, Severity,
    TechniqueId, Timestamp, redact,
};

/// Bytes of a record that could not be read which are kept.
pub const MAX_RAW_BYTES: usize = 16 * 1024;

/// One record, in the order of the file.
#[derive(Debug)]
pub struct Record {
    /// Its number, starting at 1.
    pub number: u64,
    /// What it is.
    pub content: Content,
}

/// What a record is.
#[derive(Debug)]
pub enum Content {
    /// What it tells of, at least one.
    Told(Vec<Told>),
    /// A type that no kind fits, by the name under which it is counted.
    Unmapped(Cow<'static, str>),
    /// It could not be read.
    Unread(Unread),
}

/// A record that could not be read.
#[derive(Debug)]
pub struct Unread {
    /// Where it starts in the file, in bytes.
    pub offset: Option<u64>,
    /// Why.
    pub reason: String,
    /// Its beginning, at most [`MAX_RAW_BYTES`].
    pub raw: Vec<u8>,
    /// Bytes of all of it.
    pub size: u64,
}

impl Unread {
    /// With as much of the record as is kept.
    #[must_use]
    pub fn new(offset: Option<u64>, reason: impl Into<String>, raw: &[u8], size: u64) -> Self {
        Self { offset, reason: reason.into(), raw: raw.get(..MAX_RAW_BYTES).unwrap_or(raw).to_vec(), size }
    }
}

/// How an operation that a record tells of failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The error's number on Linux.
    pub errno: i32,
    /// Its name, or the source's words.
    pub error: String,
}

/// One thing that a record tells of.
#[derive(Clone, Debug)]
pub struct Told {
    /// When it happened.
    pub time: Timestamp,
    /// Where, as the record says; empty where it does not.
    pub host: String,
    /// Who wrote the record.
    pub provider: Option<String>,
    /// What the source calls this kind of record.
    pub code: Option<String>,
    /// The source's own rule that recorded it.
    pub tag: Option<String>,
    /// The process that did it.
    pub actor: Option<Actor>,
    /// What happened.
    pub payload: Payload,
    /// How it failed, if it did.
    pub failure: Option<Failure>,
    /// What only an event of agentsh has.
    pub own: Option<Box<Own>>,
}

/// The envelope of an event that another recorder made.
#[derive(Clone, Debug)]
pub struct Own {
    /// Its id there.
    pub id: EventId,
    /// The event that it derives from there.
    pub cause: Option<EventId>,
    /// Its session there.
    pub session: Option<String>,
    /// Its command there.
    pub command: Option<String>,
    /// Techniques.
    pub attack: Vec<TechniqueId>,
    /// How much it matters.
    pub severity: Severity,
}

impl Told {
    /// What happened, with nothing else known.
    #[must_use]
    pub fn new(time: Timestamp, payload: impl Into<Payload>) -> Self {
        Self {
            time,
            host: String::new(),
            provider: None,
            code: None,
            tag: None,
            actor: None,
            payload: payload.into(),
            failure: None,
            own: None,
        }
    }
}

/// An id that follows from the file and a name within it alone: a UUIDv7 of the event's own time whose random part is a hash.
fn event_id(time: Timestamp, digest: &str, name: &[u8]) -> EventId {
    let hash: [u8; 32] = Sha256::new()
        .chain_update(b"agentsh import 1\0")
        .chain_update(digest)
        .chain_update([0])
        .chain_update(name)
        .finalize()
        .into();
    let mut random = [0; 10];
    random.iter_mut().zip(hash).for_each(|(to, from)| *to = from);
    EventId::observed(u64::try_from(time.as_micros() / 1_000).unwrap_or(0), random)
}

/// The id that another recorder's id becomes: two imports of one file do not disagree about it, and no id of this journal is taken.
fn foreign_id(id: EventId, digest: &str) -> EventId {
    let bytes = id.as_bytes();
    let ms = bytes.iter().take(6).fold(0_i64, |ms, byte| ms << 8 | i64::from(*byte));
    event_id(Timestamp::from_micros(ms.saturating_mul(1_000)), digest, bytes)
}

/// Appends the event of one thing that a record tells of, redacted. Returns how it failed, if it did.
pub fn put_event(
    told: Told,
    place: usize,
    origin: &ImportOrigin,
    session: &SessionId,
    events: &mut Vec<Event>,
) -> Option<Failure> {
    let Told { time, host, provider, code, tag, actor, payload, failure, own } = told;
    let host = if host.is_empty() { origin.host.clone() } else { host };
    let own = own.map(|own| *own);
    let mut name = [0; 16];
    let numbers = origin.record.to_be_bytes().into_iter().chain(u64::try_from(place).unwrap_or(u64::MAX).to_be_bytes());
    name.iter_mut().zip(numbers).for_each(|(to, from)| *to = from);
    events.push(Event {
        id: match &own {
            Some(own) => foreign_id(own.id, &origin.digest),
            None => event_id(time, &origin.digest, &name),
        },
        time,
        session_id: Some(session.clone()),
        command_id: own.as_ref().and_then(|own| own.command.as_deref()).map(CommandId::new),
        cause: own.as_ref().and_then(|own| own.cause).map(|cause| foreign_id(cause, &origin.digest)),
        actor,
        sensor: None,
        imported: Some(Arc::new(ImportOrigin {
            host,
            provider,
            code,
            tag,
            session: own.as_ref().and_then(|own| own.session.clone()),
            source: origin.source,
            file: origin.file.clone(),
            digest: origin.digest.clone(),
            record: origin.record,
        })),
        attack: own.as_ref().map(|own| own.attack.clone()).unwrap_or_default(),
        severity: own.as_ref().map_or(Severity::Informational, |own| own.severity),
        payload,
    });
    if let Some(event) = events.last_mut() {
        redact::payload_in_place(&mut event.payload);
    }
    failure
}

/// The event that says how an operation failed.
#[must_use]
pub fn failed_event(event: &Event, failure: Failure) -> Event {
    Event {
        id: EventId::derived(event.id, Kind::OperationFailed, 0),
        cause: Some(event.id),
        payload: OperationFailed {
            operation: event.kind(),
            subject: event.subject().map(Cow::into_owned),
            errno: failure.errno,
            error: failure.error,
        }
        .into(),
        ..event.clone()
    }
}

/// The event of a record that could not be read. It gets the time of the record before it, since its own cannot be known.
#[must_use]
pub fn unread_event(unread: Unread, time: Timestamp, origin: &ImportOrigin, session: &SessionId) -> Event {
    let payload = RecordUnread {
        file: origin.file.clone(),
        offset: unread.offset,
        reason: unread.reason,
        raw: OsText::from_bytes(super::text::redact_raw(&unread.raw)),
        raw_size: unread.size,
    };
    Event {
        id: event_id(time, &origin.digest, &origin.record.to_be_bytes()),
        time,
        session_id: Some(session.clone()),
        command_id: None,
        cause: None,
        actor: None,
        sensor: None,
        imported: Some(Arc::new(origin.clone())),
        attack: Vec::new(),
        severity: Severity::Medium,
        payload: payload.into(),
    }
}
