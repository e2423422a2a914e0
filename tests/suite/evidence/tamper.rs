//! G-4: each change made with stock `sqlite3` is found, and the `seq` is named.

use std::path::Path;
use std::process::Command;

use agentsh::journal::{DataDir, Journal, JournalConfig, Verification, verify};

use crate::support::{open_event, session};

/// Events 1 (`journal_opened`) to 41, the checkpoint behind them at 42; then 43 to 83, and the last checkpoint at 84.
fn journal() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for _ in 0..2 {
        let journal = Journal::open(folder.path(), &JournalConfig::default()).unwrap();
        let session = session(journal.channel());
        for number in 0..20 {
            let event = open_event(number);
            assert!(session.gate(event.payload, event.actor, None).refusal().is_none());
        }
        journal.close().unwrap();
    }
    folder
}

const DROP_TRIGGERS: &str = "DROP TRIGGER events_refuse_update; DROP TRIGGER events_refuse_delete;";

/// As a careful forger would: the triggers come back afterwards, word for word.
const RESTORE_TRIGGERS: &str = "CREATE TRIGGER events_refuse_update BEFORE UPDATE ON events
BEGIN SELECT RAISE(ABORT, 'events are append-only'); END;
CREATE TRIGGER events_refuse_delete BEFORE DELETE ON events
BEGIN SELECT RAISE(ABORT, 'events are append-only'); END;";

fn sqlite3(folder: &Path, sql: &str) -> (bool, String) {
    let output = Command::new("sqlite3").arg("-bail").arg(folder.join("journal.db")).arg(sql).output().unwrap();
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    (output.status.success(), text)
}

fn verified(folder: &Path) -> Verification {
    verify(&DataDir::at(folder), None, &[], |_, _| {}).unwrap()
}

/// Makes the change and expects a finding that covers each of `seqs`.
#[track_caller]
fn check(change: &str, seqs: &[u64]) {
    let folder = journal();
    let (ok, said) = sqlite3(folder.path(), &format!("{DROP_TRIGGERS} {change}; {RESTORE_TRIGGERS}"));
    assert!(ok, "{change}: {said}");
    let report = verified(folder.path());
    assert!(!report.is_whole(), "{change} was not found");
    for seq in seqs {
        let named = report.findings.iter().any(|finding| finding.seqs.0 <= *seq && *seq <= finding.seqs.1);
        assert!(named, "{change}: seq {seq} is not named: {:?}", report.findings);
    }
}

/// As [`check`], and the finding names this `seq` and no other.
#[track_caller]
fn check_exactly(change: &str, seq: u64) {
    check(change, &[seq]);
    let folder = journal();
    sqlite3(folder.path(), &format!("{DROP_TRIGGERS} {change}; {RESTORE_TRIGGERS}"));
    let report = verified(folder.path());
    assert!(report.findings.iter().any(|finding| finding.seqs == (seq, seq)), "{change}: {:?}", report.findings);
}

#[test]
fn g4_a_journal_that_nobody_changed_is_whole() {
    let folder = journal();
    let report = verified(folder.path());
    assert!(report.is_whole(), "{:?}", report.findings);
    assert!(report.signed_to + 1 >= report.events);
}

#[test]
fn g4_an_edit_of_any_column_is_found_at_its_seq() {
    for change in [
        "payload = replace(payload, 'module', 'modulo')",
        "payload = payload || ' '",
        "subject = '/etc/passwd'",
        "time_us = time_us + 1",
        "session_id = 'another'",
        "session_id = NULL",
        "command_id = 'another'",
        "pid = pid + 1",
        "severity = 5",
        "id = zeroblob(16)",
        "cause = zeroblob(16)",
        "kind = 'file_delete'",
        "rule = 'another'",
        "attack = '[\"T1552\"]'",
        "leaf = zeroblob(32)",
    ] {
        check_exactly(&format!("UPDATE events SET {change} WHERE seq = 10"), 10);
    }
    check_exactly("UPDATE events SET decision = 'deny' WHERE seq = 11", 11);
}

#[test]
fn g4_an_edit_with_the_leaf_of_another_event_is_found() {
    check("UPDATE events SET subject = 'x', leaf = (SELECT leaf FROM events WHERE seq = 12) WHERE seq = 10", &[10]);
}

