//! Exports read by other programs: DuckDB and Python's own reader of CSV, and asciinema.

use std::collections::BTreeMap;
use std::process::Command;

use agentsh::event::{OsText, SessionCreated, TerminalOutput, TerminalResize};
use serde_json::{Value, json};

use super::{python_with, script};
use crate::evidence::rig::{SESSION, path, told};
use crate::readers::recorded::{RECORDED, record};

#[test]
fn every_form_of_an_export_holds_the_same_events_for_duckdb() {
    let Some(python) = python_with("every_form_of_an_export_holds_the_same_events_for_duckdb", "duckdb") else { return };
    let folder = tempfile::tempdir().unwrap();
    let home = RECORDED.data_dir.root();
    let files = ["jsonl", "csv", "ocsf", "parquet"].map(|form| {
        let (_, file) = path(folder.path(), &format!("all.{form}"));
        let output = crate::evidence::rig::agentsh(home, &["export", form, "-o", &file]);
        assert!(output.status.success(), "{form}: {}", String::from_utf8_lossy(&output.stderr));
        file
    });
    let output = Command::new(python).arg(script("exports_read.py")).args(&files).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let read: Value = serde_json::from_slice(&output.stdout).unwrap();
    let mut kinds: BTreeMap<String, u64> = BTreeMap::new();
    let (mut sum, mut count) = (0, 0_u64);
    for line in told(home, &["events", "--format", "jsonl"]).lines() {
        let event: Value = serde_json::from_str(line).unwrap();
        sum += event["seq"].as_u64().unwrap();
        count += 1;
        *kinds.entry(event["kind"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    assert!(count > 40, "{count}");
    for form in ["jsonl", "csv", "parquet"] {
        assert_eq!(read[form], json!({"sum": sum, "kinds": kinds}), "{form}");
    }
    assert_eq!(read["ocsf"], json!(count));
    let subjects: Vec<&str> = read["subjects"].as_array().unwrap().iter().map(|subject| subject.as_str().unwrap()).collect();
    // With a quotation mark, a comma and a line feed in it.
    assert!(subjects.contains(&"/work/caf\\xe9 \"x\",\n.txt"), "{subjects:?}");
}

#[test]
fn asciinema_shows_what_the_terminal_showed() {
    let Some(python) = python_with("asciinema_shows_what_the_terminal_showed", "asciinema") else { return };
    let shown = ["$ make\r\n", "\u{1b}[31mred\u{1b}[0m \u{202e}é\r\n", "done\r\n"];
    let recorded = record(|scribe| {
        scribe.session(Some(SESSION));
        scribe.observe(SessionCreated::default(), None);
        scribe.observe(TerminalResize { rows: 30, columns: 100, offset_us: 0 }, None);
        for text in shown {
            scribe.observe(TerminalOutput { data: OsText::from_bytes(text), ..TerminalOutput::default() }, None);
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let (_, file) = path(folder.path(), "session.cast");
    let output = crate::evidence::rig::agentsh(recorded.data_dir.root(), &["export", "asciicast", SESSION, "-o", &file]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let home = folder.path();
    let output = Command::new(python).args(["-m", "asciinema", "cat", &file]).env("HOME", home).env("LC_ALL", "C.UTF-8").output();
    let output = output.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(String::from_utf8(output.stdout).unwrap(), shown.concat());
}
