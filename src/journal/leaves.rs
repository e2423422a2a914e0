//! The leaves of all rows, recomputed by several readers at once, and handed on in order.
//!
//! ```text
//! reader: rows 1 to 16,384 ──▶ block ─┐
//! reader: the next 16,384  ──▶ block ─┴─▶ in order ──▶ caller
//! ```
//!
//! Each reader has a connection of its own, opened after the moment that the caller reads: rows up to that moment's head are the same to
//! all of them, since a journal only grows. Readers are at most [`AHEAD`] blocks for each of them ahead of the caller, so that memory does
//! not depend on the journal.

use std::collections::{BTreeMap, VecDeque};
use std::path::Path;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use super::error::StoreError;
use super::merkle::Hash;
use super::sqlite::ReaderStore;
use crate::encode::stored::leaf_hash;
use crate::event::{Kind, Seq};

/// Positions of a block.
const BLOCK: u64 = 16_384;
/// Blocks that wait for the caller or are being read, for each reader.
const AHEAD: usize = 3;
/// Readers at most. SQLite's page cache and a core are what each takes.
const MOST: usize = 8;

/// One row.
#[derive(Clone, Copy, Debug)]
pub(super) struct Leaf {
    /// Position.
    pub(super) seq: u64,
    /// The leaf's hash over the columns as they are.
    pub(super) hash: Hash,
    /// Whether the stored leaf is that.
    pub(super) agrees: bool,
}

/// What more there is to say of a row.
#[derive(Clone, Debug)]
pub(super) enum Remark {
    /// It records a checkpoint: its payload.
    Checkpoint(String),
    /// It holds what no recorder writes.
    Unreadable(String),
}

/// Some rows that follow each other.
#[derive(Debug, Default)]
pub(super) struct Block {
    /// The rows.
    pub(super) leaves: Vec<Leaf>,
    /// Remarks on them, by position.
    pub(super) remarks: BTreeMap<u64, Remark>,
}

/// Who reads what, and what was read.
struct Shared {
    state: Mutex<State>,
    /// A block was read, or taken, or it is over.
    changed: Condvar,
    head: u64,
    most: usize,
}

struct State {
    /// Where the next block starts.
    next: u64,
    /// Blocks in the order of their positions: those that are read, and the places of those that are not yet.
    blocks: VecDeque<Option<Result<Block, StoreError>>>,
    /// Number of the first of them.
    first: usize,
    /// Memory to be filled again.
    spare: Vec<Block>,
    /// Nobody takes any more.
    stop: bool,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'s>(&'s self, state: MutexGuard<'s, State>) -> MutexGuard<'s, State> {
        self.changed.wait(state).unwrap_or_else(PoisonError::into_inner)
    }

    /// The next block to read: its number, its first position, and memory for it. `None` when there is none.
    fn order(&self) -> Option<(usize, u64, Block)> {
        let mut state = self.lock();
        while !state.stop && state.blocks.len() >= self.most {
            state = self.wait(state);
        }
        if state.stop || state.next > self.head {
            return None;
        }
        let start = state.next;
        state.next = start.saturating_add(BLOCK);
        state.blocks.push_back(None);
        Some((state.first + state.blocks.len() - 1, start, state.spare.pop().unwrap_or_default()))
    }

    fn put(&self, number: usize, block: Result<Block, StoreError>) {
        let mut state = self.lock();
        let place = number.checked_sub(state.first).and_then(|place| state.blocks.get_mut(place));
        if let Some(place) = place {
            *place = Some(block);
        }
        drop(state);
        self.changed.notify_all();
    }

    /// There is nothing before `seq`.
    fn skip_to(&self, seq: u64) {
        let mut state = self.lock();
        state.next = state.next.max(seq);
    }

    fn stop(&self) {
        self.lock().stop = true;
        self.changed.notify_all();
    }
}

/// Stops the readers, however the caller ends.
struct Stopping<'s>(&'s Shared);

