//! `ParquetDestination`: gathers the journal's rows and seals them into files.

use std::time::{Duration, Instant};

use super::builder::{Built, FileBuilder};
use super::compact;
use super::config::ParquetConfig;
use super::error::LakeError;
use super::reader::LakeFile;
use super::sealing::Sealing;
use super::step::{Step, Steps};
use super::store::Store;
use crate::encode::lake::Date;
use crate::encode::lake::{FileName, Sealed};
use crate::encode::stored::Columns;
use crate::event::Kind;
use crate::journal::{DataDir, FrameRow, Frontier, Hash, Page, ReaderStore, StoreError};
use crate::runtime::clock;
use crate::sink::{DeliverError, Destination, Flush};

/// How soon a file is sealed after a session's end.
const AFTER_SESSION: Duration = Duration::from_secs(1);

/// Rows that are read from the journal at once, where the lake reads for itself.
const PAGE_ROWS: u32 = 4_096;

/// The lake as a destination. It holds one file at most in memory: `seal_bytes` of encoded rows and one row group's pages.
pub struct ParquetDestination {
    config: ParquetConfig,
    data_dir: DataDir,
    lake: Option<Lake>,
    clock: Box<dyn Fn() -> Instant + Send>,
    steps: Steps,
}

/// What is known once the lake was read.
struct Lake {
    store: Store,
    journal_id: String,
    sealed: Vec<Sealed>,
    /// Every event up to here is in a sealed file.
    safe: u64,
    /// Every event up to here is sealed, or gathered, or in the file that has no place yet.
    taken: u64,
    /// The tree behind `taken`, where it is known and no file is gathered; else the file has it.
    tree: Option<Frontier>,
    gathering: Option<Gathering>,
    /// A file that could not be brought to its place yet. Nothing is gathered behind it.
    waiting: Option<Built>,
    /// The last event of the next file, where one that begins there was sent to the bucket before and may still arrive.
    planned: Option<u64>,
    /// The range that is written down.
    sealing: Option<Sealing>,
}

struct Gathering {
    file: FileBuilder,
    since: Instant,
    session_ended: Option<Instant>,
    /// It is sealed behind this event, and neither before nor later.
    planned: Option<u64>,
}

impl ParquetDestination {
    /// The lake that the configuration names, for the journal in `data_dir`. Nothing is touched before it is resumed.
    #[must_use]
    pub fn new(config: ParquetConfig, data_dir: DataDir) -> Self {
        Self { config, data_dir, lake: None, clock: Box::new(clock::instant), steps: Box::new(|_step| ()) }
    }

    /// The same, with another clock for the age of files.
    #[must_use]
    pub fn with_clock(mut self, clock: impl Fn() -> Instant + Send + 'static) -> Self {
        self.clock = Box::new(clock);
        self
    }

    /// The same, telling of each step that changed the lake.
    #[must_use]
    pub fn with_steps(mut self, steps: impl FnMut(Step) + Send + 'static) -> Self {
        self.steps = Box::new(steps);
        self
    }

    async fn open(&mut self, cursor: u64) -> Result<u64, LakeError> {
        self.lake = None;
        let journal = ReaderStore::open(&self.data_dir.journal())?;
        let journal_id = journal.meta("journal_id")?.unwrap_or_default();
        let store = Store::open(&self.config, &self.data_dir.lake())?;
        let mut sealed = store.list().await?.sealed;
        compact::remove_covered(&store, &mut sealed, &mut self.steps).await?;
        let safe = adopt(cursor, &sealed);
        let head = journal.head()?;
        if let Some(beyond) = sealed.iter().find(|file| file.name.first > safe + 1) {
            return Err(LakeError::Beyond { file: beyond.name.to_string(), safe });
        }
        if safe > head {
            return Err(LakeError::Ahead { lake: safe, journal: head });
        }
        let tree = match sealed.iter().rev().find(|file| file.name.last <= safe.max(cursor)) {
            Some(last) => {
                let file = LakeFile::open(last.name.to_string(), store.read(last.name).await?)?;
                if file.footer().journal_id != journal_id {
                    let found = file.footer().journal_id.clone();
                    return Err(LakeError::Foreign { file: last.name.to_string(), found, own: journal_id });
                }
                file.footer().tree_after.clone().filter(|tree| tree.size() == safe)
            }
            None => None,
        };
        let tree = match tree {
            Some(tree) => Some(tree),
            None => tree_of(&journal, safe)?,
        };
        let planned = match store.remote() {
            Some(place) => Sealing::last_of(&self.data_dir, &place, safe + 1)?.filter(|last| *last <= head),
            None => None,
        };
        let (gathering, waiting, sealing) = (None, None, None);
        self.lake = Some(Lake { store, journal_id, sealed, safe, taken: safe, tree, gathering, waiting, planned, sealing });
        Ok(safe)
    }

