//! The forms: JSON, JSON lines and CSV lose nothing, and can be resumed.

use std::io::Write as _;
use std::ops::ControlFlow;
use std::process::{Command, Stdio};

use agentsh::event::{JournaledEvent, Kind, Payload, TerminalOutput};
use agentsh::journal::{DataDir, ReaderStore, StoreError};
use serde_json::Value;

use super::recorded::{RECORDED, args, ask, record};

fn journaled(data_dir: &DataDir) -> Vec<JournaledEvent> {
    let mut events = Vec::new();
    let store = ReaderStore::open(&data_dir.journal()).unwrap();
    store
        .rows::<StoreError>(0, &[], None, |row| {
            events.push(row.to_event().unwrap());
            Ok(ControlFlow::Continue(()))
        })
        .unwrap();
    events
}

/// One event of each kind, with every field at its default.
fn one_of_each() -> super::recorded::Recorded {
    record(|scribe| {
        for kind in Kind::ALL {
            scribe.observe(Payload::from_json(*kind, "{}").unwrap(), None);
        }
    })
}

#[test]
fn json_lines_are_the_events_in_the_form_of_the_schema() {
    let lines = ask(&RECORDED.data_dir, "--format jsonl").unwrap();
    let printed: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let events = journaled(&RECORDED.data_dir);
    let expected: Vec<Value> = events.iter().map(|event| serde_json::to_value(event).unwrap()).collect();
    assert_eq!(printed, expected);
    let schema: Value = serde_json::from_str(&agentsh::event::json_schema()).unwrap();
    let required = ["seq", "kind", "id", "time_us", "severity", "payload"];
    for (object, event) in printed.iter().zip(&events) {
        assert!(required.iter().all(|key| object.get(*key).is_some()), "{object}");
        assert!(object.as_object().unwrap().keys().all(|key| schema["properties"].get(key).is_some()), "{object}");
        assert_eq!(Payload::from_json(event.kind, &object["payload"].to_string()).unwrap(), event.event.payload);
    }
}

#[test]
fn json_is_one_array_of_the_same_objects() {
    let array: Vec<Value> = serde_json::from_str(&ask(&RECORDED.data_dir, "--format json").unwrap()).unwrap();
    let lines = ask(&RECORDED.data_dir, "--format jsonl").unwrap();
    assert_eq!(array, lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()).collect::<Vec<_>>());
    assert_eq!(ask(&RECORDED.data_dir, "--format json --pid 1").unwrap(), "[]\n");
    assert_eq!(ask(&RECORDED.data_dir, "--format json --limit 0").unwrap(), "[]\n");
    assert_eq!(ask(&RECORDED.data_dir, "--format jsonl --pid 1").unwrap(), "");
}

#[test]
fn pages_of_json_lines_join_to_the_whole_without_gap_or_repeat() {
    let whole = ask(&RECORDED.data_dir, "--format jsonl").unwrap();
    let mut joined = String::new();
    let mut after = 0;
    loop {
        let page = ask(&RECORDED.data_dir, &format!("--format jsonl --limit 7 --after {after}")).unwrap();
        let Some(last) = page.lines().last() else { break };
        after = serde_json::from_str::<Value>(last).unwrap()["seq"].as_u64().unwrap();
        joined.push_str(&page);
    }
    assert_eq!(joined, whole);
}

/// What stock `sqlite3` reads from the CSV, as JSON.
fn read_by_sqlite(csv: &str, select: &str) -> Value {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events.csv");
    std::fs::write(&path, csv).unwrap();
    let mut sqlite = Command::new("sqlite3").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    writeln!(sqlite.stdin.take().unwrap(), ".import --csv {} t\n.mode json\n{select}", path.display()).unwrap();
    let output = sqlite.wait_with_output().unwrap();
    assert!(output.status.success());
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn csv_keeps_quotes_commas_and_newlines() {
    let events = journaled(&RECORDED.data_dir);
    let csv = ask(&RECORDED.data_dir, "--format csv").unwrap();
    let rows = read_by_sqlite(&csv, "SELECT * FROM t ORDER BY CAST(seq AS INTEGER);");
    let rows = rows.as_array().unwrap();
    assert_eq!(rows.len(), events.len());
    for (row, event) in rows.iter().zip(&events) {
        assert_eq!(row["seq"], event.seq.to_string());
        assert_eq!(row["kind"], event.kind.as_str());
        assert_eq!(row["id"], event.event.id.to_string());
        assert_eq!(row["subject"], event.event.subject().unwrap_or_default().as_ref());
        let payload = row["payload"].as_str().unwrap();
        assert_eq!(Payload::from_json(event.kind, payload).unwrap(), event.event.payload);
    }
    let deleted = &rows[15];
    assert_eq!(deleted["subject"], "/work/caf\\xe9 \"x\",\n.txt");
    assert_eq!(deleted["time"], "2026-11-24T10:00:10.123456Z");
    assert_eq!(deleted["exe"], "/usr/bin/cc1");
    assert_eq!(rows[10]["decision"], "deny");
    assert_eq!(rows[10]["rule"], "protect-private-keys");
    assert_eq!(rows[32]["attack"], "T1552.004");
    assert_eq!(rows[32]["severity"], "4");
}

#[test]
fn csv_has_a_header_also_when_nothing_matches() {
    let csv = ask(&RECORDED.data_dir, "--format csv --pid 1").unwrap();
    assert_eq!(csv, "seq,time,session_id,command_id,kind,pid,exe,subject,decision,rule,severity,attack,id,cause,payload\n");
}

#[test]
fn every_kind_has_every_form() {
    let recorded = one_of_each();
    let all = Kind::ALL.len() + 2;
    let lines = ask(&recorded.data_dir, "--format jsonl").unwrap();
    assert_eq!(lines.lines().count(), all);
    let rows = read_by_sqlite(&ask(&recorded.data_dir, "--format csv").unwrap(), "SELECT kind FROM t;");
    assert_eq!(rows.as_array().unwrap().len(), all);
    assert_eq!(ask(&recorded.data_dir, "--format ocsf").unwrap().lines().count(), all);
    let table = ask(&recorded.data_dir, "--raw").unwrap();
    // A line with a date alone stands where the day changes.
    let is_event = |line: &&str| line.starts_with("   ") && !line.contains("SEQ") && line.split_whitespace().count() > 1;
    assert_eq!(table.lines().filter(is_event).count(), all, "{table}");
}

#[test]
fn bytes_that_are_no_text_come_back_as_the_same_bytes() {
    let bytes: Vec<u8> = (0..=255).collect();
    let recorded = record(|scribe| {
        scribe.observe(
            TerminalOutput { data: agentsh::event::OsText::from_bytes(bytes.clone()), ..TerminalOutput::default() },
            None,
        );
    });
    let line = ask(&recorded.data_dir, "--format jsonl --kind terminal_output").unwrap();
    let object: Value = serde_json::from_str(&line).unwrap();
    let data = agentsh::event::OsText::from_text(object["payload"]["data"].as_str().unwrap()).unwrap();
    assert_eq!(data.as_bytes(), bytes);
}

#[test]
fn an_array_that_grows_is_refused() {
    let error = ask(&RECORDED.data_dir, "--follow --format json").unwrap_err();
    let expected = "--follow cannot be combined with --format json: an array that grows has no end: use --format jsonl";
    assert_eq!(error.to_string(), expected);
    assert!(args("--follow --format jsonl").follow);
}
