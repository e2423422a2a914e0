//! An event as a log record.

use opentelemetry_proto::tonic::common::v1::AnyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::logs::v1::{LogRecord, SeverityNumber};

use super::attributes::Attributes;
use super::operation;
use crate::event::trace::TraceParent;
use crate::event::{JournaledEvent, Severity, Timestamp};

/// The log record of an event.
///
/// `stored` is the journal's `payload` column. It is the body, so that nothing of the event is lost on the way and its leaf can be
/// computed from the record; the attributes say the same once more, under the names that queries use. `at` is the span that it belongs
/// to. The recorder saw the event when it happened, so both times are the event's, and a record that is sent again is the same to the byte.
#[must_use]
pub fn log_record(event: &JournaledEvent, stored: &str, at: Option<TraceParent>) -> LogRecord {
    let mut attributes = Attributes::with_capacity(24);
    // What tells a record that is sent again from another one.
    attributes.text("log.record.uid", event.event.id.to_string());
    operation::put(&event.event.payload, &mut attributes);
    attributes.envelope(event);
    LogRecord {
        time_unix_nano: nanos(event.event.time),
        observed_time_unix_nano: nanos(event.event.time),
        severity_number: severity(event.event.severity).into(),
        severity_text: word(event.event.severity).to_owned(),
        body: Some(AnyValue { value: Some(Value::StringValue(stored.to_owned())) }),
        attributes: attributes.into_list(),
        dropped_attributes_count: 0,
        flags: at.map_or(0, |at| u32::from(at.flags)),
        trace_id: at.map(|at| at.trace.as_bytes().to_vec()).unwrap_or_default(),
        span_id: at.map(|at| at.span.as_bytes().to_vec()).unwrap_or_default(),
        event_name: event.kind.as_str().to_owned(),
    }
}

/// Nanoseconds since 1970; what lies before is 0, which OTLP reads as unknown.
pub(super) fn nanos(time: Timestamp) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(0).saturating_mul(1_000)
}

/// OTLP's range for each severity: `ERROR` begins where someone should look.
const fn severity(severity: Severity) -> SeverityNumber {
    match severity {
        Severity::Informational => SeverityNumber::Info,
        Severity::Low => SeverityNumber::Info4,
        Severity::Medium => SeverityNumber::Warn,
        Severity::High => SeverityNumber::Error,
        Severity::Critical => SeverityNumber::Error4,
        Severity::Fatal => SeverityNumber::Fatal,
    }
}

const fn word(severity: Severity) -> &'static str {
    match severity {
        Severity::Informational => "informational",
        Severity::Low => "low",
        Severity::Medium => "medium",
        Severity::High => "high",
        Severity::Critical => "critical",
        Severity::Fatal => "fatal",
    }
}
