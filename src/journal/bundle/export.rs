//! A session of a journal into a bundle.

use std::collections::{BTreeSet, VecDeque};
use std::io::Write;
use std::ops::ControlFlow;

use super::error::BundleError;
use super::format::{
    CHECKPOINT, Digesting, EVENT, GAP, HEADER, Header, ITEMS, KEY, MAGIC, SECTION_BYTES, SIGNATURE, VERSION, statement,
};
use crate::encode::stored::leaf_hash;
use crate::event::{Kind, Payload, Seq};
use crate::journal::data_dir::DataDir;
use crate::journal::merkle::{Frontier, Hash, subtrees};
use crate::journal::note::JournalKey;
use crate::journal::sqlite::{CheckpointRow, Condition, JournalRow, ReaderStore};

/// How hard events are compressed: zstd's own middle.
const LEVEL: i32 = 3;

/// Events between two reports of how far it is.
const REPORTED_EVERY: u64 = 16_384;

/// What was exported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exported {
    /// Events in the file.
    pub events: u64,
    /// Those of them that are no event of the session: its policy's text, losses of its time.
    pub besides: u64,
    /// Events that the checkpoint covers.
    pub tree_size: u64,
    /// The key, printable.
    pub key: String,
}

/// Writes a session, by its full name, with the policy that it ran under, the losses of its time, and the first checkpoint that covers it.
/// `progress` is told how many events of the journal are read, and how many there are to read.
///
/// The same session of the same journal gives the same bytes.
///
/// # Errors
/// [`BundleError`]; then what was written is no bundle.
pub fn export(
    data_dir: &DataDir,
    session: &str,
    out: impl Write,
    mut progress: impl FnMut(u64, u64),
) -> Result<Exported, BundleError> {
    let store = ReaderStore::open(&data_dir.journal())?;
    let key = JournalKey::open(&data_dir.key()).map_err(BundleError::SigningKey)?;
    store.at_one_moment(|| {
        let found = store.session(session)?.ok_or_else(|| BundleError::NoSession { session: session.to_owned() })?;
        let (first, last) = found.seqs;
        let covering = store.checkpoints()?.into_iter().filter(|row| row.tree_size >= last).min_by_key(|row| row.tree_size);
        let covering = covering.ok_or(BundleError::Unsigned { last })?;
        let mut besides = besides(&store, (first, last), found.policy_digest.as_deref())?;

        let mut writer = Writer::begin(out, session, &covering, &key)?;
        let of_session = [Condition::Session(session.to_owned())];
        store.rows::<BundleError>(0, &of_session, None, |row| {
            if row.seq > last {
                return Ok(ControlFlow::Break(()));
            }
            while let Some(beside) = besides.pop_front() {
                if beside < row.seq {
                    writer.single(&store, beside, &mut progress)?;
                } else if beside > row.seq {
                    besides.push_front(beside);
                    break;
                }
            }
            writer.up_to(&store, row.seq, &mut progress)?;
            writer.event(row)?;
            Ok(ControlFlow::Continue(()))
        })?;
        for beside in besides {
            writer.single(&store, beside, &mut progress)?;
        }
        writer.up_to(&store, covering.tree_size + 1, &mut progress)?;
        writer.end(session, &covering, &key)
    })
}

