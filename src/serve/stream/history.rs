//! History: blocks of the journal, read once for all who want them at the same time.
//!
//! A block begins at a multiple of its size, or where the one before it ended early, so that subscribers who read the same part of the
//! journal ask for the same blocks. Who is ahead waits for the disk, who is behind finds what was read: readers of one part draw together.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use tokio::sync::{OnceCell, OwnedSemaphorePermit, Semaphore};

use super::block::Block;
use super::error::StreamsError;
use super::limits::Limits;
use crate::journal::{Page, ReaderStore};
use crate::runtime::lock::lock;
use crate::runtime::metrics::metrics;

/// The blocks that were read last, and those who read.
pub(super) struct History {
    path: PathBuf,
    limits: Limits,
    blocks: Mutex<Blocks>,
    readers: Mutex<Vec<ReaderStore>>,
    turns: Arc<Semaphore>,
    searches: Arc<Semaphore>,
    /// Blocks that were read from the journal.
    reads: AtomicU64,
}

#[derive(Default)]
struct Blocks {
    /// By the position behind which they begin.
    of: BTreeMap<u64, Slot>,
    bytes: usize,
    clock: u64,
}

struct Slot {
    cell: Arc<OnceCell<Arc<Block>>>,
    bytes: usize,
    used: u64,
}

impl History {
    pub(super) fn new(path: PathBuf, limits: Limits) -> Self {
        Self {
            path,
            limits,
            blocks: Mutex::default(),
            readers: Mutex::default(),
            turns: Arc::new(Semaphore::new(limits.readers.max(1))),
            searches: Arc::new(Semaphore::new(limits.searches.max(1))),
            reads: AtomicU64::default(),
        }
    }

    /// Blocks that were read from the journal so far.
    pub(super) fn reads(&self) -> u64 {
        self.reads.load(Ordering::Relaxed)
    }

