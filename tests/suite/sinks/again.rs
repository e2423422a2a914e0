//! Dead letters that are sent again, beside what is new, by whichever process delivers.

use std::path::Path;
use std::time::Duration;

use agentsh::app::dead_letters::{DeadLetters, purge, send_again};
use agentsh::journal::{CursorStore, DataDir, Journal};
use agentsh::sink::jsonl::Compression;
use agentsh::sink::{DeliverError, Deliverer, Refused};

use super::jsonl;
use super::rig::*;
use crate::support::until;

fn refused(seqs: &[u64], reason: &str) -> DeliverError {
    let refused = seqs.iter().map(|seq| Refused { seq: *seq, reason: reason.to_owned() }).collect();
    DeliverError::Refused { refused, safe: 0 }
}

fn letters(root: &Path) -> Vec<u64> {
    dead_letters(root, "memory").into_iter().map(|letter| letter.seq).collect()
}

fn store(root: &Path) -> CursorStore {
    CursorStore::open(&DataDir::at(root)).unwrap()
}

/// A journal whose events 3, 5 and 7 a peer has refused, and the peer.
fn with_dead_letters(root: &Path) -> (Journal, Memory) {
    let journal = journal(root, 20);
    let memory = Memory::default();
    memory.with(|state| state.answers.push_back(refused(&[3, 5, 7], "too large")));
    let sink = start("memory", memory.clone(), delivery(root, &Reports::default()));
    caught_up(root, "memory");
    assert!(sink.end());
    assert_eq!(letters(root), [3, 5, 7]);
    (journal, memory)
}

/// A sink that runs, and is known to.
fn running(root: &Path, memory: &Memory, reports: &Reports) -> Deliverer {
    let sink = start("memory", memory.clone(), delivery(root, reports));
    until("it has the sink", || DataDir::at(root).claim_reader("memory").unwrap().is_none());
    sink
}

const PATIENCE: Duration = Duration::from_secs(30);

#[test]
fn what_is_asked_for_is_sent_once_more_and_is_no_dead_letter_any_more() {
    let scratch = tempfile::tempdir().unwrap();
    let (root, (journal, memory)) = (scratch.path(), with_dead_letters(scratch.path()));
    let before = memory.taken();
    let sink = running(root, &memory, &Reports::default());
    // New events go on meanwhile.
    let found = std::thread::scope(|scope| {
        scope.spawn(|| record(&journal, 20, 30));
        send_again(&DataDir::at(root), "memory", &DeadLetters::Of(vec![7, 3]), PATIENCE).unwrap()
    });
    assert_eq!((found.delivered.as_slice(), found.refused.len(), found.waiting.len(), found.running), (&[3, 7][..], 0, 0, true));
    assert_eq!(letters(root), [5]);
    caught_up(root, "memory");
    assert!(sink.end());
    memory.with(|state| assert_eq!(state.again, [3, 7]));
    // The order of the rest is as it was, each once.
    let new: Vec<u64> = (before.last().unwrap() + 1..=head(root)).collect();
    assert_eq!(memory.taken(), [before, new].concat());
    journal.close().unwrap();
}

#[test]
fn what_is_refused_again_stays_with_the_new_reason_and_a_peer_that_does_not_answer_is_no_stall() {
    let scratch = tempfile::tempdir().unwrap();
    let (root, (journal, memory)) = (scratch.path(), with_dead_letters(scratch.path()));
    memory.with(|state| {
        state.answers_again.extend([refused(&[3], "still too large"), unavailable("connection refused"), unavailable("reset")]);
    });
    let reports = Reports::default();
    let sink = running(root, &memory, &reports);
    let found = send_again(&DataDir::at(root), "memory", &DeadLetters::All, PATIENCE).unwrap();
    let reasons = [(3, "still too large"), (5, "connection refused"), (7, "reset")].map(|(seq, reason)| (seq, reason.to_owned()));
    assert_eq!(found.refused, reasons);
    let kept = dead_letters(root, "memory");
    assert!(kept.iter().all(|letter| letter.attempts == 2), "{kept:?}");
    // Asked once, tried once.
    record(&journal, 20, 5);
    caught_up(root, "memory");
    memory.with(|state| assert_eq!(state.again, [3, 5, 7]));
    assert_eq!(reports.all(), []);
    assert!(sink.end());
    journal.close().unwrap();
}

