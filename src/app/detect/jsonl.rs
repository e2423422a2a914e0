//! One line of our JSON Lines back into an event: the inverse of `encode::json`.

use serde::Deserialize;

use crate::event::{
    Actor, CommandId, Event, EventId, JournaledEvent, Kind, Payload, SensorOrigin, Seq, SessionId, Severity, TechniqueId,
    Timestamp,
};

/// Why a line is not an event.
#[derive(Debug, thiserror::Error)]
pub enum LineError {
    /// It is no JSON, or lacks what every event has.
    #[error("it is not an event in agentsh's JSON: {0}")]
    NotAnEvent(#[from] serde_json::Error),
    /// Its payload is not what its kind says.
    #[error("the payload of a `{kind}` cannot be read: {source}")]
    Payload {
        /// The kind.
        kind: &'static str,
        /// What the reader said.
        source: serde_json::Error,
    },
}

#[derive(Deserialize)]
struct Line {
    seq: Seq,
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
    attack: Vec<TechniqueId>,
    severity: Severity,
    payload: serde_json::Value,
}

/// Reads a line as `agentsh events --format jsonl` prints it.
///
/// # Errors
/// [`LineError`].
pub fn read_line(line: &str) -> Result<JournaledEvent, LineError> {
    let line: Line = serde_json::from_str(line)?;
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
        attack: line.attack,
        severity: line.severity,
        payload,
    };
    Ok(JournaledEvent { seq: line.seq, kind: line.kind, event })
}
