//! Followers: history and what comes, each event once (G-5), in time, and without holding anybody up.

use std::fs;
use std::ops::ControlFlow;
use std::path::Path;

use agentsh::event::Kind;
use agentsh::journal::{DataDir, Follower, JournalRow, StoreError};

use super::children::{Process, Role, following, seen};
use super::rig::{entries, open, open_with, small, store, whole};
use crate::support::{has_program, open_event, sqlite3, until};

fn sockets(root: &Path) -> usize {
    fs::read_dir(DataDir::at(root).doorbell()).unwrap().count()
}

/// Follows until `seq` was seen; returns what was seen on the way.
fn follow_to(follower: &mut Follower, seq: u64) -> Vec<u64> {
    let mut seen = Vec::new();
    while follower.after() < seq {
        let flow = follower.next::<StoreError>(&[], |row: &JournalRow<'_>| {
            seen.push(row.seq);
            Ok(if row.seq == seq { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        });
        let _more_may_follow = flow.unwrap();
    }
    seen
}

#[test]
fn g5_a_follower_sees_each_event_once_across_writers_and_restarts_of_its_own() {
    let scratch = tempfile::tempdir().unwrap();
    let root = scratch.path().join("data");
    open(&root).close().unwrap();
    let writers: Vec<_> =
        (0..3).map(|writer| Process::start(&Role::Write { root: root.clone(), count: 200, first: writer * 1_000 })).collect();
    // Each writer: an opening, 200 events, a checkpoint unless another one's covers it.
    let mut all = Vec::new();
    let mut after = 0;
    while after < 600 {
        // A new follower that goes on where the last one stopped.
        let mut follower = Follower::new(&DataDir::at(&root), after).unwrap();
        all.extend(follow_to(&mut follower, after + 75));
        after = follower.after();
    }
    writers.into_iter().for_each(Process::finish);
    let head = store(&root).head().unwrap();
    let mut follower = Follower::new(&DataDir::at(&root), after).unwrap();
    all.extend(follow_to(&mut follower, head));
    assert_eq!(all, (1..=head).collect::<Vec<_>>());
}

#[test]
fn a_follower_in_another_process_sees_a_commit_within_ten_milliseconds() {
    const COMMITS: u64 = 200;
    let scratch = tempfile::tempdir().unwrap();
    let root = scratch.path().join("data");
    let journal = open(&root);
    let noted = scratch.path().join("seen");
    let after = store(&root).head().unwrap();
    let follower = Process::start(&Role::Follow { root: root.clone(), after, count: COMMITS, seen: noted.clone() });
    following(&noted);
    for number in 0..COMMITS {
        journal.channel().publish(&open_event(number));
        // One at a time, so that each is a commit of its own and its writer was asleep.
        until("the follower has seen it", || seen(&noted).len() as u64 > number);
    }
    follower.finish();
    journal.close().unwrap();
    let seen = seen(&noted);
    assert_eq!(seen.iter().map(|(seq, ..)| *seq).collect::<Vec<_>>(), (after + 1..=after + COMMITS).collect::<Vec<_>>());
    let mut delays: Vec<_> = seen.iter().map(|(_, time, arrival)| arrival - time).collect();
    delays.sort_unstable();
    let (median, p99) = (delays[delays.len() / 2], delays[delays.len() * 99 / 100]);
    eprintln!(
        "from the event to the follower: median {median} \u{b5}s, p99 {p99} \u{b5}s, most {} \u{b5}s",
        delays[delays.len() - 1]
    );
    assert!(median < 10_000, "median {median} \u{b5}s");
}

#[test]
fn a_follower_sees_what_opening_and_recovery_write() {
    let scratch = tempfile::tempdir().unwrap();
    let root = scratch.path().join("data");
    super::children::dead_recorder(&root, 50);
    let before = store(&root).head().unwrap();
    let noted = scratch.path().join("seen");
    let follower = Process::start(&Role::Follow { root: root.clone(), after: before, count: 1, seen: noted.clone() });
    following(&noted);
    // Nothing is published: the opening itself rings.
    let journal = open_with(&root, &small());
    until("the follower has seen it", || !seen(&noted).is_empty());
    follower.finish();
    journal.close().unwrap();
}

#[test]
fn the_socket_of_a_follower_goes_with_it_and_that_of_a_killed_one_with_the_next_commit() {
    let scratch = tempfile::tempdir().unwrap();
    let root = scratch.path().join("data");
    let journal = open(&root);
    let follower = Follower::new(&DataDir::at(&root), 0).unwrap();
    assert_eq!(sockets(&root), 1);
    drop(follower);
    assert_eq!(sockets(&root), 0);
    let noted = scratch.path().join("seen");
    let killed = Process::start(&Role::Follow { root: root.clone(), after: 0, count: u64::MAX, seen: noted.clone() });
    following(&noted);
    assert_eq!(sockets(&root), 1);
    killed.kill();
    assert_eq!(sockets(&root), 1, "nobody was there to remove it");
    // A living one beside it is left alone.
    let mut living = Follower::new(&DataDir::at(&root), 0).unwrap();
    journal.channel().publish(&open_event(1));
    assert!(journal.flush());
    until("the dead socket is removed", || sockets(&root) == 1);
    assert_eq!(follow_to(&mut living, journal.head()).len() as u64, journal.head());
    journal.close().unwrap();
}

#[test]
fn followers_that_come_and_go_all_hear_the_bell() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    let data_dir = DataDir::at(folder.path());
    // Sockets that are made right after one another have the same time stamp: the ringer must not take the folder for unchanged.
    for round in 0..30 {
        let start = std::time::Instant::now();
        let mut followers: Vec<_> = (0..3).map(|_| Follower::new(&data_dir, journal.head()).unwrap()).collect();
        std::thread::scope(|scope| {
            for follower in &mut followers {
                scope.spawn(move || follow_to(follower, follower.after() + 1));
            }
            journal.channel().publish(&open_event(round));
        });
        assert!(journal.flush());
        assert!(start.elapsed().as_millis() < 900, "round {round}: nobody waited for the poll interval of a second");
    }
    journal.close().unwrap();
}

