//! Events as CSV: RFC 4180, but for lines that end with a line feed alone, as text files do.

use std::borrow::Cow;

use jiff::Timestamp;

use crate::event::{CommandId, JournaledEvent, OsText, SessionId};

/// The names of the columns.
pub(super) const HEADER: &str =
    "seq,time,session_id,command_id,kind,pid,exe,subject,decision,rule,severity,attack,id,cause,payload\n";

/// One event as a line. Times are UTC to the microsecond; `payload` is the JSON object.
pub(super) fn record(event: &JournaledEvent) -> String {
    let JournaledEvent { seq, kind, event } = event;
    let time = event.time.as_micros();
    let actor = event.actor.as_ref();
    let fields: [Cow<'_, str>; 15] = [
        seq.to_string().into(),
        Timestamp::from_microsecond(time).map_or_else(|_| time.to_string(), |time| format!("{time:.6}")).into(),
        event.session_id.as_ref().map_or("", SessionId::as_str).into(),
        event.command_id.as_ref().map_or("", CommandId::as_str).into(),
        kind.as_str().into(),
        actor.map_or_else(String::new, |actor| actor.pid.to_string()).into(),
        actor.and_then(|actor| actor.exe.as_ref()).map_or(Cow::Borrowed(""), OsText::as_text),
        event.subject().unwrap_or_default(),
        event.payload.decision().map_or("", |decision| decision.as_str()).into(),
        event.payload.rule().unwrap_or_default().into(),
        event.severity.number().to_string().into(),
        event.attack.iter().map(|technique| technique.as_str()).collect::<Vec<_>>().join(" ").into(),
        event.id.to_string().into(),
        event.cause.map_or_else(String::new, |cause| cause.to_string()).into(),
        // Every type of the vocabulary has string keys only, so it always has a JSON form.
        serde_json::to_string(&event.payload).unwrap_or_default().into(),
    ];
    let mut line = fields.iter().map(|field| quoted(field)).collect::<Vec<_>>().join(",");
    line.push('\n');
    line
}

fn quoted(field: &str) -> Cow<'_, str> {
    if field.contains(['"', ',', '\n', '\r']) {
        Cow::Owned(format!("\"{}\"", field.replace('"', "\"\"")))
    } else {
        Cow::Borrowed(field)
    }
}
