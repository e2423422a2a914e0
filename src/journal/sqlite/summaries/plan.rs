//! `Plan`: the ranges of a journal that have to be read for some conditions, in order or from the end.

use std::collections::VecDeque;

use super::BLOCK;
use super::need::{Need, Summary};
use crate::journal::error::StoreError;
use crate::journal::sqlite::connection::store_errors;
use crate::journal::sqlite::filter::Condition;
use crate::journal::sqlite::read::ReaderStore;

/// Blocks whose summaries are looked at together: few first, so that what stands at the beginning comes at once.
const FEW: u64 = 16;
const MANY: u64 = 512;

/// Rows behind `after` and up to `to`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::journal::sqlite) struct Range {
    pub(in crate::journal::sqlite) after: u64,
    pub(in crate::journal::sqlite) to: u64,
}

/// Which way a journal is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::journal::sqlite) enum Way {
    Forward,
    Backward,
}

/// What is left to read. No row that meets the conditions stands outside of the ranges; rows that do not may stand in them.
pub(in crate::journal::sqlite) struct Plan<'s> {
    store: &'s ReaderStore,
    need: Need,
    way: Way,
    /// What nobody has looked at.
    left: Range,
    /// Behind this nothing is summed up.
    summed_up: u64,
    at_once: u64,
    ready: VecDeque<Range>,
}

impl<'s> Plan<'s> {
    /// For the rows behind `after` and up to `head`.
    ///
    /// # Errors
    /// What SQLite says.
    pub(in crate::journal::sqlite) fn new(
        store: &'s ReaderStore,
        conditions: &[Condition],
        after: u64,
        head: u64,
        way: Way,
    ) -> Result<Self, StoreError> {
        let need = Need::of(conditions);
        let summed_up = if need.is_anything() || head.saturating_sub(after) <= BLOCK { 0 } else { store.summed_up()? };
        Ok(Self { store, need, way, left: Range { after, to: head }, summed_up, at_once: FEW, ready: VecDeque::new() })
    }

    /// The next range; `None` when all is read.
    ///
    /// # Errors
    /// What SQLite says.
    pub(in crate::journal::sqlite) fn next(&mut self) -> Result<Option<Range>, StoreError> {
        loop {
            let next = match self.way {
                Way::Forward => self.ready.pop_front(),
                Way::Backward => self.ready.pop_back(),
            };
            if next.is_some() || self.left.after >= self.left.to {
                return Ok(next);
            }
            let window = self.window();
            if window.after >= self.summed_up {
                return Ok(Some(window));
            }
            self.look_at(window)?;
            self.at_once = (self.at_once * 4).min(MANY);
        }
    }

    /// Takes the next rows of what is left: some blocks, or all that is not summed up.
    fn window(&mut self) -> Range {
        let Range { after, to } = self.left;
        let window = match self.way {
            Way::Forward if after >= self.summed_up => self.left,
            Way::Forward => {
                let behind = (after / BLOCK + self.at_once) * BLOCK;
                Range { after, to: behind.min(self.summed_up).min(to) }
            }
            Way::Backward if to > self.summed_up => Range { after: after.max(self.summed_up), to },
            Way::Backward => {
                let before = to.div_ceil(BLOCK).saturating_sub(self.at_once) * BLOCK;
                Range { after: before.max(after), to }
            }
        };
        match self.way {
            Way::Forward => self.left.after = window.to,
            Way::Backward => self.left.to = window.after,
        }
        window
    }

    /// Finds the blocks of the window that may hold what is looked for.
    fn look_at(&mut self, window: Range) -> Result<(), StoreError> {
        let (first, last) = (window.after / BLOCK, (window.to - 1) / BLOCK);
        let mut wanted = |block: u64| {
            let range = Range { after: (block * BLOCK).max(window.after), to: ((block + 1) * BLOCK).min(window.to) };
            match self.ready.back_mut() {
                Some(before) if before.to == range.after => before.to = range.to,
                _ => self.ready.push_back(range),
            }
        };
        let (words, runs) = self.need.looks_at();
        let sql = format!(
            "SELECT block, first_us, last_us, {}, {} FROM summaries WHERE block >= ?1 AND block <= ?2 ORDER BY block",
            if words { "words" } else { "x''" },
            if runs { "runs" } else { "x''" }
        );
        let mut statement = store_errors(self.store.connection.prepare_cached(&sql))?;
        let integer = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        let mut rows = store_errors(statement.query([integer(first), integer(last)]))?;
        let mut next = first;
        while let Some(row) = store_errors(rows.next())? {
            let block: u64 = store_errors(row.get(0))?;
            // One that is not summed up may hold anything.
            (next..block).for_each(&mut wanted);
            next = block + 1;
            let blob = |index: usize| store_errors(row.get_ref(index)).map(|value| value.as_blob().unwrap_or_default());
            let summary = Summary {
                first_us: store_errors(row.get(1))?,
                last_us: store_errors(row.get(2))?,
                words: blob(3)?,
                runs: blob(4)?,
            };
            if self.need.may_be_in(&summary) {
                wanted(block);
            }
        }
        (next..=last).for_each(&mut wanted);
        Ok(())
    }
}

impl ReaderStore {
    /// `seq` behind which no block is summed up.
    fn summed_up(&self) -> Result<u64, StoreError> {
        let sql = "SELECT coalesce(max(block) + 1, 0) FROM summaries";
        let blocks: u64 = store_errors(self.connection.query_row(sql, [], |row| row.get(0)))?;
        Ok(blocks.saturating_mul(BLOCK))
    }
}
