//! The report as data. Its JSON form is this, field by field.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::Serialize;

use crate::event::{Layer, LayerState, OsText, TechniqueId};
use crate::query::session::Change;

/// A list of which only the first are here, with how many there are.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Listed<T> {
    /// How many there are.
    pub all: u64,
    /// The first of them.
    pub first: Vec<T>,
}

impl<T> Listed<T> {
    /// The first `most` of a whole list.
    #[must_use]
    pub fn of(mut all: Vec<T>, most: usize) -> Self {
        let count = u64::try_from(all.len()).unwrap_or(u64::MAX);
        all.truncate(most);
        Self { all: count, first: all }
    }
}

/// Something and how often.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Counted {
    /// What.
    pub what: String,
    /// How often.
    pub times: u64,
}

/// A command that a user asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct CommandReport {
    /// Position of its `command_started`.
    pub seq: u64,
    /// Arguments, redacted.
    pub argv: Vec<OsText>,
    /// The exit code that the user got; absent where no end is recorded.
    pub exit_code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<String>,
    /// Why it could not be started.
    pub error: Option<String>,
    /// From start to end, in microseconds.
    pub duration_us: Option<u64>,
}

/// A program and what was seen of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ProgramReport {
    /// Its path.
    pub program: String,
    /// Starts.
    pub starts: u64,
    /// Starts that were refused.
    pub refused: u64,
    /// Ends with a code other than 0, or by a signal.
    pub failed: u64,
    /// User and system CPU time of those that ended, in microseconds.
    pub cpu_us: u64,
}

/// A host and what went there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct HostReport {
    /// Its name, or its address where no name is known.
    pub host: String,
    /// Ports.
    pub ports: Vec<u16>,
    /// Names that were asked for (DNS).
    pub queries: u64,
    /// Connections.
    pub connections: u64,
    /// HTTP requests.
    pub requests: u64,
    /// Operations with it that were refused.
    pub refused: u64,
    /// Bytes that the session sent, as far as they were counted.
    pub bytes_sent: u64,
    /// Bytes that it got.
    pub bytes_received: u64,
}

/// What one rule refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RefusalReport {
    /// The rule; absent where a default refused.
    pub rule: Option<String>,
    /// Kind of the operation.
    pub operation: String,
    /// How often.
    pub times: u64,
    /// Position of the first decision.
    pub seq: u64,
    /// What the first was about.
    pub subject: String,
    /// Why.
    pub reason: String,
    /// `false` where it is what would have been decided.
    pub enforced: bool,
}

/// What one rule detected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct DetectionReport {
    /// The rule's id.
    pub rule_id: String,
    /// The rule's title.
    pub title: String,
    /// The rule's level.
    pub level: String,
    /// ATT&CK techniques.
    pub techniques: Vec<TechniqueId>,
    /// How often.
    pub times: u64,
    /// Position of the first.
    pub seq: u64,
}

/// What was lost while the session ran.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct LossReport {
    /// Position of the `events_lost`.
    pub seq: u64,
    /// Where.
    pub hop: String,
    /// Why.
    pub reason: String,
    /// How many.
    pub count: u64,
}

/// What one layer did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct LayerLine {
    /// The layer.
    pub layer: Layer,
    /// What it did.
    pub state: LayerState,
    /// By what means.
    pub mechanism: Option<String>,
    /// Why it was not enforcing, or what it does not cover.
    pub reason: Option<String>,
}

/// Whether what was read is what was written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Integrity {
    /// Events whose leaf was computed anew and is the stored one.
    pub leaves_right: u64,
    /// Positions of events whose leaf is another, at most twenty.
    pub leaves_wrong: Vec<u64>,
    /// Events that the signed checkpoint covers which covers the whole session; absent where none does yet.
    pub tree_size: Option<u64>,
    /// Its root, in hex.
    pub root: Option<String>,
    /// The key that signed it, in its printable form.
    pub key: Option<String>,
    /// Why its signature is not right.
    pub signature_error: Option<String>,
    /// Whether the whole journal was verified for this report, and was whole; absent where it was not looked at.
    pub journal_whole: Option<bool>,
    /// What was found wrong with the journal, at most twenty.
    pub findings: Vec<String>,
}

/// A session.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
pub struct Report {
    /// Its name.
    pub session: String,
    /// Host.
    pub hostname: String,
    /// User who started it.
    pub uid: Option<u32>,
    /// The directory that was watched.
    pub workspace: Option<OsText>,
    /// Labels.
    pub labels: Vec<String>,
    /// Name of its policy.
    pub policy: Option<String>,
    /// SHA-256 of the policy's text, in hex.
    pub policy_digest: Option<String>,
    /// Version of agentsh that recorded it.
    pub agentsh_version: Option<String>,
    /// When it began, microseconds since 1970.
    pub began_us: i64,
    /// When its last event was seen.
    pub last_us: i64,
    /// Why it ended; absent while it runs.
    pub end_reason: Option<String>,
    /// Events that were read: all of the session.
    pub events: u64,
    /// First and last `seq`.
    pub seqs: (u64, u64),
    /// Events by kind.
    pub kinds: BTreeMap<String, u64>,
    /// Decisions, by verdict.
    pub decisions: BTreeMap<String, u64>,
    /// Whether it is what was written.
    pub integrity: Integrity,
    /// What was lost.
    pub losses: Vec<LossReport>,
    /// What was watching.
    pub layers: Vec<LayerLine>,
    /// Commands.
    pub commands: Listed<CommandReport>,
    /// Processes.
    pub processes: u64,
    /// Programs, those that were started most first.
    pub programs: Listed<ProgramReport>,
    /// Operations that failed, by kind and error.
    pub failures: Listed<Counted>,
    /// What became of files.
    pub changes: Listed<Change>,
    /// How many of each change.
    pub change_counts: BTreeMap<String, u64>,
    /// Files that were made and removed again.
    pub transient: u64,
    /// Files that were opened outside of the workspace.
    pub outside: Listed<Counted>,
    /// Hosts, those that got most first.
    pub hosts: Listed<HostReport>,
    /// Refusals, the most frequent first.
    pub refused: Listed<RefusalReport>,
    /// Detections by tactic, in the order of the matrix; a rule without one stands under an empty name.
    pub detections: BTreeMap<String, Vec<DetectionReport>>,
}

impl<T> Default for Listed<T> {
    fn default() -> Self {
        Self { all: 0, first: Vec::new() }
    }
}

/// The JSON Schema (draft 2020-12) of a report's JSON form: `schemas/report.schema.json`.
#[must_use]
pub fn report_schema() -> String {
    let schema = SchemaSettings::draft2020_12().for_serialize().into_generator().into_root_schema_for::<Report>();
    // A JSON value always has a text form.
    let mut text = serde_json::to_string_pretty(&schema).unwrap_or_default();
    text.push('\n');
    text
}
