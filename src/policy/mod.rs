//! DECIDE: from a policy's text to a verdict on an operation.
//!
//! Guarantee: evaluation is a pure function of event and policy. Never: a clock, a disk, the environment, or an order that depends on hashing.

use std::sync::Arc;

use crate::event::{Decision, Event};

/// A compiled policy.
pub struct Policy {
    /// What it wants when the journal cannot write.
    pub on_audit_failure: OnAuditFailure,
}

/// What a policy says about one operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// The verdict.
    pub decision: Decision,
    /// The rule that decided; absent when the family's default did.
    pub rule: Option<Arc<str>>,
    /// Why, for a person.
    pub reason: Arc<str>,
}

impl Policy {
    /// Judges an operation.
    #[must_use]
    pub fn decide(&self, _event: &Event) -> Judgement {
        Judgement { decision: Decision::Allow, rule: None, reason: "".into() }
    }
}

/// What a policy wants when the journal cannot write (G-8).
#[derive(Default, Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnAuditFailure {
    /// Refuse.
    #[default]
    Deny,
    /// Let through.
    Allow,
}

impl Policy {
    /// What it wants when the journal cannot write.
    #[must_use]
    pub fn on_audit_failure(&self) -> OnAuditFailure {
        self.on_audit_failure
    }

    /// SHA-256 of the text, in hex.
    #[must_use]
    pub fn digest(&self) -> &str {
        ""
    }
}
