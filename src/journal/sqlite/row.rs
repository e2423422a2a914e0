//! Rows of `events`: read a page at a time, so that no callback runs while SQLite reads.

use rusqlite::{Row, Statement};

use super::connection::store_errors;
use crate::encode::stored::{Columns, DecodeError};
use crate::event::{JournaledEvent, Seq};
use crate::journal::error::StoreError;

/// Bytes of rows after which a page is full, about.
pub(super) const PAGE_BYTES: usize = 1 << 20;

/// One row of `events`.
pub struct JournalRow<'r> {
    /// Position.
    pub seq: u64,
    /// All columns but `seq` and `leaf`.
    pub columns: Columns<'r>,
    /// The columns as a frame: see `encode::stored`.
    pub frame: &'r [u8],
    /// Hash of the leaf, as stored.
    pub leaf: &'r [u8],
}

impl JournalRow<'_> {
    /// The typed event.
    ///
    /// # Errors
    /// [`DecodeError`] when a column holds no value of its type.
    pub fn to_event(&self) -> Result<JournaledEvent, DecodeError> {
        let event = self.columns.to_event()?;
        let seq = Seq::new(self.seq).ok_or(DecodeError::Value { column: "seq" })?;
        Ok(JournaledEvent { seq, kind: event.kind(), event })
    }
}

/// A row whose columns nobody has looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameRow<'r> {
    /// Position.
    pub seq: u64,
    /// The columns as a frame: see `encode::stored`.
    pub frame: &'r [u8],
    /// Hash of the leaf, as stored.
    pub leaf: &'r [u8],
}

/// A row that holds what no recorder writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct UnreadableRow {
    /// Position.
    pub(crate) seq: u64,
    /// What is wrong.
    pub(crate) what: String,
}

/// Rows that were copied out of the database: about 1 MiB of them at most, in order. Keeps its memory from one use to the next.
#[derive(Default)]
pub struct Page {
    bytes: Vec<u8>,
    rows: Vec<Entry>,
    /// Whether the statement may have more.
    pub(super) more: bool,
}

/// One row of a page: its leaf and behind it its frame in the page's bytes, or why it has none.
struct Entry {
    seq: u64,
    leaf: usize,
    frame: usize,
    end: usize,
    unreadable: Option<String>,
}

