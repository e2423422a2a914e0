//! Events from the channel through tree and SQLite to a commit, beside raw SQLite with the same rows and indexes.

use std::path::Path;
use std::time::Instant;

use agentsh::encode::stored::{self, Columns};
use agentsh::event::Event;
use agentsh::journal::{Journal, JournalConfig};
use rusqlite::Connection;

use crate::{load, median};

const ROUNDS: usize = 5;

/// Events of a round, by events in a commit at most. A commit of one event is slow, so there are fewer.
const SIZES: [(u64, u64); 4] = [(1, 20_000), (16, 100_000), (256, 300_000), (10_000, 400_000)];

pub fn run(folder: &Path) -> String {
    let mut text = String::from(
        "Events/s from `EventChannel::publish` of typed events (encoding, intake, SHA-256 leaf and tree, SQLite) until the last one is \
         committed, one producer. Raw SQLite: a loop that binds the same 15 columns, ready-made, into the same table with the same three \
         indexes and pages in the same mode (WAL, `synchronous = NORMAL`), one connection. Both commit after at most so many rows \
         (`journal.commit_events`; 10,000 is the default). Half of the events are `file_open`, half `file_close`.\n\n\
         | events in a commit | agentsh, events/s | raw SQLite, rows/s | ratio (median of pairs) |\n|---|---|---|---|\n",
    );
    for (size, events) in SIZES {
        let load: Vec<Event> = (0..events)
            .map(|number| load::event(if number % 2 == 0 { load::open(number) } else { load::close(number) }, None))
            .collect();
        let (mut ours, mut raw, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
        for round in 0..ROUNDS {
            let first = agentsh(folder, size, &load);
            let second = sqlite(folder, usize::try_from(size).unwrap(), &load);
            if round == 0 {
                continue; // warm-up
            }
            ours.push(first);
            raw.push(second);
            ratios.push(first / second);
        }
        text += &format!("| {size} | {:.0} | {:.0} | {:.2} |\n", median(&ours), median(&raw), median(&ratios));
    }
    text
}

fn agentsh(folder: &Path, size: u64, events: &[Event]) -> f64 {
    let folder = folder.join("ours");
    let _ = std::fs::remove_dir_all(&folder);
    let journal = Journal::open(&folder, &JournalConfig { commit_events: size, ..JournalConfig::default() }).unwrap();
    let started = Instant::now();
    for event in events {
        journal.channel().publish(event);
    }
    assert!(journal.flush());
    let rate = events.len() as f64 / started.elapsed().as_secs_f64();
    journal.close().unwrap();
    rate
}

fn sqlite(folder: &Path, size: usize, events: &[Event]) -> f64 {
    let file = folder.join("raw.db");
    for suffix in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(folder.join(format!("raw.db{suffix}")));
    }
    let mut frames: Vec<Vec<u8>> = Vec::new();
    for event in events {
        let mut frame = Vec::new();
        stored::encode(event, &mut frame);
        frames.push(frame);
    }
    let rows: Vec<Columns<'_>> = frames.iter().map(|frame| Columns::parse(frame).unwrap().0).collect();
    let connection = Connection::open(&file).unwrap();
    connection.execute_batch("PRAGMA page_size = 8192").unwrap();
    connection.execute_batch(include_str!("../../migrations/0001_journal.sql")).unwrap();
    connection
        .execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA cache_size = -8192; PRAGMA wal_autocheckpoint = 2000;")
        .unwrap();
    let leaf = [7_u8; 32];
    let started = Instant::now();
    let mut seq = 0_u64;
    for batch in rows.chunks(size) {
        connection.execute_batch("BEGIN IMMEDIATE").unwrap();
        let mut insert = connection
            .prepare_cached("INSERT INTO events VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)")
            .unwrap();
        for row in batch {
            seq += 1;
            insert
                .execute(rusqlite::params![
                    seq,
                    row.id,
                    row.time_us,
                    row.session_id,
                    row.command_id,
                    row.cause,
                    row.kind,
                    row.pid,
                    row.subject,
                    row.decision,
                    row.rule,
                    row.severity,
                    row.attack,
                    row.payload,
                    leaf.as_slice(),
                ])
                .unwrap();
        }
        drop(insert);
        connection.execute_batch("COMMIT").unwrap();
    }
    events.len() as f64 / started.elapsed().as_secs_f64()
}
