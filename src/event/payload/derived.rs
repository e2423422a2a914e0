//! What was decided or detected about other events, and how an operation that was let through failed.

use super::{payload, words};
use crate::event::{Kind, Seq, TechniqueId};

words! {
    /// What policy says about an operation, from the most lenient to the strictest.
    pub enum Decision {
        /// Let through.
        #[default]
        Allow => "allow",
        /// Let through and flagged.
        Audit => "audit",
        /// Sent elsewhere.
        Redirect => "redirect",
        /// Moved to the trash instead of removed.
        SoftDelete => "soft_delete",
        /// Held for a person.
        Approve => "approve",
        /// Refused.
        Deny => "deny",
    }

    /// How an approval ended.
    pub enum ApprovalOutcome {
        /// A person let it through.
        Allowed => "allowed",
        /// A person refused it.
        Denied => "denied",
        /// Nobody answered in time, which refuses it.
        #[default]
        TimedOut => "timed_out",
    }
}

payload! {
    /// Policy's verdict on the operation that is the cause, in the same commit.
    pub struct PolicyDecision {
        /// What the operation is about: its own subject.
        pub subject: Option<String>,
        /// The kind of the operation.
        pub operation: Kind,
        /// The verdict.
        pub decision: Decision,
        /// The rule that decided; absent when the family's default did.
        pub rule: Option<String>,
        /// Why, for a person.
        pub reason: String,
        /// SHA-256 of the policy's text, in hex.
        pub policy_digest: String,
        /// Where the operation was sent, for `redirect`.
        pub redirect_to: Option<String>,
        /// `false` where the operation was over before policy saw it (an import, Wine): the verdict is what would have been decided.
        pub enforced: Option<bool>,
    }

    /// An operation waits for a person.
    pub struct ApprovalRequested {
        /// What the operation is about: its own subject.
        pub subject: Option<String>,
        /// The kind of the operation.
        pub operation: Kind,
        /// The rule that asks.
        pub rule: Option<String>,
        /// How long it waits before it is refused, in milliseconds.
        pub timeout_ms: u64,
    }

    /// An operation that waited was answered; its cause is the `approval_requested`.
    pub struct ApprovalResolved {
        /// What the operation is about: its own subject.
        pub subject: Option<String>,
        /// The answer.
        pub outcome: ApprovalOutcome,
        /// Who answered.
        pub by: Option<String>,
        /// From where.
        pub origin: Option<String>,
        /// Why, in the answerer's words.
        pub reason: Option<String>,
        /// How long the operation waited, in microseconds.
        pub waited_us: u64,
    }

    /// A rule recognised something.
    pub struct Detection {
        /// The rule's id.
        pub rule_id: String,
        /// The rule's title.
        pub title: String,
        /// The rule's level (`low`, `medium`, `high`, `critical`, `informational`).
        pub level: String,
        /// ATT&CK techniques.
        pub techniques: Vec<TechniqueId>,
        /// ATT&CK tactics.
        pub tactics: Vec<String>,
        /// Version of ATT&CK that the ids are of.
        pub attack_version: Option<String>,
        /// The events that it recognised.
        pub events: Vec<Seq>,
    }

    /// An operation that was let through failed; its cause is the operation.
    pub struct OperationFailed {
        /// What the operation is about: its own subject.
        pub subject: Option<String>,
        /// The kind of the operation.
        pub operation: Kind,
        /// The error's number on Linux.
        pub errno: i32,
        /// The error's name (`ENOSPC`).
        pub error: String,
    }
}

/// `policy_decision` stands for no operation by itself; a default is needed only to read partial JSON.
impl Default for Kind {
    fn default() -> Self {
        Kind::PolicyDecision
    }
}
