//! Events for the tests of the wire form: full ones, extreme ones and arbitrary ones of every kind; rows and messages of them.

use agentsh::encode::proto::{self, Mask};
use agentsh::encode::stored::{self, Columns};
use agentsh::event::{
    Actor, CommandId, Event, EventId, ImportOrigin, Kind, OsText, Payload, SensorOrigin, SessionId, Severity, TechniqueId,
    Timestamp,
};
use proptest::prelude::*;
use prost::Message;
use serde_json::Value;

use crate::vocabulary::samples::Schema;

/// Text that breaks what is written by hand.
const HOSTILE: &[&str] = &[
    "",
    "\"",
    "\\",
    "\\\"\\",
    "\0\u{1}\u{1f}\u{7f}",
    "\u{2028}\u{fffd}\u{1f980}",
    "a\"b\\c/d\u{8}\u{c}\n\r\t",
    "{\"actor\":{\"pid\":1}}",
    "sevenby\"",
    "eight by\\",
    "</script>]}",
];

/// An event of the kind with every field filled.
pub fn full(schema: &Schema, kind: Kind) -> Event {
    of_json(kind, &schema.sample("payload", schema.payload(kind)))
}

/// An event of a payload in JSON, with an envelope that lacks nothing.
pub fn of_json(kind: Kind, payload: &Value) -> Event {
    Event {
        id: EventId::from_bytes([0xa5; 16]),
        time: Timestamp::from_micros(1_795_000_000_000_000),
        session_id: Some(SessionId::new("s0r5r2vv00000000a")),
        command_id: Some(CommandId::new("c0r5r2vv00000000b")),
        cause: Some(EventId::from_bytes(*b"0123456789abcdef")),
        actor: Some(Actor {
            pid: 4242,
            ppid: Some(1),
            exe: Some(OsText::from_bytes(*b"/usr/bin/caf\xe9")),
            comm: Some("caf\u{e9}".into()),
            uid: Some(0),
            gid: Some(u32::MAX),
            cwd: Some("/home/\u{6587}\\".into()),
            ..Actor::default()
        }),
        sensor: Some(SensorOrigin { name: "edge-\"7\"".to_owned(), sequence: u64::MAX }),
        attack: vec![TechniqueId::new("T1552.004"), TechniqueId::new("")],
        severity: Severity::Fatal,
        payload: Payload::from_json(kind, &payload.to_string()).unwrap(),
        imported: None,
    }
}

/// The event with every number of its payload at an end of its range, and every text replaced.
pub fn extreme(schema: &Schema, kind: Kind, text: &str) -> Event {
    let mut payload = schema.sample("payload", schema.payload(kind));
    for least in [false, true] {
        for pointer in numbers(&payload, "") {
            let ends = if least { [i64::MIN.into(), i32::MIN.into(), 0.into(), 1.into()] } else { greatest() };
            let fits = ends.into_iter().find(|end: &Value| {
                let mut changed = payload.clone();
                *changed.pointer_mut(&pointer).unwrap() = end.clone();
                Payload::from_json(kind, &changed.to_string()).is_ok()
            });
            // Half of the numbers at each end, so that both are seen whatever the type.
            if least == (pointer.len() % 2 == 0) {
                *payload.pointer_mut(&pointer).unwrap() = fits.unwrap();
            }
        }
    }
    for pointer in texts(&payload, "") {
        let mut changed = payload.clone();
        *changed.pointer_mut(&pointer).unwrap() = Value::from(OsText::from(text).to_string());
        if Payload::from_json(kind, &changed.to_string()).is_ok() {
            payload = changed;
        }
    }
    let mut event = of_json(kind, &payload);
    event.time = Timestamp::from_micros(i64::MIN);
    event.session_id = Some(SessionId::new(text));
    event
}

fn greatest() -> [Value; 4] {
    [u64::MAX.into(), i64::MAX.into(), u32::MAX.into(), u16::MAX.into()]
}

pub fn hostile() -> impl Iterator<Item = &'static str> {
    HOSTILE.iter().copied()
}