impl Drop for Stopping<'_> {
    fn drop(&mut self) {
        self.0.stop();
    }
}

/// Calls `each` for the blocks of all rows from 1 to `head`, in order.
///
/// # Errors
/// What SQLite or `each` says, or that a reader cannot be started.
pub(super) fn each_block(
    journal: &Path,
    head: u64,
    mut each: impl FnMut(&Block) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let blocks = usize::try_from(head.div_ceil(BLOCK)).unwrap_or(usize::MAX);
    let readers = cores.min(MOST).min(blocks);
    let shared = Shared {
        state: Mutex::new(State { next: 1, blocks: VecDeque::new(), first: 0, spare: Vec::new(), stop: false }),
        changed: Condvar::new(),
        head,
        most: readers * AHEAD,
    };
    std::thread::scope(|scope| {
        let _stopping = Stopping(&shared);
        for number in 0..readers {
            let shared = &shared;
            std::thread::Builder::new()
                .name(format!("journal-leaves-{number}"))
                .spawn_scoped(scope, move || read(shared, journal))
                .map_err(|error| StoreError::Other(format!("no thread can be had: {error}")))?;
        }
        let mut state = shared.lock();
        loop {
            match state.blocks.front_mut().map(Option::take) {
                Some(Some(block)) => {
                    state.blocks.pop_front();
                    state.first += 1;
                    drop(state);
                    shared.changed.notify_all();
                    let block = block?;
                    each(&block)?;
                    state = shared.lock();
                    state.spare.push(block);
                }
                Some(None) => state = shared.wait(state),
                None if state.next > head => return Ok(()),
                None => state = shared.wait(state),
            }
        }
    })
}

/// Says that a reader ended by a panic: nobody may wait for its block then.
struct Ending<'s> {
    shared: &'s Shared,
    number: Option<usize>,
}

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        if let Some(number) = self.number {
            self.shared.put(number, Err(StoreError::Other("a reader of the journal has ended with a panic".to_owned())));
        }
    }
}

fn read(shared: &Shared, journal: &Path) {
    let mut store = None;
    while let Some((number, start, mut block)) = shared.order() {
        let mut ending = Ending { shared, number: Some(number) };
        let done = read_block(shared, journal, &mut store, start, &mut block).map(|()| block);
        ending.number = None;
        shared.put(number, done);
    }
}

fn read_block(
    shared: &Shared,
    journal: &Path,
    store: &mut Option<ReaderStore>,
    start: u64,
    block: &mut Block,
) -> Result<(), StoreError> {
    let store = match store {
        Some(store) => store,
        None => store.insert(ReaderStore::open(journal).map_err(|error| StoreError::Other(error.to_string()))?),
    };
    block.leaves.clear();
    block.remarks.clear();
    let mut frame = Vec::new();
    let last = start.saturating_add(BLOCK - 1).min(shared.head);
    let rows = store.each_of(start, last, |seq, row| {
        let (hash, agrees) = match &row {
            Ok((columns, leaf)) => {
                frame.clear();
                columns.write(&mut frame);
                let hash = Seq::new(seq).map_or([0; 32], |seq| leaf_hash(seq, &frame));
                (hash, hash == **leaf)
            }
            Err(_) => ([0; 32], true),
        };
        block.leaves.push(Leaf { seq, hash, agrees });
        match row {
            Ok((columns, _)) if columns.kind == Kind::JournalCheckpoint.as_str() => {
                block.remarks.insert(seq, Remark::Checkpoint(columns.payload.to_owned()));
            }
            Ok(_) => {}
            Err(what) => {
                block.remarks.insert(seq, Remark::Unreadable(what));
            }
        }
        Ok(())
    })?;
    if rows == 0 {
        // Whoever inserted a row far behind the others does not make us look through all that lies between.
        shared.skip_to(store.next_behind(last)?.unwrap_or(u64::MAX));
    }
    Ok(())
}
