//! Where the detector stands: its cursor, what it remembers of sessions, and its detections, in one transaction.

use rusqlite::{OptionalExtension, params};

use super::append::{Transaction, WriterStore};
use super::connection::{open_writer, prepare_writer, store_errors};
use super::migrate::check_opened;
use super::read::ReaderStore;
use crate::event::{Event, Kind};
use crate::journal::data_dir::DataDir;
use crate::journal::error::{JournalError, StoreError};

/// A cursor that moves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CursorMove {
    /// Whose it is.
    pub name: String,
    /// Where it stands. It is not moved from elsewhere: then another process has moved it.
    pub from: u64,
    /// Where it goes.
    pub to: u64,
    /// When, µs since 1970.
    pub time_us: i64,
}

/// What is remembered of a session; no state removes what there was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateRow {
    /// The session; empty for events without one.
    pub session_id: String,
    /// The state.
    pub state: Option<String>,
}

impl WriterStore {
    /// Opens a journal that exists and is of this version, beside the recorder that migrated it.
    ///
    /// # Errors
    /// [`JournalError`] when there is none, or it is foreign or newer; it is not touched then.
    pub(crate) fn open_beside(data_dir: &DataDir) -> Result<Self, JournalError> {
        let path = data_dir.journal();
        drop(ReaderStore::open(&path)?);
        let store = |source| JournalError::Store { path: path.clone(), source };
        let connection = open_writer(&path).map_err(store)?;
        check_opened(&connection, &path)?;
        prepare_writer(&connection).map_err(store)?;
        // Emptying the log is the recorders' work.
        store_errors(connection.execute_batch("PRAGMA wal_autocheckpoint = 0; PRAGMA cache_size = -2048;")).map_err(store)?;
        Ok(Self { connection })
    }
}

impl Transaction<'_> {
    /// Appends the detections that are not there yet. Says how many that were.
    pub(crate) fn append_detections(&mut self, detections: &[Event]) -> Result<u64, StoreError> {
        let mut appended = 0;
        for event in detections {
            let there: bool = {
                // The last condition is that of the index of causes.
                let mut statement = store_errors(self.connection.prepare_cached(
                    "SELECT EXISTS (SELECT 1 FROM events WHERE cause = ?1 AND id = ?2 AND kind = ?3 AND kind <> 'policy_decision')",
                ))?;
                let cause = event.cause.as_ref().map(|cause| cause.as_bytes().as_slice());
                let of = params![cause, event.id.as_bytes().as_slice(), Kind::Detection.as_str()];
                store_errors(statement.query_row(of, |row| row.get(0)))?
            };
            if !there {
                self.append_event(event)?;
                appended += 1;
            }
        }
        Ok(appended)
    }

    /// Moves a cursor from where it must stand.
    pub(crate) fn move_cursor(&self, cursor: &CursorMove) -> Result<(), StoreError> {
        let stands: Option<u64> = store_errors(
            self.connection.query_row("SELECT seq FROM cursors WHERE name = ?1", [&cursor.name], |row| row.get(0)).optional(),
        )?;
        if stands.unwrap_or(0) != cursor.from {
            return Err(StoreError::Other(format!("another process has moved the cursor {}", cursor.name)));
        }
        let sql = "INSERT INTO cursors(name, seq, updated_us) VALUES (?1, ?2, ?3) \
                   ON CONFLICT(name) DO UPDATE SET seq = excluded.seq, updated_us = excluded.updated_us";
        let mut statement = store_errors(self.connection.prepare_cached(sql))?;
        store_errors(statement.execute(params![cursor.name, cursor.to, cursor.time_us])).map(|_rows| ())
    }

    /// Keeps what is remembered of sessions, as of `seq`.
    pub(crate) fn put_states(&self, states: &[StateRow], seq: u64) -> Result<(), StoreError> {
        for row in states {
            let done = match &row.state {
                Some(state) => self
                    .connection
                    .prepare_cached("INSERT OR REPLACE INTO detection_states(session_id, seq, state) VALUES (?1, ?2, ?3)")
                    .and_then(|mut statement| statement.execute(params![row.session_id, seq, state])),
                None => self
                    .connection
                    .prepare_cached("DELETE FROM detection_states WHERE session_id = ?1")
                    .and_then(|mut statement| statement.execute([&row.session_id])),
            };
            store_errors(done)?;
        }
        Ok(())
    }
}

impl ReaderStore {
    /// Where a cursor stands; 0 when there is none.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn cursor(&self, name: &str) -> Result<u64, StoreError> {
        let row = self.connection.query_row("SELECT seq FROM cursors WHERE name = ?1", [name], |row| row.get(0));
        Ok(store_errors(row.optional())?.unwrap_or(0))
    }

    /// What is remembered of a session.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn detection_state(&self, session_id: &str) -> Result<Option<String>, StoreError> {
        let sql = "SELECT state FROM detection_states WHERE session_id = ?1";
        let mut statement = store_errors(self.connection.prepare_cached(sql))?;
        store_errors(statement.query_row([session_id], |row| row.get(0)).optional())
    }
}
