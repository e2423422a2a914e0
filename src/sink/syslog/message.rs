//! An event as an RFC 5424 message.

use super::config::Facility;
use crate::encode::utc::rfc3339;
use crate::event::{JournaledEvent, Severity};
use crate::sink::shape::Shaper;

/// The syslog severity (RFC 5424 §6.2.1) of an event's severity (OCSF).
const fn severity(severity: Severity) -> u8 {
    match severity {
        Severity::Informational => 6,
        Severity::Low => 5,
        Severity::Medium => 4,
        Severity::High => 3,
        Severity::Critical => 2,
        Severity::Fatal => 1,
    }
}

/// `PRI VERSION TIMESTAMP HOSTNAME APP-NAME PROCID MSGID [SD-ELEMENT] MSG`: the message's id is the event's kind, the structured data
/// identifies it (`agentsh@32473`, the number that RFC 5612 reserves for documentation, since agentsh has none), and the text is its JSON.
#[must_use]
pub fn message(event: &JournaledEvent, facility: Facility, shaper: &Shaper) -> Vec<u8> {
    let envelope = &event.event;
    let priority = facility.number() * 8 + severity(envelope.severity);
    let pid = envelope.actor.as_ref().map_or_else(|| "-".to_owned(), |actor| actor.pid.to_string());
    let mut data = format!(
        "[agentsh@32473 seq=\"{}\" id=\"{}\" kind=\"{}\" family=\"{}\"",
        event.seq,
        envelope.id,
        event.kind.as_str(),
        event.kind.family().as_str()
    );
    let names = [
        ("session", envelope.session_id.as_ref().map(|id| id.as_str())),
        ("command", envelope.command_id.as_ref().map(|id| id.as_str())),
    ];
    for (name, value) in names {
        if let Some(value) = value {
            data.push_str(&format!(" {name}=\"{}\"", escaped(value)));
        }
    }
    let head = format!(
        "<{priority}>1 {} {} agentsh {pid} {} {data}] ",
        rfc3339(envelope.time),
        printable(shaper.hostname(), 255),
        event.kind.as_str()
    );
    let mut message = head.into_bytes();
    shaper.put(event, &mut message);
    message
}

/// A value of structured data (RFC 5424 §6.3.3).
fn escaped(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    for ch in value.chars() {
        if matches!(ch, '"' | '\\' | ']') {
            text.push('\\');
        }
        text.push(ch);
    }
    text
}

/// A field of the header: printable ASCII without spaces, or `-`.
fn printable(value: &str, most: usize) -> String {
    let text: String = value.chars().filter(char::is_ascii_graphic).take(most).collect();
    if text.is_empty() { "-".to_owned() } else { text }
}
