//! kill -9 of a recorder at random points under load: what was answered is there (G-1), what is not is declared (G-2), in one
//! gapless order (G-3) that verifies (G-4).

use std::collections::HashSet;
use std::io::{BufRead as _, BufReader, Write as _};
use std::ops::ControlFlow;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use agentsh::channel::Durability;
use agentsh::event::EventId;
use agentsh::journal::{Journal, JournalConfig, ReaderStore, StoreError, verify};

use crate::support::{open_event, session};

const ROUNDS: u64 = 50;

/// Tells the test below that it is the recorder to be killed, and in which data directory.
const CHILD: &str = "AGENTSH_TEST_RECORDER";

/// Not a test by itself: run by the one below in a process of its own, it records as fast as it can and says what was answered.
#[test]
fn recorder_to_be_killed() {
    let Ok(folder) = std::env::var(CHILD) else { return };
    // A small intake, so that it wraps and fills up many times before it is killed.
    let config = JournalConfig { intake_bytes: 256 << 10, ..JournalConfig::default() };
    let journal = Journal::open(Path::new(&folder), &config).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..3_u64 {
            let session = session(journal.channel());
            scope.spawn(move || {
                for number in 0.. {
                    let event = open_event(thread * 1_000_000 + number);
                    let verdict = session.gate(event.payload, event.actor, None);
                    assert!(verdict.refusal().is_none());
                    // One write call, at most PIPE_BUF bytes: a line is in the pipe as a whole or not at all.
                    std::io::stdout().write_all(format!("answered {}\n", verdict.event).as_bytes()).unwrap();
                }
            });
        }
    });
}

fn run_and_kill(folder: &Path, after: Duration) -> HashSet<EventId> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "evidence::crash::recorder_to_be_killed", "--nocapture", "--test-threads=1"])
        .env(CHILD, folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let stdout = child.stdout.take().unwrap();
    let reader = std::thread::spawn(move || {
        let lines = BufReader::new(stdout).lines().map_while(Result::ok);
        let ids = lines.filter_map(|line| line.split_once("answered ").and_then(|(_, id)| id.parse().ok()));
        ids.collect::<HashSet<EventId>>()
    });
    let started = Instant::now();
    while started.elapsed() < after {
        std::thread::yield_now();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    reader.join().unwrap()
}

#[test]
fn g1_g2_g3_fifty_recorders_that_are_killed_under_load_lose_nothing_that_was_answered() {
    let folder = tempfile::tempdir().unwrap();
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    let mut answered: HashSet<EventId> = HashSet::new();
    for round in 0..ROUNDS {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        let ids = run_and_kill(folder.path(), Duration::from_micros(2_000 + seed % 60_000));
        answered.extend(&ids);
        // Every few rounds, so that the next recorder finds one intake or several.
        if round % 3 == 2 || round + 1 == ROUNDS {
            let journal = Journal::open(folder.path(), &JournalConfig::default()).unwrap();
            let data_dir = journal.data_dir().clone();
            journal.close().unwrap();
            let report = verify(&data_dir, None, &[], |_, _| {}).unwrap();
            assert!(report.is_whole(), "round {round}: {:?}", report.findings);
        }
    }
    assert!(answered.len() > 1_000, "the recorders have worked: {}", answered.len());
    let store = ReaderStore::open(&folder.path().join("journal.db")).unwrap();
    let (mut next, mut found) = (1, HashSet::new());
    store
        .rows::<StoreError>(0, &[], None, |row| {
            assert_eq!(row.seq, next, "seq has a gap");
            next += 1;
            let event = row.to_event().unwrap();
            assert!(found.insert(event.event.id), "{event:?} is there twice");
            Ok(ControlFlow::Continue(()))
        })
        .unwrap();
    let missing: Vec<_> = answered.difference(&found).collect();
    assert!(missing.is_empty(), "{} of {} answered events are missing", missing.len(), answered.len());
    for intake in store.intakes().unwrap() {
        assert_eq!(intake.offered, intake.journaled + intake.lost, "{intake:?}");
        assert_ne!(intake.state, "live");
    }
}

#[test]
fn g2_buffered_events_of_a_killed_recorder_are_declared_lost() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = JournalConfig::default();
    config.durability.default = Durability::Buffered;
    let journal = Journal::open(folder.path(), &config).unwrap();
    assert!(journal.flush());
    // A copy of the directory while it is in use is what a crash leaves, without the lock.
    let copy = tempfile::tempdir().unwrap();
    for number in 0..100 {
        journal.channel().publish(&open_event(number));
    }
    let copied = Command::new("cp").arg("-r").arg(folder.path()).arg(copy.path().join("data")).status().unwrap();
    assert!(copied.success());
    journal.close().unwrap();

    let journal = Journal::open(&copy.path().join("data"), &JournalConfig::default()).unwrap();
    let data_dir = journal.data_dir().clone();
    journal.close().unwrap();
    let store = ReaderStore::open(&data_dir.journal()).unwrap();
    let dead = store.intakes().unwrap().into_iter().find(|intake| intake.state == "recovered").unwrap();
    assert_eq!(dead.offered, dead.journaled + dead.lost, "{dead:?}");
    assert_eq!(dead.offered, 100);
}
