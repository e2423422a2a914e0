//! Journals to deliver, the loop that delivers them, and what a lake then holds.

use std::path::{Path, PathBuf};

use agentsh::encode::arrow::StoredRows;
use agentsh::encode::stored::{self, Columns};
use agentsh::event::{
    Actor, CommandId, Event, EventId, ImportOrigin, Kind, Payload, SensorOrigin, SessionEnded, SessionId, Severity, TechniqueId,
    Timestamp,
};
use agentsh::journal::{DataDir, Journal, JournalConfig, Page, ReaderStore, StoreError};
use agentsh::sink::parquet::{FileName, LakeFile, ParquetConfig, ParquetDestination};
use agentsh::sink::{DeliverError, Destination as _, Flush};
use serde_json::Value;

use crate::support::{event, open_event};
use crate::vocabulary::samples::Schema;

/// An event of a kind with every field filled, in the envelope too.
pub fn full_event(schema: &Schema, place: usize, kind: Kind) -> Event {
    let payload = schema.sample("payload", schema.payload(kind));
    let part = |name: &str| schema.sample(name, schema.definition(&format!("#/$defs/{name}")));
    Event {
        id: format!("01939b2e-5c00-7abc-8def-{place:012x}").parse::<EventId>().unwrap(),
        time: Timestamp::from_micros(1_795_000_000_000_000 + i64::try_from(place).unwrap()),
        session_id: Some(SessionId::new("s0r5r2vv00000000a")),
        command_id: Some(CommandId::new("c0r5r2vv00000000b")),
        cause: Some("01939b2e-5bff-7abc-8def-0123456789ab".parse().unwrap()),
        actor: Some(serde_json::from_value::<Actor>(part("Actor")).unwrap()),
        sensor: Some(serde_json::from_value::<SensorOrigin>(part("SensorOrigin")).unwrap()),
        attack: vec![TechniqueId::new("T1552.004"), TechniqueId::new("T1059")],
        severity: Severity::ALL[place % 6],
        payload: Payload::from_json(kind, &payload.to_string()).unwrap(),
        imported: Some(serde_json::from_value::<ImportOrigin>(part("ImportOrigin")).unwrap().into()),
    }
}

/// The stored payload of an event, as JSON.
pub fn stored_payload(event: &Event) -> Value {
    let mut frame = Vec::new();
    stored::encode(event, &mut frame);
    serde_json::from_str(Columns::parse(&frame).unwrap().0.payload).unwrap()
}

/// A journal with these events behind its own first ones. Returns its last position.
pub fn journal_of(root: &Path, events: impl IntoIterator<Item = Event>) -> u64 {
    let config = JournalConfig { intake_bytes: 1 << 20, ..JournalConfig::default() };
    let journal = Journal::open(root, &config).unwrap();
    for event in events {
        journal.channel().publish(&event);
    }
    journal.close().unwrap();
    head(root)
}

/// A journal with so many opened files.
pub fn journal_with(root: &Path, count: u64) -> u64 {
    journal_of(root, (0..count).map(open_event))
}

pub fn session_ended(session: &str) -> Event {
    Event {
        session_id: Some(SessionId::new(session)),
        ..event(SessionEnded { reason: "finished".into(), ..SessionEnded::default() })
    }
}

pub fn at(event: Event, time_us: i64) -> Event {
    Event { time: Timestamp::from_micros(time_us), ..event }
}

pub fn head(root: &Path) -> u64 {
    ReaderStore::open(&DataDir::at(root).journal()).unwrap().head().unwrap()
}

pub fn config(lake: &Path) -> ParquetConfig {
    ParquetConfig {
        enabled: true,
        path: Some(lake.to_owned()),
        row_group_rows: 512,
        compact_below: 0,
        ..ParquetConfig::default()
    }
}

/// Delivers as the sinks' loop does, with the cursor in a variable.
pub struct Driver {
    pub destination: ParquetDestination,
    runtime: tokio::runtime::Runtime,
    store: ReaderStore,
    pub cursor: u64,
    at: u64,
}

impl Driver {
    pub fn new(root: &Path, config: ParquetConfig) -> Self {
        Self::with(root, ParquetDestination::new(config, DataDir::at(root)))
    }

