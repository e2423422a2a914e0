//! A line of `agentsh events --format jsonl` back into an event: the inverse of `encode::json`.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;

use crate::capture::import::record::{Content, Own, Told};
use crate::event::{
    Actor, CommandId, Event, EventId, Family, ImportOrigin, JournaledEvent, Kind, Payload, SensorOrigin, Seq, SessionId,
    Severity, TechniqueId, Timestamp,
};

/// Why a line is not an event.
#[derive(Debug, thiserror::Error)]
pub enum LineError {
    /// It is no JSON, or lacks what every event has.
    #[error("it is not an event in agentsh's JSON: {0}")]
    NotAnEvent(#[from] serde_json::Error),
    /// It has no place in a journal.
    #[error("it is not an event in agentsh's JSON: `seq` is missing or no number from 1 on")]
    NoSeq,
    /// Its payload is not what its kind says.
    #[error("the payload of a `{kind}` cannot be read: {source}")]
    Payload {
        /// The kind.
        kind: &'static str,
        /// What the reader said.
        source: serde_json::Error,
    },
}

/// The envelope; the payload stands in it as an object.
#[derive(Deserialize)]
struct Line {
    #[serde(default)]
    seq: Value,
    kind: Kind,
    id: EventId,
    time_us: Timestamp,
    #[serde(default)]
    session_id: Option<SessionId>,
    #[serde(default)]
    command_id: Option<CommandId>,
    #[serde(default)]
    cause: Option<EventId>,
    #[serde(default)]
    actor: Option<Actor>,
    #[serde(default)]
    sensor: Option<SensorOrigin>,
    #[serde(default)]
    imported: Option<ImportOrigin>,
    #[serde(default)]
    attack: Vec<TechniqueId>,
    #[serde(default)]
    severity: Value,
    #[serde(default)]
    payload: Value,
}

/// The event, and its `seq` if it has one. A severity of another version is `informational`.
fn parse(line: &[u8]) -> Result<(Option<Seq>, Event), LineError> {
    let line: Line = serde_json::from_slice(line)?;
    let payload = Payload::from_json(line.kind, &line.payload.to_string())
        .map_err(|source| LineError::Payload { kind: line.kind.as_str(), source })?;
    let event = Event {
        id: line.id,
        time: line.time_us,
        session_id: line.session_id,
        command_id: line.command_id,
        cause: line.cause,
        actor: line.actor,
        sensor: line.sensor,
        imported: line.imported.map(Into::into),
        attack: line.attack,
        severity: serde_json::from_value(line.severity).unwrap_or(Severity::Informational),
        payload,
    };
    Ok((serde_json::from_value(line.seq).ok(), event))
}

/// Reads a line as `agentsh events --format jsonl` prints it, as the journal had it.
///
/// # Errors
/// [`LineError`].
pub fn read_line(line: &str) -> Result<JournaledEvent, LineError> {
    let (seq, event) = parse(line.as_bytes())?;
    Ok(JournaledEvent { seq: seq.ok_or(LineError::NoSeq)?, kind: event.kind(), event })
}

/// What the line tells of in another journal.
///
/// # Errors
/// Why it is no event.
pub(super) fn read(bytes: &[u8], host: &mut String) -> Result<Content, LineError> {
    let (_, event) = parse(bytes)?;
    if let Payload::SessionCreated(created) = &event.payload {
        host.clone_from(&created.hostname);
    }
    let kind = event.kind();
    if !is_taken(kind) {
        return Ok(Content::Unmapped(kind.as_str().into()));
    }
    let imported = event.imported.map(Arc::unwrap_or_clone).unwrap_or_default();
    let own = Own {
        id: event.id,
        cause: event.cause,
        session: event.session_id.map(|session| session.to_string()),
        command: event.command_id.map(|command| command.to_string()),
        attack: event.attack,
        severity: event.severity,
    };
    Ok(Content::Told(vec![Told {
        host: if imported.host.is_empty() { host.clone() } else { imported.host },
        provider: Some("agentsh".to_owned()),
        code: imported.code,
        tag: imported.tag,
        actor: event.actor,
        own: Some(Box::new(own)),
        ..Told::new(event.time, event.payload)
    }]))
}

/// What happened elsewhere, and what was decided about it there. How that recorder fared, and its sessions, are not this journal's: they
/// would be counted as its own. What was detected is detected again.
const fn is_taken(kind: Kind) -> bool {
    match kind.family() {
        Family::File | Family::Network | Family::Process | Family::Ipc | Family::Registry | Family::Command | Family::Outcome => {
            true
        }
        Family::Derived => !matches!(kind, Kind::Detection),
        Family::Session | Family::Pipeline => false,
    }
}
