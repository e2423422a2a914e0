//! Rows straight from SQLite, for those who read every one and keep none as it is stored.

use super::connection::store_errors;
use super::read::{COLUMNS, ReaderStore};
use super::row;
use crate::encode::stored::{Columns, DecodeError};
use crate::event::{JournaledEvent, Seq};
use crate::journal::error::StoreError;
use crate::journal::merkle::Hash;

/// Events that were read, in order; in place of one that cannot be read, its `seq` and why.
#[derive(Default)]
pub struct Events {
    /// The events.
    pub events: Vec<Result<JournaledEvent, (u64, String)>>,
    /// Rows that were read, also those that were not wanted.
    pub rows: u64,
    /// `seq` of the last of them.
    pub last_seq: Option<u64>,
}

impl ReaderStore {
    /// Reads the next rows behind `after`, at most `most` and about 1 MiB of those whose kind and decision `wanted` says, as events.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn events(
        &self,
        after: u64,
        most: u32,
        wanted: impl Fn(&str, Option<&str>) -> bool,
        into: &mut Events,
    ) -> Result<(), StoreError> {
        into.events.clear();
        (into.rows, into.last_seq) = (0, None);
        let sql = format!("SELECT {COLUMNS} FROM events WHERE seq > ?1 ORDER BY seq LIMIT ?2");
        let mut statement = store_errors(self.connection.prepare_cached(&sql))?;
        let mut rows = store_errors(statement.query([i64::try_from(after).unwrap_or(i64::MAX), i64::from(most)]))?;
        let mut bytes = 0;
        while bytes < row::PAGE_BYTES
            && let Some(row) = store_errors(rows.next())?
        {
            let seq: u64 = store_errors(row.get(0))?;
            into.rows += 1;
            into.last_seq = Some(seq);
            if let (Ok(kind), Ok(decision)) =
                (store_errors(row.get_ref(6))?.as_str(), store_errors(row.get_ref(9))?.as_str_or_null())
                && !wanted(kind, decision)
            {
                continue;
            }
            match row::read(row) {
                Ok((columns, _)) => {
                    bytes += columns.payload.len();
                    into.events.push(event(seq, &columns).map_err(|error| (seq, error.to_string())));
                }
                Err(what) => into.events.push(Err((seq, what))),
            }
        }
        Ok(())
    }

    /// Calls `each` for every row from `first` to `last`, in order: `seq`, and columns and leaf or what is wrong with them. Nothing is
    /// copied, and SQLite waits while `each` runs. Returns how many there were.
    ///
    /// # Errors
    /// What SQLite or `each` says.
    pub(crate) fn each_of(
        &self,
        first: u64,
        last: u64,
        mut each: impl FnMut(u64, Result<(Columns<'_>, &[u8]), String>) -> Result<(), StoreError>,
    ) -> Result<u64, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM events WHERE seq >= ?1 AND seq <= ?2 ORDER BY seq");
        let mut statement = store_errors(self.connection.prepare_cached(&sql))?;
        let integer = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        let mut rows = store_errors(statement.query([integer(first), integer(last)]))?;
        let mut count = 0;
        while let Some(row) = store_errors(rows.next())? {
            each(store_errors(row.get(0))?, row::read(row))?;
            count += 1;
        }
        Ok(count)
    }

    /// Calls `each` for the stored leaf of every row from `first` to `last`, in order, as long as they follow each other. SQLite waits while
    /// `each` runs.
    ///
    /// # Errors
    /// What SQLite says, or [`StoreError::Damaged`] at a leaf that is none.
    pub(crate) fn leaves(&self, first: u64, last: u64, mut each: impl FnMut(u64, Hash)) -> Result<(), StoreError> {
        let mut statement = store_errors(
            self.connection.prepare_cached("SELECT seq, leaf FROM events WHERE seq >= ?1 AND seq <= ?2 ORDER BY seq"),
        )?;
        let integer = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        let mut rows = store_errors(statement.query([integer(first), integer(last)]))?;
        let mut expected = first;
        while let Some(row) = store_errors(rows.next())? {
            let seq: u64 = store_errors(row.get(0))?;
            if seq != expected {
                break;
            }
            let leaf = row.get_ref(1).ok().and_then(|leaf| Hash::try_from(leaf.as_blob().ok()?).ok());
            each(seq, leaf.ok_or_else(|| StoreError::Damaged(format!("seq {seq}: its leaf is none")))?);
            expected += 1;
        }
        Ok(())
    }

    /// The stored leaf of the row at `seq`, if there is one.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn leaf(&self, seq: u64) -> Result<Option<Hash>, StoreError> {
        let mut statement = store_errors(self.connection.prepare_cached("SELECT leaf FROM events WHERE seq = ?1"))?;
        let mut rows = store_errors(statement.query([i64::try_from(seq).unwrap_or(i64::MAX)]))?;
        let leaf = store_errors(rows.next())?.and_then(|row| Hash::try_from(row.get_ref(0).ok()?.as_blob().ok()?).ok());
        Ok(leaf)
    }

    /// `seq` of the first row behind `seq`.
    ///
    /// # Errors
    /// What SQLite says.
    pub(crate) fn next_behind(&self, seq: u64) -> Result<Option<u64>, StoreError> {
        let seq = i64::try_from(seq).unwrap_or(i64::MAX);
        store_errors(self.connection.query_row("SELECT min(seq) FROM events WHERE seq > ?1", [seq], |row| row.get(0)))
    }
}

fn event(seq: u64, columns: &Columns<'_>) -> Result<JournaledEvent, DecodeError> {
    let event = columns.to_event()?;
    let seq = Seq::new(seq).ok_or(DecodeError::Value { column: "seq" })?;
    Ok(JournaledEvent { seq, kind: event.kind(), event })
}
