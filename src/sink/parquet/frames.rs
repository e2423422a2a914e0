//! `Frames`: rows of one batch as the journal stores them, before they are columns.

use arrow_array::RecordBatch;
use arrow_schema::ArrowError;

use crate::encode::arrow::Rows;
use crate::encode::stored::Columns;
use crate::journal::Hash;

/// Bytes of a leaf's hash, which stands before each frame.
const LEAF: usize = size_of::<Hash>();

/// Rows that follow one another. Copying a row in costs next to nothing; what makes columns of it is [`Frames::columns`], wherever that
/// is called.
#[derive(Debug, Default)]
pub(super) struct Frames {
    first: u64,
    rows: usize,
    bytes: Vec<u8>,
}

impl Frames {
    /// Adds the event at `seq`, which follows the last one.
    pub(super) fn push(&mut self, seq: u64, frame: &[u8], leaf: &Hash) {
        if self.rows == 0 {
            self.first = seq;
        }
        self.rows += 1;
        self.bytes.extend_from_slice(leaf);
        self.bytes.extend_from_slice(frame);
    }

    /// How many there are.
    pub(super) const fn len(&self) -> usize {
        self.rows
    }

    /// Bytes of the frames.
    pub(super) const fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// The rows as columns, made in `rows`, which is empty before and after.
    pub(super) fn columns(&self, rows: &mut Rows) -> Result<RecordBatch, ArrowError> {
        let mut rest = self.bytes.as_slice();
        for seq in self.first.. {
            let Some((leaf, frame)) = rest.split_at_checked(LEAF) else { break };
            let (columns, behind) = Columns::parse(frame).map_err(|error| ArrowError::ExternalError(Box::new(error)))?;
            rows.push(seq, &columns, leaf);
            rest = behind;
        }
        rows.finish()
    }
}
