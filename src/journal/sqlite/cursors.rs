//! Where each sink stands, and what its peer refused: a small writing connection of its own beside the recorder's.

use std::path::PathBuf;

use rusqlite::{Connection, OptionalExtension, params};

use super::connection::{open_writer, prepare_writer, store_errors};
use super::dead_letters::DeadLetterRow;
use super::migrate::check_opened;
use super::read::ReaderStore;
use crate::journal::data_dir::DataDir;
use crate::journal::error::{JournalError, StoreError};
use crate::runtime::clock;

/// Keeps cursors and dead letters. A cursor goes back only where somebody asked for that ([`CursorStore::set`]).
pub struct CursorStore {
    pub(super) connection: Connection,
    /// Where those wait who are to hear of a change.
    pub(super) doorbell: PathBuf,
}

/// One row of `cursors`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CursorRow {
    /// Whose it is (`sink/jsonl`).
    pub name: String,
    /// Every event up to this one is done with.
    pub seq: u64,
    /// When it was written, µs since 1970.
    pub updated_us: i64,
}

impl CursorStore {
    /// Opens a journal that exists.
    ///
    /// # Errors
    /// [`JournalError`] when there is none, or it is foreign or newer; it is not touched then.
    pub fn open(data_dir: &DataDir) -> Result<Self, JournalError> {
        let path = data_dir.journal();
        drop(ReaderStore::open(&path)?);
        let store = |source| JournalError::Store { path: path.clone(), source };
        let connection = open_writer(&path).map_err(store)?;
        check_opened(&connection, &path)?;
        prepare_writer(&connection).map_err(store)?;
        // Emptying the log is the recorders' work: a sink's small commit should not have to wait for it.
        store_errors(connection.execute_batch("PRAGMA wal_autocheckpoint = 0; PRAGMA cache_size = -256;")).map_err(store)?;
        Ok(Self { connection, doorbell: data_dir.doorbell() })
    }

    /// The cursor of that name.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn get(&self, name: &str) -> Result<Option<u64>, StoreError> {
        let row = self.connection.query_row("SELECT seq FROM cursors WHERE name = ?1", [name], |row| row.get(0));
        store_errors(row.optional())
    }

    /// Sets the cursor `name` to `seq`, back or forth.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn set(&self, name: &str, seq: u64) -> Result<(), StoreError> {
        let sql = "INSERT OR REPLACE INTO cursors(name, seq, updated_us) VALUES (?1, ?2, ?3)";
        store_errors(self.connection.execute(sql, params![name, seq, clock::now().as_micros()])).map(|_rows| ())
    }

    /// Moves the cursor `name` to `seq`, unless it is there already, and keeps what was refused on the way, in one transaction.
    ///
    /// # Errors
    /// What SQLite says; nothing was written then. [`StoreError::Busy`] passes.
    pub fn advance(&mut self, name: &str, seq: u64, refused: &[DeadLetterRow]) -> Result<(), StoreError> {
        let written =
            self.connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate).and_then(|transaction| {
                transaction
                    .prepare_cached(
                        "INSERT INTO cursors(name, seq, updated_us) VALUES (?1, ?2, ?3) \
                     ON CONFLICT(name) DO UPDATE SET seq = excluded.seq, updated_us = excluded.updated_us \
                     WHERE excluded.seq > cursors.seq",
                    )?
                    .execute(params![name, seq, clock::now().as_micros()])?;
                // The same event may be refused again when a kill came between the peer's answer and the cursor.
                let mut insert = transaction.prepare_cached(
                    "INSERT INTO dead_letters(sink, seq, time_us, attempts, reason) VALUES (?1, ?2, ?3, ?4, ?5) \
                 ON CONFLICT(sink, seq) DO UPDATE SET time_us = excluded.time_us, \
                 attempts = dead_letters.attempts + excluded.attempts, reason = excluded.reason",
                )?;
                for letter in refused {
                    insert.execute(params![letter.sink, letter.seq, letter.time_us, letter.attempts, letter.reason])?;
                }
                drop(insert);
                transaction.commit()
            });
        store_errors(written)
    }
}

impl ReaderStore {
    /// All cursors, by name.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn cursors(&self) -> Result<Vec<CursorRow>, StoreError> {
        self.list("SELECT name, seq, updated_us FROM cursors ORDER BY name", |row| {
            Ok(CursorRow { name: row.get(0)?, seq: row.get(1)?, updated_us: row.get(2)? })
        })
    }
}
