//! The writer's side: `seq`, rows, tree, sessions, sensors, intake mark and cursors in one transaction.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, params};

use super::connection::{open_writer, prepare_writer, store_errors};
use super::migrate::{check_before_touching, migrate};
use super::sensors::Sensors;
use super::sessions::Sessions;
use crate::encode::stored::{self, Columns};
use crate::event::{Event, Seq};
use crate::journal::error::{JournalError, StoreError};
use crate::journal::merkle::{Frontier, Hash};

/// The one writing connection of a recorder.
pub(crate) struct WriterStore {
    pub(super) connection: Connection,
}

/// One open transaction.
pub(crate) struct Transaction<'c> {
    pub(super) connection: &'c Connection,
    pub(super) tree: Frontier,
    pub(super) sessions: Sessions,
    pub(super) sensors: Sensors,
}

impl WriterStore {
    /// Opens the database, makes it or brings it to the newest version. The caller holds the data directory's lock.
    ///
    /// # Errors
    /// [`JournalError`] when the file is foreign, newer or refuses; a foreign or newer file is not touched.
    pub(crate) fn open(path: &Path) -> Result<Self, JournalError> {
        check_before_touching(path)?;
        let store = |source| JournalError::Store { path: path.to_owned(), source };
        let connection = open_writer(path).map_err(store)?;
        migrate(&connection, path)?;
        prepare_writer(&connection).map_err(store)?;
        Ok(Self { connection })
    }

    /// How long a statement waits for another process's lock before it answers [`StoreError::Busy`].
    ///
    /// # Errors
    /// What SQLite says.
    pub(crate) fn set_patience(&self, patience: Duration) -> Result<(), StoreError> {
        store_errors(self.connection.busy_timeout(patience))
    }

    /// Whether each commit waits until it is on the disk.
    ///
    /// # Errors
    /// What SQLite says.
    pub(crate) fn set_durable(&self, durable: bool) -> Result<(), StoreError> {
        store_errors(self.connection.execute_batch(if durable {
            "PRAGMA synchronous = FULL"
        } else {
            "PRAGMA synchronous = NORMAL"
        }))
    }

    /// Runs `work` in a transaction that holds the write lock from the start; nothing remains of it if `work` fails.
    ///
    /// # Errors
    /// What `work` or SQLite says.
    pub(crate) fn transaction<T>(
        &mut self,
        work: impl FnOnce(&mut Transaction<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        store_errors(self.connection.prepare_cached("BEGIN IMMEDIATE").and_then(|mut statement| statement.execute([])))?;
        let done = Transaction::begin(&self.connection).and_then(|mut transaction| {
            let value = work(&mut transaction)?;
            transaction.finish()?;
            Ok(value)
        });
        let done = done.and_then(|value| {
            store_errors(self.connection.prepare_cached("COMMIT").and_then(|mut statement| statement.execute([])))?;
            Ok(value)
        });
        if done.is_err() {
            // After some errors SQLite has rolled back by itself and says so here.
            let _rolled_back = self.connection.execute_batch("ROLLBACK");
        }
        done
    }

    /// Moves the rest of the write-ahead log into the database file, so that the next commit begins it anew.
    ///
    /// # Errors
    /// What SQLite says.
    pub(crate) fn move_log(&self) -> Result<(), StoreError> {
        super::connection::move_log(&self.connection).map(drop)
    }

    /// Reads a value of `meta`.
    ///
    /// # Errors
    /// What SQLite says.
    pub(crate) fn meta(&self, key: &str) -> Result<Option<String>, StoreError> {
        store_errors(self.connection.query_row("SELECT value FROM meta WHERE key = ?1", [key], |row| row.get(0)).optional())
    }
}

impl<'c> Transaction<'c> {
    fn begin(connection: &'c Connection) -> Result<Self, StoreError> {
        // Read again in each transaction: another recorder may have committed in between.
        let mut statement = store_errors(connection.prepare_cached("SELECT size, frontier FROM tree"))?;
        let (size, tree) = store_errors(statement.query_row([], |row| {
            let size = row.get(0)?;
            Ok((size, Frontier::from_parts(size, row.get_ref(1)?.as_blob()?)))
        }))?;
        let tree = tree.ok_or_else(|| StoreError::Damaged(format!("the tree does not fit its size {size}")))?;
        Ok(Self { connection, tree, sessions: Sessions::default(), sensors: Sensors::default() })
    }

    /// Events in the journal, those of this transaction with them.
    #[must_use]
    pub(crate) const fn size(&self) -> u64 {
        self.tree.size()
    }

    /// Root of the tree over all of them.
    #[must_use]
    pub(crate) fn root(&self) -> Hash {
        self.tree.root()
    }

