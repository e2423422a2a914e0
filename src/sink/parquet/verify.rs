//! Verifies files of a lake by themselves, without the journal (G-4).
//!
//! What is compared with what: the name with the footer; the positions with first, first + 1 … last; every leaf, computed from the
//! row's columns, with the row's own (where it has one), with the footer's hash of its block of 1,024, and all of them with the
//! footer's tree; every typed column with the payload that it was read from; every checkpoint that lies in the file with the tree, by
//! its signature. Someone who edits a row and the footer too is found by the next checkpoint; files that are verified one behind the
//! other must continue each other's tree.

use std::fmt;
use std::path::Path;

use arrow_array::{Array, RecordBatch};
use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::error::LakeError;
use super::footer::{BLOCK, Footer};
use super::reader::LakeFile;
use crate::encode::arrow::{Rows, StoredRow, StoredRows};
use crate::encode::lake::FileName;
use crate::encode::stored;
use crate::event::{Kind, Seq};
use crate::journal::{Frontier, Hash, PublicKey};

/// Findings that are kept of a file; more are only counted.
const KEPT: usize = 100;

/// One thing that is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileFinding {
    /// First and last `seq` that it concerns.
    pub seqs: (u64, u64),
    /// What was found.
    pub what: String,
}

impl fmt::Display for FileFinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.seqs {
            (first, last) if first == last => write!(f, "seq {first}: {}", self.what),
            (first, last) => write!(f, "seq {first} to {last}: {}", self.what),
        }
    }
}

/// What the verification of one file found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileReport {
    /// The file, as it was named.
    pub file: String,
    /// The journal that it is of.
    pub journal_id: String,
    /// First and last `seq`, as the footer says.
    pub seqs: (u64, u64),
    /// Rows read.
    pub events: u64,
    /// Root of the tree over all events up to the last, computed; absent where the tree before the file is not known.
    pub root: Option<Hash>,
    /// Checkpoints in the file whose signature and root are right. 0 without a public key.
    pub checkpoints: u64,
    /// What is not in order, at most 100.
    pub findings: Vec<FileFinding>,
    /// Findings in all.
    pub finding_count: u64,
}

impl FileReport {
    /// Whether nothing was found.
    #[must_use]
    pub const fn is_whole(&self) -> bool {
        self.finding_count == 0
    }

    fn find(&mut self, seqs: (u64, u64), what: impl Into<String>) {
        self.finding_count += 1;
        if self.findings.len() < KEPT {
            self.findings.push(FileFinding { seqs, what: what.into() });
        }
    }
}

/// Verifies one file; with the public key, the checkpoints in it too.
///
/// # Errors
/// [`LakeError`] when it is no file of a lake at all. What is wrong with its content is a finding.
pub fn verify_file(path: &Path, key: Option<PublicKey>) -> Result<FileReport, LakeError> {
    let bytes = std::fs::read(path).map_err(|source| LakeError::Local { what: "cannot read", path: path.to_owned(), source })?;
    let parts: Vec<_> = path.components().rev().take(2).map(|part| part.as_os_str().to_string_lossy()).collect();
    let name: Vec<&str> = parts.iter().rev().map(AsRef::as_ref).collect();
    LakeVerifier::new(key).file(&name.join("/"), Bytes::from(bytes))
}

/// Verifies files one behind the other, in the order of their ranges.
#[derive(Default)]
pub struct LakeVerifier {
    key: Option<PublicKey>,
    before: Option<(u64, Option<Frontier>)>,
}

impl LakeVerifier {
    /// With the public key, checkpoints in the files are verified too.
    #[must_use]
    pub const fn new(key: Option<PublicKey>) -> Self {
        Self { key, before: None }
    }

    /// Verifies the next file. `name` is `date=…/seq=….parquet`; another name is taken as it is and says nothing of the range.
    ///
    /// # Errors
    /// [`LakeError`] when it is no file of a lake at all.
    pub fn file(&mut self, name: &str, bytes: Bytes) -> Result<FileReport, LakeError> {
        let file = LakeFile::open(name, bytes)?;
        let footer = file.footer().clone();
        let mut report = FileReport {
            file: name.to_owned(),
            journal_id: footer.journal_id.clone(),
            seqs: (footer.first, footer.last),
            ..FileReport::default()
        };
        if let Some(named) = FileName::parse(name)
            && (named.first, named.last) != report.seqs
        {
            report.find(report.seqs, format!("the file is named {} to {}", named.first, named.last));
        }
        let mut tree = footer.tree_before.clone();
        if let Some((end, known)) = self.before.take() {
            if end + 1 != footer.first {
                let range = (end.min(footer.first) + 1, end.max(footer.first));
                report.find(range, format!("the file before ends at {end}, this one begins at {}", footer.first));
            } else if let (Some(claimed), Some(known)) = (&tree, known) {
                if *claimed != known {
                    report.find((footer.first, footer.first), "the tree before the file is not the one behind the last file");
                }
                tree = Some(known);
            }
        }
        let mut walk = Walk {
            key: self.key.as_ref(),
            footer: &footer,
            report,
            tree,
            expected: footer.first,
            block: Sha256::new(),
            broken: false,
        };
        for batch in file.batches()? {
            // A page that cannot be read ends the file: what is behind it cannot be told from what is missing.
            match batch {
                Ok(batch) => walk.batch(&batch)?,
                Err(error) => {
                    let range = (walk.expected, footer.last.max(walk.expected));
                    walk.report.find(range, format!("the rows cannot be read: {error}"));
                    walk.broken = true;
                    break;
                }
            }
        }
        let (report, tree) = walk.end();
        self.before = Some((footer.last, tree));
        Ok(report)
    }
}