/// Positions of the events of no session, or another's, that a reader of this one needs: losses of its time, and its policy's text.
fn besides(store: &ReaderStore, (first, last): (u64, u64), policy: Option<&str>) -> Result<VecDeque<u64>, BundleError> {
    let mut seqs = BTreeSet::new();
    store.rows::<BundleError>(first.saturating_sub(1), &[Condition::Kinds(vec![Kind::EventsLost])], None, |row| {
        if row.seq > last {
            return Ok(ControlFlow::Break(()));
        }
        seqs.insert(row.seq);
        Ok(ControlFlow::Continue(()))
    })?;
    store.rows::<BundleError>(0, &[Condition::Kinds(vec![Kind::PolicyLoaded])], None, |row| {
        if row.seq > last {
            return Ok(ControlFlow::Break(()));
        }
        let event = row.to_event().map_err(|error| BundleError::Event { seq: row.seq, what: error.to_string() })?;
        if let Payload::PolicyLoaded(loaded) = &event.event.payload
            && (policy == Some(loaded.digest.as_str()) || row.seq >= first)
        {
            seqs.insert(row.seq);
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(seqs.into_iter().collect())
}

struct Writer<W> {
    out: Digesting<W>,
    items: Vec<u8>,
    /// Position of the next event.
    next: u64,
    tree: Frontier,
    tree_size: u64,
    events: u64,
    besides: u64,
    told: u64,
}

impl<W: Write> Writer<W> {
    fn begin(out: W, session: &str, covering: &CheckpointRow, key: &JournalKey) -> Result<Self, BundleError> {
        let mut out = Digesting::new(out);
        out.put(MAGIC)?;
        out.put(&[VERSION])?;
        let header = Header { session: session.to_owned(), tree_size: covering.tree_size, signed_us: covering.time_us };
        let header = serde_json::to_vec(&header)
            .map_err(|error| BundleError::Malformed { part: "the header".to_owned(), what: error.to_string() })?;
        out.section(HEADER, &header)?;
        out.section(KEY, key.public().to_text().as_bytes())?;
        out.section(CHECKPOINT, covering.note.as_bytes())?;
        let (items, tree) = (Vec::with_capacity(2 * SECTION_BYTES), Frontier::default());
        Ok(Self { out, items, next: 1, tree, tree_size: covering.tree_size, events: 0, besides: 0, told: 0 })
    }

    /// The event at `seq`, which is none of the session.
    fn single(&mut self, store: &ReaderStore, seq: u64, progress: &mut impl FnMut(u64, u64)) -> Result<(), BundleError> {
        self.up_to(store, seq, progress)?;
        store.rows::<BundleError>(seq - 1, &[], Some(1), |row| {
            self.besides += 1;
            self.event(row)?;
            Ok(ControlFlow::Break(()))
        })?;
        Ok(())
    }

    /// Subtrees for the events from the next one to `seq`, without that.
    fn up_to(&mut self, store: &ReaderStore, seq: u64, progress: &mut impl FnMut(u64, u64)) -> Result<(), BundleError> {
        if seq > self.next {
            let mut levels = subtrees(self.next - 1, seq - 1);
            let mut block = Frontier::default();
            let mut level = levels.next().unwrap_or(0);
            let mut roots: Vec<Hash> = Vec::new();
            store.leaves(self.next, seq - 1, |at, leaf| {
                block.push(leaf);
                if block.size() >> level == 1 {
                    roots.push(block.root());
                    block = Frontier::default();
                    level = levels.next().unwrap_or(0);
                }
                if at.is_multiple_of(REPORTED_EVERY) {
                    progress(at, self.tree_size);
                }
            })?;
            if roots.len() != subtrees(self.next - 1, seq - 1).count() {
                let what = format!("events up to seq {} are not in the journal any more", seq - 1);
                return Err(BundleError::Event { seq: self.next, what });
            }
            self.items.push(GAP);
            self.items.extend_from_slice(&(seq - self.next).to_le_bytes());
            for (level, root) in subtrees(self.next - 1, seq - 1).zip(&roots) {
                self.items.extend_from_slice(root);
                self.tree.push_subtree(level, *root);
            }
            self.next = seq;
            self.fill()?;
        }
        if self.next / REPORTED_EVERY > self.told {
            self.told = self.next / REPORTED_EVERY;
            progress(self.next, self.tree_size);
        }
        Ok(())
    }

    fn event(&mut self, row: &JournalRow<'_>) -> Result<(), BundleError> {
        let seq = Seq::new(row.seq).ok_or_else(|| BundleError::Event { seq: row.seq, what: "it has no position".to_owned() })?;
        let length =
            u32::try_from(row.frame.len()).map_err(|_| BundleError::Event { seq: row.seq, what: "too large".to_owned() })?;
        self.items.push(EVENT);
        self.items.extend_from_slice(&length.to_le_bytes());
        self.items.extend_from_slice(row.frame);
        self.tree.push(leaf_hash(seq, row.frame));
        self.events += 1;
        self.next = row.seq + 1;
        self.fill()
    }

    /// Writes what has come together, when it is enough.
    fn fill(&mut self) -> Result<(), BundleError> {
        if self.items.len() >= SECTION_BYTES { self.write_items() } else { Ok(()) }
    }

    fn write_items(&mut self) -> Result<(), BundleError> {
        if self.items.is_empty() {
            return Ok(());
        }
        let wrong = |source| BundleError::Io { what: "events cannot be compressed", source };
        let mut compressor = zstd::bulk::Compressor::new(LEVEL).map_err(wrong)?;
        compressor.include_checksum(true).map_err(wrong)?;
        let packed = compressor.compress(&self.items).map_err(wrong)?;
        let size = u32::try_from(self.items.len()).unwrap_or(u32::MAX);
        let mut body = size.to_le_bytes().to_vec();
        body.extend_from_slice(&packed);
        self.items.clear();
        self.out.section(ITEMS, &body)
    }

    fn end(mut self, session: &str, covering: &CheckpointRow, key: &JournalKey) -> Result<Exported, BundleError> {
        self.write_items()?;
        if self.tree.size() != covering.tree_size || self.tree.root()[..] != covering.root[..] {
            return Err(BundleError::JournalChanged { tree_size: covering.tree_size });
        }
        let note = key.sign_text(&statement(session, self.events, &self.out.digest()));
        self.out.section(SIGNATURE, note.as_bytes())?;
        self.out.flush()?;
        let (events, besides) = (self.events, self.besides);
        Ok(Exported { events, besides, tree_size: covering.tree_size, key: key.public().to_text() })
    }
}
