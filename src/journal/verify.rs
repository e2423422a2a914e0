//! `verify`: recomputes every leaf, the tree and every checkpoint, and says at which `seq` the journal was changed (G-4).
//!
//! What is compared with what: each row's columns with its leaf; the positions with 1, 2, 3 …; the tree over the *columns* (not the
//! stored leaves) with the root of every checkpoint, whose signature is checked; the end with the stored tree; the witness file and
//! a checkpoint that was kept elsewhere with the same tree. Someone who edits a row and its leaf too is found by the first
//! checkpoint behind it, and the range between the last checkpoint that agrees and the first that does not is named.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::ControlFlow;

use super::data_dir::DataDir;
use super::error::{JournalError, StoreError};
use super::merkle::{Frontier, Hash};
use super::note::{Checkpoint, PublicKey};
use super::sqlite::ReaderStore;
use crate::encode::stored;
use crate::event::{Kind, Seq};

/// Findings that are kept; more are only counted.
const KEPT: usize = 100;

/// One thing that is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// First and last `seq` that it concerns.
    pub seqs: (u64, u64),
    /// What was found.
    pub what: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.seqs {
            (first, last) if first == last => write!(f, "seq {first}: {}", self.what),
            (first, last) => write!(f, "seq {first} to {last}: {}", self.what),
        }
    }
}

/// The result of a verification.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verification {
    /// Events read.
    pub events: u64,
    /// Root of the tree over them.
    pub root: Hash,
    /// Checkpoints whose signature and root are right.
    pub checkpoints: u64,
    /// `seq` up to which a signed checkpoint covers the journal.
    pub signed_to: u64,
    /// What is not in order, in the order of `seq`, at most 100.
    pub findings: Vec<Finding>,
    /// Findings in all.
    pub finding_count: u64,
}

impl Verification {
    /// Whether nothing was found.
    #[must_use]
    pub const fn is_whole(&self) -> bool {
        self.finding_count == 0
    }

    fn find(&mut self, seqs: (u64, u64), what: impl Into<String>) {
        self.finding_count += 1;
        if self.findings.len() < KEPT {
            self.findings.push(Finding { seqs, what: what.into() });
        }
    }
}

/// A checkpoint that the tree is compared with when it has grown to its size.
struct Expected {
    root: Hash,
    from: &'static str,
}

/// Verifies the journal in a data directory; `extra` are signed checkpoints that were kept elsewhere, `key` the public key (the data
/// directory's own if absent). `progress` is called with the number of events read and the number there are.
///
/// # Errors
/// [`JournalError`] when the journal cannot be read at all. What is wrong with its content is a finding.
pub fn verify(
    data_dir: &DataDir,
    key: Option<PublicKey>,
    extra: &[String],
    mut progress: impl FnMut(u64, u64),
) -> Result<Verification, JournalError> {
    let store = ReaderStore::open(&data_dir.journal())?;
    let store_error = |source| JournalError::Store { path: data_dir.journal(), source };
    let key = match key {
        Some(key) => key,
        None => {
            let path = data_dir.public_key();
            let text = std::fs::read_to_string(&path).map_err(|source| JournalError::Io {
                what: "cannot read the public key",
                path,
                source,
            })?;
            PublicKey::parse(&text)?
        }
    };
    let mut report = Verification::default();
    check_triggers(&store, &mut report).map_err(store_error)?;
    let (expected, signed) = expectations(&store, data_dir, &key, extra, &mut report).map_err(store_error)?;

    let head = store.head().map_err(store_error)?;
    let mut tree = Frontier::default();
    let mut frame = Vec::new();
    let mut last_good = 0;
    let mut compare = |tree: &Frontier, report: &mut Verification| {
        for checkpoint in expected.get(&tree.size()).into_iter().flatten() {
            if checkpoint.root == tree.root() {
                report.checkpoints += 1;
                report.signed_to = tree.size();
                last_good = tree.size();
            } else {
                let what = format!("the tree does not have the root that {} at {} has signed", checkpoint.from, tree.size());
                report.find((last_good + 1, tree.size()), what);
            }
        }
    };
    compare(&tree, &mut report);
    let mut expected_seq = 1;
    let rows = store.rows::<StoreError>(0, &[], None, |row| {
        if row.seq != expected_seq {
            let what = if row.seq == expected_seq + 1 { "the event is missing" } else { "the events are missing" };
            report.find((expected_seq, row.seq.saturating_sub(1)), what);
        }
        frame.clear();
        row.columns.write(&mut frame);
        let seq = Seq::new(row.seq).ok_or_else(|| StoreError::Damaged("an event at seq 0".to_owned()))?;
        let leaf = stored::leaf_hash(seq, &frame);
        if leaf != row.leaf {
            report.find((row.seq, row.seq), "the event is not the one that was written here: it was edited, moved or inserted");
        }
        if row.columns.kind == Kind::JournalCheckpoint.as_str() {
            check_checkpoint_event(row, &signed, &mut report);
        }
        tree.push(leaf);
        expected_seq = row.seq + 1;
        report.events += 1;
        compare(&tree, &mut report);
        progress(report.events, head);
        Ok(ControlFlow::Continue(()))
    });
    rows.map_err(store_error)?;
    report.root = tree.root();

    let end = tree.size();
    for (size, checkpoints) in expected.range(end + 1..) {
        for checkpoint in checkpoints {
            report
                .find((end + 1, *size), format!("{} covers events that are missing: the journal was truncated", checkpoint.from));
        }
    }
    match store.tree() {
        Ok(stored_tree) if stored_tree.size() > end => {
            report.find((end + 1, stored_tree.size()), "the events are missing: the journal was truncated");
        }
        Ok(stored_tree) if stored_tree.size() < end => {
            report.find((stored_tree.size() + 1, end), "the events were inserted: the tree does not have them");
        }
        Ok(stored_tree) if stored_tree.root() != tree.root() => {
            report.find((last_good + 1, end.max(last_good + 1)), "the events are not those that the stored tree was built over");
        }
        Ok(_) => {}
        Err(error) => report.find((1, end.max(1)), error.to_string()),
    }
    report.findings.sort_by_key(|finding| finding.seqs);
    Ok(report)
}

