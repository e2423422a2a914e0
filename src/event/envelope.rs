//! The envelope: what every event has, whatever its kind.

use serde::{Deserialize, Serialize};

use super::ids::{CommandId, EventId, Seq, SessionId, Severity, TechniqueId, Timestamp};
use super::kind::{Kind, Payload};
use super::text::OsText;

/// The process that did it, as far as the layer that saw it can tell.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Actor {
    /// Process id (thread group id), in the recorder's PID namespace.
    pub pid: u32,
    /// The parent's process id when the event was seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ppid: Option<u32>,
    /// Path of the program that the process runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exe: Option<OsText>,
    /// The kernel's short name of the process, at most 15 bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comm: Option<OsText>,
    /// Effective user id, in the recorder's user namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<u32>,
    /// Effective group id, in the recorder's user namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gid: Option<u32>,
    /// Working directory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cwd: Option<OsText>,
}

/// The sensor that told of an event which this recorder did not see itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct SensorOrigin {
    /// Name of the sensor, as its key or certificate gives it.
    pub name: String,
    /// Number of the event among those of the sensor, starting at 1, without gaps.
    pub sequence: u64,
}

/// One event before it has a place in the journal.
#[derive(Clone, Debug, PartialEq, Serialize, schemars::JsonSchema)]
pub struct Event {
    /// Identity; a derived event's is computed from its cause.
    pub id: EventId,
    /// When it was seen (a derived event: when its cause was seen), in microseconds UTC.
    #[serde(rename = "time_us")]
    pub time: Timestamp,
    /// The session it belongs to; absent for the recorder's own events.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_id: Option<SessionId>,
    /// The command within the session that it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command_id: Option<CommandId>,
    /// The event that it derives from or completes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<EventId>,
    /// The process that did it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actor: Option<Actor>,
    /// The sensor that told of it; absent where the recorder saw it itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sensor: Option<SensorOrigin>,
    /// ATT&CK techniques that a detection names.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub attack: Vec<TechniqueId>,
    /// How much it matters.
    pub severity: Severity,
    /// What happened.
    pub payload: Payload,
}

impl Event {
    /// What kind of event it is.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.payload.kind()
    }
}

/// An event with its place in the journal.
#[derive(Clone, Debug, PartialEq, Serialize, schemars::JsonSchema)]
pub struct JournaledEvent {
    /// Position in the journal.
    pub seq: Seq,
    /// What kind of event it is.
    pub kind: Kind,
    /// The event.
    #[serde(flatten)]
    pub event: Event,
}
