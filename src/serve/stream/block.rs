//! A block: a run of the journal in memory, encoded once for all who read it.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;

use super::encoding;
use crate::encode::proto::Mask;
use crate::encode::stored::Columns;
use crate::journal::{Page, ReaderStore, StoreError};

/// What stands in the journal behind `after` and up to `through`: rows and, where there is none, gaps.
#[derive(Debug)]
pub(super) struct Block {
    pub(super) after: u64,
    pub(super) through: u64,
    /// Whether the journal may get more rows that belong here: it ended where the block ends.
    pub(super) open: bool,
    rows: Vec<Row>,
    gaps: Vec<Gap>,
    frames: Vec<u8>,
    /// The frame of the row right behind the last one, if that decides it.
    next: Option<Vec<u8>>,
    /// Made when the first subscriber wants events as they are.
    encoded: OnceLock<Encoded>,
}

/// One row: where its frame ends.
#[derive(Clone, Copy, Debug)]
struct Row {
    seq: u64,
    start: u32,
    end: u32,
}

/// Positions without an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Gap {
    pub(super) from: u64,
    pub(super) to: u64,
    pub(super) reason: Arc<str>,
}

/// All events of a block as fields of a batch, one behind the other.
#[derive(Debug)]
struct Encoded {
    bytes: Bytes,
    /// Where each row's event ends.
    ends: Vec<u32>,
}

/// What comes next in a block.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// These rows, by their places in the block.
    Rows(std::ops::Range<usize>),
    /// A gap, from the position on.
    Gap(Gap),
    /// Nothing; go on behind the block.
    End,
}

impl Block {
    /// The block behind `after` of the rows of a page, and up to `most`. Asks the store why rows are missing, and for the verdict on the
    /// last.
    pub(super) fn of(store: &ReaderStore, page: &Page, after: u64, most: u64) -> Result<Self, StoreError> {
        let mut block = Self {
            after,
            through: after,
            open: true,
            rows: Vec::with_capacity(page.len()),
            gaps: Vec::new(),
            frames: Vec::with_capacity(page.size()),
            next: None,
            encoded: OnceLock::new(),
        };
        let mut wreck: Option<Arc<str>> = None;
        for row in page.iter() {
            let row = match row {
                Ok(row) => row,
                Err(error) => {
                    wreck.get_or_insert_with(|| error.to_string().into());
                    continue;
                }
            };
            if row.seq > block.through + 1 {
                let to = row.seq - 1;
                block.gap(store, to, wreck.take())?;
            }
            if row.seq > most {
                block.open = false;
                break;
            }
            wreck = None;
            let start = block.frames.len();
            block.frames.extend_from_slice(row.frame);
            let place = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
            block.rows.push(Row { seq: row.seq, start: place(start), end: place(block.frames.len()) });
            block.through = row.seq;
        }
        // Wrecks at the end of the page.
        if let (Some(last), Some(wreck)) = (page.last_seq(), wreck)
            && last > block.through
        {
            block.gap(store, last.min(most), Some(wreck))?;
        }
        // A page that was full says nothing of where the journal ends.
        if block.through >= most || page.is_cut() {
            block.open = false;
        }
        block.next = block.verdict(store)?;
        Ok(block)
    }

    fn gap(&mut self, store: &ReaderStore, to: u64, wreck: Option<Arc<str>>) -> Result<(), StoreError> {
        let first = store.first()?;
        let reason = match wreck {
            Some(wreck) => wreck,
            None if to < first => "no longer kept (retention)".into(),
            None => "not in the journal any more: `agentsh verify` says what is missing".into(),
        };
        self.gaps.push(Gap { from: self.through + 1, to, reason });
        self.through = to;
        Ok(())
    }

    /// The frame of the decision on the last row, where that stands beyond the block.
    fn verdict(&self, store: &ReaderStore) -> Result<Option<Vec<u8>>, StoreError> {
        let Some(last) = self.rows.last() else { return Ok(None) };
        let mut page = Page::default();
        store.page(last.seq, &[], 1, &mut page)?;
        let next = page.iter().next().and_then(Result::ok);
        Ok(next.filter(|next| next.seq == last.seq + 1).map(|next| next.frame.to_vec()))
    }

