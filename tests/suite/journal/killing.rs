//! Recorders that are killed at random points under load.

use std::collections::HashMap;
use std::path::Path;

use agentsh::event::Kind;

use super::children::{Answer, Numbers, Process, Role};
use super::rig::{Entry, conserved, declared, entries, gapless, intake_files, open_with, small, whole};
use crate::support::until;

const THREADS: u64 = 4;

/// Of `answers`, nothing is missing that may not be; returns the buffered events that are missing.
fn nothing_is_missing(entries: &[Entry], answers: &[Answer], context: &str) -> u64 {
    let by_id: HashMap<_, _> = entries.iter().map(|entry| (entry.id, entry)).collect();
    assert_eq!(by_id.len(), entries.len(), "{context}: nothing is there twice");
    let mut missing = 0;
    for answer in answers {
        match by_id.get(&answer.id) {
            None => {
                assert!(answer.buffered, "{context}: {answer:?} was answered and is not in the journal");
                missing += 1;
            }
            Some(entry) if answer.events == 2 => {
                let decision = &entries[usize::try_from(entry.seq).unwrap()];
                assert_eq!((decision.kind, decision.cause), (Kind::PolicyDecision, Some(answer.id)), "{context}");
            }
            Some(_) => {}
        }
    }
    missing
}

struct Recorder {
    process: Process,
    answers: std::path::PathBuf,
    stop: std::path::PathBuf,
}

fn recorder(scratch: &Path, name: &str, root: &Path, seed: u64) -> Recorder {
    let (answers, stop) = (scratch.join(format!("{name}.answers")), scratch.join(format!("{name}.stop")));
    let role = Role::Record { root: root.to_owned(), answers: answers.clone(), stop: stop.clone(), threads: THREADS, seed };
    Recorder { process: Process::start(&role), answers, stop }
}

#[test]
fn g1_nothing_is_let_through_that_is_not_on_record_in_fifty_kills_under_load() {
    const SEED: u64 = 20_261_124;
    let mut numbers = Numbers(SEED);
    for journal in 0..5 {
        let scratch = tempfile::tempdir().unwrap();
        let root = scratch.path().join("data");
        let mut answered = Vec::new();
        let mut lost_before = 0;
        for round in 0..10 {
            let context = format!("seed {SEED}, journal {journal}, round {round}");
            let seed = numbers.next();
            // Some are killed while they open the journal, before they have answered anything.
            let kill_at = numbers.below(12) * numbers.below(100);
            let recorder = recorder(scratch.path(), &round.to_string(), &root, seed);
            if kill_at == 0 {
                let sign = ["keys/journal.key", "journal.lock", "journal.db", "intakes"][numbers.below(4) as usize];
                until("the recorder opens the journal", || root.join(sign).exists());
            } else {
                Answer::wait(&recorder.answers, kill_at);
            }
            recorder.process.kill();
            let new = Answer::read(&recorder.answers);
            assert!(new.len() as u64 >= kill_at, "{context}");
            answered.extend_from_slice(&new);

            let opened = open_with(&root, &small());
            let found = opened.found().clone();
            opened.close().unwrap();
            assert!(found.intakes_drained <= 1, "{context}: {found:?}");
            let entries = entries(&root);
            let missing = nothing_is_missing(&entries, &answered, &context);
            gapless(&root);
            whole(&root);
            conserved(&root);
            // What is missing was declared; each thread may have had one more in its hands that it did not note.
            let lost = lost_to_memory(&root);
            assert!(missing <= lost && lost - lost_before <= new.len() as u64 + THREADS, "{context}: {missing} of {lost}");
            lost_before = lost;
            assert!(intake_files(&root).is_empty(), "{context}");
        }
    }
}

fn lost_to_memory(root: &Path) -> u64 {
    declared(root).get("buffer").copied().unwrap_or(0)
}

#[test]
fn g1_a_recorder_goes_on_while_its_neighbour_is_killed_and_drained() {
    const SEED: u64 = 7;
    let mut numbers = Numbers(SEED);
    let scratch = tempfile::tempdir().unwrap();
    let root = scratch.path().join("data");
    let survivor = recorder(scratch.path(), "survivor", &root, numbers.next());
    Answer::wait(&survivor.answers, 10);
    let mut answered = Vec::new();
    for round in 0..5 {
        let context = format!("seed {SEED}, round {round}");
        let victim = recorder(scratch.path(), &format!("victim-{round}"), &root, numbers.next());
        Answer::wait(&victim.answers, 1 + numbers.below(300));
        victim.process.kill();
        answered.extend(Answer::read(&victim.answers));
        // Whoever opens next drains what the victim left, and leaves the survivor's intake alone.
        let opened = open_with(&root, &small());
        assert_eq!(opened.found().intakes_drained, 1, "{context}");
        nothing_is_missing(&entries(&root), &answered, &context);
        opened.close().unwrap();
        let noted = Answer::read(&survivor.answers).len() as u64;
        Answer::wait(&survivor.answers, noted + 10);
    }
    std::fs::write(&survivor.stop, b"").unwrap();
    survivor.process.finish();
    // The survivor closed in good order: of its own, not even a buffered event is missing.
    let own = Answer::read(&survivor.answers);
    let entries = entries(&root);
    assert_eq!(nothing_is_missing(&entries, &own, "survivor"), 0);
    nothing_is_missing(&entries, &answered, "victims");
    gapless(&root);
    whole(&root);
    let intakes = conserved(&root);
    assert_eq!(intakes.iter().filter(|intake| intake.state == "recovered").count(), 5);
    assert_eq!(intakes.iter().filter(|intake| intake.state == "closed").count(), 6);
}