#[test]
fn g4_insertions_are_found() {
    let copy = "SELECT (SELECT max(seq) + 1 FROM events), id, time_us, session_id, command_id, cause, kind, pid, subject, decision, rule, \
                severity, attack, payload, leaf FROM events WHERE seq = 10";
    let end = 85;
    let folder = journal();
    assert_eq!(sqlite3(folder.path(), "SELECT max(seq) FROM events").1.trim(), (end - 1).to_string());
    check(&format!("INSERT INTO events {copy}"), &[end]);
    check(&format!("INSERT INTO events {copy}; UPDATE tree SET size = size + 1"), &[end]);
    check(
        "INSERT INTO events SELECT 1000, id, time_us, session_id, command_id, cause, kind, pid, subject, decision, rule, severity, attack, payload, leaf FROM events WHERE seq = 10",
        &[1000],
    );
}

#[test]
fn g4_deletions_are_found() {
    check_exactly("DELETE FROM events WHERE seq = 10", 10);
    check("DELETE FROM events WHERE seq BETWEEN 10 AND 20", &[10, 20]);
    check_exactly("DELETE FROM events WHERE seq = 1", 1);
    // Closing the gap by moving what follows does not help.
    check(
        "DELETE FROM events WHERE seq = 10; UPDATE events SET seq = -seq WHERE seq > 10; UPDATE events SET seq = -seq - 1 WHERE seq < 0",
        &[10],
    );
}

#[test]
fn g4_swaps_are_found_at_both_places() {
    let swap = "UPDATE events SET seq = -1 WHERE seq = 10; UPDATE events SET seq = 10 WHERE seq = 20; UPDATE events SET seq = 20 WHERE seq = -1";
    check_exactly(swap, 10);
    check_exactly(swap, 20);
}

#[test]
fn g4_truncations_are_found() {
    let end = 84;
    check("DELETE FROM events WHERE seq > 60", &[61, end]);
    check(&format!("DELETE FROM events WHERE seq = {end}"), &[end]);
    // With the tree's own row cut back too, the signed checkpoints still cover what is gone.
    check("DELETE FROM events WHERE seq > 60; UPDATE tree SET size = 60", &[61]);
    // With the checkpoints cut back as well, the witness file outside of the database covers it.
    check("DELETE FROM events WHERE seq > 60; UPDATE tree SET size = 60; DELETE FROM checkpoints WHERE tree_size > 60", &[61]);
}

#[test]
fn g4_changes_of_checkpoints_are_found() {
    check("DELETE FROM checkpoints WHERE tree_size < 60", &[]);
    check("UPDATE checkpoints SET note = replace(note, 'agentsh', 'Agentsh')", &[]);
    check("UPDATE checkpoints SET root = zeroblob(32) WHERE tree_size < 60", &[]);
    check("UPDATE checkpoints SET tree_size = tree_size - 1 WHERE tree_size < 60", &[]);
}

#[test]
fn g4_a_missing_or_empty_trigger_is_found() {
    for change in [
        "DROP TRIGGER events_refuse_update",
        "DROP TRIGGER events_refuse_delete; CREATE TRIGGER events_refuse_delete BEFORE DELETE ON events BEGIN SELECT 1; END",
    ] {
        let folder = journal();
        assert!(sqlite3(folder.path(), change).0);
        assert!(!verified(folder.path()).is_whole(), "{change}");
    }
}

#[test]
fn the_triggers_refuse_updates_and_deletions_and_stock_sqlite3_reads_every_view() {
    let folder = journal();
    for change in ["UPDATE events SET subject = 'x' WHERE seq = 3", "DELETE FROM events WHERE seq = 3"] {
        let (ok, said) = sqlite3(folder.path(), change);
        assert!(!ok && said.contains("append-only"), "{change}: {said}");
    }
    let (ok, views) = sqlite3(folder.path(), "SELECT name FROM sqlite_schema WHERE type = 'view'");
    assert!(ok);
    let views: Vec<&str> = views.lines().collect();
    assert!(views.len() >= 11 && views.contains(&"operations"), "{views:?}");
    for view in views {
        let (ok, said) = sqlite3(folder.path(), &format!("SELECT * FROM {view}"));
        assert!(ok, "{view}: {said}");
    }
    let row = "SELECT operation || ' ' || subject || ' ' || decision || ' ' || outcome FROM operations LIMIT 1";
    assert_eq!(sqlite3(folder.path(), row).1.trim(), "file_open /home/dev/project/src/module_0.c allow let through");
}