    /// Takes a page's rows, and reads what lies between them and what was taken from the journal itself.
    async fn take(&mut self, page: &Page) -> Result<(), LakeError> {
        self.settle().await?;
        let (Some(first), Some(lake)) = (page.first_seq(), &self.lake) else { return Ok(()) };
        if lake.taken + 1 < first {
            self.read_up_to(first - 1).await?;
        }
        self.take_rows(page).await
    }

    async fn take_rows(&mut self, page: &Page) -> Result<(), LakeError> {
        for row in page.frames() {
            let row = row?;
            let Some(lake) = &self.lake else { return Ok(()) };
            if row.seq <= lake.taken {
                continue;
            }
            if row.seq > lake.taken + 1 {
                return Err(LakeError::Hole { from: lake.taken + 1, to: row.seq - 1 });
            }
            let (time_us, kind) =
                Columns::time_and_kind(row.frame).map_err(|error| StoreError::Damaged(format!("seq {}: {error}", row.seq)))?;
            let date = Date::of(time_us);
            let ends = |gathering: &Gathering| gathering.planned.is_none() && gathering.file.date() < date;
            if lake.gathering.as_ref().is_some_and(|gathering| ends(gathering) || self.is_full(gathering)) {
                self.seal().await?;
            }
            self.add(&row, time_us, kind)?;
        }
        Ok(())
    }

    fn add(&mut self, row: &FrameRow<'_>, time_us: i64, kind: &str) -> Result<(), LakeError> {
        let Some(lake) = &mut self.lake else { return Ok(()) };
        let gathering = match &mut lake.gathering {
            Some(gathering) => gathering,
            None => {
                let file = FileBuilder::new(&self.config, &lake.journal_id, row.seq, time_us, lake.tree.take())?;
                let planned = lake.planned.take();
                lake.gathering.insert(Gathering { file, since: (self.clock)(), session_ended: None, planned })
            }
        };
        let leaf = Hash::try_from(row.leaf).map_err(|_| StoreError::Damaged(format!("seq {}: the leaf is no hash", row.seq)))?;
        gathering.file.push(row.frame, &leaf)?;
        if kind == Kind::SessionEnded.as_str() {
            gathering.session_ended.get_or_insert((self.clock)());
        }
        lake.taken = row.seq;
        Ok(())
    }

    async fn read_up_to(&mut self, last: u64) -> Result<(), LakeError> {
        let journal = ReaderStore::open(&self.data_dir.journal())?;
        let mut page = Page::default();
        while let Some(taken) = self.lake.as_ref().map(|lake| lake.taken).filter(|taken| *taken < last) {
            let most = u32::try_from(last - taken).unwrap_or(u32::MAX).min(PAGE_ROWS);
            journal.page(taken, &[], most, &mut page)?;
            if page.is_empty() {
                return Err(LakeError::Hole { from: taken + 1, to: last });
            }
            self.take_rows(&page).await?;
        }
        Ok(())
    }

    fn is_full(&self, gathering: &Gathering) -> bool {
        let events = gathering.file.events();
        if let Some(last) = gathering.planned {
            return gathering.file.last() >= last;
        }
        // The size is looked at now and then: it is a sum over all columns.
        events >= self.config.seal_rows || (events.is_multiple_of(1_024) && gathering.file.bytes() >= self.config.seal_bytes)
    }

    fn is_due(&self, gathering: &Gathering) -> bool {
        let now = (self.clock)();
        let old = now.saturating_duration_since(gathering.since) >= self.config.seal_after.duration();
        let ended = gathering.session_ended.is_some_and(|ended| now.saturating_duration_since(ended) >= AFTER_SESSION);
        old || (ended && self.config.seal_on_session_end)
    }

    /// Seals what is due; with `all`, whatever there is; when nothing comes, a session's end is due at once.
    async fn seal_due(&mut self, idle: bool, all: bool) -> Result<u64, LakeError> {
        self.settle().await?;
        let due = self.lake.as_ref().and_then(|lake| lake.gathering.as_ref()).is_some_and(|gathering| {
            let ended = idle && self.config.seal_on_session_end && gathering.session_ended.is_some();
            let due = all || ended || self.is_due(gathering);
            self.is_full(gathering) || (due && gathering.planned.is_none())
        });
        if due {
            self.seal().await?;
        }
        Ok(self.lake.as_ref().map_or(0, |lake| lake.safe))
    }

