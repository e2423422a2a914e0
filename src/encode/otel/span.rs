//! A span while it is open, and when it is over.

use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::trace::v1::span::{Event as SpanEvent, Link, SpanKind};
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{Span, Status};

use super::attributes::{Attributes, attribute};
use super::operation;
use super::record::nanos;
use crate::event::trace::{SpanId, TraceParent};
use crate::event::{JournaledEvent, Payload, Timestamp};

/// Remarks that a span keeps; further ones are counted.
const MOST_REMARKS: usize = 32;

/// A span that is over, and the event that it was over with.
#[derive(Clone, Debug, PartialEq)]
pub struct TimedSpan {
    /// The event that ended it.
    pub seq: u64,
    /// The span.
    pub span: Span,
}

/// A span whose end has not come.
#[derive(Debug)]
pub(super) struct OpenSpan {
    /// Where it stands in its trace.
    pub(super) at: TraceParent,
    span: Span,
}

impl OpenSpan {
    /// A span that begins with an event.
    pub(super) fn begin(event: &JournaledEvent, name: String, at: TraceParent, parent: Option<SpanId>) -> Self {
        let mut attributes = Attributes::with_capacity(20);
        operation::put(&event.event.payload, &mut attributes);
        attributes.envelope(event);
        let time = nanos(event.event.time);
        let span = Span {
            trace_id: at.trace.as_bytes().to_vec(),
            span_id: at.span.as_bytes().to_vec(),
            trace_state: String::new(),
            parent_span_id: parent.map(|parent| parent.as_bytes().to_vec()).unwrap_or_default(),
            flags: u32::from(at.flags),
            name,
            kind: kind(&event.event.payload).into(),
            start_time_unix_nano: time,
            end_time_unix_nano: time,
            attributes: attributes.into_list(),
            dropped_attributes_count: 0,
            events: Vec::new(),
            dropped_events_count: 0,
            links: Vec::new(),
            dropped_links_count: 0,
            status: None,
        };
        Self { at, span }
    }

    /// Puts the beginning before the event that told of it.
    pub(super) fn began_before(&mut self, micros: u64) {
        let earlier = self.span.start_time_unix_nano.saturating_sub(micros.saturating_mul(1_000));
        self.span.start_time_unix_nano = earlier;
    }

    /// Adds what an event says under names that have no value yet.
    pub(super) fn add(&mut self, payload: &Payload) {
        let mut more = Attributes::with_capacity(12);
        operation::put(payload, &mut more);
        for attribute in more.into_list() {
            self.add_attribute(attribute);
        }
    }

    pub(super) fn add_attribute(&mut self, attribute: KeyValue) {
        if !self.span.attributes.iter().any(|other| other.key == attribute.key) {
            self.span.attributes.push(attribute);
        }
    }

    /// Replaces what the beginning said.
    pub(super) fn set_attribute(&mut self, attribute: KeyValue) {
        self.span.attributes.retain(|other| other.key != attribute.key);
        self.span.attributes.push(attribute);
    }

    /// Notes an event within the span.
    pub(super) fn remark(&mut self, event: &JournaledEvent) {
        if self.span.events.len() >= MOST_REMARKS {
            self.span.dropped_events_count += 1;
            return;
        }
        let mut attributes = Attributes::with_capacity(8);
        operation::put(&event.event.payload, &mut attributes);
        attributes.count("agentsh.seq", event.seq.get());
        attributes.maybe_text("agentsh.rule", event.event.payload.rule());
        self.span.events.push(SpanEvent {
            time_unix_nano: nanos(event.event.time),
            name: event.kind.as_str().to_owned(),
            attributes: attributes.into_list(),
            dropped_attributes_count: 0,
        });
    }

    pub(super) fn link(&mut self, to: TraceParent, relation: &str) {
        self.span.links.push(Link {
            trace_id: to.trace.as_bytes().to_vec(),
            span_id: to.span.as_bytes().to_vec(),
            trace_state: String::new(),
            attributes: vec![super::attributes::text("agentsh.relation", relation)],
            dropped_attributes_count: 0,
            flags: u32::from(to.flags),
        });
    }

    pub(super) fn rename(&mut self, name: String) {
        self.span.name = name;
    }

    pub(super) fn fail(&mut self, message: impl Into<String>) {
        self.span.status = Some(Status { message: message.into(), code: StatusCode::Error.into() });
    }

    /// The span, ended at a time.
    pub(super) fn end(mut self, seq: u64, time: Timestamp) -> TimedSpan {
        self.span.end_time_unix_nano = nanos(time).max(self.span.start_time_unix_nano);
        TimedSpan { seq, span: self.span }
    }

    /// The span, given up before its end came.
    pub(super) fn give_up(mut self, seq: u64, time: Timestamp) -> TimedSpan {
        self.incomplete();
        self.end(seq, time)
    }

    /// Says that a part of it was not seen.
    pub(super) fn incomplete(&mut self) {
        let value = opentelemetry_proto::tonic::common::v1::any_value::Value::BoolValue(true);
        self.add_attribute(attribute("agentsh.span.incomplete", value));
    }

    /// The span of something without duration, when it began.
    pub(super) fn over(self, seq: u64) -> TimedSpan {
        TimedSpan { seq, span: self.span }
    }
}

/// Which side of a remote call the span is.
const fn kind(payload: &Payload) -> SpanKind {
    if matches!(payload, Payload::HttpRequest(_) | Payload::HttpResponse(_) | Payload::NetConnect(_) | Payload::DnsQuery(_)) {
        SpanKind::Client
    } else {
        SpanKind::Internal
    }
}

/// Why what ended with this counts as failed.
pub(super) fn failure(payload: &Payload) -> Option<String> {
    if let Payload::HttpResponse(p) = payload {
        // The HTTP conventions: a client's span of a 4xx or 5xx is an error; the code says enough.
        let status = p.status.filter(|status| *status >= 400).map(|_| String::new());
        p.error.clone().or(status)
    } else if let Payload::NetClose(p) = payload {
        p.error.clone()
    } else if let Payload::DnsQuery(p) = payload {
        p.error.clone().or_else(|| p.rcode.clone().filter(|code| code != "NOERROR"))
    } else if let Payload::ProcessExit(p) = payload {
        let code = p.exit_code.filter(|code| *code != 0).map(|code| format!("exit code {code}"));
        p.signal.as_ref().map(|signal| format!("ended by {signal}")).or(code)
    } else if let Payload::CommandFinished(p) = payload {
        let code = (p.exit_code != 0).then(|| format!("exit code {}", p.exit_code));
        p.error.clone().or(code)
    } else if let Payload::SessionEnded(p) = payload {
        (p.reason == "failed").then(|| p.reason.clone())
    } else {
        None
    }
}
