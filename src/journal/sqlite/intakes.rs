//! The `intakes` table: how far each recorder's intake was read, and what of it was declared lost.

use std::collections::BTreeMap;

use rusqlite::{OptionalExtension, params};

use super::append::{Transaction, WriterStore};
use super::connection::store_errors;
use crate::channel::intake::{Counters, Hop, IntakeId, Mark};
use crate::journal::error::StoreError;

/// How an intake stands in the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IntakeState {
    /// Its recorder lives, or died and was not noticed yet.
    Live,
    /// Its recorder drained it and ended.
    Closed,
    /// Its recorder died and another one drained it.
    Recovered,
}

impl IntakeState {
    /// The word of the `state` column.
    #[must_use]
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            IntakeState::Live => "live",
            IntakeState::Closed => "closed",
            IntakeState::Recovered => "recovered",
        }
    }
}

/// A loss that the journal does not know yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Undeclared {
    /// Where.
    pub(crate) hop: Hop,
    /// Events.
    pub(crate) count: u64,
    /// When the first was lost, in microseconds since 1970.
    pub(crate) from_us: i64,
    /// When the last was lost, in microseconds since 1970.
    pub(crate) to_us: i64,
}

/// What the journal knows about one intake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct IntakeProgress {
    /// The intake.
    pub(crate) id: IntakeId,
    /// Up to where it was read.
    pub(crate) mark: Mark,
    /// Events handed to its channel, when it was last read.
    pub(crate) offered: u64,
    /// Events of it in the journal.
    pub(crate) journaled: u64,
    /// Events declared lost, for each hop in the order of [`Hop::ALL`].
    pub(crate) lost: [u64; Hop::ALL.len()],
}

impl IntakeProgress {
    /// An intake that was never read.
    #[must_use]
    pub(crate) const fn new(id: IntakeId) -> Self {
        Self { id, mark: Mark::START, offered: 0, journaled: 0, lost: [0; Hop::ALL.len()] }
    }

    /// Events declared lost, all hops together.
    #[must_use]
    pub(crate) fn lost_total(&self) -> u64 {
        self.lost.iter().sum()
    }

    /// Losses in `counters` that were not declared yet.
    #[must_use]
    pub(crate) fn undeclared(&self, counters: &Counters) -> Vec<Undeclared> {
        let rows = Hop::ALL.into_iter().zip(&counters.losses).zip(&self.lost);
        rows.filter(|((_, loss), declared)| loss.count > **declared)
            .map(|((hop, loss), declared)| Undeclared {
                hop,
                count: loss.count - declared,
                from_us: loss.from_us,
                to_us: loss.to_us,
            })
            .collect()
    }

    /// The losses of `counters` are declared.
    pub(crate) fn declare(&mut self, counters: &Counters) {
        for (declared, loss) in self.lost.iter_mut().zip(&counters.losses) {
            *declared = loss.count.max(*declared);
        }
    }

    /// So many more are declared at one hop.
    pub(crate) fn declare_more(&mut self, lost: Hop, count: u64) {
        for (hop, declared) in Hop::ALL.into_iter().zip(&mut self.lost) {
            *declared += if hop == lost { count } else { 0 };
        }
    }

    fn losses_json(&self) -> String {
        let losses: BTreeMap<&str, u64> = Hop::ALL
            .into_iter()
            .zip(self.lost)
            .filter(|(_, count)| *count > 0)
            .map(|(hop, count)| (hop.as_str(), count))
            .collect();
        serde_json::to_string(&losses).unwrap_or_default()
    }
}

impl WriterStore {
    /// What is recorded about an intake.
    ///
    /// # Errors
    /// What SQLite says.
    pub(crate) fn intake(&self, id: IntakeId) -> Result<Option<IntakeProgress>, StoreError> {
        let row = self
            .connection
            .query_row(
                "SELECT position, number, offered, journaled, losses FROM intakes WHERE id = ?1",
                [id.to_string()],
                |row| {
                    Ok((
                        row.get::<_, u64>(0)?,
                        row.get::<_, u64>(1)?,
                        row.get::<_, u64>(2)?,
                        row.get::<_, u64>(3)?,
                        row.get::<_, String>(4)?,
                    ))
                },
            )
            .optional();
        let Some((position, number, offered, journaled, losses)) = store_errors(row)? else { return Ok(None) };
        let losses: BTreeMap<String, u64> =
            serde_json::from_str(&losses).map_err(|error| StoreError::Damaged(error.to_string()))?;
        let lost = Hop::ALL.map(|hop| losses.get(hop.as_str()).copied().unwrap_or(0));
        Ok(Some(IntakeProgress { id, mark: Mark { position, number }, offered, journaled, lost }))
    }
}

impl Transaction<'_> {
    /// Records how far an intake was read.
    ///
    /// # Errors
    /// What SQLite says.
    pub(crate) fn put_intake(
        &self,
        progress: &IntakeProgress,
        pid: u64,
        opened_us: i64,
        state: IntakeState,
        closed_us: Option<i64>,
    ) -> Result<(), StoreError> {
        let mut statement = store_errors(self.connection.prepare_cached(
            "INSERT INTO intakes(id, pid, opened_us, closed_us, state, position, number, offered, journaled, lost, losses) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) \
             ON CONFLICT(id) DO UPDATE SET closed_us = ?4, state = ?5, position = ?6, number = ?7, offered = ?8, journaled = ?9, \
             lost = ?10, losses = ?11",
        ))?;
        store_errors(statement.execute(params![
            progress.id.to_string(),
            pid,
            opened_us,
            closed_us,
            state.as_str(),
            progress.mark.position,
            progress.mark.number,
            progress.offered,
            progress.journaled,
            progress.lost_total(),
            progress.losses_json(),
        ]))?;
        Ok(())
    }
}
