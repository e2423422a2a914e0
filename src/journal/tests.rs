//! Tests with a disk that refuses to sync, which no test from outside can make.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test that cannot go on fails, and says where")]

use std::ops::ControlFlow;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::{Journal, JournalConfig, ReaderStore, StoreError, verify};
use crate::channel::{Durability, DurabilityConfig, GateError};
use crate::event::{Decision, DirCreate, Event, Kind, Severity};
use crate::policy::{Judgement, OnAuditFailure, Policy, Variables};
use crate::runtime::{clock, ids};

const DEADLINE: Duration = Duration::from_secs(20);

fn event(number: u32) -> Event {
    let time = clock::now();
    Event {
        id: ids::event_id(time),
        time,
        session_id: None,
        command_id: None,
        cause: None,
        actor: None,
        sensor: None,
        imported: None,
        attack: Vec::new(),
        severity: Severity::Informational,
        payload: DirCreate { path: "/d".into(), mode: number }.into(),
    }
}

fn allow() -> Judgement {
    Judgement::new(Decision::Allow, None, "test")
}

fn policy(on_audit_failure: OnAuditFailure) -> Policy {
    let word = if on_audit_failure == OnAuditFailure::Allow { "allow" } else { "deny" };
    let text = format!("version: 1\nname: test\non_audit_failure: {word}\n");
    Policy::parse_and_compile("test", &text, &Variables::new()).unwrap()
}

fn until(what: &str, condition: impl Fn() -> bool) {
    let start = clock::instant();
    while !condition() {
        assert!(clock::instant() - start < DEADLINE, "{what}: not within {DEADLINE:?}");
        std::thread::park_timeout(Duration::from_millis(1));
    }
}

fn kinds(journal: &Journal) -> Vec<String> {
    let mut kinds = Vec::new();
    let store = ReaderStore::open(&journal.data_dir().journal()).unwrap();
    let rows = store.rows::<StoreError>(0, &[], None, |row| {
        kinds.push(row.columns.kind.to_owned());
        Ok(ControlFlow::Continue(()))
    });
    rows.unwrap();
    kinds
}

fn whole(journal: &Journal) {
    let report = verify(journal.data_dir(), None, &[], |_, _| {}).unwrap();
    assert!(report.is_whole(), "{:?}", report.findings);
}

#[test]
fn g8_a_journal_that_cannot_be_synced_refuses_until_the_database_itself_is_on_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::open(folder.path(), &JournalConfig::default()).unwrap();
    journal.syncer.disk_refuses.store(true, Ordering::SeqCst);
    journal.channel().publish(&event(0));
    until("the failure shows", || journal.failure().is_some());
    let refused = journal.channel().gate(&event(1), &allow(), &policy(OnAuditFailure::Deny));
    assert!(matches!(refused, Err(GateError::JournalCannotWrite { .. })), "{refused:?}");
    journal.channel().gate(&event(2), &allow(), &policy(OnAuditFailure::Allow)).unwrap();

    let log = journal.data_dir().write_ahead_log();
    let before = std::fs::metadata(&log).unwrap().len();
    journal.syncer.disk_refuses.store(false, Ordering::SeqCst);
    until("the journal can write again", || journal.failure().is_none());
    // The log that could not be synced is not trusted: all of it is in the database, and it has begun anew.
    assert!(before > 0 && std::fs::metadata(&log).unwrap().len() < before);

    journal.channel().gate(&event(3), &allow(), &policy(OnAuditFailure::Deny)).unwrap();
    assert!(journal.flush());
    let store = ReaderStore::open(&journal.data_dir().journal()).unwrap();
    let mut decisions = Vec::new();
    let rows = store.rows::<StoreError>(0, &[], None, |row| {
        decisions.extend(row.columns.decision.map(str::to_owned));
        Ok(ControlFlow::Continue(()))
    });
    rows.unwrap();
    assert_eq!(decisions, ["deny", "allow", "allow"]);
    whole(&journal);
    journal.close().unwrap();
}

#[test]
fn g1_a_durable_operation_that_cannot_be_synced_is_refused_and_the_record_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let durability = DurabilityConfig { default: Durability::Durable, ..DurabilityConfig::default() };
    let config = JournalConfig { durability, ..JournalConfig::default() };
    let journal = Journal::open(folder.path(), &config).unwrap();
    let intake = journal.channel().intake();
    intake.disk_refuses.store(true, Ordering::SeqCst);
    let refused = journal.channel().gate(&event(1), &allow(), &policy(OnAuditFailure::Deny));
    assert!(matches!(refused, Err(GateError::JournalCannotWrite { .. })), "{refused:?}");
    // The database still works, so the refusal and all before it reach the disk by that way, and the journal is well again.
    until("the journal can write again", || journal.failure().is_none());
    let again = journal.channel().gate(&event(2), &allow(), &policy(OnAuditFailure::Allow));
    assert_eq!(again, Ok(()), "the policy lets it through");
    intake.disk_refuses.store(false, Ordering::SeqCst);
    until("the journal can write again", || journal.failure().is_none());
    journal.channel().gate(&event(3), &allow(), &policy(OnAuditFailure::Deny)).unwrap();
    assert!(journal.flush());
    let (operation, decision) = (Kind::DirCreate.as_str(), Kind::PolicyDecision.as_str());
    let (opened, failed) = (Kind::JournalOpened.as_str(), Kind::OperationFailed.as_str());
    assert_eq!(kinds(&journal), [opened, operation, decision, failed, operation, decision, operation, decision]);
    whole(&journal);
    journal.close().unwrap();
}

#[test]
fn a_witness_is_not_written_before_its_checkpoint_is_on_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::open(folder.path(), &JournalConfig::default()).unwrap();
    journal.channel().publish(&event(0));
    journal.syncer.disk_refuses.store(true, Ordering::SeqCst);
    // Committed, but a power loss could undo it: a witness now would accuse the journal that comes out of that.
    let _signed_or_failing = journal.checkpoint();
    until("the checkpoint is committed", || kinds(&journal).contains(&Kind::JournalCheckpoint.as_str().to_owned()));
    until("the failure shows", || journal.failure().is_some());
    assert!(!journal.data_dir().latest_checkpoint().exists());
    journal.syncer.disk_refuses.store(false, Ordering::SeqCst);
    until("the journal can write again", || journal.failure().is_none());
    journal.channel().publish(&event(1));
    assert!(journal.checkpoint());
    assert!(journal.data_dir().latest_checkpoint().exists());
    whole(&journal);
    journal.close().unwrap();
}

/// Without the mover nothing would reach the database file: the log stays shorter than what makes a commit move it.
#[test]
fn committed_pages_reach_the_database_file_beside_the_writer_and_a_long_log_starts_anew() {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::open(folder.path(), &JournalConfig::default()).unwrap();
    let size = |path: std::path::PathBuf| std::fs::metadata(path).unwrap().len();
    let log = || size(journal.data_dir().write_ahead_log());
    let database = || size(journal.data_dir().journal());
    let mut published = 0;
    while database() < 4 << 20 {
        assert!(log() < 40 << 20, "{} bytes in the log, {} in the database", log(), database());
        for _ in 0..5_000 {
            published += 1;
            journal.channel().publish(&event(published));
        }
        assert!(journal.flush());
    }
    while database() < 80 << 20 {
        for _ in 0..20_000 {
            published += 1;
            journal.channel().publish(&event(published));
        }
        assert!(journal.flush());
        assert!(log() < 128 << 20, "{} bytes in the log, {} in the database", log(), database());
    }
    whole(&journal);
    journal.close().unwrap();
}
