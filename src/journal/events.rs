//! The recorder's own events: made by the journal, written in its own transactions.

use super::sqlite::Undeclared;
use crate::channel::intake::IntakeId;
use crate::event::{Event, EventsLost, Payload, Severity, Timestamp};
use crate::runtime::ids;

/// An event of the pipeline, seen at `time`: of no session, command or process.
#[must_use]
pub fn pipeline(time: Timestamp, severity: Severity, payload: impl Into<Payload>) -> Event {
    Event {
        id: ids::event_id(time),
        time,
        session_id: None,
        command_id: None,
        cause: None,
        actor: None,
        sensor: None,
        imported: None,
        attack: Vec::new(),
        severity,
        payload: payload.into(),
    }
}

/// `events_lost` for one hop (G-2).
pub(super) fn lost(time: Timestamp, intake: IntakeId, loss: &Undeclared) -> Event {
    pipeline(
        time,
        Severity::High,
        EventsLost {
            hop: loss.hop.as_str().to_owned(),
            reason: loss.hop.reason().to_owned(),
            count: loss.count,
            from_us: loss.from_us,
            to_us: loss.to_us,
            intake: Some(intake.to_string()),
        },
    )
}