#[test]
fn without_a_process_that_delivers_it_waits_for_the_next_one_and_asking_twice_is_asking_once() {
    let scratch = tempfile::tempdir().unwrap();
    let (root, (journal, memory)) = (scratch.path(), with_dead_letters(scratch.path()));
    for _twice in 0..2 {
        let found = send_again(&DataDir::at(root), "memory", &DeadLetters::Of(vec![5]), PATIENCE).unwrap();
        assert_eq!((found.waiting.as_slice(), found.running), (&[5][..], false));
    }
    let sink = start("memory", memory.clone(), delivery(root, &Reports::default()));
    until("it is sent", || letters(root) == [3, 7]);
    assert!(sink.end());
    memory.with(|state| assert_eq!(state.again, [5]));
    journal.close().unwrap();
}

#[test]
fn a_kill_between_the_peers_answer_and_the_record_of_it_sends_once_more_and_loses_nothing() {
    let scratch = tempfile::tempdir().unwrap();
    let (root, (journal, memory)) = (scratch.path(), with_dead_letters(scratch.path()));
    // What such a kill leaves behind: the peer has it, and it is still asked for.
    store(root).ask_again("memory", &DeadLetters::Of(vec![5])).unwrap();
    memory.with(|state| state.again.push(5));
    let sink = start("memory", memory.clone(), delivery(root, &Reports::default()));
    until("it is sent", || letters(root) == [3, 7]);
    assert!(sink.end());
    memory.with(|state| assert_eq!(state.again, [5, 5]));
    journal.close().unwrap();
}

#[test]
fn what_is_dropped_is_gone_also_while_it_waits_to_be_sent_and_its_event_stays() {
    let scratch = tempfile::tempdir().unwrap();
    let (root, (journal, memory)) = (scratch.path(), with_dead_letters(scratch.path()));
    let events = head(root);
    store(root).ask_again("memory", &DeadLetters::All).unwrap();
    assert_eq!(purge(&DataDir::at(root), "memory", &DeadLetters::Of(vec![5])).unwrap(), [5]);
    // The outcome of one that was being sent when it was dropped brings it back no more.
    store(root).sent_again("memory", 5, Some("no")).unwrap();
    assert_eq!(letters(root), [3, 7]);
    let sink = start("memory", memory.clone(), delivery(root, &Reports::default()));
    until("the others are sent", || letters(root).is_empty());
    assert!(sink.end());
    memory.with(|state| assert_eq!(state.again, [3, 7]));
    assert_eq!(head(root), events);
    journal.close().unwrap();
}

#[test]
fn an_event_that_is_no_dead_letter_of_the_sink_is_refused_and_nothing_is_asked_for() {
    let scratch = tempfile::tempdir().unwrap();
    let (root, (journal, _memory)) = (scratch.path(), with_dead_letters(scratch.path()));
    let which = DeadLetters::Of(vec![3, 4, 99]);
    let said = send_again(&DataDir::at(root), "memory", &which, PATIENCE).unwrap_err().to_string();
    assert!(said.starts_with("`memory` has no dead letter at seq 4, 99:"), "{said}");
    assert!(purge(&DataDir::at(root), "memory", &which).is_err());
    let said = purge(&DataDir::at(root), "webhok", &DeadLetters::All).unwrap_err().to_string();
    assert_eq!(said, "there is no sink `webhok`: there are jsonl, webhook, syslog, nats, parquet, otlp");
    assert_eq!(purge(&DataDir::at(root), "webhook", &DeadLetters::All).unwrap(), Vec::<u64>::new());
    assert_eq!((store(root).next_asked("memory", 0).unwrap(), letters(root)), (None, vec![3, 5, 7]));
    journal.close().unwrap();
}

#[test]
fn a_file_that_has_its_events_in_order_does_not_take_one_out_of_its_turn() {
    let scratch = tempfile::tempdir().unwrap();
    let (root, folder) = (scratch.path().join("data"), scratch.path().join("out"));
    let journal = journal(&root, 10);
    let file = jsonl::config(&folder.join("events.jsonl"), Compression::None);
    let run = || start("jsonl", jsonl::sink(&root, &file), delivery(&root, &Reports::default()));
    let sink = run();
    caught_up(&root, "jsonl");
    let row = agentsh::journal::DeadLetterRow {
        sink: "jsonl".to_owned(),
        seq: 4,
        time_us: 0,
        attempts: 1,
        reason: "cannot be read".to_owned(),
    };
    store(&root).advance("sink/jsonl", 0, &[row]).unwrap();
    let found = send_again(&DataDir::at(&root), "jsonl", &DeadLetters::All, PATIENCE).unwrap();
    assert!(found.refused.len() == 1 && found.refused[0].1.starts_with("a file has its events in order"), "{found:?}");
    assert!(sink.end());
    assert_eq!(jsonl::lines(&folder).len(), 11);
    journal.close().unwrap();
}
