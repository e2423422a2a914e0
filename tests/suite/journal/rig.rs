//! Journals in temporary folders, what is in them, and whether the sums are right.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::ops::ControlFlow;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use agentsh::channel::{Durability, DurabilityConfig};
use agentsh::event::{Kind, Payload};
use agentsh::journal::{DataDir, IntakeRow, Journal, JournalConfig, ReaderStore, StoreError, Verification, verify};

pub fn open(root: &Path) -> Journal {
    open_with(root, &JournalConfig::default())
}

pub fn open_with(root: &Path, config: &JournalConfig) -> Journal {
    Journal::open(root, config).unwrap()
}

/// A small intake, so that it is full soon and takes little time to make.
pub fn small() -> JournalConfig {
    JournalConfig { intake_bytes: 64 * 1024, ..JournalConfig::default() }
}

/// `file` is crash_safe, `network` durable, `process` buffered.
pub fn mixed() -> DurabilityConfig {
    DurabilityConfig {
        default: Durability::CrashSafe,
        network: Some(Durability::Durable),
        process: Some(Durability::Buffered),
        ..DurabilityConfig::default()
    }
}

pub fn store(root: &Path) -> ReaderStore {
    ReaderStore::open(&DataDir::at(root).journal()).unwrap()
}

pub fn verified(root: &Path) -> Verification {
    verify(&DataDir::at(root), None, &[], |_, _| {}).unwrap()
}

/// The journal is whole; returns the number of its events.
pub fn whole(root: &Path) -> u64 {
    let report = verified(root);
    assert!(report.is_whole(), "{:#?}", report.findings);
    report.events
}

/// One row, as far as tests look at it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub seq: u64,
    pub id: [u8; 16],
    pub kind: Kind,
    pub subject: Option<String>,
    pub decision: Option<String>,
    pub cause: Option<[u8; 16]>,
}

pub fn entries(root: &Path) -> Vec<Entry> {
    let mut entries = Vec::new();
    let rows = store(root).rows::<StoreError>(0, &[], None, |row| {
        entries.push(Entry {
            seq: row.seq,
            id: row.columns.id.try_into().unwrap(),
            kind: row.columns.kind.parse().unwrap(),
            subject: row.columns.subject.map(str::to_owned),
            decision: row.columns.decision.map(str::to_owned),
            cause: row.columns.cause.map(|cause| cause.try_into().unwrap()),
        });
        Ok(ControlFlow::Continue(()))
    });
    rows.unwrap();
    entries
}

pub fn of_kind(root: &Path, kind: Kind) -> Vec<Payload> {
    let mut payloads = Vec::new();
    let rows = store(root).rows::<StoreError>(0, &[], None, |row| {
        if row.columns.kind == kind.as_str() {
            payloads.push(row.to_event().unwrap().event.payload);
        }
        Ok(ControlFlow::Continue(()))
    });
    rows.unwrap();
    payloads
}

/// Events that `events_lost` declares, by hop.
pub fn declared(root: &Path) -> BTreeMap<String, u64> {
    let mut declared = BTreeMap::new();
    for payload in of_kind(root, Kind::EventsLost) {
        let Payload::EventsLost(lost) = payload else { unreachable!() };
        assert!(lost.from_us <= lost.to_us && lost.count > 0 && !lost.reason.is_empty(), "{lost:?}");
        *declared.entry(lost.hop).or_insert(0) += lost.count;
    }
    declared
}

/// Holds G-2: what each recorder was offered is in the journal or declared lost, and the sums of all intakes are those of the events.
pub fn conserved(root: &Path) -> Vec<IntakeRow> {
    let intakes = store(root).intakes().unwrap();
    for intake in &intakes {
        assert_eq!(intake.offered, intake.journaled + intake.lost, "{intake:?}");
    }
    let own = |kind| matches!(kind, Kind::JournalOpened | Kind::JournalCheckpoint | Kind::EventsLost);
    let offered = entries(root).iter().filter(|entry| !own(entry.kind)).count() as u64;
    assert_eq!(offered, intakes.iter().map(|intake| intake.journaled).sum::<u64>());
    assert_eq!(declared(root).values().sum::<u64>(), intakes.iter().map(|intake| intake.lost).sum::<u64>());
    intakes
}

/// `seq` is 1, 2, 3 … (G-3).
pub fn gapless(root: &Path) -> u64 {
    let entries = entries(root);
    for (entry, expected) in entries.iter().zip(1..) {
        assert_eq!(entry.seq, expected);
    }
    entries.len() as u64
}

/// Files in the intakes' folder.
pub fn intake_files(root: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(DataDir::at(root).intakes()).unwrap();
    entries.map(|entry| entry.unwrap().path()).collect()
}

/// A copy of a data directory, as if the machine had stopped at this moment. Another process copies: this one would drop SQLite's
/// locks by closing the database.
pub fn copy(from: &Path, to: &Path) {
    let status = Command::new("cp").arg("-a").arg(from).arg(to).status().unwrap();
    assert!(status.success());
}

/// Every file of a folder, to compare before and after. Of each path: mode, size, modification time and content.
pub type Picture = BTreeMap<PathBuf, (u32, i64, i64, Option<Vec<u8>>)>;

pub fn picture(root: &Path) -> Picture {
    fn walk(folder: &Path, into: &mut Picture) -> io::Result<()> {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            let metadata = fs::symlink_metadata(&path)?;
            let content = if metadata.is_file() { Some(fs::read(&path)?) } else { None };
            into.insert(path.clone(), (metadata.mode(), metadata.mtime(), metadata.mtime_nsec(), content));
            if metadata.is_dir() {
                walk(&path, into)?;
            }
        }
        Ok(())
    }
    let mut files = BTreeMap::new();
    walk(root, &mut files).unwrap();
    files
}

/// Another connection that holds the write lock, as a slow recorder or a slow disk would, until it is dropped.
pub struct Held(rusqlite::Connection);

pub fn hold(root: &Path) -> Held {
    let connection = rusqlite::Connection::open(DataDir::at(root).journal()).unwrap();
    connection.busy_timeout(crate::support::DEADLINE).unwrap();
    connection.execute_batch("BEGIN IMMEDIATE").unwrap();
    Held(connection)
}

impl Drop for Held {
    fn drop(&mut self) {
        let _it_changed_nothing = self.0.execute_batch("ROLLBACK");
    }
}