    /// Runs a read of the journal on a thread that may wait for the disk. So many at a time as the limits say.
    ///
    /// # Errors
    /// What the journal or `work` says.
    pub(super) async fn read<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&ReaderStore) -> Result<T, StreamsError> + Send + 'static,
    ) -> Result<T, StreamsError> {
        let turn = Arc::clone(&self.turns).acquire_owned().await.map_err(|_closed| StreamsError::Ended)?;
        self.on_thread(turn, work).await
    }

    /// As [`History::read`], for what may look at the whole journal.
    ///
    /// # Errors
    /// What the journal or `work` says.
    pub(super) async fn search<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&ReaderStore) -> Result<T, StreamsError> + Send + 'static,
    ) -> Result<T, StreamsError> {
        let turn = Arc::clone(&self.searches).acquire_owned().await.map_err(|_closed| StreamsError::Ended)?;
        self.on_thread(turn, work).await
    }

    async fn on_thread<T: Send + 'static>(
        self: &Arc<Self>,
        turn: OwnedSemaphorePermit,
        work: impl FnOnce(&ReaderStore) -> Result<T, StreamsError> + Send + 'static,
    ) -> Result<T, StreamsError> {
        let this = Arc::clone(self);
        let done = tokio::task::spawn_blocking(move || {
            // The read goes on when who asked is gone, and it is its end that makes room for another.
            let _turn = turn;
            let kept = lock(&this.readers).pop();
            let store = match kept {
                Some(store) => store,
                None => ReaderStore::open(&this.path)?,
            };
            let done = work(&store);
            lock(&this.readers).push(store);
            done
        });
        done.await.map_err(|_panic| StreamsError::Ended)?
    }

    /// The block that `position` lies in: it begins at or before it and ends behind it. `None` where the journal ends there.
    ///
    /// # Errors
    /// What the journal says.
    pub(super) async fn block(self: &Arc<Self>, position: u64, encode: bool) -> Result<Option<Arc<Block>>, StreamsError> {
        let size = u64::from(self.limits.block_events.max(1));
        let mut after = position - position % size;
        loop {
            let block = self.at(after, encode).await?;
            if block.through > position {
                return Ok(Some(block));
            }
            if block.open && block.through <= position {
                // It was read when the journal was shorter.
                self.forget(after, &block);
                let again = self.at(after, encode).await?;
                if again.through == block.through {
                    return Ok(None);
                }
                continue;
            }
            after = block.through.max(after + 1);
        }
    }

    /// Reads the block behind this one ahead of its need, if nobody has.
    pub(super) fn ahead(self: &Arc<Self>, block: &Block, encode: bool) {
        if block.open || lock(&self.blocks).of.contains_key(&block.through) {
            return;
        }
        let (this, after) = (Arc::clone(self), block.through);
        tokio::spawn(async move {
            // Who needs it tries again and hears of the error.
            let _ahead = this.at(after, encode).await;
        });
    }

    /// The block that begins behind `after`.
    async fn at(self: &Arc<Self>, after: u64, encode: bool) -> Result<Arc<Block>, StreamsError> {
        let cell = self.cell(after);
        if let Some(block) = cell.get() {
            metrics().stream_blocks.of("cached").add(1);
            return Ok(Arc::clone(block));
        }
        let mut read = false;
        let block = cell
            .get_or_try_init(|| async {
                read = true;
                let size = u64::from(self.limits.block_events.max(1));
                let most = after - after % size + size;
                let rows = self.limits.block_events.saturating_add(1);
                let block = self
                    .read(move |store| {
                        let mut page = Page::default();
                        store.page(after, &[], rows, &mut page)?;
                        let block = Block::of(store, &page, after, most)?;
                        if encode {
                            block.encode();
                        }
                        Ok(Arc::new(block))
                    })
                    .await?;
                Ok::<_, StreamsError>(block)
            })
            .await;
        let block = match block {
            Ok(block) => Arc::clone(block),
            Err(error) => {
                self.drop_empty(after);
                return Err(error);
            }
        };
        self.reads.fetch_add(u64::from(read), Ordering::Relaxed);
        metrics().stream_blocks.of(if read { "read" } else { "cached" }).add(1);
        if read {
            self.keep(after, &cell, block.size());
        }
        Ok(block)
    }

    fn cell(&self, after: u64) -> Arc<OnceCell<Arc<Block>>> {
        let mut blocks = lock(&self.blocks);
        blocks.clock += 1;
        let clock = blocks.clock;
        let slot = blocks.of.entry(after).or_insert_with(|| Slot { cell: Arc::default(), bytes: 0, used: clock });
        slot.used = clock;
        Arc::clone(&slot.cell)
    }

    /// Counts a block that was read, and lets those go that were not used for longest.
    fn keep(&self, after: u64, cell: &Arc<OnceCell<Arc<Block>>>, bytes: usize) {
        let mut blocks = lock(&self.blocks);
        if let Some(slot) = blocks.of.get_mut(&after).filter(|slot| Arc::ptr_eq(&slot.cell, cell) && slot.bytes == 0) {
            slot.bytes = bytes;
            blocks.bytes += bytes;
        }
        while blocks.bytes > self.limits.cache_bytes {
            let oldest = blocks.of.iter().filter(|(at, slot)| slot.bytes > 0 && **at != after).min_by_key(|(_, slot)| slot.used);
            let Some(oldest) = oldest.map(|(at, _)| *at) else { break };
            if let Some(slot) = blocks.of.remove(&oldest) {
                blocks.bytes -= slot.bytes;
            }
        }
    }

    /// Lets one block go, if it is still that one.
    fn forget(&self, after: u64, block: &Arc<Block>) {
        let mut blocks = lock(&self.blocks);
        let is_it = blocks.of.get(&after).is_some_and(|slot| slot.cell.get().is_some_and(|kept| Arc::ptr_eq(kept, block)));
        if is_it && let Some(slot) = blocks.of.remove(&after) {
            blocks.bytes -= slot.bytes;
        }
    }

    fn drop_empty(&self, after: u64) {
        let mut blocks = lock(&self.blocks);
        if blocks.of.get(&after).is_some_and(|slot| !slot.cell.initialized()) {
            blocks.of.remove(&after);
        }
    }
}

#[cfg(all(test, not(feature = "shuttle")))]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
mod tests {
    use super::*;
    use crate::journal::{Journal, JournalConfig};

    #[test]
    fn a_read_whose_asker_is_gone_has_its_turn_until_it_ends() {
        let scratch = tempfile::tempdir().unwrap();
        let journal = Journal::open(scratch.path(), &JournalConfig::default()).unwrap();
        let limits = Limits { searches: 1, ..Limits::default() };
        let history = Arc::new(History::new(journal.data_dir().journal(), limits));
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
        runtime.block_on(async {
            let (begun, begins) = tokio::sync::oneshot::channel();
            let (go_on, waits) = std::sync::mpsc::channel::<()>();
            let asked = Arc::clone(&history);
            let asked = tokio::spawn(async move {
                let read = asked.search(move |_| {
                    begun.send(()).unwrap();
                    waits.recv().unwrap();
                    Ok(())
                });
                read.await
            });
            begins.await.unwrap();
            asked.abort();
            assert!(asked.await.is_err_and(|error| error.is_cancelled()));
            assert_eq!(history.searches.available_permits(), 0, "it still reads");
            go_on.send(()).unwrap();
            history.search(|_| Ok(())).await.unwrap();
        });
        journal.close().unwrap();
    }
}
