//! Events to encode: full ones, bare ones, and what a record says of them.

use agentsh::event::{
    Actor, CommandId, Event, EventId, JournaledEvent, Kind, Payload, SensorOrigin, Seq, SessionId, Severity, TechniqueId,
    Timestamp,
};
use serde_json::Value;

use crate::support;
use crate::vocabulary::stored;

/// One event of each kind with every field filled: the golden rows of the journal.
pub fn full() -> Vec<JournaledEvent> {
    let rows = stored::rows(stored::NEWEST);
    Kind::ALL.iter().map(|kind| stored::read(&rows[kind.as_str()]).unwrap()).collect()
}

/// An event that has nothing that may be absent.
pub fn bare(kind: Kind) -> JournaledEvent {
    let payload = Payload::from_json(kind, "{}").unwrap();
    let event = Event { session_id: None, actor: None, ..support::event(payload) };
    JournaledEvent { seq: Seq::FIRST, kind, event }
}

pub fn journaled(payload: impl Into<Payload>) -> JournaledEvent {
    let event = support::event(payload);
    JournaledEvent { seq: Seq::FIRST, kind: event.kind(), event }
}

/// The event that a record tells of, read from the record alone.
pub fn read_back(record: &Value) -> JournaledEvent {
    let kept = &record["unmapped"];
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let kind: Kind = kept["kind"].as_str().unwrap().parse().unwrap();
    let event = Event {
        id: record["metadata"]["uid"].as_str().unwrap().parse::<EventId>().unwrap(),
        time: Timestamp::from_micros(kept["time_us"].as_i64().unwrap()),
        session_id: text(&record["metadata"]["correlation_uid"]).map(SessionId::new),
        command_id: text(&kept["command_id"]).map(CommandId::new),
        cause: text(&kept["cause"]).map(|cause| cause.parse().unwrap()),
        actor: kept.get("actor").map(|actor| serde_json::from_value::<Actor>(actor.clone()).unwrap()),
        sensor: kept.get("sensor").map(|sensor| serde_json::from_value::<SensorOrigin>(sensor.clone()).unwrap()),
        attack: kept["attack"].as_array().into_iter().flatten().filter_map(Value::as_str).map(TechniqueId::new).collect(),
        severity: Severity::from_number(record["severity_id"].as_i64().unwrap()).unwrap(),
        payload: Payload::from_json(kind, &kept["payload"].to_string()).unwrap(),
        imported: None,
    };
    JournaledEvent { seq: record["metadata"]["sequence"].as_u64().and_then(Seq::new).unwrap(), kind, event }
}
