//! Bounds of rows, time and memory, and what happens when nobody reads any more.

use std::time::Duration;

use agentsh::journal::DataDir;
use agentsh::query::sql::{Limits, SqlError};

use super::rig::{ask_within, engine, start};
use crate::lake::rig::journal_with;
use crate::support::until;

fn few(rows: u64) -> Limits {
    Limits { rows, ..Limits::default() }
}

#[test]
fn an_answer_ends_at_its_rows_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let last = journal_with(folder.path(), 20_000);
    let engine = engine(&DataDir::at(folder.path()), None);
    for (rows, given, truncated) in
        [(1, 1, true), (10, 10, true), (last - 1, last - 1, true), (last, last, false), (last + 1, last, false)]
    {
        let answer = ask_within(&engine, "SELECT seq FROM events", few(rows)).unwrap();
        assert_eq!(answer["rows"].as_array().unwrap().len() as u64, given, "{rows}");
        assert_eq!(answer["truncated"], truncated, "{rows}");
    }
}

/// Questions that would take for ever.
const ENDLESS: &[&str] = &[
    "SELECT count(*) FROM events a, events b, events c, events d",
    "WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n",
    "SELECT count(*) FROM events a, events b, events c WHERE a.subject || b.subject < c.subject",
];

#[test]
fn a_question_that_would_take_for_ever_ends_in_time() {
    let folder = tempfile::tempdir().unwrap();
    journal_with(folder.path(), 20_000);
    let engine = engine(&DataDir::at(folder.path()), None);
    let limits = Limits { time: Duration::from_millis(500), ..Limits::default() };
    for sql in ENDLESS {
        let error = ask_within(&engine, sql, limits).unwrap_err();
        assert!(matches!(error, SqlError::Time { .. }), "{sql}: {error}");
    }
    // And none of it goes on.
    until("the work of all questions is over", || engine.handle().metrics().num_alive_tasks() == 0);
}

#[test]
fn a_question_that_would_fill_the_memory_is_refused_and_the_next_is_answered() {
    let folder = tempfile::tempdir().unwrap();
    journal_with(folder.path(), 50_000);
    let engine = engine(&DataDir::at(folder.path()), None);
    let limits = Limits { memory: 4 << 20, ..Limits::default() };
    for sql in [
        "SELECT payload, count(*) FROM events GROUP BY payload ORDER BY 2",
        "SELECT payload FROM events ORDER BY payload DESC",
        "SELECT a.seq FROM events a JOIN events b ON a.payload = b.payload ORDER BY a.subject, b.subject",
    ] {
        let error = ask_within(&engine, sql, limits).unwrap_err();
        assert!(matches!(error, SqlError::Memory { limit } if limit == 4 << 20), "{sql}: {error}");
    }
    assert_eq!(ask_within(&engine, "SELECT 1", limits).unwrap()["rows"], serde_json::json!([[1]]));
}

#[test]
fn an_answer_that_nobody_reads_stops_the_work() {
    let folder = tempfile::tempdir().unwrap();
    journal_with(folder.path(), 20_000);
    let engine = engine(&DataDir::at(folder.path()), None);
    for sql in ENDLESS.iter().chain(&["SELECT * FROM events"]) {
        drop(start(&engine, sql, Limits::default()).unwrap());
        until("the work is over", || engine.handle().metrics().num_alive_tasks() == 0);
    }
}
