//! Counts over ranges of the journal, for metrics that are true for all recorders together.

use super::connection::store_errors;
use super::read::ReaderStore;
use crate::journal::error::StoreError;

/// So many events of a kind, with what was decided where the kind is a decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecidedCount {
    /// The kind.
    pub kind: String,
    /// The verdict.
    pub decision: Option<String>,
    /// The rule.
    pub rule: Option<String>,
    /// How many.
    pub count: u64,
}

/// A reader that keeps its place in the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReaderPlace {
    /// Its name.
    pub name: String,
    /// Every event up to this one is done with.
    pub seq: u64,
}

impl ReaderStore {
    /// Counts the events behind `after` and up to `last`, by kind, verdict and rule.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn count_decided(&self, after: u64, last: u64) -> Result<Vec<DecidedCount>, StoreError> {
        let sql = "SELECT kind, decision, rule, count(*) FROM events WHERE seq > ?1 AND seq <= ?2 GROUP BY kind, decision, rule";
        let mut statement = store_errors(self.connection.prepare_cached(sql))?;
        let rows = store_errors(statement.query_map([after, last], |row| {
            Ok(DecidedCount { kind: row.get(0)?, decision: row.get(1)?, rule: row.get(2)?, count: row.get(3)? })
        }))?;
        store_errors(rows.collect())
    }

    /// How many sessions have no recorded end, and how many have one.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn count_sessions(&self) -> Result<(u64, u64), StoreError> {
        let sql = "SELECT count(*) - count(ended_us), count(ended_us) FROM sessions";
        store_errors(self.connection.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?))))
    }

    /// Every reader that keeps a place: sinks and detectors (`cursors`) and consumers, by their names.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn reader_places(&self) -> Result<Vec<ReaderPlace>, StoreError> {
        let sql = "SELECT name, seq FROM cursors UNION ALL SELECT name, acked FROM consumers ORDER BY 1";
        self.list(sql, |row| Ok(ReaderPlace { name: row.get(0)?, seq: row.get(1)? }))
    }
}
