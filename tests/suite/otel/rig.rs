//! Events in order, as a journal would give them; attributes by name.

use agentsh::encode::otel::{Bounds, TimedSpan, Tracer};
use agentsh::event::trace::TraceParent;
use agentsh::event::{Actor, CommandId, Event, EventId, JournaledEvent, Payload, Seq, SessionId, Severity, Timestamp};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::Span;

pub fn session() -> SessionId {
    SessionId::new("s-otel")
}

pub fn command() -> CommandId {
    CommandId::new("c-otel")
}

/// A journal in the making: each event a millisecond after the one before.
#[derive(Default)]
pub struct Tape {
    pub events: Vec<JournaledEvent>,
}

impl Tape {
    /// Appends an event of a process and returns its id.
    pub fn add(&mut self, pid: u32, ppid: u32, cause: Option<EventId>, payload: impl Into<Payload>) -> EventId {
        let number = self.events.len() as u64 + 1;
        let time = Timestamp::from_micros(1_795_000_000_000_000 + number as i64 * 1_000);
        let id = EventId::observed(1_795_000_000_000 + number, [number as u8; 10]);
        let payload = payload.into();
        let event = Event {
            id,
            time,
            session_id: Some(session()),
            command_id: Some(command()),
            cause,
            actor: (pid != 0).then(|| Actor { pid, ppid: Some(ppid), ..Actor::default() }),
            sensor: None,
            attack: Vec::new(),
            severity: Severity::Informational,
            payload,
            imported: None,
        };
        self.events.push(JournaledEvent { seq: Seq::new(number).unwrap(), kind: event.kind(), event });
        id
    }

    /// Appends an event that no process is known of.
    pub fn told(&mut self, cause: Option<EventId>, payload: impl Into<Payload>) -> EventId {
        self.add(0, 0, cause, payload)
    }

    pub fn spans(&self) -> Vec<Span> {
        spans_of(&self.events, Bounds::default()).0
    }
}

/// What a tracer makes of events, and where it puts each of them.
pub fn spans_of(events: &[JournaledEvent], bounds: Bounds) -> (Vec<Span>, Vec<Option<TraceParent>>) {
    let mut tracer = Tracer::new(bounds);
    let mut spans = Vec::new();
    let places = events.iter().map(|event| tracer.take(event, &mut spans)).collect();
    tracer.settle(&mut spans);
    (spans.into_iter().map(|TimedSpan { span, .. }| span).collect(), places)
}

pub fn named<'s>(spans: &'s [Span], name: &str) -> &'s Span {
    let mut found = spans.iter().filter(|span| span.name == name);
    let one = found.next().unwrap_or_else(|| panic!("no span `{name}` among {:?}", names(spans)));
    assert!(found.next().is_none(), "several spans `{name}`");
    one
}

pub fn names(spans: &[Span]) -> Vec<&str> {
    spans.iter().map(|span| span.name.as_str()).collect()
}

/// The text of a value, as a table would show it.
pub fn shown(value: &AnyValue) -> String {
    match value.value.as_ref().unwrap() {
        Value::StringValue(text) => text.clone(),
        Value::IntValue(number) => number.to_string(),
        Value::BoolValue(flag) => flag.to_string(),
        Value::ArrayValue(list) => list.values.iter().map(shown).collect::<Vec<_>>().join(" "),
        other => panic!("{other:?}"),
    }
}

pub fn attribute(attributes: &[KeyValue], name: &str) -> Option<String> {
    attributes.iter().find(|attribute| attribute.key == name).map(|attribute| shown(attribute.value.as_ref().unwrap()))
}

pub fn failed(span: &Span) -> bool {
    span.status.as_ref().is_some_and(|status| status.code == 2)
}