    /// Bytes that it holds, about, once it is encoded.
    pub(super) fn size(&self) -> usize {
        2 * self.frames.len() + self.rows.len() * (size_of::<Row>() + size_of::<u32>()) + size_of::<Self>()
    }

    /// What comes behind `position`, which lies within the block.
    pub(super) fn step(&self, position: u64) -> Step {
        let row = self.rows.partition_point(|row| row.seq <= position);
        let gap = self.gaps.iter().find(|gap| gap.to > position);
        let next_seq = self.rows.get(row).map(|row| row.seq);
        match (next_seq, gap) {
            (None, None) => Step::End,
            (Some(seq), Some(gap)) if seq < gap.from => Step::Rows(row..self.rows.partition_point(|row| row.seq < gap.from)),
            (Some(_), None) => Step::Rows(row..self.rows.len()),
            (_, Some(gap)) => Step::Gap(Gap { from: gap.from.max(position + 1), ..gap.clone() }),
        }
    }

    /// Position of a row.
    pub(super) fn seq(&self, row: usize) -> u64 {
        self.rows.get(row).map_or(self.through, |row| row.seq)
    }

    /// The columns of a row.
    pub(super) fn columns(&self, row: usize) -> Option<Columns<'_>> {
        let row = self.rows.get(row)?;
        let frame = self.frames.get(row.start as usize..row.end as usize)?;
        Columns::parse(frame).ok().map(|(columns, _rest)| columns)
    }

    /// The columns of the row right behind a row.
    pub(super) fn columns_behind(&self, row: usize) -> Option<Columns<'_>> {
        match self.rows.get(row + 1) {
            Some(next) => (next.seq == self.seq(row) + 1).then(|| self.columns(row + 1)).flatten(),
            None => Columns::parse(self.next.as_deref()?).ok().map(|(columns, _rest)| columns),
        }
    }

    /// The events of some rows as fields of a batch, whole.
    pub(super) fn events(&self, rows: std::ops::Range<usize>) -> Bytes {
        let encoded = self.encoded();
        let end = |row: usize| encoded.ends.get(row).map_or(0, |end| *end as usize);
        let start = rows.start.checked_sub(1).map_or(0, end);
        let stop = rows.end.checked_sub(1).map_or(0, end);
        if start < stop && stop <= encoded.bytes.len() { encoded.bytes.slice(start..stop) } else { Bytes::new() }
    }

    /// Whether its events are encoded already.
    pub(super) fn is_encoded(&self) -> bool {
        self.encoded.get().is_some()
    }

    /// The end of the rows from `start` on that have at most `bytes` together, whole; at least one.
    pub(super) fn rows_within(&self, rows: std::ops::Range<usize>, bytes: usize) -> usize {
        let ends = &self.encoded().ends;
        let before = rows.start.checked_sub(1).and_then(|row| ends.get(row)).map_or(0, |end| *end as usize);
        let end = ends.partition_point(|end| *end as usize - before.min(*end as usize) <= bytes);
        end.clamp(rows.start + 1, rows.end.max(rows.start + 1))
    }

    /// Encodes its events, if nobody has yet.
    pub(super) fn encode(&self) {
        let _encoded = self.encoded();
    }

    fn encoded(&self) -> &Encoded {
        self.encoded.get_or_init(|| {
            let (mask, mut bytes, mut ends) =
                (Mask::all(), Vec::with_capacity(self.frames.len()), Vec::with_capacity(self.rows.len()));
            let mut scratch = Vec::new();
            for (at, row) in self.rows.iter().enumerate() {
                if let Some(columns) = self.columns(at) {
                    encoding::put_field(row.seq, &columns, &mask, &mut scratch, &mut bytes);
                }
                ends.push(u32::try_from(bytes.len()).unwrap_or(u32::MAX));
            }
            Encoded { bytes: bytes.into(), ends }
        })
    }
}
