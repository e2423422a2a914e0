//! Where the events stand makes no difference: journal, sealed files, both; while files are sealed, put together and removed.

use std::path::Path;

use agentsh::event::Event;
use agentsh::journal::DataDir;
use agentsh::query::sql::{Limits, questions};
use agentsh::sink::Flush;
use agentsh::sink::parquet::ParquetConfig;
use serde_json::{Value, json};

use super::rig::{ask, engine, rows, start};
use crate::lake::rig::{Driver, config, deliver_all, files, full_event, head, journal_of, journal_with};
use crate::support::{connect_event, event, exit_event, open_event};
use crate::vocabulary::samples::Schema;

/// A journal with an event of each kind, every field filled, and some hundred others.
fn varied(root: &Path) -> u64 {
    let schema = Schema::new();
    let full = agentsh::event::Kind::ALL.iter().enumerate().map(|(place, kind)| full_event(&schema, place, *kind));
    let plain = (0..300).map(|number| match number % 3 {
        0 => open_event(number),
        1 => exit_event(number),
        _ => connect_event(number),
    });
    journal_of(root, full.chain(plain).collect::<Vec<Event>>())
}

/// Seals the journal's first events, in files of `rows`.
fn seal_some(root: &Path, lake: &Path, rows: u64, pages: usize) {
    let mut driver = Driver::new(root, ParquetConfig { seal_rows: rows, ..config(lake) });
    driver.resume(0).unwrap();
    for _page in 0..pages {
        driver.page(20).unwrap().unwrap();
    }
    driver.flush(Flush::Close).unwrap();
}

const QUESTIONS: &[&str] = &[
    "SELECT count(*), sum(seq), min(time), max(time) FROM events",
    "SELECT * FROM events ORDER BY seq",
    "SELECT * FROM operations ORDER BY seq, outcome",
    "SELECT kind, count(*) FROM events GROUP BY kind ORDER BY kind",
    "SELECT seq FROM events WHERE family = 'file' AND seq BETWEEN 30 AND 90 ORDER BY seq DESC LIMIT 7",
    "SELECT seq, host FROM network_events WHERE host LIKE 'host-1%.test' ORDER BY seq",
    "SELECT seq, path, exit_code FROM process_events WHERE pid = 4242 ORDER BY seq LIMIT 20",
    "SELECT seq, kind FROM events WHERE session_id = 's0r5r2vv00000000a' AND severity >= 4 ORDER BY seq",
    "SELECT seq FROM events WHERE kind IN ('dns_query', 'no_such_kind', 'file_open') AND seq > 5 ORDER BY seq",
    "SELECT a.seq, b.seq FROM events a JOIN events b ON b.cause = a.cause AND b.seq = a.seq + 1 ORDER BY 1, 2",
    "SELECT seq, argv, attack, events, alpn FROM events WHERE attack IS NOT NULL ORDER BY seq",
    "SELECT seq FROM events WHERE time = TIMESTAMP '2026-11-18T09:46:40.000003Z'",
    "SELECT seq FROM events WHERE time > '2026-11-18T09:46:40.000060Z' AND time <= '2026-11-18T09:46:40.000064Z' ORDER BY seq",
];

#[test]
fn g5_an_answer_is_the_same_from_the_journal_from_files_and_from_both() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("data");
    let last = varied(&root);
    let data_dir = DataDir::at(&root);
    let (some, whole) = (folder.path().join("some"), folder.path().join("whole"));
    seal_some(&root, &some, 40, 10);
    deliver_all(&root, config(&whole));
    assert!(files(&some).len() > 2);
    let journal = engine(&data_dir, None);
    let others = [("some sealed", engine(&data_dir, Some(&some))), ("all sealed", engine(&data_dir, Some(&whole)))];
    assert_eq!(rows(&journal, "SELECT count(*), count(DISTINCT seq), max(seq) FROM events"), json!([[last, last, last]]));
    let ready = questions().iter().map(|question| question.sql(|_| None));
    for sql in QUESTIONS.iter().map(|sql| (*sql).to_owned()).chain(ready) {
        let expected = ask(&journal, &sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
        for (name, engine) in &others {
            assert_eq!(ask(engine, &sql).unwrap(), expected, "{name}: {sql}");
        }
    }
}

