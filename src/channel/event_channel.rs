//! `EventChannel`: many producers, one consumer, over the intake.

use std::cell::RefCell;
use std::sync::Arc;

use super::config::{ChannelConfig, Durability, OnOverload};
use super::intake::{AppendError, Hop, Intake, WhenFull};
use crate::encode::stored;
use crate::event::{Actor, Decision, Event, EventId, Kind, OperationFailed, PolicyDecision, Severity};
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
    pub(super) intake: Arc<Intake>,
    pub(super) config: ChannelConfig,
}

/// Bytes of scratch memory that a thread keeps; what a larger event needed is given back.
const SCRATCH_KEPT: usize = 64 * 1024;

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
        metrics.gate_latency.of(family).observe(durability.as_str(), clock::micros_since(started));
        metrics.events.of(event.kind()).add(1);
        metrics.events.of(Kind::PolicyDecision).add(1);
        metrics.decisions.of(judgement.decision).of(family).add(1);
        result
    }

    fn gate_at(&self, durability: Durability, event: &Event, judgement: &Judgement, policy: &Policy) -> Result<(), GateError> {
        if let Some(reason) = self.intake.failure() {
            return self.gate_while_failing(event, judgement, policy, reason);
        }
        let when_full = match self.config.on_overload {
            OnOverload::Block => WhenFull::Wait,
            OnOverload::Deny | OnOverload::Shed => WhenFull::GiveUp,
        };
        let appended = with_record(event, Some((judgement, policy.digest())), |record| match durability {
            Durability::Buffered => self.intake.append_buffered(record, 2, when_full).map(|()| None),
            Durability::CrashSafe => self.intake.append(record, 2, when_full).map(|_position| None),
            Durability::Durable => self.intake.append(record, 2, when_full).map(Some),
        });
        match appended {
            Ok(None) => Ok(()),
            Ok(Some(position)) => {
                self.intake.sync_to(position).or_else(|error| self.gate_unsynced(event, judgement, policy, &error))
            }
            Err(AppendError::Full) if self.config.on_overload == OnOverload::Shed => {
                self.lose(Hop::GateUnrecorded, 2, event);
                Ok(())
            }
            Err(AppendError::Full) => {
                self.lose(Hop::GateRefused, 2, event);
                Err(GateError::IntakeFull)
            }
            Err(error) => self.gate_unrecorded(event, policy, error),
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
        let refusal = match policy.on_audit_failure() {
            OnAuditFailure::Allow => None,
            OnAuditFailure::Deny => Some(Judgement::new(Decision::Deny, None, format!("the journal cannot write: {reason}"))),
        };
        let judgement = refusal.as_ref().unwrap_or(judgement);
        let appended =
            with_record(event, Some((judgement, policy.digest())), |record| self.intake.append(record, 2, WhenFull::GiveUp));
        match appended {
            Ok(_recorded) => answer_failing(policy, reason),
            Err(AppendError::Full) => self.gate_unrecorded(event, policy, AppendError::Failing { reason }),
            Err(error) => self.gate_unrecorded(event, policy, error),
        }
    }

    /// Counts a gated operation that could not be appended, and answers it as the policy says.
    fn gate_unrecorded(&self, event: &Event, policy: &Policy, error: AppendError) -> Result<(), GateError> {
        let reason = match error {
            AppendError::Closed => {
                // Nothing that is counted now is sure to be declared, so not even the policy can let it through.
                self.lose(Hop::Closed, 2, event);
                return Err(GateError::JournalCannotWrite { reason: error.to_string().into() });
            }
            AppendError::TooLarge { .. } => {
                self.lose(Hop::TooLarge, 2, event);
                error.to_string().into()
            }
            AppendError::Failing { reason } => {
                self.lose(hop_while_failing(policy), 2, event);
                reason
            }
            AppendError::Full | AppendError::Io { .. } => {
                self.lose(hop_while_failing(policy), 2, event);
                error.to_string().into()
            }
        };
        answer_failing(policy, reason)
    }

    /// The operation and its decision are in the intake, but cannot be brought to the disk as `durable` asks. Where it is refused
    /// for that, the record says so too: the decision alone would claim that it was let through.
    fn gate_unsynced(
        &self,
        event: &Event,
        judgement: &Judgement,
        policy: &Policy,
        error: &std::io::Error,
    ) -> Result<(), GateError> {
        let reason: Arc<str> = format!("the intake cannot be synced: {error}").into();
        if policy.on_audit_failure() == OnAuditFailure::Deny && judgement.decision != Decision::Deny {
            let refused = refused_event(event);
            if with_record(&refused, None, |record| self.intake.append(record, 1, WhenFull::GiveUp)).is_err() {
                self.lose(Hop::GateRefused, 1, event);
            }
        }
        answer_failing(policy, reason)
    }

    /// Puts an observed event on record at the durability of its family. It has happened, so it cannot be refused: while the intake
    /// is full it waits (`on_overload: block` or `deny`) or is counted as lost (`shed`, or a journal that cannot write).
    pub fn publish(&self, event: &Event) {
        metrics().events.of(event.kind()).add(1);
        self.publish_record(event, None);
    }

    /// Puts an operation that has happened on record together with what is said of it. Like [`EventChannel::publish`], it cannot refuse.
    pub fn publish_decided(&self, event: &Event, judgement: &Judgement, policy_digest: &str) {
        let metrics = metrics();
        metrics.events.of(event.kind()).add(1);
        metrics.events.of(Kind::PolicyDecision).add(1);
        if judgement.enforced {
            metrics.decisions.of(judgement.decision).of(event.kind().family()).add(1);
        }
        self.publish_record(event, Some((judgement, policy_digest)));
    }

    fn publish_record(&self, event: &Event, decided: Option<(&Judgement, &str)>) {
        let when_full = match self.config.on_overload {
            OnOverload::Block | OnOverload::Deny => WhenFull::Wait,
            OnOverload::Shed => WhenFull::GiveUp,
        };
        let frames = 1 + u16::from(decided.is_some());
        let durability = self.config.durability.of(event.kind().family());
        let appended = with_record(event, decided, |record| match durability {
            Durability::Buffered => self.intake.append_buffered(record, frames, when_full).map(|()| None),
            Durability::CrashSafe => self.intake.append(record, frames, when_full).map(|_position| None),
            Durability::Durable => self.intake.append(record, frames, when_full).map(Some),
        });
        let events = u64::from(frames);
        match appended {
            Ok(None) => {}
            Ok(Some(position)) => {
                // It is in the intake, as safe as it can be made; the intake says that it is failing (G-8).
                let _failing = self.intake.sync_to(position);
            }
            Err(AppendError::TooLarge { .. }) => self.lose(Hop::TooLarge, events, event),
            Err(AppendError::Closed) => self.lose(Hop::Closed, events, event),
            Err(AppendError::Full | AppendError::Failing { .. } | AppendError::Io { .. }) => {
                self.lose(Hop::IntakeFull, events, event);
            }
        }
    }

    /// What is not appended is counted in the intake's header: that is the record of the loss (G-2).
    fn lose(&self, hop: Hop, events: u64, event: &Event) {
        if hop == Hop::Closed {
            tracing::error!(kind = event.kind().as_str(), "an event came after the journal was closed");
        }
        self.intake.lose(hop, events, event.time);
    }
}

