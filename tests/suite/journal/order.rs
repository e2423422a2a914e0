//! One gapless order across restarts and across recorders (G-3).

use std::collections::HashMap;

use agentsh::event::Kind;
use agentsh::journal::DataDir;

use super::children::{Process, Role};
use super::rig::{Entry, conserved, entries, gapless, open, open_with, small, store, verified, whole};
use crate::support::{open_event, sqlite3};

/// The numbers at the ends of the subjects that start with `prefix`, in the journal's order.
fn numbers(entries: &[Entry]) -> Vec<u64> {
    let subjects = entries.iter().filter(|entry| entry.kind == Kind::FileOpen).filter_map(|entry| entry.subject.as_deref());
    subjects.map(|path| path.rsplit(['_', '.']).nth(1).unwrap().parse().unwrap()).collect()
}

#[test]
fn g3_one_gapless_order_across_four_processes_at_once_and_their_restarts() {
    const COUNT: u64 = 500;
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("data");
    for round in 0..2 {
        let writers: Vec<_> = (0..4)
            .map(|writer| {
                let first = (round * 4 + writer) * 10_000;
                Process::start(&Role::Write { root: root.clone(), count: COUNT, first })
            })
            .collect();
        for writer in writers {
            writer.finish();
        }
    }
    gapless(&root);
    whole(&root);
    conserved(&root);
    // Each writer's events are all there, in its own order.
    let mut next: HashMap<u64, u64> = HashMap::new();
    for number in numbers(&entries(&root)) {
        let expected = next.entry(number / 10_000).or_insert(number / 10_000 * 10_000);
        assert_eq!(number, *expected);
        *expected += 1;
    }
    assert_eq!(next.len(), 8);
    assert!(next.into_iter().all(|(writer, next)| next == writer * 10_000 + COUNT));
}

#[test]
fn g3_one_gapless_order_across_recorders_of_one_process() {
    let folder = tempfile::tempdir().unwrap();
    let journals: Vec<_> = (0..4).map(|_| open_with(folder.path(), &small())).collect();
    std::thread::scope(|scope| {
        for (writer, journal) in (0..).zip(&journals) {
            scope.spawn(move || {
                for number in 0..300 {
                    journal.channel().publish(&open_event(writer * 10_000 + number));
                    if number % 50 == 0 {
                        assert!(journal.flush());
                    }
                    if number % 100 == 0 {
                        assert!(journal.checkpoint());
                    }
                }
            });
        }
        // A verification amid all of that sees one moment, and finds nothing.
        scope.spawn(|| {
            for _verification in 0..10 {
                let report = verified(folder.path());
                assert!(report.is_whole(), "{:#?}", report.findings);
            }
        });
    });
    for journal in journals {
        journal.close().unwrap();
    }
    gapless(folder.path());
    whole(folder.path());
    let intakes = conserved(folder.path());
    assert!(intakes.len() == 4 && intakes.iter().all(|intake| intake.journaled == 300));
}

#[test]
fn a_reader_in_the_recorders_process_does_not_let_another_process_take_the_log_away() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    let data_dir = DataDir::at(folder.path());
    for round in 0..5_u64 {
        journal.channel().publish(&open_event(round));
        assert!(journal.flush());
        // Opens the database in this process and closes it again. Were that done with a descriptor of our own, the kernel would
        // now drop the locks by which other processes see that the journal is open …
        assert_eq!(store(folder.path()).head().unwrap(), round + 2);
        assert!(verified(folder.path()).is_whole());
        // … and this one, the last as it would seem, would remove the log on its way out.
        assert_eq!(sqlite3(&data_dir.journal(), "SELECT count(*) FROM events"), (round + 2).to_string());
        assert!(folder.path().join("journal.db-wal").exists());
    }
    journal.close().unwrap();
    assert_eq!(numbers(&entries(folder.path())), [0, 1, 2, 3, 4]);
    whole(folder.path());
}

#[test]
fn a_witness_only_ever_goes_forward() {
    let folder = tempfile::tempdir().unwrap();
    let journals: Vec<_> = (0..3).map(|_| open_with(folder.path(), &small())).collect();
    let key = journals[0].public_key().clone();
    let witness = DataDir::at(folder.path()).latest_checkpoint();
    std::thread::scope(|scope| {
        for journal in &journals {
            scope.spawn(move || {
                for number in 0..30 {
                    journal.channel().publish(&open_event(number));
                    assert!(journal.checkpoint());
                }
            });
        }
        scope.spawn(|| {
            let mut last = 0;
            for _look in 0..200 {
                let Ok(note) = std::fs::read_to_string(&witness) else { continue };
                let size = key.verify(&note).unwrap().tree_size;
                assert!(size >= last, "{size} after {last}");
                last = size;
            }
        });
    });
    for journal in journals {
        journal.close().unwrap();
    }
    let newest = store(folder.path()).checkpoints().unwrap().pop().unwrap();
    assert_eq!(std::fs::read_to_string(&witness).unwrap(), newest.note);
    whole(folder.path());
}