#[test]
fn g5_files_that_hold_the_same_events_and_files_that_are_missing_change_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("data");
    journal_with(&root, 300);
    let (small, large, lake) = (folder.path().join("small"), folder.path().join("large"), folder.path().join("lake"));
    deliver_all(&root, ParquetConfig { seal_rows: 40, ..config(&small) });
    deliver_all(&root, config(&large));
    // What a compaction that was cut off leaves: the large file beside the small ones.
    for (from, names) in [(&small, files(&small)), (&large, files(&large))] {
        for name in names {
            std::fs::create_dir_all(lake.join(&name).parent().unwrap()).unwrap();
            std::fs::copy(from.join(&name), lake.join(&name)).unwrap();
        }
    }
    let data_dir = DataDir::at(&root);
    let expected = json!([[head(&root), head(&root), (1..=head(&root)).sum::<u64>()]]);
    let sql = "SELECT count(*), count(DISTINCT seq), sum(seq) FROM events";
    let engine = engine(&data_dir, Some(&lake));
    assert_eq!(rows(&engine, sql), expected);
    // Without the large one, and then without some of the small ones.
    for name in files(&large).iter().chain(files(&small).iter().skip(2).take(2)) {
        std::fs::remove_file(lake.join(name)).unwrap();
        assert_eq!(rows(&engine, sql), expected, "without {name}");
    }
    std::fs::remove_dir_all(&lake).unwrap();
    assert_eq!(rows(&engine, sql), expected, "without the lake");
}

#[test]
fn g5_an_answer_that_has_begun_is_not_disturbed_when_its_files_are_removed() {
    let folder = tempfile::tempdir().unwrap();
    let (root, lake) = (folder.path().join("data"), folder.path().join("lake"));
    let last = journal_with(&root, 30_000);
    deliver_all(&root, ParquetConfig { seal_rows: 5_000, ..config(&lake) });
    let engine = engine(&DataDir::at(&root), Some(&lake));
    let mut answer = start(&engine, "SELECT seq FROM events", Limits::default()).unwrap();
    std::fs::remove_dir_all(&lake).unwrap();
    let mut read = 0;
    while let Some(batch) = answer.wait(engine.handle()).unwrap() {
        read += batch.num_rows() as u64;
    }
    // What is left out may only be what was not yet sealed, which is nothing here.
    assert_eq!(read, last);
}

#[test]
fn the_files_of_another_journal_are_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let (ours, theirs, lake) = (folder.path().join("ours"), folder.path().join("theirs"), folder.path().join("lake"));
    journal_with(&ours, 10);
    journal_with(&theirs, 5);
    deliver_all(&theirs, config(&lake));
    let error = ask(&engine(&DataDir::at(&ours), Some(&lake)), "SELECT 1 FROM events").unwrap_err().to_string();
    assert!(error.contains(&files(&lake)[0]) && error.contains("of the journal"), "{error}");
}

#[test]
fn an_answer_has_what_was_committed_when_it_was_asked() {
    let folder = tempfile::tempdir().unwrap();
    let journal = agentsh::journal::Journal::open(folder.path(), &agentsh::journal::JournalConfig::default()).unwrap();
    let engine = engine(journal.data_dir(), None);
    for number in 0..50_u64 {
        journal
            .channel()
            .publish(&event(agentsh::event::FileDelete { path: format!("/x/{number}").into(), ..Default::default() }));
        assert!(journal.flush());
        let sql = "SELECT count(*), max(subject) FROM events WHERE kind = 'file_delete'";
        let found: Value = rows(&engine, sql);
        assert_eq!(found[0][0], json!(number + 1));
    }
    journal.close().unwrap();
}
