//! What was decided or detected about other events: numbers on the wire.

use super::super::form::{messages, words};
use crate::event::*;

words! {
    Decision { Allow = Allow, Audit = Audit, Redirect = Redirect, SoftDelete = SoftDelete, Approve = Approve, Deny = Deny }
    ApprovalOutcome { Allowed = Allowed, Denied = Denied, TimedOut = TimedOut }
}

messages! {
    PolicyDecision { subject: Option<String> = 1, operation: Kind = 2, decision: Decision = 3, rule: Option<String> = 4, reason: String = 5, policy_digest: String = 6, redirect_to: Option<String> = 7, enforced: Option<bool> = 8 }
    ApprovalRequested { subject: Option<String> = 1, operation: Kind = 2, rule: Option<String> = 3, timeout_ms: u64 = 4 }
    ApprovalResolved { subject: Option<String> = 1, outcome: ApprovalOutcome = 2, by: Option<String> = 3, origin: Option<String> = 4, reason: Option<String> = 5, waited_us: u64 = 6 }
    Detection { rule_id: String = 1, title: String = 2, level: String = 3, techniques: Vec<TechniqueId> = 4, tactics: Vec<String> = 5, attack_version: Option<String> = 6, events: Vec<Seq> = 7 }
    OperationFailed { subject: Option<String> = 1, operation: Kind = 2, errno: i32 = 3, error: String = 4 }
}
