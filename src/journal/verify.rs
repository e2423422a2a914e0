//! `verify`: recomputes every leaf, the tree and every checkpoint, and says at which `seq` the journal was changed (G-4).
//!
//! What is compared with what: each row's columns with its leaf; the positions with 1, 2, 3 …; the tree over the *columns* (not the
//! stored leaves) with the root of every checkpoint, whose signature is checked; the end with the stored tree; the witness file and
//! a checkpoint that was kept elsewhere with the same tree. Someone who edits a row and its leaf too is found by the first
//! checkpoint behind it, and the range between the last checkpoint that agrees and the first that does not is named.

use std::collections::BTreeMap;
use std::fmt;

use super::data_dir::DataDir;
use super::error::{JournalError, StoreError};
use super::leaves::{Leaf, Remark, each_block};
use super::merkle::{Frontier, Hash};
use super::note::{Checkpoint, PublicKey};
use super::sqlite::{ReaderStore, is_own_trigger};

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

/// The checkpoints to compare with, by size.
#[derive(Default)]
struct Expectations {
    expected: BTreeMap<u64, Vec<Expected>>,
    /// The notes of the table, by size.
    signed: BTreeMap<u64, String>,
}

/// Verifies the journal in a data directory; `extra` are signed checkpoints that were kept elsewhere, `key` the public key (the data
/// directory's own if absent). `progress` is called with the number of events read and the number there are.
///
/// What recorders commit meanwhile is left to the next verification.
///
/// # Errors
/// [`JournalError`] when the journal cannot be read at all. What is wrong with its content is a finding.
pub fn verify(
    data_dir: &DataDir,
    key: Option<PublicKey>,
    extra: &[String],
    progress: impl FnMut(u64, u64),
) -> Result<Verification, JournalError> {
    let store = ReaderStore::open(&data_dir.journal())?;
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
    // Read before the moment that is verified: the checkpoint that it holds is in the journal then.
    let witness = std::fs::read_to_string(data_dir.latest_checkpoint()).ok();
    store
        .at_one_moment(|| {
            let mut report = Verification::default();
            check_triggers(&store, &mut report)?;
            let mut expectations = Expectations::default();
            expectations.read_table(&store, &key, &mut report)?;
            if let Some(note) = &witness {
                expectations.add(note, "the witness file's checkpoint", &key, &mut report);
                expectations.check_witness(note, &key, &mut report);
            }
            for note in extra {
                expectations.add(note, "the checkpoint that was given", &key, &mut report);
            }
            Walk::new(&expectations, &mut report).run(&store, progress)?;
            report.findings.sort_by_key(|finding| finding.seqs);
            Ok(report)
        })
        .map_err(|source| JournalError::Store { path: data_dir.journal(), source })
}

/// The walk over all rows.
struct Walk<'a> {
    expectations: &'a Expectations,
    report: &'a mut Verification,
    /// The tree over the rows so far.
    tree: Frontier,
    /// `seq` of the last row.
    end: u64,
    /// Size at which a checkpoint last agreed with the tree.
    last_good: u64,
    /// A checkpoint behind that did not agree: later ones cannot.
    diverged: bool,
    /// A row is missing or cannot be read: the tree says nothing any more.
    broken: bool,
    /// The next size that a checkpoint has.
    next_expected: u64,
    /// The next size that a row of the table has signed.
    next_signed: u64,
}

impl<'a> Walk<'a> {
    fn new(expectations: &'a Expectations, report: &'a mut Verification) -> Self {
        Self {
            expectations,
            report,
            tree: Frontier::default(),
            end: 0,
            last_good: 0,
            diverged: false,
            broken: false,
            next_expected: 0,
            next_signed: 0,
        }
    }

    fn run(mut self, store: &ReaderStore, mut progress: impl FnMut(u64, u64)) -> Result<(), StoreError> {
        for seq in store.seqs_before_the_first()? {
            self.report.find((0, 0), format!("the event at position {seq} was inserted: the first position is 1"));
        }
        let head = store.head()?;
        self.compare();
        each_block(store.path(), head, |block| {
            for leaf in &block.leaves {
                self.check_gap(leaf.seq);
                match block.remarks.get(&leaf.seq) {
                    Some(Remark::Unreadable(what)) => {
                        self.report.find((leaf.seq, leaf.seq), format!("the event was edited: {what}"));
                        self.broken = true;
                    }
                    Some(Remark::Checkpoint(payload)) => self.check(leaf, Some(payload)),
                    None => self.check(leaf, None),
                }
                self.report.events += 1;
                self.compare();
                progress(self.report.events, head);
            }
            Ok(())
        })?;
        self.report.root = self.tree.root();
        self.check_end(store.tree());
        Ok(())
    }

    fn check_gap(&mut self, seq: u64) {
        let expected = self.end + 1;
        if seq != expected {
            let what = if seq == expected + 1 { "the event is missing" } else { "the events are missing" };
            self.report.find((expected, seq.saturating_sub(1)), what);
            self.broken = true;
        }
        self.end = seq;
    }

