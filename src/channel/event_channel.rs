//! `EventChannel`: many producers, one consumer, over the intake.

use std::cell::RefCell;
use std::sync::Arc;

use super::config::{ChannelConfig, Durability, OnOverload};
use super::intake::{AppendError, Hop, Intake, WhenFull};
use crate::encode::stored;
use crate::event::{Actor, Decision, Event, EventId, Kind, PolicyDecision, Severity};
use crate::policy::{Judgement, OnAuditFailure, Policy};
use crate::runtime::clock;
use crate::runtime::metrics::metrics;

/// Why a gated operation must be refused although no rule refuses it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GateError {
    /// The journal cannot write (G-8). The refusal itself is in the intake, or counted where there was no room.
    #[error("the journal cannot write: {reason}")]
    JournalCannotWrite {
        /// What the journal said.
        reason: Arc<str>,
    },
    /// The intake is full and `on_overload` is `deny`; nothing was appended, the refusal was counted.
    #[error("the intake is full")]
    IntakeFull,
}

/// Many producers, one consumer: the interceptors' side. The consumer is the journal's writer, which drains [`EventChannel::intake`].
pub struct EventChannel {
    intake: Arc<Intake>,
    config: ChannelConfig,
}

thread_local! {
    /// Where a thread builds its record; kept, so that an event costs no allocation here.
    static SCRATCH: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

impl EventChannel {
    /// A channel over an intake.
    #[must_use]
    pub const fn new(intake: Arc<Intake>, config: ChannelConfig) -> Self {
        Self { intake, config }
    }

    /// The intake that the writer drains.
    #[must_use]
    pub const fn intake(&self) -> &Arc<Intake> {
        &self.intake
    }

    /// Puts an operation and its decision on record, together, at the durability of its family; waits while the intake is full and
    /// `on_overload` is `block`.
    ///
    /// # Errors
    /// [`GateError`]; then the operation must be refused, whatever the judgement says.
    pub fn gate(&self, event: &Event, judgement: &Judgement, policy: &Policy) -> Result<(), GateError> {
        let started = clock::instant();
        let family = event.kind().family();
        let durability = self.config.durability.of(family);
        let result = self.gate_at(durability, event, judgement, policy);
        let metrics = metrics();
        metrics.gate_latency.observe(durability.as_str(), clock::micros_since(started));
        metrics.events.of(event.kind()).add(1);
        metrics.events.of(Kind::PolicyDecision).add(1);
        metrics.decisions.of(judgement.decision).of(family).add(1);
        result
    }

    fn gate_at(&self, durability: Durability, event: &Event, judgement: &Judgement, policy: &Policy) -> Result<(), GateError> {
        if let Some(reason) = self.intake.failure() {
            return self.gate_while_failing(event, judgement, policy, reason);
        }
        let (when_full, hop) = match self.config.on_overload {
            OnOverload::Block => (WhenFull::Wait, Hop::GateRefused),
            OnOverload::Deny => (WhenFull::GiveUp, Hop::GateRefused),
            OnOverload::Shed => (WhenFull::GiveUp, Hop::GateUnrecorded),
        };
        let appended = with_record(event, Some((judgement, policy.digest())), |record| match durability {
            Durability::Buffered => self.intake.append_buffered(record, 2, when_full, hop, event.time).map(|()| None),
            Durability::CrashSafe => self.intake.append(record, 2, when_full, hop, event.time).map(|_position| None),
            Durability::Durable => self.intake.append(record, 2, when_full, hop, event.time).map(Some),
        });
        match appended {
            Ok(None) => Ok(()),
            Ok(Some(position)) => self.intake.sync_to(position).map_err(|error| {
                let reason: Arc<str> = format!("the intake cannot be synced: {error}").into();
                self.intake.set_failure(Some(Arc::clone(&reason)));
                GateError::JournalCannotWrite { reason }
            }),
            Err(AppendError::Full) => match self.intake.failure() {
                // The wait for room ended because the journal failed.
                Some(reason) => self.answer_failing(policy, reason),
                None if self.config.on_overload == OnOverload::Shed => Ok(()),
                None => Err(GateError::IntakeFull),
            },
            Err(error @ (AppendError::TooLarge { .. } | AppendError::Io { .. })) => {
                self.answer_failing(policy, error.to_string().into())
            }
        }
    }

    /// G-8: the journal cannot write. The operation is refused, or let through if the policy says so; either way that is recorded in
    /// the intake while it has room, and counted after that.
    fn gate_while_failing(
        &self,
        event: &Event,
        judgement: &Judgement,
        policy: &Policy,
        reason: Arc<str>,
    ) -> Result<(), GateError> {
        let (hop, refusal) = match policy.on_audit_failure() {
            OnAuditFailure::Allow => (Hop::GateUnrecorded, None),
            OnAuditFailure::Deny => (
                Hop::GateRefused,
                Some(Judgement {
                    decision: Decision::Deny,
                    rule: None,
                    reason: format!("the journal cannot write: {reason}").into(),
                }),
            ),
        };
        let judgement = refusal.as_ref().unwrap_or(judgement);
        // Whether it fits or is counted makes no difference to the answer.
        let _recorded_or_counted = with_record(event, Some((judgement, policy.digest())), |record| {
            self.intake.append(record, 2, WhenFull::GiveUp, hop, event.time)
        });
        self.answer_failing(policy, reason)
    }

    fn answer_failing(&self, policy: &Policy, reason: Arc<str>) -> Result<(), GateError> {
        match policy.on_audit_failure() {
            OnAuditFailure::Allow => Ok(()),
            OnAuditFailure::Deny => Err(GateError::JournalCannotWrite { reason }),
        }
    }

    /// Puts an observed event on record at the durability of its family. It has happened, so it cannot be refused: while the intake
    /// is full it waits (`on_overload: block` or `deny`) or is counted as lost (`shed`, or a journal that cannot write).
    pub fn publish(&self, event: &Event) {
        metrics().events.of(event.kind()).add(1);
        let when_full = match self.config.on_overload {
            OnOverload::Block | OnOverload::Deny => WhenFull::Wait,
            OnOverload::Shed => WhenFull::GiveUp,
        };
        // What was not appended is counted in the intake's header: that is the record of the loss (G-2).
        let _recorded_or_counted = with_record(event, None, |record| match self.config.durability.of(event.kind().family()) {
            Durability::Buffered => self.intake.append_buffered(record, 1, when_full, Hop::IntakeFull, event.time),
            Durability::CrashSafe => self.intake.append(record, 1, when_full, Hop::IntakeFull, event.time).map(|_position| ()),
            Durability::Durable => self.intake.append(record, 1, when_full, Hop::IntakeFull, event.time).map(|position| {
                if let Err(error) = self.intake.sync_to(position) {
                    self.intake.set_failure(Some(format!("the intake cannot be synced: {error}").into()));
                }
            }),
        });
    }
}

fn with_record<T>(event: &Event, decided: Option<(&Judgement, &str)>, append: impl FnOnce(&[u8]) -> T) -> T {
    SCRATCH.with_borrow_mut(|record| {
        record.clear();
        stored::encode(event, record);
        if let Some((judgement, digest)) = decided {
            stored::encode(&decision_event(event, judgement, digest), record);
        }
        append(record)
    })
}

/// The decision as an event: its id and its time follow from the operation, so that a replay derives it byte for byte (G-6).
#[must_use]
pub fn decision_event(operation: &Event, judgement: &Judgement, policy_digest: &str) -> Event {
    Event {
        id: EventId::derived(operation.id, Kind::PolicyDecision, 0),
        time: operation.time,
        session_id: operation.session_id.clone(),
        command_id: operation.command_id.clone(),
        cause: Some(operation.id),
        actor: operation.actor.as_ref().map(|actor| Actor { pid: actor.pid, ..Actor::default() }),
        attack: Vec::new(),
        severity: match judgement.decision {
            Decision::Allow | Decision::Redirect | Decision::SoftDelete => Severity::Informational,
            Decision::Audit | Decision::Approve => Severity::Low,
            Decision::Deny => Severity::Medium,
        },
        payload: PolicyDecision {
            operation: operation.kind(),
            subject: operation.subject().map(std::borrow::Cow::into_owned),
            decision: judgement.decision,
            rule: judgement.rule.as_deref().map(str::to_owned),
            reason: judgement.reason.to_string(),
            policy_digest: policy_digest.to_owned(),
            redirect_to: None,
        }
        .into(),
    }
}
