//! `EventChannel`: many producers, one consumer, over the intake.

use crate::event::Event;
use crate::policy::{Judgement, Policy};

/// Many producers, one consumer.
pub struct EventChannel {}

/// Why a gated operation is not on record, and so must be refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GateError {
    /// The journal cannot write; the operation was counted as not recorded (G-8).
    #[error("the journal cannot write: {reason}")]
    JournalCannotWrite {
        /// What the journal said.
        reason: String,
    },
    /// The intake is full and `on_overload` is `deny`; nothing was appended.
    #[error("the intake is full")]
    IntakeFull,
}

impl EventChannel {
    /// Puts an operation and its decision on record, together.
    ///
    /// # Errors
    /// [`GateError`]; then the operation must be refused.
    pub fn gate(&self, _event: &Event, _judgement: &Judgement, _policy: &Policy) -> Result<(), GateError> {
        Ok(())
    }

    /// Puts an observed event on record.
    pub fn publish(&self, _event: &Event) {}
}