impl Page {
    /// Reads rows until the page is full.
    pub(super) fn fill(&mut self, statement: &mut Statement<'_>, values: &[rusqlite::types::Value]) -> Result<(), StoreError> {
        self.clear();
        self.add(statement, values)
    }

    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.rows.clear();
        self.more = false;
    }

    /// Reads further rows until the page is full.
    pub(super) fn add(&mut self, statement: &mut Statement<'_>, values: &[rusqlite::types::Value]) -> Result<(), StoreError> {
        let mut rows = store_errors(statement.query(rusqlite::params_from_iter(values)))?;
        while let Some(row) = store_errors(rows.next())? {
            self.push(row)?;
            if self.bytes.len() >= PAGE_BYTES {
                self.more = true;
                break;
            }
        }
        Ok(())
    }

    fn push(&mut self, row: &Row<'_>) -> Result<(), StoreError> {
        let seq = store_errors(row.get::<_, u64>(0))?;
        let start = self.bytes.len();
        let mut entry = Entry { seq, leaf: start, frame: start, end: start, unreadable: None };
        match read(row) {
            Ok((columns, leaf)) => {
                self.bytes.extend_from_slice(leaf);
                entry.frame = self.bytes.len();
                columns.write(&mut self.bytes);
                entry.end = self.bytes.len();
            }
            Err(what) => entry.unreadable = Some(what),
        }
        self.rows.push(entry);
        Ok(())
    }

    /// Whether the page was full before the rows were at their end: there may be more behind it.
    #[must_use]
    pub const fn is_cut(&self) -> bool {
        self.more
    }

    /// How many rows there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Bytes of all frames and leaves.
    #[must_use]
    pub const fn size(&self) -> usize {
        self.bytes.len()
    }

    /// The rows, in order.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] in place of a row that holds what no recorder writes.
    pub fn iter(&self) -> impl Iterator<Item = Result<JournalRow<'_>, StoreError>> {
        self.rows().map(|row| row.map_err(|UnreadableRow { seq, what }| StoreError::Damaged(format!("seq {seq}: {what}"))))
    }

    /// The rows, in order, as frames.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] in place of a row that holds what no recorder writes.
    pub fn frames(&self) -> impl Iterator<Item = Result<FrameRow<'_>, StoreError>> {
        self.rows.iter().map(|entry| match &entry.unreadable {
            Some(what) => Err(StoreError::Damaged(format!("seq {}: {what}", entry.seq))),
            None => Ok(self.frame(entry)),
        })
    }

    fn frame(&self, entry: &Entry) -> FrameRow<'_> {
        let part = |range| self.bytes.get(range).unwrap_or_default();
        FrameRow { seq: entry.seq, frame: part(entry.frame..entry.end), leaf: part(entry.leaf..entry.frame) }
    }

    /// `seq` of each row, also of one that cannot be read.
    pub fn seqs(&self) -> impl Iterator<Item = u64> {
        self.rows.iter().map(|entry| entry.seq)
    }

    /// `seq` of the first row.
    #[must_use]
    pub fn first_seq(&self) -> Option<u64> {
        self.rows.first().map(|entry| entry.seq)
    }

    /// `seq` of the last row.
    #[must_use]
    pub fn last_seq(&self) -> Option<u64> {
        self.rows.last().map(|entry| entry.seq)
    }

    /// The rows, in order.
    pub(super) fn rows(&self) -> impl Iterator<Item = Result<JournalRow<'_>, UnreadableRow>> {
        self.rows.iter().map(|entry| {
            let unreadable = |what: String| UnreadableRow { seq: entry.seq, what };
            if let Some(what) = &entry.unreadable {
                return Err(unreadable(what.clone()));
            }
            let FrameRow { frame, leaf, .. } = self.frame(entry);
            let (columns, _rest) = Columns::parse(frame).map_err(|error| unreadable(error.to_string()))?;
            Ok(JournalRow { seq: entry.seq, columns, frame, leaf })
        })
    }
}

/// The columns and the leaf of a row, or what is wrong with it.
pub(super) fn read<'r>(row: &'r Row<'_>) -> Result<(Columns<'r>, &'r [u8]), String> {
    let wrong = |column: &'static str| move |error: rusqlite::types::FromSqlError| format!("column `{column}`: {error}");
    let value = |index: usize| row.get_ref(index).map_err(|error| error.to_string());
    // The one that is long is looked through by many bytes at once.
    let text = |index: usize, column| match value(index)? {
        rusqlite::types::ValueRef::Text(bytes) => {
            simdutf8::basic::from_utf8(bytes).or_else(|_| value(index)?.as_str().map_err(wrong(column)))
        }
        other => other.as_str().map_err(wrong(column)),
    };
    let maybe_text = |index: usize, column| value(index)?.as_str_or_null().map_err(wrong(column));
    let integer = |index: usize, column| value(index)?.as_i64().map_err(wrong(column));
    let columns = Columns {
        id: value(1)?.as_blob().map_err(wrong("id"))?,
        time_us: integer(2, "time_us")?,
        session_id: maybe_text(3, "session_id")?,
        command_id: maybe_text(4, "command_id")?,
        cause: value(5)?.as_blob_or_null().map_err(wrong("cause"))?,
        kind: text(6, "kind")?,
        pid: value(7)?.as_i64_or_null().map_err(wrong("pid"))?,
        subject: maybe_text(8, "subject")?,
        decision: maybe_text(9, "decision")?,
        rule: maybe_text(10, "rule")?,
        severity: integer(11, "severity")?,
        attack: maybe_text(12, "attack")?,
        payload: text(13, "payload")?,
    };
    Ok((columns, value(14)?.as_blob().map_err(wrong("leaf"))?))
}
