//! From a sensor's message to an event of ours: what it may say, and what it may not.

use tonic::Status;

use super::registry::spelt;
use crate::encode::proto;
use crate::event::{Event, EventsLost, Family, Kind, SensorOrigin, SessionId, Severity, Timestamp};
use crate::policy::is_gated;
use crate::runtime::{clock, ids};

/// The event that a sensor's message is, under the sensor's name and number. `at` names the message in a refusal.
pub(super) fn event(mut message: proto::Event, name: &str, sequence: u64, at: &str) -> Result<Event, Status> {
    let refused = |what: String| Status::invalid_argument(format!("{at}: {what}"));
    if let Some(claimed) = message.sensor.take().filter(|claimed| !claimed.name.is_empty() && claimed.name != name) {
        return Err(refused(format!("it is said to come from `{}`, and this stream is `{name}`", claimed.name)));
    }
    // The server's to give: what the sensor wrote there does not count.
    message.seq = 0;
    let now = clock::now();
    let fresh = ids::event_id(now);
    if message.id.is_empty() {
        message.id = fresh.to_string();
    }
    if message.time_us == 0 {
        message.time_us = now.as_micros();
    }
    if message.severity == 0 {
        message.severity = proto::Severity::Informational.into();
    }
    let event = proto::to_event(message).map_err(|error| refused(error.to_string()))?;
    if !is_a_sensors(event.kind()) {
        return Err(refused(format!("a sensor cannot tell a `{}`: the recorder makes those", event.kind().as_str())));
    }
    Ok(Event {
        id: if is_observed(event.id.as_bytes()) { event.id } else { fresh },
        session_id: event.session_id.map(|session| within(name, &session)),
        sensor: Some(SensorOrigin { name: name.to_owned(), sequence }),
        payload: crate::event::redact::payload(spelt(event.payload)),
        ..event
    })
}

/// Refuses what no policy decides.
pub(super) fn gated(operation: &Event) -> Result<(), Status> {
    if is_gated(operation.kind()) {
        return Ok(());
    }
    let kind = operation.kind().as_str();
    Err(Status::invalid_argument(format!("operation: a `{kind}` is nothing that can be refused")))
}

/// The `events_lost` that a sensor's own loss is. It has a number of the sensor, so that it is declared once.
pub(super) fn loss(lost: proto::SensorLoss, name: &str, sequence: u64) -> Event {
    let time = clock::now();
    let or_now = |micros: i64| if micros == 0 { time.as_micros() } else { micros };
    Event {
        id: ids::event_id(time),
        time: Timestamp::from_micros(or_now(lost.to_us)),
        session_id: None,
        command_id: None,
        cause: None,
        actor: None,
        sensor: Some(SensorOrigin { name: name.to_owned(), sequence }),
        imported: None,
        attack: Vec::new(),
        severity: Severity::High,
        payload: EventsLost {
            hop: "sensor".to_owned(),
            reason: format!("{name}: {}", crate::event::redact::text(&lost.reason)),
            count: lost.count,
            from_us: or_now(lost.from_us),
            to_us: or_now(lost.to_us),
            intake: None,
        }
        .into(),
    }
}

/// Kinds that say what was seen. What was decided, detected or approved, and how the recorder fares, only the recorder says.
const fn is_a_sensors(kind: Kind) -> bool {
    match kind.family() {
        Family::File
        | Family::Network
        | Family::Process
        | Family::Ipc
        | Family::Registry
        | Family::Command
        | Family::Session
        | Family::Outcome => true,
        Family::Derived | Family::Pipeline => false,
    }
}

/// Whether the id is a UUID of version 7 (RFC 9562 §5.7).
fn is_observed(id: &[u8; 16]) -> bool {
    let [_, _, _, _, _, _, version, _, variant, ..] = *id;
    version >> 4 == 7 && variant >> 6 == 0b10
}

/// The session under the sensor's name, so that no sensor writes into another's session or into one of ours.
fn within(name: &str, session: &SessionId) -> SessionId {
    let id = session.as_str();
    match id.strip_prefix(name) {
        Some(rest) if rest.starts_with('/') => session.clone(),
        _ => SessionId::new(format!("{name}/{id}")),
    }
}
