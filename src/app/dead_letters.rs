//! Dead letters: asked to be sent again, watched until they were, and dropped. What is asked for is a row in the journal: whoever delivers to
//! the sink, in this process or another, now or after the next start, finds it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use crate::journal::{Bell, CursorStore, DataDir, JournalError, ReaderStore, StoreError};
use crate::runtime::clock;

pub use crate::journal::DeadLetters;

/// How often it is looked what became of them.
const LOOK: Duration = Duration::from_millis(50);

/// Why nothing was asked for or dropped.
#[derive(Debug, thiserror::Error)]
pub enum DeadLetterError {
    /// There is no journal, or it cannot be opened.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The journal cannot be read or written.
    #[error("the dead letters cannot be read or written: {0}")]
    Store(#[from] StoreError),
    /// No sink has that name, and none had.
    #[error("there is no sink `{sink}`: there are {}", crate::sink::NAMES.join(", "))]
    NoSink {
        /// The name.
        sink: String,
    },
    /// Some of the events are no dead letters of the sink.
    #[error("`{sink}` has no dead letter {}: `agentsh sinks dead-letters {sink}` lists those that it has", listed(seqs))]
    None {
        /// The sink.
        sink: String,
        /// The events.
        seqs: Vec<u64>,
    },
}

fn listed(seqs: &[u64]) -> String {
    let seqs: Vec<String> = seqs.iter().map(u64::to_string).collect();
    format!("at seq {}", seqs.join(", "))
}

/// What became of dead letters that are sent again, by their events.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct SentAgain {
    /// The peer has them, or they were dropped meanwhile.
    pub delivered: Vec<u64>,
    /// Dead letters as before, and why.
    pub refused: Vec<(u64, String)>,
    /// Not tried yet.
    pub waiting: Vec<u64>,
    /// Whether some process delivers to the sink now. If none does, the next one sends them.
    pub running: bool,
}

/// Asks for dead letters of a sink to be sent again, and waits for that at most for `patience` while some process delivers to it.
///
/// # Errors
/// [`DeadLetterError`].
pub fn send_again(data_dir: &DataDir, sink: &str, which: &DeadLetters, patience: Duration) -> Result<SentAgain, DeadLetterError> {
    let reader = ReaderStore::open(&data_dir.journal())?;
    check(&reader, sink, which)?;
    let asked = CursorStore::open(data_dir)?.ask_again(sink, which)?;
    // Whoever delivers holds the sink's lock. Where it can be had, nobody does; it is let go at once.
    let running = data_dir.claim_reader(sink)?.is_none();
    let io = |source| JournalError::Io { what: "cannot wait in", path: data_dir.doorbell(), source };
    let bell = Bell::hang(&data_dir.doorbell()).map_err(io)?;
    let until: Instant = clock::instant() + patience;
    loop {
        let found = outcome(&reader, sink, &asked, running)?;
        if found.waiting.is_empty() || !running || clock::instant() >= until {
            return Ok(found);
        }
        bell.wait(LOOK).map_err(io)?;
    }
}

/// Drops dead letters of a sink; the events stay in the journal. Returns those that were dropped.
///
/// # Errors
/// [`DeadLetterError`].
pub fn purge(data_dir: &DataDir, sink: &str, which: &DeadLetters) -> Result<Vec<u64>, DeadLetterError> {
    check(&ReaderStore::open(&data_dir.journal())?, sink, which)?;
    Ok(CursorStore::open(data_dir)?.purge(sink, which)?)
}

/// Refuses what is no dead letter: a slip of the finger must not look as if something had been done.
fn check(reader: &ReaderStore, sink: &str, which: &DeadLetters) -> Result<(), DeadLetterError> {
    let there: BTreeSet<u64> = reader.dead_letters(Some(sink), u64::MAX)?.into_iter().map(|letter| letter.seq).collect();
    if there.is_empty() && !crate::sink::NAMES.contains(&sink) {
        return Err(DeadLetterError::NoSink { sink: sink.to_owned() });
    }
    let DeadLetters::Of(chosen) = which else { return Ok(()) };
    let seqs: Vec<u64> = chosen.iter().copied().filter(|seq| !there.contains(seq)).collect();
    if seqs.is_empty() { Ok(()) } else { Err(DeadLetterError::None { sink: sink.to_owned(), seqs }) }
}

fn outcome(reader: &ReaderStore, sink: &str, asked: &[u64], running: bool) -> Result<SentAgain, StoreError> {
    // In this order: what is done between the two looks counts as waiting, and is found by the next.
    let waiting: BTreeSet<u64> = reader.asked_again()?.into_iter().filter(|(of, _)| of == sink).map(|(_, seq)| seq).collect();
    let letters = reader.dead_letters(Some(sink), u64::MAX)?.into_iter().map(|letter| (letter.seq, letter.reason));
    let mut letters: BTreeMap<u64, String> = letters.collect();
    let mut found = SentAgain { running, ..SentAgain::default() };
    for seq in asked {
        if waiting.contains(seq) {
            found.waiting.push(*seq);
        } else if let Some(reason) = letters.remove(seq) {
            found.refused.push((*seq, reason));
        } else {
            found.delivered.push(*seq);
        }
    }
    Ok(found)
}
