//! A database for events that were read elsewhere, at the positions that they have there, so that every reader of a journal can read them.
//!
//! It is no journal: between its events others are missing, its tree is empty, and no recorder opens it.

use rusqlite::{Connection, params};

use super::append::Transaction;
use super::connection::{open_writer, store_errors};
use super::migrate::migrate;
use super::read::CheckpointRow;
use super::sensors::Sensors;
use super::sessions::Sessions;
use crate::encode::stored::Columns;
use crate::journal::data_dir::DataDir;
use crate::journal::error::{JournalError, StoreError};
use crate::journal::merkle::{Frontier, Hash};

/// Events of one transaction.
const BATCH: u64 = 4_096;

/// The database while it is filled. What is not finished is of no use.
pub struct CopyStore {
    connection: Connection,
    sessions: Sessions,
    sensors: Sensors,
    pending: u64,
}

impl CopyStore {
    /// Makes the database of a data directory that has none.
    ///
    /// # Errors
    /// [`JournalError`].
    pub fn create(data_dir: &DataDir) -> Result<Self, JournalError> {
        let path = data_dir.journal();
        let store = |source| JournalError::Store { path: path.clone(), source };
        let connection = open_writer(&path).map_err(store)?;
        // It is made anew from where it came if anything goes wrong.
        let pragmas =
            "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -8192;";
        store_errors(connection.execute_batch(pragmas)).map_err(store)?;
        migrate(&connection, &path)?;
        store_errors(connection.execute_batch("BEGIN")).map_err(store)?;
        Ok(Self { connection, sessions: Sessions::default(), sensors: Sensors::default(), pending: 0 })
    }

    /// Adds an event. Positions ascend.
    ///
    /// # Errors
    /// What SQLite says, as for a position that is there already.
    pub fn append(&mut self, seq: u64, columns: &Columns<'_>, leaf: &Hash) -> Result<(), StoreError> {
        let mut statement = store_errors(self.connection.prepare_cached(
            "INSERT INTO events(seq, id, time_us, session_id, command_id, cause, kind, pid, subject, decision, rule, severity, attack, \
             payload, leaf) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)",
        ))?;
        let Columns { id, time_us, session_id, command_id, cause, kind, pid, subject, decision, rule, severity, attack, payload } =
            *columns;
        let values = params![
            seq, id, time_us, session_id, command_id, cause, kind, pid, subject, decision, rule, severity, attack, payload, leaf
        ];
        store_errors(statement.execute(values))?;
        drop(statement);
        self.sessions.project(seq, columns);
        self.sensors.project(seq, columns);
        self.pending += 1;
        if self.pending >= BATCH {
            self.commit()?;
            store_errors(self.connection.execute_batch("BEGIN"))?;
        }
        Ok(())
    }

    fn commit(&mut self) -> Result<(), StoreError> {
        let (sessions, sensors) = (std::mem::take(&mut self.sessions), std::mem::take(&mut self.sensors));
        let mut transaction = Transaction { connection: &self.connection, tree: Frontier::default(), sessions, sensors };
        transaction.put_sessions()?;
        transaction.put_sensors()?;
        self.pending = 0;
        store_errors(self.connection.execute_batch("COMMIT"))
    }

    /// Adds a checkpoint and ends the work.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn finish(mut self, checkpoints: &[CheckpointRow]) -> Result<(), StoreError> {
        for CheckpointRow { tree_size, root, time_us, note } in checkpoints {
            let sql = "INSERT OR REPLACE INTO checkpoints(tree_size, root, time_us, note) VALUES (?1, ?2, ?3, ?4)";
            store_errors(self.connection.execute(sql, params![tree_size, root, time_us, note]))?;
        }
        self.commit()
    }
}