/// The checkpoints to compare with, by size, and the notes of the table by size.
type Expectations = (BTreeMap<u64, Vec<Expected>>, BTreeMap<u64, String>);

fn expectations(
    store: &ReaderStore,
    data_dir: &DataDir,
    key: &PublicKey,
    extra: &[String],
    report: &mut Verification,
) -> Result<Expectations, StoreError> {
    let mut expected: BTreeMap<u64, Vec<Expected>> = BTreeMap::new();
    let mut signed = BTreeMap::new();
    for row in store.checkpoints()? {
        let size = row.tree_size;
        match key.verify(&row.note) {
            Ok(Checkpoint { tree_size, root, .. }) if tree_size == size && row.root == root => {
                expected.entry(tree_size).or_default().push(Expected { root, from: "the checkpoint" });
            }
            Ok(_) => report.find((size, size), "the checkpoint's row does not say what its signed note says"),
            Err(error) => report.find((size, size), error.to_string()),
        }
        signed.insert(size, row.note);
    }
    let witness = std::fs::read_to_string(data_dir.latest_checkpoint()).ok();
    let kept = extra.iter().map(|note| (note, "the checkpoint that was given"));
    for (note, from) in witness.iter().map(|note| (note, "the witness file's checkpoint")).chain(kept) {
        match key.verify(note) {
            Ok(Checkpoint { tree_size, root, .. }) => {
                let known = expected.entry(tree_size).or_default();
                if !known.iter().any(|known| known.root == root) {
                    known.push(Expected { root, from });
                }
            }
            Err(error) => report.find((0, 0), format!("{from}: {error}")),
        }
    }
    Ok((expected, signed))
}

/// The journal itself holds each checkpoint's note: a row that was taken out of `checkpoints` is missed here.
fn check_checkpoint_event(row: &super::JournalRow<'_>, signed: &BTreeMap<u64, String>, report: &mut Verification) {
    #[derive(serde::Deserialize)]
    struct Noted {
        tree_size: u64,
        note: String,
    }
    match serde_json::from_str::<Noted>(row.columns.payload) {
        Ok(noted) if signed.get(&noted.tree_size) == Some(&noted.note) => {}
        Ok(noted) => report.find(
            (row.seq, row.seq),
            format!("the checkpoint at {} that this event records is not among the checkpoints", noted.tree_size),
        ),
        Err(error) => report.find((row.seq, row.seq), format!("the checkpoint event cannot be read: {error}")),
    }
}

fn check_triggers(store: &ReaderStore, report: &mut Verification) -> Result<(), StoreError> {
    let triggers = store.triggers()?;
    for name in ["events_refuse_delete", "events_refuse_update"] {
        let in_force =
            triggers.iter().any(|(found, sql)| found == name && sql.contains("RAISE(ABORT, 'events are append-only')"));
        if !in_force {
            report.find((0, 0), format!("the trigger {name} is missing or was changed: rows could be changed in place"));
        }
    }
    Ok(())
}
