//! Golden files: what a version stored, every later version must read.
//!
//! `tests/golden/stored/vN.json` holds, for each kind, one row of the `events` table with every field filled, `attack` and
//! `payload` spelled out; `vN.expected.json` holds the event that a reader must show for it. A released `vN.json` is never
//! changed. `UPDATE_GOLDEN=1` adds what the newest one lacks and writes the expectations anew.

use agentsh::event::{
    Actor, CommandId, Event, EventId, ImportOrigin, JournaledEvent, Kind, Payload, SensorOrigin, Seq, SessionId, Severity,
    TechniqueId, Timestamp,
};
use serde_json::{Map, Value, json};

use super::samples::Schema;
use crate::golden;

pub const NEWEST: u32 = 1;

/// The rows of a version, by kind.
pub fn rows(version: u32) -> Map<String, Value> {
    let text = golden::read(&format!("tests/golden/stored/v{version}.json")).unwrap_or_else(|| "{}".to_owned());
    serde_json::from_str(&text).unwrap()
}

/// Reads a row as the journal's readers do.
pub fn read(row: &Value) -> Result<JournaledEvent, String> {
    let text = |key: &str| row[key].as_str().map(str::to_owned);
    let id = |key: &str| row[key].as_str().map(|id| id.parse::<EventId>().map_err(|error| format!("{key}: {error}"))).transpose();
    let kind: Kind = row["kind"].as_str().unwrap_or_default().parse().map_err(|error| format!("{error}"))?;
    let techniques = row["attack"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let event = Event {
        id: id("id")?.ok_or("no id")?,
        time: Timestamp::from_micros(row["time_us"].as_i64().ok_or("no time_us")?),
        session_id: text("session_id").map(SessionId::new),
        command_id: text("command_id").map(CommandId::new),
        cause: id("cause")?,
        actor: row["payload"].get("actor").map(|actor| serde_json::from_value::<Actor>(actor.clone()).unwrap()),
        sensor: row["payload"].get("sensor").map(|sensor| serde_json::from_value::<SensorOrigin>(sensor.clone()).unwrap()),
        attack: techniques.map(TechniqueId::new).collect(),
        severity: row["severity"].as_i64().and_then(Severity::from_number).ok_or("no severity")?,
        payload: Payload::from_json(kind, &row["payload"].to_string()).map_err(|error| error.to_string())?,
        imported: row["payload"]
            .get("imported")
            .map(|origin| serde_json::from_value::<ImportOrigin>(origin.clone()).unwrap().into()),
    };
    Ok(JournaledEvent { seq: row["seq"].as_u64().and_then(Seq::new).ok_or("no seq")?, kind, event })
}

/// The row that an event is stored as.
fn store(journaled: &JournaledEvent) -> Value {
    let event = &journaled.event;
    let mut payload = Map::new();
    payload.extend(event.sensor.as_ref().map(|sensor| ("sensor".to_owned(), json!(sensor))));
    payload.extend(event.imported.as_ref().map(|imported| ("imported".to_owned(), json!(imported))));
    payload.extend(event.actor.as_ref().map(|actor| ("actor".to_owned(), json!(actor))));
    payload.extend(json!(event.payload).as_object().cloned().unwrap());
    json!({
        "seq": journaled.seq, "id": event.id, "time_us": event.time, "session_id": event.session_id, "command_id": event.command_id,
        "cause": event.cause, "kind": journaled.kind, "pid": event.actor.as_ref().map(|actor| actor.pid),
        "subject": event.subject(), "severity": event.severity.number(), "attack": event.attack, "payload": payload,
    })
}

/// A full row of a kind, from the schema.
fn sample(schema: &Schema, place: usize, kind: Kind) -> Value {
    let mut payload = Map::new();
    for (key, definition) in [("sensor", "SensorOrigin"), ("imported", "ImportOrigin"), ("actor", "Actor")] {
        payload.insert(key.to_owned(), schema.sample(key, schema.definition(&format!("#/$defs/{definition}"))));
    }
    payload.extend(schema.sample("payload", schema.payload(kind)).as_object().cloned().unwrap());
    let row = json!({
        "seq": place + 1, "id": format!("01939b2e-5c00-7abc-8def-{place:012x}"), "time_us": 1_795_000_000_000_000_u64 + place as u64,
        "session_id": "s0r5r2vv00000000a", "command_id": "c0r5r2vv00000000b", "cause": "01939b2e-5bff-7abc-8def-0123456789ab",
        "kind": kind, "severity": 1 + place % 6, "attack": ["T1552.004"], "payload": payload,
    });
    store(&read(&row).unwrap())
}

/// Adds to the newest rows the kinds and fields that they lack.
fn complete(schema: &Schema, mut rows: Map<String, Value>) -> Map<String, Value> {
    for (place, kind) in Kind::ALL.iter().enumerate() {
        let full = sample(schema, place, *kind);
        let row = rows.entry(kind.as_str()).or_insert_with(|| full.clone());
        for (name, value) in full["payload"].as_object().unwrap() {
            let own = row["payload"].as_object_mut().unwrap().entry(name.clone()).or_insert_with(|| value.clone());
            // What stands in an envelope's object grows too.
            if let (true, Some(own), Some(full)) = (name == "actor" || name == "imported", own.as_object_mut(), value.as_object())
            {
                for (name, value) in full {
                    own.entry(name.clone()).or_insert_with(|| value.clone());
                }
            }
        }
        *row = store(&read(row).unwrap());
    }
    rows
}

fn pretty(value: &impl serde::Serialize) -> String {
    serde_json::to_string_pretty(value).unwrap() + "\n"
}

#[test]
fn what_every_version_stored_is_read_as_it_was_meant() {
    if golden::updating() {
        golden::assert_current("tests/golden/stored/v1.json", &pretty(&complete(&Schema::new(), rows(NEWEST))));
    }
    for version in 1..=NEWEST {
        let shown: Map<String, Value> = rows(version).into_iter().map(|(kind, row)| (kind, json!(read(&row).unwrap()))).collect();
        assert!(!shown.is_empty(), "v{version} holds nothing");
        golden::assert_current(&format!("tests/golden/stored/v{version}.expected.json"), &pretty(&shown));
    }
}

#[test]
fn the_newest_version_stores_the_same_row_again() {
    for (kind, row) in rows(NEWEST) {
        assert_eq!(store(&read(&row).unwrap()).to_string(), row.to_string(), "{kind}");
    }
}

/// Kinds and fields that the rows lack.
fn lacking(schema: &Schema, rows: &Map<String, Value>) -> Vec<String> {
    let mut lacking = Vec::new();
    for kind in Kind::ALL {
        match rows.get(kind.as_str()) {
            None => lacking.push(kind.as_str().to_owned()),
            Some(row) => lacking.extend(
                schema
                    .fields(*kind)
                    .iter()
                    .filter(|field| row["payload"].get(**field).is_none())
                    .map(|field| format!("{}.{field}", kind.as_str())),
            ),
        }
    }
    lacking
}

#[test]
fn the_newest_version_has_every_kind_with_every_field() {
    let schema = Schema::new();
    let mut rows = rows(NEWEST);
    assert_eq!(lacking(&schema, &rows), Vec::<String>::new(), "add them with `UPDATE_GOLDEN=1 cargo test stored`");

    rows.shift_remove("dir_list");
    rows["file_rename"]["payload"].as_object_mut().unwrap().shift_remove("to");
    assert_eq!(lacking(&schema, &rows), ["file_rename.to", "dir_list"]);
}

#[test]
fn a_row_that_is_no_event_is_refused() {
    let good = rows(NEWEST)["file_open"].clone();
    assert!(read(&good).is_ok());
    for (key, value) in [
        ("kind", json!("file_opened")),
        ("severity", json!(0)),
        ("seq", json!(0)),
        ("id", json!("x")),
        ("payload", json!({"path": 1})),
    ] {
        let mut row = good.clone();
        row[key] = value;
        assert!(read(&row).is_err(), "{key}");
    }
}
