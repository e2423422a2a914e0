//! The outline of many rows: where and when each stands and what it is, without what it says.

use std::ops::ControlFlow;

use rusqlite::params_from_iter;

use super::connection::store_errors;
use super::filter::{Condition, select};
use super::read::ReaderStore;
use crate::event::Kind;
use crate::journal::error::StoreError;

/// What an outline tells of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutlineRow {
    /// Position.
    pub seq: u64,
    /// When it was seen, µs since 1970.
    pub time_us: i64,
    /// What it is.
    pub kind: Kind,
    /// Whether it is a verdict that refused an operation.
    pub refused: bool,
}

/// An operation that would only have been refused was not.
const COLUMNS: &str = "seq, time_us, kind, \
     CASE WHEN kind = 'policy_decision' AND decision = 'deny' THEN instr(payload, '\"enforced\":false') = 0 ELSE 0 END";

impl ReaderStore {
    /// Calls `each` for the rows that meet all conditions, in order. SQLite is held meanwhile, so `each` is to be quick.
    ///
    /// # Errors
    /// What SQLite says, or [`StoreError::Damaged`] at a kind that there is not.
    pub fn outline(
        &self,
        conditions: &[Condition],
        mut each: impl FnMut(OutlineRow) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        let (mut sql, values) = select(COLUMNS, 0, self.head()?, conditions);
        sql.push_str(" ORDER BY seq");
        let mut statement = store_errors(self.connection.prepare_cached(&sql))?;
        let mut rows = store_errors(statement.query(params_from_iter(values)))?;
        while let Some(row) = store_errors(rows.next())? {
            let seq: u64 = store_errors(row.get(0))?;
            let word = store_errors(row.get_ref(2))?.as_str().unwrap_or_default();
            let kind = word.parse().map_err(|_| StoreError::Damaged(format!("seq {seq}: there is no kind `{word}`")))?;
            let outline = OutlineRow { seq, time_us: store_errors(row.get(1))?, kind, refused: store_errors(row.get(3))? };
            if each(outline).is_break() {
                break;
            }
        }
        Ok(())
    }

    /// Calls `each` for the positions of the rows that meet all conditions, in order. Where they are of a session alone, its index has all of it:
    /// no row is looked at. SQLite is held meanwhile, so `each` is to be quick.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn positions(&self, conditions: &[Condition], mut each: impl FnMut(u64) -> ControlFlow<()>) -> Result<(), StoreError> {
        let (mut sql, values) = select("seq", 0, self.head()?, conditions);
        sql.push_str(" ORDER BY seq");
        let mut statement = store_errors(self.connection.prepare_cached(&sql))?;
        let mut rows = store_errors(statement.query(params_from_iter(values)))?;
        while let Some(row) = store_errors(rows.next())? {
            if each(store_errors(row.get(0))?).is_break() {
                break;
            }
        }
        Ok(())
    }

    /// When the events at these positions were seen, µs since 1970. One that there is not is passed over.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn times_of(&self, seqs: &[u64]) -> Result<Vec<i64>, StoreError> {
        let mut statement = store_errors(self.connection.prepare_cached("SELECT time_us FROM events WHERE seq = ?"))?;
        let mut times = Vec::with_capacity(seqs.len());
        for seq in seqs {
            let mut rows = store_errors(statement.query([seq]))?;
            if let Some(row) = store_errors(rows.next())? {
                times.push(store_errors(row.get(0))?);
            }
        }
        Ok(times)
    }
}
