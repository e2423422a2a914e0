//! Every kind as a log record: one file that shows them all, and what must be true of each.

use std::collections::BTreeSet;

use agentsh::encode::otel::log_record;
use agentsh::encode::stored::{self, Columns};
use agentsh::event::trace::TraceParent;
use agentsh::event::{
    Actor, CommandId, Event, EventId, JournaledEvent, Kind, Payload, SensorOrigin, Seq, Severity, TechniqueId, Timestamp,
};
use opentelemetry_proto::tonic::common::v1::any_value::Value as AnyValue;
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use serde_json::{Map, Value, json};

use super::rig::session;
use crate::golden;
use crate::vocabulary::samples::Schema;

/// Every kind with every field of its payload and its envelope filled.
pub fn samples() -> Vec<(JournaledEvent, String)> {
    let schema = Schema::new();
    let of = |(at, kind): (usize, &Kind)| {
        let payload = schema.sample(kind.as_str(), schema.payload(*kind)).to_string();
        let id = EventId::from_bytes([at as u8 + 1; 16]);
        let event = Event {
            id,
            time: Timestamp::from_micros(1_795_000_000_000_001),
            session_id: Some(session()),
            command_id: Some(CommandId::new("c-otel")),
            cause: Some(EventId::from_bytes([0x77; 16])),
            actor: Some(Actor {
                pid: 4_242,
                ppid: Some(4_000),
                exe: Some("/usr/bin/cc1".into()),
                comm: Some("cc1".into()),
                uid: Some(1_000),
                gid: Some(1_001),
                cwd: Some("/home/dev".into()),
                ..Actor::default()
            }),
            sensor: Some(SensorOrigin { name: "laptop-7".to_owned(), sequence: 9 }),
            attack: vec![TechniqueId::new("T1552.004")],
            severity: Severity::ALL[at % Severity::ALL.len()],
            payload: Payload::from_json(*kind, &payload).unwrap(),
            imported: None,
        };
        let mut frame = Vec::new();
        stored::encode(&event, &mut frame);
        let stored = Columns::parse(&frame).unwrap().0.payload.to_owned();
        (JournaledEvent { seq: Seq::new(at as u64 + 1).unwrap(), kind: *kind, event }, stored)
    };
    Kind::ALL.iter().enumerate().map(of).collect()
}

pub fn records() -> Vec<LogRecord> {
    let at = TraceParent::of_session(&session(), None);
    samples().iter().map(|(event, stored)| log_record(event, stored, Some(at))).collect()
}

fn value(of: &AnyValue) -> Value {
    match of {
        AnyValue::StringValue(text) => json!(text),
        AnyValue::IntValue(number) => json!(number),
        AnyValue::BoolValue(flag) => json!(flag),
        AnyValue::ArrayValue(list) => list.values.iter().map(|item| value(item.value.as_ref().unwrap())).collect(),
        other => panic!("{other:?}"),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn shown(record: &LogRecord) -> Value {
    let attributes: Map<String, Value> = record
        .attributes
        .iter()
        .map(|attribute| (attribute.key.clone(), value(attribute.value.as_ref().unwrap().value.as_ref().unwrap())))
        .collect();
    json!({
        "event_name": record.event_name,
        "time_unix_nano": record.time_unix_nano,
        "observed_time_unix_nano": record.observed_time_unix_nano,
        "severity_number": record.severity_number,
        "severity_text": record.severity_text,
        "trace_id": hex(&record.trace_id),
        "span_id": hex(&record.span_id),
        "flags": record.flags,
        "attributes": attributes,
        "body": value(record.body.as_ref().unwrap().value.as_ref().unwrap()),
    })
}

#[test]
fn every_kind_is_the_log_record_that_the_golden_file_shows() {
    let all: Vec<Value> = records().iter().map(shown).collect();
    golden::assert_current("tests/golden/otel/log_records.json", &format!("{}\n", serde_json::to_string_pretty(&all).unwrap()));
}

#[test]
fn nothing_of_an_event_is_lost_in_its_log_record() {
    for ((journaled, stored), record) in samples().iter().zip(records()) {
        let Some(AnyValue::StringValue(body)) = record.body.and_then(|body| body.value) else { panic!("no body") };
        assert_eq!(body, *stored);
        let attribute = |name: &str| super::rig::attribute(&record.attributes, name).unwrap();
        let columns = Columns {
            id: journaled.event.id.as_bytes(),
            time_us: (record.time_unix_nano / 1_000) as i64,
            session_id: Some(&attribute("agentsh.session.id")),
            command_id: Some(&attribute("agentsh.command.id")),
            cause: Some(attribute("agentsh.cause.id").parse::<EventId>().unwrap().as_bytes()),
            kind: &record.event_name,
            pid: None,
            subject: None,
            decision: None,
            rule: None,
            severity: Severity::ALL
                .iter()
                .find(|severity| json!(severity) == json!(record.severity_text))
                .map(|severity| i64::from(severity.number()))
                .unwrap(),
            attack: Some(&json!(journaled.event.attack).to_string()),
            payload: &body,
        }
        .to_event()
        .unwrap();
        assert_eq!(columns, journaled.event, "{}", record.event_name);
        assert_eq!(attribute("log.record.uid"), journaled.event.id.to_string());
        assert_eq!(attribute("agentsh.seq"), journaled.seq.to_string());
    }
}

#[test]
fn no_record_has_a_name_twice() {
    for record in records() {
        let names: BTreeSet<&str> = record.attributes.iter().map(|attribute| attribute.key.as_str()).collect();
        assert_eq!(names.len(), record.attributes.len(), "{}", record.event_name);
    }
}
