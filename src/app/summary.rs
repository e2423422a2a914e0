//! What a session left in the journal, in a few lines: for the end of `run` and for `demo`.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::ops::ControlFlow;

use serde::Serialize;

use crate::event::printable;
use crate::event::{CapabilityReport, Decision, Detection, Kind, Layer, LayerState, SessionId};
use crate::journal::{Condition, DataDir, JournalError, JournalRow, ReaderStore, StoreError};

/// Refusals that are listed one by one; more are only counted.
const LISTED: usize = 20;

/// One refusal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Refused {
    /// Position of the operation's decision.
    pub seq: u64,
    /// Kind of the operation.
    pub operation: String,
    /// What it was about.
    pub subject: String,
    /// The rule that refused it; absent when a default did.
    pub rule: Option<String>,
    /// Why.
    pub reason: String,
    /// How often the same thing was refused.
    pub times: u64,
}

/// What one rule detected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Detected {
    /// Position of the first detection.
    pub seq: u64,
    /// The rule's id.
    pub rule_id: String,
    /// The rule's title.
    pub title: String,
    /// The rule's level.
    pub level: String,
    /// ATT&CK techniques.
    pub techniques: Vec<String>,
    /// How often.
    pub times: u64,
}

/// A layer that this version has and that was not enforcing in the session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Gap {
    /// The layer.
    pub layer: Layer,
    /// What it did instead.
    pub state: LayerState,
    /// Why.
    pub reason: String,
}

/// What a session left in the journal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// The session.
    pub session: String,
    /// Events of the session.
    pub events: u64,
    /// First and last `seq`.
    pub seqs: (u64, u64),
    /// Events by kind.
    pub kinds: BTreeMap<String, u64>,
    /// Decisions.
    pub decisions: u64,
    /// Operations that were refused.
    pub denied: u64,
    /// The refusals, the same ones together, at most twenty.
    pub refused: Vec<Refused>,
    /// Detections.
    pub detections: u64,
    /// What rules detected, the gravest first, at most twenty rules.
    pub detected: Vec<Detected>,
    /// Events that no rule had looked at yet when the summary was made: the next process that detects does.
    pub undetected: u64,
    /// Layers that could not watch or refuse here, and why (G-10).
    pub gaps: Vec<Gap>,
    /// Events lost while the session ran, all recorders together.
    pub lost: u64,
}