    fn check(&mut self, leaf: &Leaf, checkpoint: Option<&str>) {
        if !leaf.agrees {
            let what = "the event is not the one that was written here: it was edited, moved or inserted";
            self.report.find((leaf.seq, leaf.seq), what);
        }
        let before = leaf.seq - 1;
        if let Some(payload) = checkpoint {
            self.check_checkpoint_event(leaf.seq, payload);
        } else if before > 0 && before >= self.next_signed {
            if self.expectations.signed.contains_key(&before) {
                let what = format!("the event that records the checkpoint at {before} is not here");
                self.report.find((leaf.seq, leaf.seq), what);
            }
            self.next_signed = self.expectations.signed.range(leaf.seq..).next().map_or(u64::MAX, |(size, _)| *size);
        }
        // The tree is built over the columns: a leaf that was changed along with its row does not help.
        self.tree.push(leaf.hash);
    }

    /// The journal itself holds each checkpoint's note: a row that was taken out of `checkpoints` is missed here.
    fn check_checkpoint_event(&mut self, seq: u64, payload: &str) {
        #[derive(serde::Deserialize)]
        struct Noted {
            tree_size: u64,
            note: String,
        }
        match serde_json::from_str::<Noted>(payload) {
            Ok(noted) if self.expectations.signed.get(&noted.tree_size) == Some(&noted.note) => {}
            Ok(noted) => self.report.find(
                (seq, seq),
                format!("the checkpoint at {} that this event records is not among the checkpoints", noted.tree_size),
            ),
            Err(error) => self.report.find((seq, seq), format!("the checkpoint event cannot be read: {error}")),
        }
    }

    fn compare(&mut self) {
        let size = self.end;
        if self.broken || size < self.next_expected {
            return;
        }
        self.next_expected = self.expectations.expected.range(size + 1..).next().map_or(u64::MAX, |(size, _)| *size);
        for checkpoint in self.expectations.expected.get(&size).into_iter().flatten() {
            if checkpoint.root == self.tree.root() {
                self.report.checkpoints += 1;
                self.report.signed_to = size;
                self.last_good = size;
                self.diverged = false;
            } else if !self.diverged {
                self.diverged = true;
                let what = format!("the tree does not have the root that {} at {size} has signed", checkpoint.from);
                self.report.find((self.last_good + 1, size.max(self.last_good + 1)), what);
            }
        }
    }

    fn check_end(&mut self, stored: Result<Frontier, StoreError>) {
        let end = self.end;
        if self.expectations.signed.contains_key(&end) {
            let what = format!("the event that records the checkpoint at {end} is missing: the journal was truncated");
            self.report.find((end + 1, end + 1), what);
        }
        for (size, checkpoints) in self.expectations.expected.range(end + 1..) {
            for checkpoint in checkpoints {
                let what = format!("{} covers events that are missing: the journal was truncated", checkpoint.from);
                self.report.find((end + 1, *size), what);
            }
        }
        match stored {
            Ok(stored) if stored.size() > end => {
                self.report.find((end + 1, stored.size()), "the events are missing: the journal was truncated");
            }
            Ok(stored) if stored.size() < end => {
                self.report.find((stored.size() + 1, end), "the events were inserted: the tree does not have them");
            }
            Ok(stored) if !self.broken && stored.root() != self.tree.root() => {
                let range = (self.last_good + 1, end.max(self.last_good + 1));
                self.report.find(range, "the events are not those that the stored tree was built over");
            }
            Ok(_) => {}
            Err(error) => self.report.find((1, end.max(1)), format!("the stored tree cannot be read: {error}")),
        }
    }
}

impl Expectations {
    fn read_table(&mut self, store: &ReaderStore, key: &PublicKey, report: &mut Verification) -> Result<(), StoreError> {
        for row in store.checkpoints()? {
            let size = row.tree_size;
            match key.verify(&row.note) {
                Ok(Checkpoint { tree_size, root, .. }) if tree_size == size && row.root == root => {
                    self.expected.entry(tree_size).or_default().push(Expected { root, from: "the checkpoint" });
                }
                Ok(_) => report.find((size, size), "the checkpoint's row does not say what its signed note says"),
                Err(error) => report.find((size, size), error.to_string()),
            }
            self.signed.insert(size, row.note);
        }
        Ok(())
    }

    fn add(&mut self, note: &str, from: &'static str, key: &PublicKey, report: &mut Verification) {
        match key.verify(note) {
            Ok(Checkpoint { tree_size, root, .. }) => {
                let known = self.expected.entry(tree_size).or_default();
                if !known.iter().any(|known| known.root == root) {
                    known.push(Expected { root, from });
                }
            }
            Err(error) => report.find((0, 0), format!("{from}: {error}")),
        }
    }

    /// What the witness file holds was in the table when it was written.
    fn check_witness(&self, note: &str, key: &PublicKey, report: &mut Verification) {
        if let Ok(Checkpoint { tree_size, .. }) = key.verify(note)
            && self.signed.get(&tree_size).is_none_or(|known| known != note)
        {
            report.find((tree_size, tree_size), "the witness file's checkpoint is not among the checkpoints");
        }
    }
}

fn check_triggers(store: &ReaderStore, report: &mut Verification) -> Result<(), StoreError> {
    let triggers = store.triggers()?;
    for name in ["events_refuse_delete", "events_refuse_update"] {
        if !triggers.iter().any(|(found, sql)| found == name && is_own_trigger(name, sql)) {
            report.find((0, 0), format!("the trigger {name} is missing or was changed: rows could be changed in place"));
        }
    }
    Ok(())
}
