//! What the proxy asks of the session that it belongs to.

use crate::channel::{Refusal, RefusedBy, SessionChannel, Verdict};
use crate::event::{Actor, Decision, EventId, Kind, Payload};

/// The way into the channel, as the proxy needs it. Every call may block.
pub trait Gatekeeper: Send + Sync + 'static {
    /// See [`SessionChannel::gate`].
    fn gate(&self, payload: Payload, actor: Option<Actor>, cause: Option<EventId>) -> Verdict;

    /// See [`SessionChannel::observe`].
    fn observe(&self, payload: Payload, actor: Option<Actor>, cause: Option<EventId>) -> EventId;

    /// See [`SessionChannel::failed`].
    fn failed(&self, operation: EventId, kind: Kind, subject: Option<String>, actor: Option<Actor>, errno: i32);

    /// The refusal, if a destination is refused whatever its address is: then its name is not even asked for.
    fn refused_by_name(&self, host: &str, port: u16) -> Option<Refusal>;
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

    fn refused_by_name(&self, host: &str, port: u16) -> Option<Refusal> {
        let judgement = self.policy().decide_by_name(host, port)?;
        (judgement.decision == Decision::Deny).then_some(Refusal {
            by: RefusedBy::Policy,
            rule: judgement.rule,
            reason: judgement.reason,
        })
    }
}
