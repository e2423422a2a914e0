//! What policy says of a registry operation that a sensor tells of without having asked: it has happened, and the decision says so.

use crate::channel::decision_event;
use crate::event::{Event, Family};
use crate::policy::{Policy, is_gated};

/// The decision on an event of a batch, if it gets one. Files, processes and connections of another machine are that machine's own policy's;
/// the high-risk paths of a registry are the same everywhere.
pub(super) fn decision(event: &Event, policy: &Policy) -> Option<Event> {
    let is_judged = event.kind().family() == Family::Registry && is_gated(event.kind());
    is_judged.then(|| decision_event(event, &policy.decide(event).in_hindsight(), policy.digest()))
}