#[test]
fn a_data_directory_may_have_a_longer_path_than_a_sockets_address() {
    let scratch = tempfile::tempdir().unwrap();
    let root = scratch.path().join("a".repeat(100)).join("b".repeat(100));
    assert!(root.as_os_str().len() > 200);
    let journal = open(&root);
    let noted = scratch.path().join("seen");
    let follower = Process::start(&Role::Follow { root: root.clone(), after: 0, count: 5, seen: noted.clone() });
    following(&noted);
    for number in 0..5 {
        journal.channel().publish(&open_event(number));
    }
    follower.finish();
    assert_eq!(seen(&noted).len(), 5);
    assert_eq!(sockets(&root), 0);
    journal.close().unwrap();
}

#[test]
fn a_follower_that_is_ahead_of_the_journal_waits_and_does_not_go_back() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    let mut follower = Follower::new(&DataDir::at(folder.path()), 5).unwrap();
    for number in 0..3 {
        journal.channel().publish(&open_event(number));
        assert!(journal.flush());
        let flow = follower.next::<StoreError>(&[], |row| panic!("seq {} is not news", row.seq));
        assert_eq!(flow.unwrap(), ControlFlow::Continue(()));
        assert_eq!(follower.after(), 5);
    }
    for number in 3..6 {
        journal.channel().publish(&open_event(number));
    }
    assert!(journal.flush());
    assert_eq!(follow_to(&mut follower, 7), [6, 7]);
    journal.close().unwrap();
}

#[test]
fn a_callback_that_fails_sees_the_same_event_again() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    for number in 0..5 {
        journal.channel().publish(&open_event(number));
    }
    assert!(journal.flush());
    let mut follower = Follower::new(&DataDir::at(folder.path()), 0).unwrap();
    let failed =
        follower.next::<StoreError>(&[], |row| if row.seq == 3 { Err(StoreError::Full) } else { Ok(ControlFlow::Continue(())) });
    assert!(failed.is_err());
    assert_eq!(follower.after(), 2);
    assert_eq!(follow_to(&mut follower, 6), [3, 4, 5, 6]);
    // With conditions, what they leave out counts as seen.
    let condition = [agentsh::journal::Condition::Kinds(vec![Kind::JournalOpened])];
    let mut picky = Follower::new(&DataDir::at(folder.path()), 0).unwrap();
    let mut seen = Vec::new();
    let flow = picky.next::<StoreError>(&condition, |row| {
        seen.push(row.seq);
        Ok(ControlFlow::Continue(()))
    });
    assert_eq!((flow.unwrap(), seen, picky.after()), (ControlFlow::Continue(()), vec![1], 6));
    journal.close().unwrap();
}

#[test]
fn a_slow_reader_keeps_nobody_from_emptying_the_log() {
    if !has_program("sqlite3", "a slow reader") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    for number in 0..5_000 {
        journal.channel().publish(&open_event(number));
    }
    assert!(journal.flush());
    let database = DataDir::at(folder.path()).journal();
    let reader = store(folder.path());
    let mut looked = 0;
    let rows = reader.rows::<StoreError>(0, &[], None, |row| {
        if row.seq % 2_500 == 0 {
            // As long as this callback takes, the journal is free.
            journal.channel().publish(&open_event(row.seq));
            assert!(journal.flush());
            assert_eq!(sqlite3(&database, "PRAGMA wal_checkpoint(TRUNCATE)"), "0|0|0");
            looked += 1;
        }
        Ok(ControlFlow::Continue(()))
    });
    assert_eq!((rows.unwrap(), looked), (5_001, 2), "and only what was there at the beginning is read");
    journal.close().unwrap();
    assert_eq!(entries(folder.path()).len() as u64, whole(folder.path()));
}