impl Summary {
    /// Reads it from the journal.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn read(data_dir: &DataDir, session: &SessionId) -> Result<Self, JournalError> {
        let store = ReaderStore::open(&data_dir.journal())?;
        let store_error = |source| JournalError::Store { path: data_dir.journal(), source };
        let mut summary = Self { session: session.to_string(), ..Self::default() };
        let of_session = Condition::Session(session.to_string());
        summary.kinds = store.count_kinds(std::slice::from_ref(&of_session)).map_err(store_error)?;
        summary.events = summary.kinds.values().sum();
        summary.decisions = summary.kinds.get(Kind::PolicyDecision.as_str()).copied().unwrap_or(0);
        if let Some(row) = store.session(session.as_str()).map_err(store_error)? {
            summary.seqs = row.seqs;
        }
        let report = [of_session.clone(), Condition::Kinds(vec![Kind::CapabilityReport])];
        store.rows::<StoreError>(0, &report, Some(1), |row| summary.add_gaps(row)).map_err(store_error)?;
        let detections = [of_session.clone(), Condition::Kinds(vec![Kind::Detection])];
        store.rows::<StoreError>(0, &detections, None, |row| summary.add_detection(row)).map_err(store_error)?;
        summary.detected.sort_by_key(|detected| (std::cmp::Reverse(rank(&detected.level)), detected.seq));
        summary.detected.truncate(LISTED);
        let denied = [of_session, Condition::Kinds(vec![Kind::PolicyDecision]), Condition::Decisions(vec![Decision::Deny])];
        store.rows::<StoreError>(0, &denied, None, |row| summary.add_refusal(row)).map_err(store_error)?;
        let lost = [Condition::Kinds(vec![Kind::EventsLost])];
        let first = summary.seqs.0.saturating_sub(1);
        store
            .rows::<StoreError>(first, &lost, None, |row| {
                #[derive(serde::Deserialize)]
                struct Lost {
                    count: u64,
                }
                let lost: Lost =
                    serde_json::from_str(row.columns.payload).map_err(|error| StoreError::Damaged(error.to_string()))?;
                summary.lost += lost.count;
                Ok(ControlFlow::Continue(()))
            })
            .map_err(store_error)?;
        Ok(summary)
    }

    /// Only of the layers that this version has: that the others are absent is known before a session starts.
    fn add_gaps(&mut self, row: &JournalRow<'_>) -> Result<ControlFlow<()>, StoreError> {
        let report: CapabilityReport =
            serde_json::from_str(row.columns.payload).map_err(|error| StoreError::Damaged(error.to_string()))?;
        let expected = |layer| matches!(layer, Layer::Fuse | Layer::Proxy | Layer::Exec | Layer::Confinement);
        let gaps = report.layers.into_iter().filter(|report| expected(report.layer) && report.state != LayerState::Enforcing);
        self.gaps.extend(gaps.map(|report| Gap {
            layer: report.layer,
            state: report.state,
            reason: report.reason.unwrap_or_default(),
        }));
        Ok(ControlFlow::Continue(()))
    }

    fn add_detection(&mut self, row: &JournalRow<'_>) -> Result<ControlFlow<()>, StoreError> {
        let found: Detection =
            serde_json::from_str(row.columns.payload).map_err(|error| StoreError::Damaged(error.to_string()))?;
        self.detections += 1;
        if let Some(known) = self.detected.iter_mut().find(|known| known.rule_id == found.rule_id) {
            known.times += 1;
            return Ok(ControlFlow::Continue(()));
        }
        self.detected.push(Detected {
            seq: row.seq,
            rule_id: found.rule_id,
            title: found.title,
            level: found.level,
            techniques: found.techniques.iter().map(|technique| technique.as_str().to_owned()).collect(),
            times: 1,
        });
        Ok(ControlFlow::Continue(()))
    }

    fn add_refusal(&mut self, row: &JournalRow<'_>) -> Result<ControlFlow<()>, StoreError> {
        #[derive(serde::Deserialize)]
        struct Decided {
            operation: String,
            reason: String,
            #[serde(default)]
            enforced: Option<bool>,
        }
        let decided: Decided =
            serde_json::from_str(row.columns.payload).map_err(|error| StoreError::Damaged(error.to_string()))?;
        if decided.enforced == Some(false) {
            return Ok(ControlFlow::Continue(()));
        }
        self.denied += 1;
        let subject = row.columns.subject.unwrap_or("");
        let rule = row.columns.rule.map(str::to_owned);
        let known = self
            .refused
            .iter()
            .position(|known| known.operation == decided.operation && known.subject == subject && known.rule == rule);
        if let Some(known) = known.and_then(|index| self.refused.get_mut(index)) {
            known.times += 1;
        } else if self.refused.len() < LISTED {
            self.refused.push(Refused {
                seq: row.seq,
                operation: decided.operation,
                subject: subject.to_owned(),
                rule,
                reason: decided.reason,
                times: 1,
            });
        }
        Ok(ControlFlow::Continue(()))
    }

    fn count(&self, kinds: &[Kind]) -> u64 {
        kinds.iter().filter_map(|kind| self.kinds.get(kind.as_str())).sum()
    }

    /// Events in words: what a person asks first.
    fn in_words(&self) -> String {
        let parts = [
            (self.count(&[Kind::ProcessExec]), "program started", "programs started"),
            (self.count(&[Kind::FileOpen, Kind::DirList]), "file or directory opened", "files and directories opened"),
            (
                self.count(&[Kind::FileCreate, Kind::DirCreate, Kind::FileSymlink, Kind::FileLink]),
                "name created",
                "names created",
            ),
            (self.count(&[Kind::FileDelete, Kind::DirDelete]), "name removed", "names removed"),
            (self.count(&[Kind::FileRename]), "rename", "renames"),
            (self.count(&[Kind::HttpRequest]), "web request", "web requests"),
            (self.count(&[Kind::NetConnect]), "connection", "connections"),
        ];
        let mut words = String::new();
        for (count, one, many) in parts.into_iter().filter(|(count, ..)| *count > 0) {
            let separator = if words.is_empty() { "" } else { ", " };
            // Writing to a String cannot fail.
            let _ = write!(words, "{separator}{count} {}", if count == 1 { one } else { many });
        }
        if words.is_empty() { "nothing that is watched".to_owned() } else { words }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "agentsh: session {}: {} events (seq {} to {})", self.session, self.events, self.seqs.0, self.seqs.1)?;
        writeln!(f, "  recorded  {}", self.in_words())?;
        if self.denied == 0 {
            writeln!(f, "  refused   nothing")?;
        } else {
            writeln!(f, "  refused   {} of {} decisions:", self.denied, self.decisions)?;
            for refused in &self.refused {
                let times = if refused.times > 1 { format!(" ({} times)", refused.times) } else { String::new() };
                let rule = printable(refused.rule.as_deref().unwrap_or("default"));
                writeln!(
                    f,
                    "    ✗ {} {}{times}  [{rule}] {}",
                    verb(&refused.operation),
                    printable(&refused.subject),
                    printable(&refused.reason)
                )?;
            }
            let listed: u64 = self.refused.iter().map(|refused| refused.times).sum();
            if self.denied > listed {
                writeln!(f, "    … and {} more", self.denied - listed)?;
            }
        }
        if self.detections > 0 {
            writeln!(f, "  detected  {} times:", self.detections)?;
            for detected in &self.detected {
                let times = if detected.times > 1 { format!(" ({} times)", detected.times) } else { String::new() };
                let techniques = detected.techniques.join(" ");
                writeln!(
                    f,
                    "    ! {} {}{times}  [{techniques}] seq {}",
                    printable(&detected.level),
                    printable(&detected.title),
                    detected.seq
                )?;
            }
        }
        if self.undetected > 0 {
            writeln!(
                f,
                "  later     rules have not looked at {} events yet: the server or a longer run does, or `agentsh detect backfill`",
                self.undetected
            )?;
        }
        for gap in &self.gaps {
            writeln!(f, "  {:<9} {}: {} (see: agentsh doctor)", gap.state.as_str(), in_plain_words(gap.layer), gap.reason)?;
        }
        if self.lost > 0 {
            writeln!(f, "  LOST      {} events could not be recorded: agentsh events --kind events_lost", self.lost)?;
        }
        Ok(())
    }
}

/// The order of levels.
fn rank(level: &str) -> usize {
    ["informational", "low", "medium", "high", "critical"].iter().position(|word| *word == level).unwrap_or(0)
}

fn in_plain_words(layer: Layer) -> &'static str {
    match layer {
        Layer::Fuse => "the workspace's files",
        Layer::Proxy => "web requests",
        Layer::Exec => "programs",
        Layer::Confinement => "what hides the recorder",
        Layer::Dns => "names",
        Layer::Transparent => "connections",
        Layer::UnixSocket => "unix sockets",
        Layer::Registry => "the registry",
        Layer::OutsideFiles => "files outside of the workspace",
        Layer::Limits => "limits",
    }
}

/// `file_open` → `open`: the family is clear from the subject.
fn verb(operation: &str) -> &str {
    match operation {
        "process_exec" => "run",
        "http_request" => "request",
        "net_connect" => "connect",
        "dir_create" => "mkdir",
        "dir_delete" => "rmdir",
        "dir_list" => "list",
        other => other.strip_prefix("file_").unwrap_or(other),
    }
}