    /// Ends the file that is gathered and brings it to its place.
    async fn seal(&mut self) -> Result<(), LakeError> {
        if let Some(lake) = &mut self.lake
            && let Some(gathering) = lake.gathering.take()
        {
            lake.waiting = Some(gathering.file.finish()?);
        }
        self.settle().await
    }

    /// Brings the file that waits to its place. A failure leaves it waiting.
    async fn settle(&mut self) -> Result<(), LakeError> {
        let Some(lake) = &mut self.lake else { return Ok(()) };
        let Some(name) = lake.waiting.as_ref().map(|built| built.name) else { return Ok(()) };
        if let Some(place) = lake.store.remote() {
            let sealing = Sealing::of(&place, name);
            if lake.sealing.as_ref() != Some(&sealing) {
                sealing.write(&self.data_dir)?;
                (self.steps)(Step::Planned);
                lake.sealing = Some(sealing);
            }
        }
        let Some(built) = lake.waiting.take() else { return Ok(()) };
        if let Err(error) = lake.store.put(built.name, &built.bytes, &mut self.steps).await {
            lake.waiting = Some(built);
            return Err(error);
        }
        lake.sealed.push(Sealed { name: built.name, bytes: u64::try_from(built.bytes.len()).unwrap_or(u64::MAX) });
        lake.safe = built.name.last;
        lake.tree = built.tree;
        Ok(())
    }

    /// Puts small neighbours together. What goes wrong there loses nothing: the small files stay.
    async fn compact(&mut self) {
        let Some(lake) = &mut self.lake else { return };
        while let Some(group) = compact::next_group(&self.config, &lake.sealed) {
            match compact::merge(&self.config, &lake.store, &group, &mut self.steps).await {
                Ok(merged) => {
                    let names: Vec<FileName> = group.iter().map(|file| file.name).collect();
                    lake.sealed.retain(|file| !names.contains(&file.name));
                    lake.sealed.push(merged);
                    lake.sealed.sort_by_key(|file| file.name.first);
                }
                Err(error) => {
                    tracing::warn!(%error, "files of the lake were not put together");
                    return;
                }
            }
        }
    }

    /// Removes what a larger object covers and has arrived since the lake was read: a request of a process that was killed.
    async fn tidy(&mut self) {
        let Some(lake) = self.lake.as_mut().filter(|lake| lake.store.remote().is_some()) else { return };
        let tidied = match lake.store.list().await {
            Ok(mut listing) => compact::remove_covered(&lake.store, &mut listing.sealed, &mut self.steps).await,
            Err(error) => Err(error),
        };
        if let Err(error) = tidied {
            tracing::warn!(%error, "the lake was not looked through for what came late; the next start does it");
        }
    }
}

impl Destination for ParquetDestination {
    async fn resume(&mut self, cursor: u64) -> Result<u64, DeliverError> {
        Ok(self.open(cursor).await?)
    }

    async fn deliver(&mut self, page: &Page) -> Result<u64, DeliverError> {
        let before = self.lake.as_ref().map_or(0, |lake| lake.safe);
        self.take(page).await?;
        let safe = self.seal_due(false, false).await?;
        if safe > before {
            self.compact().await;
        }
        Ok(safe)
    }

    async fn flush(&mut self, why: Flush) -> Result<u64, DeliverError> {
        let safe = self.seal_due(true, why == Flush::Close).await?;
        self.compact().await;
        if why == Flush::Close {
            self.tidy().await;
        }
        Ok(safe)
    }
}

/// The seq behind which the lake goes on: the cursor, and what sealed files hold right behind it.
fn adopt(cursor: u64, sealed: &[Sealed]) -> u64 {
    let mut safe = cursor;
    for file in sealed {
        if file.name.first <= safe + 1 {
            safe = safe.max(file.name.last);
        }
    }
    safe
}

/// The tree over the first `size` events, from their leaves; `None` when the journal does not have them all any more.
fn tree_of(journal: &ReaderStore, size: u64) -> Result<Option<Frontier>, StoreError> {
    let mut tree = Frontier::default();
    let mut page = Page::default();
    while tree.size() < size {
        let most = u32::try_from(size - tree.size()).unwrap_or(u32::MAX).min(PAGE_ROWS);
        journal.page(tree.size(), &[], most, &mut page)?;
        if page.first_seq() != Some(tree.size() + 1) {
            return Ok(None);
        }
        for row in page.iter() {
            let row = row?;
            match Hash::try_from(row.leaf) {
                Ok(leaf) if row.seq == tree.size() + 1 => tree.push(leaf),
                _ => return Ok(None),
            }
        }
    }
    Ok(Some(tree))
}
