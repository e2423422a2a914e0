//! The summarizer: sums up blocks of events beside the recorder, while little is recorded.
//!
//! One process does it at a time. It looks every second, leaves the machine to the events while many come, and takes a fifth of a core
//! at most. What is not summed up is read through by whoever has a filter: nothing but time depends on this thread.

use std::fs::File;
use std::io;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use super::data_dir::DataDir;
use super::error::{JournalError, StoreError};
use super::progress::Progress;
use super::sqlite::{BLOCK, ReaderStore, WriterStore};
use crate::runtime::clock;

/// The place that one process at a time has.
const PLACE: &str = "summaries";

/// How often it looks for blocks.
const LOOK: Duration = Duration::from_secs(1);

/// Events between two looks from which on it waits for quieter times.
const MANY: u64 = 20_000;

/// How many times as long as it worked it rests.
const REST: u32 = 4;

/// Blocks that a rebuild keeps together.
const TOGETHER: usize = 64;

/// Shared by the journal and the thread.
pub(super) struct Summarizer {
    stop: Mutex<bool>,
    stopped: Condvar,
    data_dir: DataDir,
    progress: Arc<Progress>,
}

/// What the thread works with once there is something to do.
struct Work {
    reader: ReaderStore,
    writer: WriterStore,
    /// Every block before this one is summed up, or cannot be.
    next: u64,
    _place: File,
}

impl Summarizer {
    pub(super) fn start(data_dir: DataDir, progress: Arc<Progress>) -> io::Result<(Arc<Self>, JoinHandle<()>)> {
        let summarizer = Arc::new(Self { stop: Mutex::new(false), stopped: Condvar::new(), data_dir, progress });
        let thread = {
            let summarizer = Arc::clone(&summarizer);
            std::thread::Builder::new().name("journal-summary".to_owned()).spawn(move || summarizer.run())?
        };
        Ok((summarizer, thread))
    }

    /// Ends the thread; the block that it is at is finished first.
    pub(super) fn stop(&self) {
        *self.stop.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.stopped.notify_all();
    }

    /// Lets time pass; `true` when it is to stop.
    fn rests(&self, time: Duration) -> bool {
        let stop = self.stop.lock().unwrap_or_else(PoisonError::into_inner);
        *self.stopped.wait_timeout_while(stop, time, |stop| !*stop).unwrap_or_else(PoisonError::into_inner).0
    }

    fn run(&self) {
        let mut work = None;
        let mut before = self.progress.head();
        while !self.rests(LOOK) {
            let head = self.progress.head();
            let grown = head.saturating_sub(std::mem::replace(&mut before, head));
            if grown >= MANY || head <= BLOCK {
                continue;
            }
            match self.catch_up(&mut work) {
                Ok(()) | Err(JournalError::Store { source: StoreError::Busy, .. }) => {}
                Err(error) => {
                    tracing::debug!(%error, "blocks of the journal cannot be summed up; filters read through them");
                }
            }
        }
    }

    fn catch_up(&self, work: &mut Option<Work>) -> Result<(), JournalError> {
        let work = match work {
            Some(work) => work,
            None => match Work::begin(&self.data_dir)? {
                Some(begun) => work.insert(begun),
                None => return Ok(()),
            },
        };
        let mut head = self.progress.head();
        loop {
            let began = clock::instant();
            if !work.step().map_err(|source| JournalError::Store { path: self.data_dir.journal(), source })? {
                return Ok(());
            }
            let took = clock::instant().saturating_duration_since(began);
            if self.rests(took * REST) {
                return Ok(());
            }
            let grown = self.progress.head().saturating_sub(std::mem::replace(&mut head, self.progress.head()));
            if grown >= MANY / 4 {
                return Ok(());
            }
        }
    }
}

impl Work {
    fn begin(data_dir: &DataDir) -> Result<Option<Self>, JournalError> {
        let Some(place) = data_dir.claim_reader(PLACE)? else { return Ok(None) };
        let reader = ReaderStore::open(&data_dir.journal())?;
        let writer = WriterStore::open_beside(data_dir)?;
        Ok(Some(Self { reader, writer, next: 0, _place: place }))
    }

    /// Sums up the next block. Says whether there was one.
    fn step(&mut self) -> Result<bool, StoreError> {
        let Some(block) = self.reader.next_to_sum_up(self.next)? else { return Ok(false) };
        match self.reader.sum_up(block) {
            Ok(summary) => self.writer.put_summaries(&[summary])?,
            Err(StoreError::Busy) => return Err(StoreError::Busy),
            // A row that was edited; `verify` says which.
            Err(error) => tracing::debug!(block, %error, "a block of the journal cannot be summed up; filters read through it"),
        }
        self.next = block + 1;
        Ok(true)
    }
}

/// Sums all of a journal up anew.
///
/// # Errors
/// [`JournalError`]; what was summed up until then stays.
pub(super) fn rebuild_summaries(data_dir: &DataDir) -> Result<(), JournalError> {
    let store = |source| JournalError::Store { path: data_dir.journal(), source };
    let reader = ReaderStore::open(&data_dir.journal())?;
    let mut writer = WriterStore::open_beside(data_dir)?;
    writer.drop_summaries().map_err(store)?;
    let mut gathered = Vec::new();
    let mut next = 0;
    while let Some(block) = reader.next_to_sum_up(next).map_err(store)? {
        match reader.sum_up(block) {
            Ok(summary) => gathered.push(summary),
            Err(error @ StoreError::Busy) => return Err(store(error)),
            Err(error) => tracing::warn!(block, %error, "a block of the journal cannot be summed up; filters read through it"),
        }
        next = block + 1;
        if gathered.len() >= TOGETHER {
            writer.put_summaries(&gathered).map_err(store)?;
            gathered.clear();
        }
    }
    writer.put_summaries(&gathered).map_err(store)
}