fn numbers(value: &Value, at: &str) -> Vec<String> {
    leaves(value, at).into_iter().filter(|(_, leaf)| leaf.is_number()).map(|(at, _)| at).collect()
}

fn texts(value: &Value, at: &str) -> Vec<String> {
    leaves(value, at).into_iter().filter(|(_, leaf)| leaf.is_string()).map(|(at, _)| at).collect()
}

fn leaves(value: &Value, at: &str) -> Vec<(String, Value)> {
    match value {
        Value::Object(fields) => fields.iter().flat_map(|(name, field)| leaves(field, &format!("{at}/{name}"))).collect(),
        Value::Array(items) => {
            items.iter().enumerate().flat_map(|(place, item)| leaves(item, &format!("{at}/{place}"))).collect()
        }
        leaf => vec![(at.to_owned(), leaf.clone())],
    }
}

fn os_text() -> impl Strategy<Value = OsText> {
    prop_oneof![prop::collection::vec(any::<u8>(), 0..40).prop_map(OsText::from_bytes), any::<String>().prop_map(OsText::from)]
}

/// Any event of the kind.
pub fn arbitrary(schema: &Schema, kind: Kind) -> impl Strategy<Value = Event> + use<> {
    let ids = (any::<u32>(), any::<Option<u32>>(), any::<Option<u32>>(), any::<Option<u32>>());
    let names = (prop::option::of(os_text()), prop::option::of(os_text()), prop::option::of(os_text()));
    let actor = (ids, names).prop_map(|((pid, ppid, uid, gid), (exe, comm, cwd))| Actor {
        pid,
        ppid,
        exe,
        comm,
        uid,
        gid,
        cwd,
        user: Some("HOST\\\\user".to_owned()),
        auid: ppid,
        ..Actor::default()
    });
    let sensor = (any::<String>(), any::<u64>()).prop_map(|(name, sequence)| SensorOrigin { name, sequence });
    let names = (any::<Option<String>>(), any::<Option<String>>(), prop::collection::vec(any::<String>(), 0..3));
    let rest = (any::<[u8; 16]>(), any::<i64>(), any::<Option<[u8; 16]>>(), 1..=6_i64);
    let imported = schema.arbitrary(schema.definition("#/$defs/ImportOrigin"));
    let imported = imported.prop_map(|origin| serde_json::from_value::<ImportOrigin>(origin).unwrap());
    let told = (prop::option::of(actor), prop::option::of(sensor), prop::option::of(imported));
    (names, rest, told, schema.arbitrary(schema.payload(kind))).prop_map(
        move |((session, command, attack), (id, time, cause, severity), (actor, sensor, imported), payload)| Event {
            id: EventId::from_bytes(id),
            time: Timestamp::from_micros(time),
            session_id: session.map(SessionId::new),
            command_id: command.map(CommandId::new),
            cause: cause.map(EventId::from_bytes),
            actor,
            sensor,
            attack: attack.into_iter().map(TechniqueId::new).collect(),
            severity: Severity::from_number(severity).unwrap(),
            payload: Payload::from_json(kind, &payload.to_string()).unwrap(),
            imported: imported.map(Into::into),
        },
    )
}

/// The frame that the event is stored as; its columns borrow from it.
pub fn frame(event: &Event) -> Vec<u8> {
    let mut frame = Vec::new();
    stored::encode(event, &mut frame);
    frame
}

pub fn columns(frame: &[u8]) -> Columns<'_> {
    Columns::parse(frame).unwrap().0
}

/// The bytes of the message of an event.
pub fn bytes(seq: u64, event: &Event, mask: &Mask) -> Vec<u8> {
    let mut out = Vec::new();
    proto::put_event(seq, &columns(&frame(event)), mask, &mut out).unwrap();
    out
}

/// The message of an event, with what the mask lets through.
pub fn message(seq: u64, event: &Event, mask: &Mask) -> proto::Event {
    proto::Event::decode(bytes(seq, event, mask).as_slice()).unwrap()
}
