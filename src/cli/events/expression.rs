//! `--where`: the expression that must hold, and what it could not be asked of.

use std::cell::Cell;
use std::collections::VecDeque;
use std::ops::ControlFlow;

use anyhow::Context as _;

use crate::cli::output::Output;
use crate::query::{Cel, Filter, JournalRow, Reader};
use crate::runtime::units::Count;

/// An expression, or none, which always holds.
pub(in crate::cli) struct Expression {
    cel: Option<Cel>,
    failed: Cell<u64>,
}

impl Expression {
    /// Compiles the expression.
    pub(in crate::cli) fn new(source: Option<&str>) -> anyhow::Result<Self> {
        let cel = source.map(Cel::compile).transpose().context("--where")?;
        Ok(Self { cel, failed: Cell::new(0) })
    }

    pub(in crate::cli) const fn is_given(&self) -> bool {
        self.cel.is_some()
    }

    /// Whether it holds; it does not where it cannot be said.
    pub(in crate::cli) fn holds(&self, row: &JournalRow<'_>) -> bool {
        let Some(cel) = &self.cel else { return true };
        cel.holds(row.seq, &row.columns).unwrap_or_else(|_cannot_be_said| {
            self.failed.set(self.failed.get() + 1);
            false
        })
    }

    /// Where to start, so that the last `count` rows that match are read, and no earlier one.
    pub(in crate::cli) fn before_last(&self, count: u64, reader: &Reader, filter: &Filter) -> anyhow::Result<u64> {
        let most = usize::try_from(count).unwrap_or(usize::MAX);
        let mut last = VecDeque::new();
        let mut seen = filter.after();
        reader.rows::<anyhow::Error>(filter.after(), &filter.conditions(), |row| {
            seen = row.seq;
            if self.holds(row) {
                last.push_back(row.seq);
                if last.len() > most {
                    last.pop_front();
                }
            }
            Ok(ControlFlow::Continue(()))
        })?;
        self.failed.set(0);
        Ok(last.front().map_or(seen, |seq| seq - 1))
    }

    /// Says of how many events the expression could not be asked, if a person is there to read it.
    pub(in crate::cli) fn tell(&self, out: &mut Output<'_>) -> anyhow::Result<()> {
        let failed = self.failed.get();
        if failed > 0 {
            let events = if failed == 1 { "event" } else { "events" };
            out.note(format!(
                "--where could not be asked of {} {events}, which were left out: has(payload.FIELD) asks first",
                Count(failed)
            ))?;
        }
        Ok(())
    }
}
