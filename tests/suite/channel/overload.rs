//! What happens when the intake is full, one test for each rule, and the sums afterwards (G-2).

use std::sync::atomic::{AtomicU64, Ordering};

use agentsh::channel::{Durability, DurabilityConfig, GateError, OnOverload};
use agentsh::event::{Decision, Kind};
use agentsh::journal::{Journal, JournalConfig};
use agentsh::policy::OnAuditFailure;

use crate::journal::rig::{conserved, declared, entries, gapless, hold, open_with, small, whole};
use crate::support::{exit_event, judgement, open_event, policy, until};

/// More than the intake holds, with its decision each.
const OPERATIONS: u64 = 150;

fn gate(journal: &Journal, number: u64) -> Result<(), GateError> {
    journal.channel().gate(&open_event(number), &judgement(Decision::Allow), &policy(OnAuditFailure::Deny))
}

/// Events of the journal's sessions, by kind.
fn count(root: &std::path::Path, kind: Kind) -> u64 {
    entries(root).iter().filter(|entry| entry.kind == kind).count() as u64
}

#[test]
fn g2_block_makes_operations_wait_for_a_slow_disk_and_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open_with(folder.path(), &small());
    let holder = hold(folder.path());
    let done = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (journal, done) = (&journal, &done);
            scope.spawn(move || {
                for number in 0..OPERATIONS {
                    if thread == 0 {
                        journal.channel().publish(&exit_event(number));
                    } else {
                        gate(journal, number).unwrap();
                    }
                    done.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
        let (_, capacity) = journal.channel().intake().usage();
        until("the intake is full", || journal.channel().intake().usage().0 > capacity - 2_000);
        assert!(done.load(Ordering::SeqCst) < 4 * OPERATIONS, "they wait");
        assert_eq!(journal.failure(), None, "nothing has failed: it is only slow");
        drop(holder);
    });
    assert_eq!(done.load(Ordering::SeqCst), 4 * OPERATIONS);
    journal.close().unwrap();
    assert_eq!(count(folder.path(), Kind::FileOpen), 3 * OPERATIONS);
    assert_eq!(count(folder.path(), Kind::PolicyDecision), 3 * OPERATIONS);
    assert_eq!(count(folder.path(), Kind::ProcessExit), OPERATIONS);
    assert!(declared(folder.path()).is_empty());
    assert_eq!(conserved(folder.path())[0].offered, 7 * OPERATIONS);
    gapless(folder.path());
    whole(folder.path());
}

#[test]
fn g2_deny_refuses_operations_and_counts_them() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open_with(folder.path(), &JournalConfig { on_overload: OnOverload::Deny, ..small() });
    let holder = hold(folder.path());
    let (mut accepted, mut refused) = (0, 0);
    for number in 0..OPERATIONS {
        match gate(&journal, number) {
            Ok(()) => accepted += 1,
            Err(GateError::IntakeFull) => refused += 1,
            Err(error) => panic!("{error}"),
        }
    }
    assert!(accepted > 0 && refused > 0, "{accepted} and {refused}");
    drop(holder);
    assert!(journal.flush());
    // There is room again: the next goes through. So does an observed event, which would have waited.
    until("there is room again", || journal.channel().intake().usage().0 == 0);
    gate(&journal, 1_000).unwrap();
    journal.channel().publish(&exit_event(1));
    journal.close().unwrap();
    assert_eq!(count(folder.path(), Kind::FileOpen), accepted + 1);
    assert_eq!(declared(folder.path()), [("gate_refused".to_owned(), 2 * refused)].into());
    assert_eq!(conserved(folder.path())[0].offered, 2 * OPERATIONS + 3);
    whole(folder.path());
}

#[test]
fn g2_shed_lets_operations_through_and_counts_what_it_did_not_record() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open_with(folder.path(), &JournalConfig { on_overload: OnOverload::Shed, ..small() });
    let holder = hold(folder.path());
    for number in 0..OPERATIONS {
        gate(&journal, number).unwrap();
        journal.channel().publish(&exit_event(number));
    }
    drop(holder);
    journal.close().unwrap();
    let lost = declared(folder.path());
    let (operations, exits) = (count(folder.path(), Kind::FileOpen), count(folder.path(), Kind::ProcessExit));
    assert!(lost["gate_unrecorded"] > 0 && lost["intake_full"] > 0, "{lost:?}");
    assert_eq!(lost["gate_unrecorded"], 2 * (OPERATIONS - operations));
    assert_eq!(lost["intake_full"], OPERATIONS - exits);
    assert_eq!(conserved(folder.path())[0].offered, 3 * OPERATIONS);
    gapless(folder.path());
    whole(folder.path());
}

#[test]
fn g2_each_rule_holds_for_buffered_and_durable_events_too() {
    for durability in [Durability::Buffered, Durability::Durable] {
        for on_overload in [OnOverload::Block, OnOverload::Deny, OnOverload::Shed] {
            let folder = tempfile::tempdir().unwrap();
            let durability = DurabilityConfig { default: durability, ..DurabilityConfig::default() };
            let journal = open_with(folder.path(), &JournalConfig { on_overload, durability, ..small() });
            // More than ring and memory hold together.
            let operations = 1_000;
            let mut holder = Some(hold(folder.path()));
            let refused = AtomicU64::new(0);
            std::thread::scope(|scope| {
                let (journal, refused) = (&journal, &refused);
                let producer = scope.spawn(move || {
                    for number in 0..operations {
                        refused.fetch_add(u64::from(gate(journal, number).is_err()), Ordering::SeqCst);
                    }
                });
                if on_overload == OnOverload::Block {
                    let (_, capacity) = journal.channel().intake().usage();
                    until("the intake is full", || journal.channel().intake().usage().0 > capacity - 2_000);
                    assert!(!producer.is_finished());
                    holder = None;
                }
            });
            drop(holder);
            journal.close().unwrap();
            let refused = refused.into_inner();
            let context = format!("{durability:?} {on_overload:?}");
            let journaled = count(folder.path(), Kind::FileOpen);
            let lost: u64 = declared(folder.path()).values().sum();
            assert_eq!(conserved(folder.path())[0].offered, 2 * operations, "{context}");
            assert_eq!(journaled * 2 + lost, 2 * operations, "{context}");
            match on_overload {
                OnOverload::Block => assert_eq!((refused, lost), (0, 0), "{context}"),
                OnOverload::Deny => assert!(refused > 0 && lost == 2 * refused, "{context}"),
                OnOverload::Shed => assert!(refused == 0 && lost > 0, "{context}"),
            }
            whole(folder.path());
        }
    }
}

#[test]
fn g2_an_event_that_no_intake_takes_is_refused_if_it_can_be_and_counted_anyway() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open_with(folder.path(), &small());
    let large = crate::support::event(agentsh::event::DirCreate { path: "x".repeat(20_000).into(), mode: 0 });
    let verdict = judgement(Decision::Allow);
    let refused = journal.channel().gate(&large, &verdict, &policy(OnAuditFailure::Deny));
    assert!(matches!(refused, Err(GateError::JournalCannotWrite { .. })));
    journal.channel().gate(&large, &verdict, &policy(OnAuditFailure::Allow)).unwrap();
    journal.channel().publish(&large);
    journal.close().unwrap();
    assert_eq!(declared(folder.path()), [("too_large".to_owned(), 5)].into());
    conserved(folder.path());
}
