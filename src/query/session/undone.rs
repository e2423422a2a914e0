//! The operations of a session that did not happen.

use std::collections::HashSet;

use crate::event::{ApprovalOutcome, Decision, Event, EventId, Payload};

/// Operations that were refused, or let through and then failed. Asked for membership alone, so that its order does not matter.
#[derive(Clone, Debug, Default)]
pub struct Undone {
    of: HashSet<EventId>,
}

impl Undone {
    /// Takes an event in.
    pub fn take(&mut self, event: &Event) {
        let Some(cause) = event.cause else { return };
        let undone = if let Payload::PolicyDecision(decided) = &event.payload {
            // What was over before policy saw it has happened.
            decided.decision == Decision::Deny && decided.enforced != Some(false)
        } else if let Payload::ApprovalResolved(answer) = &event.payload {
            answer.outcome != ApprovalOutcome::Allowed
        } else {
            matches!(event.payload, Payload::OperationFailed(_))
        };
        if undone {
            self.of.insert(cause);
        }
    }

    /// Whether the operation did not happen.
    #[must_use]
    pub fn contains(&self, operation: EventId) -> bool {
        self.of.contains(&operation)
    }
}
