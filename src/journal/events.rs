//! The recorder's own events: made by the journal, written in its own transactions.

use crate::channel::intake::{Hop, IntakeId};
use crate::event::{Event, EventsLost, Payload, Severity, Timestamp};
use crate::runtime::ids;

/// An event of the pipeline, seen at `time`.
pub(super) fn pipeline(time: Timestamp, severity: Severity, payload: impl Into<Payload>) -> Event {
    Event {
        id: ids::event_id(time),
        time,
        session_id: None,
        command_id: None,
        cause: None,
        actor: None,
        attack: Vec::new(),
        severity,
        payload: payload.into(),
    }
}

/// `events_lost` for one hop (G-2).
pub(super) fn lost(time: Timestamp, intake: IntakeId, hop: Hop, count: u64, from_us: i64, to_us: i64) -> Event {
    pipeline(
        time,
        Severity::High,
        EventsLost {
            hop: hop.as_str().to_owned(),
            reason: hop.reason().to_owned(),
            count,
            from_us,
            to_us,
            intake: Some(intake.to_string()),
        },
    )
}
