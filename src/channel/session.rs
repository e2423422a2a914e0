//! `SessionChannel`: one session's way into the channel, as the interception layers see it.

use std::sync::Arc;

use arc_swap::ArcSwap;

use super::event_channel::{EventChannel, GateError};
use crate::event::{Actor, CommandId, Decision, Event, EventId, Kind, OperationFailed, Payload, SessionId, Severity};
use crate::policy::Policy;
use crate::runtime::{clock, ids};

/// What became of a gated operation.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// The event that stands for the operation; the cause of whatever completes it.
    pub event: EventId,
    /// What the interceptor must do.
    pub outcome: Outcome,
}

impl Verdict {
    /// The refusal, if the operation must not happen.
    #[must_use]
    pub const fn refusal(&self) -> Option<&Refusal> {
        match &self.outcome {
            Outcome::Proceed => None,
            Outcome::Refuse(refusal) => Some(refusal),
        }
    }
}

/// What an interceptor must do with the operation.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// Let it through: it is on record (G-1).
    Proceed,
    /// Refuse it.
    Refuse(Refusal),
}

/// Why an operation is refused, in words for the one who asked for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What refused it.
    pub by: RefusedBy,
    /// The rule; absent when a default or the recorder itself refused.
    pub rule: Option<Arc<str>>,
    /// Why.
    pub reason: Arc<str>,
}

/// What refused an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusedBy {
    /// A rule or a default of the policy.
    Policy,
    /// The journal cannot write (G-8).
    AuditFailure,
    /// The intake is full and `on_overload` is `deny`.
    Overload,
}

/// What an interceptor asks of the channel, so that its semantics can be tested without one. [`SessionChannel`] is the real one.
pub trait Gatekeeper: Send + Sync {
    /// Decides an operation that is about to happen and puts both on record (G-1). May wait.
    fn gate(&self, payload: Payload, actor: Option<Actor>, cause: Option<EventId>) -> Verdict;

    /// Puts on record what has happened.
    fn observe(&self, payload: Payload, actor: Option<Actor>, cause: Option<EventId>) -> EventId;

    /// Records that an operation which was let through failed.
    fn failed(&self, operation: EventId, kind: Kind, subject: Option<String>, actor: Option<Actor>, errno: i32);

    /// Puts on record what has happened, with what policy would have decided.
    fn judge_in_hindsight(&self, payload: Payload, actor: Option<Actor>) -> EventId;
}

impl Gatekeeper for SessionChannel {
    fn gate(&self, payload: Payload, actor: Option<Actor>, cause: Option<EventId>) -> Verdict {
        Self::gate(self, payload, actor, cause)
    }

    fn observe(&self, payload: Payload, actor: Option<Actor>, cause: Option<EventId>) -> EventId {
        Self::observe(self, payload, actor, cause)
    }

    fn failed(&self, operation: EventId, kind: Kind, subject: Option<String>, actor: Option<Actor>, errno: i32) {
        Self::failed(self, operation, kind, subject, actor, errno);
    }

    fn judge_in_hindsight(&self, payload: Payload, actor: Option<Actor>) -> EventId {
        let event = self.event(payload, actor, None);
        let policy = self.policy.load();
        let judgement = policy.decide(&event).in_hindsight();
        self.channel.publish_decided(&event, &judgement, policy.digest());
        event.id
    }
}

/// One session's way into the channel. Cheap to clone; shared by all layers of the session.
#[derive(Clone)]
pub struct SessionChannel {
    channel: Arc<EventChannel>,
    policy: Arc<ArcSwap<Policy>>,
    session: SessionId,
    command: Option<CommandId>,
}

impl SessionChannel {
    /// A way into `channel` for the session, judged by `policy`.
    #[must_use]
    pub fn new(channel: Arc<EventChannel>, policy: Arc<ArcSwap<Policy>>, session: SessionId) -> Self {
        Self { channel, policy, session, command: None }
    }

    /// The same way in, for events of one command.
    #[must_use]
    pub fn for_command(&self, command: CommandId) -> Self {
        Self { command: Some(command), ..self.clone() }
    }

    /// The session.
    #[must_use]
    pub const fn session_id(&self) -> &SessionId {
        &self.session
    }

    /// The policy in force now.
    #[must_use]
    pub fn policy(&self) -> Arc<Policy> {
        self.policy.load_full()
    }

    /// Decides an operation that is about to happen and puts both on record; blocks while the intake is full and `on_overload` is
    /// `block`. The interceptor does what the verdict says and nothing else.
    #[must_use]
    pub fn gate(&self, payload: impl Into<Payload>, actor: Option<Actor>, cause: Option<EventId>) -> Verdict {
        let event = self.event(payload.into(), actor, cause);
        let policy = self.policy.load();
        let judgement = policy.decide(&event);
        let outcome = match self.channel.gate(&event, &judgement, &policy) {
            Ok(()) if judgement.decision == Decision::Deny => {
                Outcome::Refuse(Refusal { by: RefusedBy::Policy, rule: judgement.rule, reason: judgement.reason })
            }
            Ok(()) => Outcome::Proceed,
            Err(GateError::JournalCannotWrite { reason }) => {
                Outcome::Refuse(Refusal { by: RefusedBy::AuditFailure, rule: None, reason })
            }
            Err(GateError::IntakeFull) => Outcome::Refuse(Refusal {
                by: RefusedBy::Overload,
                rule: None,
                reason: "the recorder cannot keep up and `journal.on_overload` is `deny`".into(),
            }),
        };
        Verdict { event: event.id, outcome }
    }

    /// Puts something on record that has happened. What cannot be recorded is counted and becomes an `events_lost` (G-2).
    pub fn observe(&self, payload: impl Into<Payload>, actor: Option<Actor>, cause: Option<EventId>) -> EventId {
        let event = self.event(payload.into(), actor, cause);
        let id = event.id;
        self.channel.publish(&event);
        id
    }

    /// Records that an operation which was let through failed.
    pub fn failed(&self, operation: EventId, kind: Kind, subject: Option<String>, actor: Option<Actor>, errno: i32) {
        let error = nix::errno::Errno::from_raw(errno);
        let payload = OperationFailed { operation: kind, subject, errno, error: format!("{error:?}") };
        self.observe(payload, actor, Some(operation));
    }

    fn event(&self, payload: Payload, actor: Option<Actor>, cause: Option<EventId>) -> Event {
        let time = clock::now();
        Event {
            id: ids::event_id(time),
            time,
            session_id: Some(self.session.clone()),
            command_id: self.command.clone(),
            cause,
            actor,
            sensor: None,
            imported: None,
            attack: Vec::new(),
            severity: Severity::Informational,
            payload,
        }
    }
}
