//! What someone should look at: 2004 Detection Finding, and the `attacks` of every class.

use std::collections::BTreeSet;

use super::class::Class;
use super::object::{Object, long, millis, timestamp};
use super::record::Body;
use crate::event::{Detection, Event, EventsLost, Payload, RecordUnread, ResourceLimitExceeded, SinkRecovered, SinkStalled};

/// `attacks`: each technique of the envelope and of a detection once, then a detection's tactics.
pub(super) fn attacks(event: &Event) -> Vec<Object> {
    let detection = if let Payload::Detection(p) = &event.payload { Some(p) } else { None };
    let named = event.attack.iter().chain(detection.into_iter().flat_map(|p| &p.techniques));
    let mut seen = BTreeSet::new();
    let version = detection.and_then(|p| p.attack_version.as_deref());
    let entity = |uid: &str| Object::new().with("uid", uid);
    let techniques = named.filter(|technique| seen.insert(technique.as_str())).map(|technique| {
        let uid = technique.as_str();
        match uid.split_once('.') {
            Some((parent, _)) => Object::new().with("technique", entity(parent)).with("sub_technique", entity(uid)),
            None => Object::new().with("technique", entity(uid)),
        }
    });
    let tactics = detection.into_iter().flat_map(|p| &p.tactics).map(|tactic| {
        // ATT&CK's own ids of tactics are TA and four digits; anything else is a name.
        let is_id = tactic.strip_prefix("TA").is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
        Object::new().with("tactic", Object::new().with(if is_id { "uid" } else { "name" }, tactic.as_str()))
    });
    techniques.chain(tactics).map(|attack| attack.maybe("version", version)).collect()
}

fn body(activity: u8, info: Object) -> Body {
    Body::new(Class::Finding, activity).fields(Object::new().with("finding_info", info))
}

fn info(event: &Event, uid: &str, title: String) -> Object {
    Object::new().with("uid", uid).with("title", title).with("created_time", timestamp(event.time.as_micros()))
}

pub(super) fn detected(event: &Event, p: &Detection) -> Body {
    // 1: the analytic is a rule.
    let analytic =
        Object::new().with("uid", p.rule_id.as_str()).with("name", p.title.as_str()).with("type_id", 1).with("type", "Rule");
    // Their `uid` is the `metadata.sequence` of the records of those events.
    let related = p.events.iter().map(|seq| Object::new().with("uid", seq.to_string()));
    let info = info(event, &event.id.to_string(), p.title.clone())
        .with("analytic", analytic)
        .list("related_events", related)
        .with("related_events_count", p.events.len())
        .list("attacks", attacks(event));
    body(1, info).fields(Object::new().with("is_alert", true))
}

pub(super) fn exceeded(event: &Event, p: &ResourceLimitExceeded) -> Body {
    let title = format!("limit on {} reached", p.resource);
    body(1, info(event, &event.id.to_string(), title)).fields(Object::new().with("status_detail", p.action.as_str()))
}

pub(super) fn lost(event: &Event, p: &EventsLost) -> Body {
    let info = info(event, &event.id.to_string(), format!("events lost: {}", p.hop))
        .with("first_seen_time", timestamp(p.from_us))
        .with("last_seen_time", timestamp(p.to_us));
    body(1, info).fields(
        Object::new()
            .with("count", long(p.count))
            .with("status_detail", p.reason.as_str())
            .with("start_time", timestamp(p.from_us))
            .with("end_time", timestamp(p.to_us)),
    )
}

/// The same finding for both events, so that the second closes what the first opened.
fn sink_uid(sink: &str) -> String {
    format!("sink_stalled:{sink}")
}

pub(super) fn stalled(event: &Event, p: &SinkStalled) -> Body {
    let info = info(event, &sink_uid(&p.sink), format!("sink {} cannot deliver", p.sink));
    body(1, info).fields(Object::new().with("status_detail", p.reason.as_str()))
}

pub(super) fn unread(event: &Event, p: &RecordUnread) -> Body {
    let info = info(event, &event.id.to_string(), format!("record of {} not read", p.file));
    let whole = (!p.raw.as_bytes().is_empty()).then(|| p.raw.as_text().into_owned());
    body(1, info).fields(
        Object::new().with("status_detail", p.reason.as_str()).maybe("raw_data", whole).with("raw_data_size", long(p.raw_size)),
    )
}

pub(super) fn recovered(event: &Event, p: &SinkRecovered) -> Body {
    let info = info(event, &sink_uid(&p.sink), format!("sink {} cannot deliver", p.sink));
    body(3, info).fields(Object::new().with("duration", millis(p.stalled_us)))
}