    pub fn with(root: &Path, destination: ParquetDestination) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let store = ReaderStore::open(&DataDir::at(root).journal()).unwrap();
        Self { destination, runtime, store, cursor: 0, at: 0 }
    }

    pub fn resume(&mut self, cursor: u64) -> Result<u64, DeliverError> {
        self.at = self.runtime.block_on(self.destination.resume(cursor))?;
        self.cursor = self.at;
        Ok(self.at)
    }

    /// Hands over the next page; `None` when there is nothing new.
    pub fn page(&mut self, most: u32) -> Option<Result<u64, DeliverError>> {
        let mut page = Page::default();
        self.store.page(self.at, &[], most, &mut page).unwrap();
        let last = page.last_seq()?;
        Some(self.runtime.block_on(self.destination.deliver(&page)).inspect(|safe| {
            assert!(*safe >= self.cursor, "the safe seq went back");
            self.cursor = *safe;
            self.at = last;
        }))
    }

    /// Hands over everything that there is.
    pub fn pages(&mut self, most: u32) -> Result<u64, DeliverError> {
        while let Some(answer) = self.page(most) {
            answer?;
        }
        Ok(self.cursor)
    }

    pub fn flush(&mut self, why: Flush) -> Result<u64, DeliverError> {
        self.cursor = self.runtime.block_on(self.destination.flush(why))?;
        Ok(self.cursor)
    }
}

/// Delivers the whole journal.
pub fn deliver_all(root: &Path, config: ParquetConfig) -> u64 {
    let mut driver = Driver::new(root, config);
    driver.resume(0).unwrap();
    driver.pages(100).unwrap();
    let safe = driver.flush(Flush::Close).unwrap();
    assert_eq!(safe, head(root));
    safe
}

/// Names of the files, in the order of their ranges.
pub fn files(lake: &Path) -> Vec<String> {
    let mut files: Vec<String> = everything(lake).into_iter().filter(|name| FileName::parse(name).is_some()).collect();
    files.sort_by_key(|name| FileName::parse(name).map(|name| (name.first, name.last)));
    files
}

/// Every file beneath the lake.
pub fn everything(lake: &Path) -> Vec<String> {
    let mut all = Vec::new();
    let Ok(folders) = std::fs::read_dir(lake) else { return all };
    for entry in folders.map(Result::unwrap) {
        if entry.path().is_dir() {
            let inside = std::fs::read_dir(entry.path()).unwrap().map(|file| file.unwrap().file_name());
            all.extend(inside.map(|file| format!("{}/{}", entry.file_name().to_str().unwrap(), file.to_str().unwrap())));
        } else {
            all.push(entry.file_name().to_str().unwrap().to_owned());
        }
    }
    all.sort();
    all
}

pub fn open(lake: &Path, name: &str) -> LakeFile {
    LakeFile::open(name, std::fs::read(lake.join(name)).unwrap().into()).unwrap()
}

/// Ranges of the files.
pub fn ranges(lake: &Path) -> Vec<(u64, u64)> {
    files(lake).iter().map(|name| FileName::parse(name).map(|name| (name.first, name.last)).unwrap()).collect()
}

/// `seq` and frame of every row of every file.
pub fn rows(lake: &Path) -> Vec<(u64, Vec<u8>)> {
    let mut rows = Vec::new();
    for name in files(lake) {
        for batch in open(lake, &name).stored_batches().unwrap() {
            let batch = batch.unwrap();
            for row in StoredRows::of(&batch).unwrap().iter() {
                let row = row.unwrap();
                let mut frame = Vec::new();
                row.columns().write(&mut frame);
                rows.push((row.seq, frame));
            }
        }
    }
    rows
}

/// `seq` and frame of every row of the journal.
pub fn journaled(root: &Path) -> Vec<(u64, Vec<u8>)> {
    let rows = journaled_unchecked(root);
    for (seq, frame) in &rows {
        assert!(Columns::parse(frame).unwrap().1.is_empty(), "{seq}");
    }
    rows
}

/// The same of a journal that was changed.
pub fn journaled_unchecked(root: &Path) -> Vec<(u64, Vec<u8>)> {
    let mut rows = Vec::new();
    let store = ReaderStore::open(&DataDir::at(root).journal()).unwrap();
    let read = store.rows::<StoreError>(0, &[], None, |row| {
        rows.push((row.seq, row.frame.to_vec()));
        Ok(std::ops::ControlFlow::Continue(()))
    });
    read.unwrap();
    rows
}

/// The lake has every event of the journal exactly once, in order, byte for byte (G-5).
pub fn assert_equal_to_journal(root: &Path, lake: &Path) {
    let (expected, found) = (journaled(root), rows(lake));
    let seqs = |rows: &[(u64, Vec<u8>)]| rows.iter().map(|(seq, _)| *seq).collect::<Vec<_>>();
    assert_eq!(seqs(&found), seqs(&expected), "{:?}", everything(lake));
    assert!(found == expected, "a frame differs");
}

/// A folder for a journal and one for a lake.
pub struct Place {
    pub folder: tempfile::TempDir,
    pub root: PathBuf,
    pub lake: PathBuf,
}

pub fn place() -> Place {
    let folder = tempfile::tempdir().unwrap();
    let (root, lake) = (folder.path().join("data"), folder.path().join("lake"));
    Place { folder, root, lake }
}
