//! The newest events of the journal, in memory, and the thread that reads them.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use super::block::Block;
use super::error::StreamsError;
use super::limits::Limits;
use crate::journal::{Bell, DataDir, JournalError, Page, ReaderStore, StoreError};
use crate::runtime::clock;
use crate::runtime::lock::lock;

/// How long the reader waits for a ring before it looks by itself, and before it tries again what failed.
const POLL: Duration = Duration::from_millis(250);

/// Rows of one look; more come with the next.
const MOST_ROWS: u32 = 8192;

/// What all subscribers wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct State {
    /// The last `seq` that is in the ring.
    pub(super) head: u64,
    /// Whether the server shuts down.
    pub(super) ended: bool,
}

/// The newest blocks: what stands behind `after`. Holds at most so many bytes as the limits say, and the newest block whatever its size.
struct Blocks {
    after: u64,
    of: VecDeque<Arc<Block>>,
    bytes: usize,
}

/// What the reader's thread and the subscribers share.
pub(super) struct Ring {
    blocks: Mutex<Blocks>,
    state: watch::Sender<State>,
    /// Subscribers that want events as they are: for them the reader encodes.
    pub(super) plain: AtomicUsize,
    stop: AtomicBool,
    pause: (Mutex<()>, Condvar),
    limits: Limits,
}

impl Ring {
    /// Starts the reader behind the journal's last event.
    ///
    /// # Errors
    /// [`StreamsError`] when there is no journal, or no thread or bell.
    pub(super) fn start(data_dir: &DataDir, limits: Limits) -> Result<Arc<Self>, StreamsError> {
        // The bell is there before the first look: a commit in between rings it.
        let bell = hang(data_dir)?;
        let store = ReaderStore::open(&data_dir.journal())?;
        let head = store.head()?;
        let ring = Arc::new(Self {
            blocks: Mutex::new(Blocks { after: head, of: VecDeque::new(), bytes: 0 }),
            state: watch::Sender::new(State { head, ended: false }),
            plain: AtomicUsize::new(0),
            stop: AtomicBool::new(false),
            pause: (Mutex::new(()), Condvar::new()),
            limits,
        });
        let reader = Reader { ring: Arc::clone(&ring), store, bell, page: Page::default() };
        std::thread::Builder::new().name("stream-reader".to_owned()).spawn(move || reader.run()).map_err(StreamsError::Thread)?;
        Ok(ring)
    }

    pub(super) fn watch(&self) -> watch::Receiver<State> {
        self.state.subscribe()
    }

    pub(super) fn head(&self) -> u64 {
        self.state.borrow().head
    }

    /// Tells every stream to end.
    pub(super) fn shut_down(&self) {
        self.state.send_modify(|state| state.ended = true);
    }

    /// Ends the reader's thread, soon.
    pub(super) fn stop(&self) {
        self.stop.store(true, Relaxed);
        self.pause.1.notify_all();
    }

    /// The block that `position` lies in, if it is so new.
    pub(super) fn block(&self, position: u64) -> Option<Arc<Block>> {
        let blocks = lock(&self.blocks);
        if position < blocks.after {
            return None;
        }
        let place = blocks.of.partition_point(|block| block.through <= position);
        blocks.of.get(place).cloned()
    }

    /// Whether `position` is so old that it must be read from the journal.
    pub(super) fn is_history(&self, position: u64) -> bool {
        position < lock(&self.blocks).after
    }

    fn push(&self, block: Block) {
        let head = block.through;
        let bytes = block.size();
        let mut blocks = lock(&self.blocks);
        blocks.bytes += bytes;
        blocks.of.push_back(Arc::new(block));
        while blocks.bytes > self.limits.ring_bytes && blocks.of.len() > 1 {
            if let Some(oldest) = blocks.of.pop_front() {
                blocks.bytes -= oldest.size();
                blocks.after = oldest.through;
            }
        }
        drop(blocks);
        self.state.send_modify(|state| state.head = head);
    }

    /// Waits, or until it is stopped.
    fn wait(&self, time: Duration) {
        let guard = lock(&self.pause.0);
        if !self.stop.load(Relaxed) {
            drop(self.pause.1.wait_timeout(guard, time).unwrap_or_else(PoisonError::into_inner));
        }
    }
}

fn hang(data_dir: &DataDir) -> Result<Bell, StreamsError> {
    let path: &Path = &data_dir.doorbell();
    Bell::hang(path)
        .map_err(|source| JournalError::Io { what: "cannot hang a doorbell in", path: path.to_owned(), source }.into())
}

/// The thread that reads what comes.
struct Reader {
    ring: Arc<Ring>,
    store: ReaderStore,
    bell: Bell,
    page: Page,
}

impl Reader {
    fn run(mut self) {
        while !self.ring.stop.load(Relaxed) {
            let began = clock::instant();
            match self.read() {
                Ok(true) => {
                    // Events that keep coming are taken together, so that those who wait are woken seldom.
                    let rest = self.ring.limits.pace.saturating_sub(clock::instant().saturating_duration_since(began));
                    if !rest.is_zero() {
                        self.ring.wait(rest);
                    }
                }
                Ok(false) => {
                    if let Err(error) = self.bell.wait(POLL) {
                        tracing::warn!(%error, "the doorbell cannot be heard");
                        self.ring.wait(POLL);
                    }
                }
                Err(error) => {
                    if !self.ring.stop.load(Relaxed) {
                        tracing::warn!(%error, "the journal cannot be read for subscribers; it is tried again");
                    }
                    self.ring.wait(POLL);
                }
            }
        }
    }

    /// Reads what came; `false` when there was nothing.
    fn read(&mut self) -> Result<bool, StoreError> {
        let after = self.ring.head();
        self.store.page(after, &[], MOST_ROWS, &mut self.page)?;
        if self.page.is_empty() {
            return Ok(false);
        }
        let block = Block::of(&self.store, &self.page, after, u64::MAX)?;
        if self.ring.plain.load(Relaxed) > 0 {
            block.encode();
        }
        self.ring.push(block);
        Ok(true)
    }
}
