//! The envelope: what every event has, whatever its kind.

use std::sync::Arc;

use serde::{Deserialize, Serialize, Serializer};

use super::ids::{CommandId, EventId, Seq, SessionId, Severity, TechniqueId, Timestamp};
use super::kind::{Kind, Payload};
use super::payload::words;
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
    /// Name of the user (`DOMAIN\\name` on Windows), where the source of the event says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The number that the source gives the process for good, where its process ids are used again (Sysmon's `ProcessGuid`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guid: Option<String>,
    /// The log-on that it belongs to: Windows' `LogonId` (`0x3e7`), auditd's `ses`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logon_id: Option<String>,
    /// The user who logged on, whatever the process became since (auditd's `auid`, macOS' audit token).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auid: Option<u32>,
}

/// The sensor that told of an event which this recorder did not see itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct SensorOrigin {
    /// Name of the sensor, as its key or certificate gives it.
    pub name: String,
    /// Number of the event among those of the sensor, starting at 1, without gaps.
    pub sequence: u64,
}

words! {
    /// What kind of file an event was imported from.
    pub enum ImportSource {
        /// A Windows event log.
        #[default]
        Evtx => "evtx",
        /// JSON lines of macOS' `eslogger`.
        Eslogger => "eslogger",
        /// The log of Linux' audit daemon.
        Auditd => "auditd",
        /// JSON lines of agentsh itself, or of Sysmon's events.
        Jsonl => "jsonl",
    }
}

/// Where an event stood that was not seen by a recorder or a sensor but read from a file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ImportOrigin {
    /// The machine that it happened on, as the file says; empty where it does not.
    pub host: String,
    /// What kind of file it is.
    pub source: ImportSource,
    /// The file, as it was named when it was imported; `-` for standard input.
    pub file: OsText,
    /// SHA-256 of the file in hex; of standard input, of what was read up to the end of the record.
    pub digest: String,
    /// Number of the record in the file, starting at 1; of a log whose lines are joined, that of the first line.
    pub record: u64,
    /// Who wrote the record (`Microsoft-Windows-Sysmon`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// What the source calls this kind of record: a Windows event id, the name of an Endpoint Security event, a system call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The name of the source's own rule that recorded it: Sysmon's `RuleName`, auditd's `key`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// The session that it belonged to where agentsh recorded it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
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
    /// Where it stood, if it was imported from a file.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "origin")]
    #[schemars(with = "Option<ImportOrigin>")]
    pub imported: Option<Arc<ImportOrigin>>,
    /// ATT&CK techniques that a detection names.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub attack: Vec<TechniqueId>,
    /// How much it matters.
    pub severity: Severity,
    /// What happened.
    pub payload: Payload,
}

fn origin<S: Serializer>(origin: &Option<Arc<ImportOrigin>>, serializer: S) -> Result<S::Ok, S::Error> {
    origin.as_deref().serialize(serializer)
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
