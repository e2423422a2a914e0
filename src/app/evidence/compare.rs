//! Rows of Parquet files against the journal: whether each is the event that the journal has there.

use std::path::Path;

use super::error::EvidenceError;
use crate::encode::stored::leaf_hash;
use crate::event::Seq;
use crate::journal::{DataDir, ReaderStore};
use crate::sink::parquet::{each_row, files_of};

/// Differences that are kept; more are only counted.
const KEPT: usize = 100;

/// What the comparison found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Compared {
    /// Files that were read.
    pub files: u64,
    /// Rows that were read.
    pub rows: u64,
    /// Rows of events that the journal does not keep any more.
    pub not_kept: u64,
    /// What differs, at most 100: position and what.
    pub differences: Vec<(u64, String)>,
    /// How many there are.
    pub difference_count: u64,
}

/// Compares every row of a Parquet file, or of those of a lake's folder, with the journal: the leaf of the row's columns with the row's own
/// and with the leaf that the journal has at that position.
///
/// # Errors
/// [`EvidenceError`] when file or journal cannot be read. What differs is no error.
pub fn compare(data_dir: &DataDir, path: &Path) -> Result<Compared, EvidenceError> {
    let store = ReaderStore::open(&data_dir.journal())?;
    let (kept_from, head) = (store.first()?, store.head()?);
    let mut compared = Compared::default();
    let mut frame = Vec::new();
    let files = files_of(path)?;
    if files.is_empty() {
        return Err(EvidenceError::NoFiles { path: path.to_owned() });
    }
    for file in &files {
        compared.files += 1;
        each_row::<EvidenceError>(file, |row| {
            compared.rows += 1;
            frame.clear();
            row.columns().write(&mut frame);
            let leaf = Seq::new(row.seq).map(|seq| leaf_hash(seq, &frame));
            let own = row.leaf.is_none_or(|own| leaf.is_some_and(|leaf| leaf == own));
            let what = if !own {
                Some("the row does not give its own leaf")
            } else if row.seq == 0 || row.seq > head {
                Some("the journal has no event there")
            } else if row.seq < kept_from {
                compared.not_kept += 1;
                None
            } else {
                let stored = store.leaf(row.seq)?;
                (stored != leaf).then_some("the journal has another event there")
            };
            if let Some(what) = what {
                compared.difference_count += 1;
                if compared.differences.len() < KEPT {
                    compared.differences.push((row.seq, what.to_owned()));
                }
            }
            Ok(())
        })?;
    }
    Ok(compared)
}
