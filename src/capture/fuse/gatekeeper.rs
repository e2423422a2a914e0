//! What the file system asks of the channel, so that its semantics can be tested without one.

use crate::channel::{SessionChannel, Verdict};
use crate::event::{Actor, EventId, Kind, Payload};

/// Decides and records what the session does to files.
pub trait Gatekeeper: Send + Sync {
    /// Decides an operation that is about to happen and puts both on record.
    fn gate(&self, payload: Payload, actor: Option<Actor>, cause: Option<EventId>) -> Verdict;
    /// Puts something on record that has happened.
    fn observe(&self, payload: Payload, actor: Option<Actor>, cause: Option<EventId>) -> EventId;
    /// Records that an operation which was let through failed.
    fn failed(&self, operation: EventId, kind: Kind, subject: Option<String>, actor: Option<Actor>, errno: i32);
}

impl Gatekeeper for SessionChannel {
    fn gate(&self, payload: Payload, actor: Option<Actor>, cause: Option<EventId>) -> Verdict {
        SessionChannel::gate(self, payload, actor, cause)
    }

    fn observe(&self, payload: Payload, actor: Option<Actor>, cause: Option<EventId>) -> EventId {
        SessionChannel::observe(self, payload, actor, cause)
    }

    fn failed(&self, operation: EventId, kind: Kind, subject: Option<String>, actor: Option<Actor>, errno: i32) {
        SessionChannel::failed(self, operation, kind, subject, actor, errno);
    }
}
