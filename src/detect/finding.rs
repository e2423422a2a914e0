//! What a rule is to its users, what it found, and the event that this becomes.

use std::path::PathBuf;

use serde::Deserialize;

use super::attack::VERSION;
use crate::event::{Detection, Event, EventId, JournaledEvent, Seq, Severity, TechniqueId};

/// Section `detect`: which rules look at what is recorded.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DetectConfig {
    /// Whether detections are made at all.
    pub enabled: bool,
    /// Whether the rules that are part of the program are used.
    pub built_in: bool,
    /// Files and folders (with all that is beneath them) of further Sigma rules.
    pub rules: Vec<PathBuf>,
    /// How long `agentsh run` waits at its end for detections before its summary, in milliseconds. What is left is found by the next
    /// process that detects.
    pub catch_up_ms: u64,
}

impl Default for DetectConfig {
    fn default() -> Self {
        Self { enabled: true, built_in: true, rules: Vec::new(), catch_up_ms: 2_000 }
    }
}

/// A rule that is loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleInfo {
    /// Its id; one that it lacks is made from its title.
    pub id: String,
    /// Its title.
    pub title: String,
    /// Its level: `informational`, `low`, `medium`, `high` or `critical`.
    pub level: &'static str,
    /// ATT&CK techniques, in v19's ids.
    pub techniques: Vec<TechniqueId>,
    /// ATT&CK tactics, by their short names.
    pub tactics: Vec<String>,
    /// The file that it came from.
    pub file: String,
    /// The line in it that the rule's title or id stands on, from 1.
    pub line: Option<usize>,
    /// `product/category` of its log source, or `correlation`.
    pub source: String,
    /// Whether any of our events reaches it.
    pub fed: bool,
}

/// What a rule recognised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Which of the engine's rules.
    pub rule: usize,
    /// The events that it recognised, oldest first; the last one completed it.
    pub events: Vec<Seq>,
}

impl RuleInfo {
    /// How much a detection by this rule matters.
    #[must_use]
    pub fn severity(&self) -> Severity {
        match self.level {
            "low" => Severity::Low,
            "medium" => Severity::Medium,
            "high" => Severity::High,
            "critical" => Severity::Critical,
            _ => Severity::Informational,
        }
    }

    /// The id of this rule's detection on an event: the same whenever it is made.
    #[must_use]
    pub fn detection_id(&self, cause: EventId) -> EventId {
        EventId::of_detection(cause, &self.id)
    }

    /// The derived event that says that this rule recognised something, completed by `cause`. It has the time of its cause.
    #[must_use]
    pub fn detection(&self, cause: &JournaledEvent, events: Vec<Seq>) -> Event {
        let of = &cause.event;
        Event {
            id: self.detection_id(of.id),
            time: of.time,
            session_id: of.session_id.clone(),
            command_id: of.command_id.clone(),
            cause: Some(of.id),
            actor: of.actor.clone(),
            sensor: None,
            attack: self.techniques.clone(),
            severity: self.severity(),
            payload: Detection {
                rule_id: self.id.clone(),
                title: self.title.clone(),
                level: self.level.to_owned(),
                techniques: self.techniques.clone(),
                tactics: self.tactics.clone(),
                attack_version: Some(VERSION.to_owned()),
                events,
            }
            .into(),
        }
    }
}
