//! Table `consumers`: where each named subscriber stands.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, Row, params};

use super::connection::{open_writer, prepare_writer, store_errors};
use super::migrate::check_before_touching;
use crate::journal::error::{JournalError, StoreError};

/// How long a transaction waits for recorders that write.
const PATIENCE: Duration = Duration::from_secs(5);

/// One row of `consumers`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConsumerRow {
    /// Its name.
    pub name: String,
    /// Every event up to this `seq` is done with.
    pub acked: u64,
    /// Everything up to this `seq` was sent to it; a kill of the server may leave it a moment behind.
    pub delivered: u64,
    /// Whether nothing is to be sent.
    pub paused: bool,
    /// Events that may be delivered and not acknowledged.
    pub max_ack_pending: u32,
    /// Name of the key that made it; absent where there are no keys.
    pub owner: Option<String>,
    /// When it was made, µs since 1970.
    pub created_us: i64,
    /// When it was changed last, µs since 1970.
    pub updated_us: i64,
}

/// One change of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConsumerChange {
    /// Everything up to `acked` is done with. Never goes back.
    Ack {
        /// The consumer.
        name: String,
        /// The place.
        acked: u64,
    },
    /// Everything up to `delivered` was sent. Never goes back.
    Delivered {
        /// The consumer.
        name: String,
        /// The place.
        delivered: u64,
    },
    /// The row is this now.
    Put(ConsumerRow),
    /// There is no such consumer any more.
    Delete {
        /// Its name.
        name: String,
    },
}

/// A writing connection for this table.
pub struct ConsumerStore {
    connection: Connection,
}

pub(super) const COLUMNS: &str = "name, acked, delivered, paused, max_ack_pending, owner, created_us, updated_us";

pub(super) fn row(row: &Row<'_>) -> rusqlite::Result<ConsumerRow> {
    Ok(ConsumerRow {
        name: row.get(0)?,
        acked: row.get(1)?,
        delivered: row.get(2)?,
        paused: row.get(3)?,
        max_ack_pending: row.get(4)?,
        owner: row.get(5)?,
        created_us: row.get(6)?,
        updated_us: row.get(7)?,
    })
}

impl ConsumerStore {
    /// Opens the table of a journal that exists.
    ///
    /// # Errors
    /// [`JournalError`] when there is none, or it refuses.
    pub fn open(path: &Path) -> Result<Self, JournalError> {
        if !check_before_touching(path)? {
            return Err(JournalError::Missing { path: path.parent().unwrap_or(path).to_owned() });
        }
        let store = |source| JournalError::Store { path: path.to_owned(), source };
        let connection = open_writer(path).map_err(store)?;
        prepare_writer(&connection).map_err(store)?;
        store_errors(connection.busy_timeout(PATIENCE)).map_err(store)?;
        Ok(Self { connection })
    }

    /// Makes all changes, in order, in one transaction.
    ///
    /// # Errors
    /// What SQLite says; nothing was changed then.
    pub fn apply<'c>(&mut self, changes: impl Iterator<Item = &'c ConsumerChange>, now_us: i64) -> Result<(), StoreError> {
        let transaction = self.connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate);
        let transaction = store_errors(transaction)?;
        for change in changes {
            store_errors(write(&transaction, change, now_us))?;
        }
        store_errors(transaction.commit())
    }
}

fn write(connection: &Connection, change: &ConsumerChange, now_us: i64) -> rusqlite::Result<()> {
    match change {
        ConsumerChange::Ack { name, acked } => {
            let sql =
                "UPDATE consumers SET acked = max(acked, ?2), delivered = max(delivered, ?2), updated_us = ?3 WHERE name = ?1";
            connection.prepare_cached(sql)?.execute(params![name, acked, now_us])?;
        }
        ConsumerChange::Delivered { name, delivered } => {
            let sql = "UPDATE consumers SET delivered = max(delivered, ?2) WHERE name = ?1";
            connection.prepare_cached(sql)?.execute(params![name, delivered])?;
        }
        ConsumerChange::Put(row) => {
            let sql = format!("INSERT OR REPLACE INTO consumers ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)");
            connection.prepare_cached(&sql)?.execute(params![
                row.name,
                row.acked,
                row.delivered,
                row.paused,
                row.max_ack_pending,
                row.owner,
                row.created_us,
                row.updated_us
            ])?;
        }
        ConsumerChange::Delete { name } => {
            connection.prepare_cached("DELETE FROM consumers WHERE name = ?1")?.execute(params![name])?;
        }
    }
    Ok(())
}
