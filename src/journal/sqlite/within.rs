//! Reading a range of the journal, a page at a time, up to a position that was taken before.

use rusqlite::types::Value;

use super::connection::store_errors;
use super::filter::{Condition, select};
use super::read::{COLUMNS, ReaderStore};
use super::row::Page;
use crate::journal::error::StoreError;

impl ReaderStore {
    /// Fills `page` with the next rows behind `after` and up to `last` that meet all conditions, about 1 MiB of them. An empty page means that the
    /// range is at its end. Rows never change, so that the pages of a range are of one moment, whenever they are read.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn page_within(&self, after: u64, last: u64, conditions: &[Condition], page: &mut Page) -> Result<(), StoreError> {
        let (mut sql, values): (String, Vec<Value>) = select(COLUMNS, after, last, conditions);
        sql.push_str(" ORDER BY seq");
        let mut statement = store_errors(self.connection.prepare_cached(&sql))?;
        page.fill(&mut statement, &values)
    }
}