struct Walk<'a> {
    key: Option<&'a PublicKey>,
    footer: &'a Footer,
    report: FileReport,
    tree: Option<Frontier>,
    /// Position of the next row.
    expected: u64,
    block: Sha256,
    /// A row is missing or too many: block and tree say nothing any more.
    broken: bool,
}

impl Walk<'_> {
    fn batch(&mut self, batch: &RecordBatch) -> Result<(), LakeError> {
        let file = self.report.file.clone();
        let wrong = |source| LakeError::Row { file: file.clone(), source };
        let stored = StoredRows::of(batch).map_err(wrong)?;
        let mut again = Rows::new(true);
        let mut seqs = Vec::new();
        let mut frame = Vec::new();
        for row in stored.iter() {
            let row = row.map_err(wrong)?;
            self.position(row.seq);
            let columns = row.columns();
            frame.clear();
            columns.write(&mut frame);
            let leaf = Seq::new(row.seq).map_or([0; 32], |seq| stored::leaf_hash(seq, &frame));
            self.leaf(&row, &leaf);
            again.push(row.seq, &columns, row.leaf.unwrap_or_default());
            seqs.push(row.seq);
        }
        match again.finish() {
            Ok(again) => self.typed_columns(batch, &again, &seqs),
            Err(error) => self.report.find(self.report.seqs, format!("the rows are none of an event: {error}")),
        }
        Ok(())
    }

    fn position(&mut self, seq: u64) {
        if seq < self.expected {
            self.report.find((seq, seq), "the event stands here again, or not in its place");
            self.broken = true;
        } else if seq > self.expected {
            let what = if seq == self.expected + 1 { "the event is missing" } else { "the events are missing" };
            self.report.find((self.expected, seq - 1), what);
            self.broken = true;
        }
        self.expected = self.expected.max(seq.saturating_add(1));
    }

    fn leaf(&mut self, row: &StoredRow<'_>, leaf: &Hash) {
        let seq = row.seq;
        if row.leaf.is_some_and(|stored| stored != leaf) {
            self.report.find((seq, seq), "the event is not the one that was written here: it does not give its leaf");
        }
        if row.columns().kind == Kind::JournalCheckpoint.as_str() {
            self.checkpoint(row);
        }
        if let Some(tree) = &mut self.tree {
            tree.push(*leaf);
        }
        self.block.update(leaf);
        self.report.events += 1;
        if self.report.events.is_multiple_of(BLOCK) {
            self.end_of_block();
        }
    }

    fn end_of_block(&mut self) {
        let hash: Hash = self.block.finalize_reset().into();
        let number = (self.report.events - 1) / BLOCK;
        let wanted = usize::try_from(number).ok().and_then(|number| self.footer.blocks.get(number));
        if !self.broken && wanted != Some(&hash) {
            let first = self.footer.first + number * BLOCK;
            let last = self.footer.first + self.report.events - 1;
            self.report.find((first, last), "at least one of these events is not the one that was written here");
        }
    }

    /// A checkpoint's event stands right behind what the checkpoint covers.
    fn checkpoint(&mut self, row: &StoredRow<'_>) {
        #[derive(serde::Deserialize)]
        struct Noted {
            tree_size: u64,
            note: String,
        }
        let (Some(key), Some(tree), false) = (self.key, &self.tree, self.broken) else { return };
        let seq = row.seq;
        let Ok(noted) = serde_json::from_str::<Noted>(row.columns().payload) else {
            return self.report.find((seq, seq), "the checkpoint event cannot be read");
        };
        match key.verify(&noted.note) {
            Ok(checkpoint) if checkpoint.tree_size != noted.tree_size => {
                self.report.find((seq, seq), "the checkpoint event does not say what its signed note says");
            }
            // Another recorder's events may lie between the two.
            Ok(checkpoint) if checkpoint.tree_size != tree.size() => {}
            Ok(checkpoint) if checkpoint.root == tree.root() => self.report.checkpoints += 1,
            Ok(checkpoint) => {
                let what = format!("the tree does not have the root that the checkpoint at {} has signed", checkpoint.tree_size);
                self.report.find((self.footer.first.min(seq), seq), what);
            }
            Err(error) => self.report.find((seq, seq), error.to_string()),
        }
    }

    /// The columns that a query reads say what the payload says.
    fn typed_columns(&mut self, batch: &RecordBatch, again: &RecordBatch, seqs: &[u64]) {
        for (field, wanted) in again.schema().fields().iter().zip(again.columns()) {
            let Some(found) = batch.column_by_name(field.name()) else { continue };
            if found.as_ref() == wanted.as_ref() {
                continue;
            }
            for (at, seq) in seqs.iter().enumerate() {
                if at < found.len() && at < wanted.len() && found.slice(at, 1).as_ref() != wanted.slice(at, 1).as_ref() {
                    let what = format!("column `{}` does not say what the payload says", field.name());
                    self.report.find((*seq, *seq), what);
                }
            }
        }
    }

    fn end(mut self) -> (FileReport, Option<Frontier>) {
        let (first, last) = self.report.seqs;
        if self.expected <= last {
            self.report.find((self.expected, last), "the events are missing at the end");
            self.broken = true;
        } else if self.expected > last + 1 {
            self.report.find((last + 1, self.expected - 1), "the events are more than the footer says");
            self.broken = true;
        }
        if !self.report.events.is_multiple_of(BLOCK) {
            self.end_of_block();
        }
        if self.broken {
            return (self.report, None);
        }
        if let Some(tree) = &self.tree {
            let root = tree.root();
            self.report.root = Some(root);
            if self.footer.tree_after.as_ref().is_some_and(|after| after.root() != root) {
                self.report.find((first, last), "the events do not give the root that the footer has");
            }
        }
        (self.report, self.tree)
    }
}