fn hop_while_failing(policy: &Policy) -> Hop {
    match policy.on_audit_failure() {
        OnAuditFailure::Allow => Hop::GateUnrecorded,
        OnAuditFailure::Deny => Hop::GateRefused,
    }
}

fn answer_failing(policy: &Policy, reason: Arc<str>) -> Result<(), GateError> {
    match policy.on_audit_failure() {
        OnAuditFailure::Allow => Ok(()),
        OnAuditFailure::Deny => Err(GateError::JournalCannotWrite { reason }),
    }
}

fn with_record<T>(event: &Event, decided: Option<(&Judgement, &str)>, append: impl FnOnce(&[u8]) -> T) -> T {
    SCRATCH.with_borrow_mut(|record| {
        record.clear();
        stored::encode(event, record);
        if let Some((judgement, digest)) = decided {
            stored::encode(&decision_event(event, judgement, digest), record);
        }
        let appended = append(record);
        if record.capacity() > SCRATCH_KEPT {
            *record = Vec::new();
        }
        appended
    })
}

/// Says that an operation which was decided could not be let through after all.
fn refused_event(operation: &Event) -> Event {
    let errno = nix::errno::Errno::EIO;
    Event {
        id: EventId::derived(operation.id, Kind::OperationFailed, 0),
        cause: Some(operation.id),
        severity: Severity::Medium,
        payload: OperationFailed {
            operation: operation.kind(),
            subject: operation.subject().map(std::borrow::Cow::into_owned),
            errno: errno as i32,
            error: format!("{errno:?}"),
        }
        .into(),
        ..operation.clone()
    }
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
        sensor: None,
        imported: operation.imported.clone(),
        attack: judgement.attack.to_vec(),
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
            enforced: (!judgement.enforced).then_some(false),
        }
        .into(),
    }
}