    /// Appends every frame of `frames`, in order.
    ///
    /// # Errors
    /// [`StoreError`], also when the bytes are not frames.
    pub(crate) fn append(&mut self, mut frames: &[u8]) -> Result<u64, StoreError> {
        let mut statement = store_errors(self.connection.prepare_cached(
            "INSERT INTO events(seq, id, time_us, session_id, command_id, cause, kind, pid, subject, decision, rule, severity, attack, \
             payload, leaf) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)",
        ))?;
        let mut appended = 0;
        let mut bound_before: Option<Columns<'_>> = None;
        while !frames.is_empty() {
            let (columns, rest) = Columns::parse(frames).map_err(|error| StoreError::Damaged(error.to_string()))?;
            let frame = frames.get(..frames.len() - rest.len()).unwrap_or_default();
            let seq = Seq::new(self.tree.size() + 1).ok_or_else(|| StoreError::Other("seq overflow".to_owned()))?;
            let leaf = stored::leaf_hash(seq, frame);
            let bound = (|| {
                statement.raw_bind_parameter(1, seq.get())?;
                statement.raw_bind_parameter(2, columns.id)?;
                statement.raw_bind_parameter(3, columns.time_us)?;
                // What is bound stays bound (sqlite3_reset), so only what differs from the row before is bound anew.
                let before: Option<&Columns<'_>> = bound_before.as_ref();
                if before.is_none_or(|before| before.session_id != columns.session_id) {
                    statement.raw_bind_parameter(4, columns.session_id)?;
                }
                if before.is_none_or(|before| before.command_id != columns.command_id) {
                    statement.raw_bind_parameter(5, columns.command_id)?;
                }
                if before.is_none_or(|before| before.cause != columns.cause) {
                    statement.raw_bind_parameter(6, columns.cause)?;
                }
                if before.is_none_or(|before| before.kind != columns.kind) {
                    statement.raw_bind_parameter(7, columns.kind)?;
                }
                if before.is_none_or(|before| before.pid != columns.pid) {
                    statement.raw_bind_parameter(8, columns.pid)?;
                }
                if before.is_none_or(|before| before.subject != columns.subject) {
                    statement.raw_bind_parameter(9, columns.subject)?;
                }
                if before.is_none_or(|before| before.decision != columns.decision) {
                    statement.raw_bind_parameter(10, columns.decision)?;
                }
                if before.is_none_or(|before| before.rule != columns.rule) {
                    statement.raw_bind_parameter(11, columns.rule)?;
                }
                if before.is_none_or(|before| before.severity != columns.severity) {
                    statement.raw_bind_parameter(12, columns.severity)?;
                }
                if before.is_none_or(|before| before.attack != columns.attack) {
                    statement.raw_bind_parameter(13, columns.attack)?;
                }
                statement.raw_bind_parameter(14, columns.payload)?;
                statement.raw_bind_parameter(15, leaf.as_slice())?;
                statement.raw_execute()
            })();
            store_errors(bound)?;
            bound_before = Some(columns);
            self.tree.push(leaf);
            self.sessions.project(seq.get(), &columns);
            self.sensors.project(seq.get(), &columns);
            appended += 1;
            frames = rest;
        }
        Ok(appended)
    }

    /// Appends one event of the recorder's own.
    ///
    /// # Errors
    /// As [`Transaction::append`].
    pub(crate) fn append_event(&mut self, event: &Event) -> Result<u64, StoreError> {
        let mut frame = Vec::new();
        stored::encode(event, &mut frame);
        self.append(&frame)?;
        Ok(self.tree.size())
    }

    /// Size of the last checkpoint; 0 before the first.
    ///
    /// # Errors
    /// What SQLite says.
    pub(crate) fn last_checkpoint(&self) -> Result<u64, StoreError> {
        let mut statement = store_errors(self.connection.prepare_cached("SELECT coalesce(max(tree_size), 0) FROM checkpoints"))?;
        store_errors(statement.query_row([], |row| row.get(0)))
    }

    /// Whether this very note is among the checkpoints.
    ///
    /// # Errors
    /// What SQLite says.
    pub(crate) fn has_checkpoint(&self, note: &str) -> Result<bool, StoreError> {
        let sql = "SELECT EXISTS (SELECT 1 FROM checkpoints WHERE note = ?1)";
        store_errors(self.connection.query_row(sql, [note], |row| row.get(0)))
    }

    /// Records a checkpoint.
    ///
    /// # Errors
    /// What SQLite says.
    pub(crate) fn put_checkpoint(&self, tree_size: u64, root: &Hash, time_us: i64, note: &str) -> Result<(), StoreError> {
        let mut statement = store_errors(
            self.connection
                .prepare_cached("INSERT OR REPLACE INTO checkpoints(tree_size, root, time_us, note) VALUES (?1, ?2, ?3, ?4)"),
        )?;
        store_errors(statement.execute(params![tree_size, root.as_slice(), time_us, note])).map(|_rows| ())
    }

    /// Sets a value of `meta` that is not there yet, and returns what is there.
    ///
    /// # Errors
    /// What SQLite says.
    pub(crate) fn meta_or_insert(&self, key: &str, value: &str) -> Result<String, StoreError> {
        store_errors(self.connection.execute("INSERT OR IGNORE INTO meta(key, value) VALUES (?1, ?2)", [key, value]))?;
        store_errors(self.connection.query_row("SELECT value FROM meta WHERE key = ?1", [key], |row| row.get(0)))
    }

    fn finish(&mut self) -> Result<(), StoreError> {
        let mut statement = store_errors(self.connection.prepare_cached("UPDATE tree SET size = ?1, frontier = ?2"))?;
        store_errors(statement.execute(params![self.tree.size(), self.tree.to_bytes()]))?;
        self.put_sessions()?;
        self.put_sensors()
    }
}
