//! The batch that a stream is putting together.

use std::time::Instant;

use bytes::Bytes;

use super::block::Block;
use super::encoding;
use super::pending::Pending;
use crate::encode::proto::{BatchMarks, EncodedResponse, Mask, put_batch};
use crate::encode::stored::Columns;
use crate::runtime::clock;

/// Events that are encoded, in order, and not handed over yet.
#[derive(Debug, Default)]
pub(super) struct Batch {
    /// Runs of blocks as they are, where the stream takes events as they are.
    runs: Vec<Bytes>,
    /// Events of its own choice.
    own: Vec<u8>,
    scratch: Vec<u8>,
    bytes: usize,
    pub(super) count: u64,
    pub(super) pending: Pending,
    /// Whether its events were sent before; those that were not go into another one.
    pub(super) redelivered: bool,
    /// When its first event came.
    pub(super) since: Option<Instant>,
}

impl Batch {
    pub(super) const fn is_empty(&self) -> bool {
        self.count == 0
    }

    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Adds a run of rows without a gap, as they are.
    pub(super) fn add_run(&mut self, block: &Block, rows: std::ops::Range<usize>) {
        let (first, last) = (block.seq(rows.start), block.seq(rows.end.saturating_sub(1)));
        let events = block.events(rows);
        self.bytes += events.len();
        self.runs.push(events);
        self.added(first, last);
    }

    /// Adds one row.
    pub(super) fn add(&mut self, block: &Block, row: usize, columns: &Columns<'_>, mask: &Mask) {
        let seq = block.seq(row);
        let before = self.own.len();
        if mask.is_all() && block.is_encoded() {
            self.own.extend_from_slice(&block.events(row..row + 1));
        } else {
            encoding::put_field(seq, columns, mask, &mut self.scratch, &mut self.own);
        }
        self.bytes += self.own.len() - before;
        self.added(seq, seq);
    }

    fn added(&mut self, first: u64, last: u64) {
        self.count += last - first + 1;
        self.pending.add(first, last);
        self.since.get_or_insert_with(clock::instant);
    }

    /// The message, and the batch is empty again.
    pub(super) fn take(&mut self, marks: BatchMarks) -> EncodedResponse {
        let mut out = Vec::new();
        let own = (!self.own.is_empty()).then_some(self.own.as_slice());
        put_batch(self.runs.iter().map(|run| &**run).chain(own), marks, &mut out);
        self.clear();
        EncodedResponse(out.into())
    }

    /// Drops what it holds. Room for a few small events is kept for the next; a silent stream holds no more.
    pub(super) fn clear(&mut self) {
        self.runs = Vec::new();
        self.own.clear();
        self.own.shrink_to(4096);
        self.scratch.shrink_to(4096);
        self.bytes = 0;
        self.count = 0;
        self.pending = Pending::default();
        self.redelivered = false;
        self.since = None;
    }
}
