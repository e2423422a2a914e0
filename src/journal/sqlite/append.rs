//! The writer's side: `seq`, rows, tree, sessions, intake mark and cursors in one transaction.

use std::collections::BTreeMap;
use std::path::Path;

use rusqlite::{Connection, OptionalExtension, params};

use super::connection::{open_writer, prepare_writer, store_errors};
use super::migrate::{check_before_touching, migrate};
use crate::channel::intake::{Counters, Hop, IntakeId, Mark};
use crate::encode::stored::{self, Columns};
use crate::event::{Event, Kind, Payload, Seq};
use crate::journal::error::{JournalError, StoreError};
use crate::journal::merkle::{Frontier, Hash};

/// The one writing connection of a recorder.
pub(crate) struct WriterStore {
    connection: Connection,
}

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

    /// Losses in `counters` that were not declared yet: hop and how many.
    #[must_use]
    pub(crate) fn undeclared(&self, counters: &Counters) -> Vec<(Hop, u64, i64, i64)> {
        let rows = Hop::ALL.into_iter().zip(&counters.losses).zip(&self.lost);
        rows.filter(|((_, loss), declared)| loss.count > **declared)
            .map(|((hop, loss), declared)| (hop, loss.count - declared, loss.from_us, loss.to_us))
            .collect()
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

/// What a transaction has changed about one session.
#[derive(Default)]
struct SessionDelta {
    first: u64,
    last: u64,
    events: u64,
    decisions: u64,
    denied: u64,
    life: Vec<Event>,
}

/// One open transaction.
pub(crate) struct Transaction<'c> {
    connection: &'c Connection,
    tree: Frontier,
    sessions: BTreeMap<String, SessionDelta>,
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
        migrate(&connection).map_err(store)?;
        prepare_writer(&connection).map_err(store)?;
        Ok(Self { connection })
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

    /// Reads a value of `meta`.
    ///
    /// # Errors
    /// What SQLite says.
    pub(crate) fn meta(&self, key: &str) -> Result<Option<String>, StoreError> {
        store_errors(self.connection.query_row("SELECT value FROM meta WHERE key = ?1", [key], |row| row.get(0)).optional())
    }

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

    /// Drops and recomputes what is only a projection of the events.
    ///
    /// # Errors
    /// [`StoreError`]; then the old projection is still there.
    pub(crate) fn rebuild(&mut self) -> Result<u64, StoreError> {
        self.transaction(|transaction| {
            store_errors(transaction.connection.execute("DELETE FROM sessions", []))?;
            let connection = transaction.connection;
            let mut statement = store_errors(connection.prepare(
                "SELECT seq, session_id, kind, decision, id, time_us, severity, payload FROM events WHERE session_id IS NOT NULL ORDER BY seq",
            ))?;
            let mut rows = store_errors(statement.query([]))?;
            while let Some(row) = store_errors(rows.next())? {
                let get = |index: usize| store_errors(row.get_ref(index));
                let text = |index: usize| get(index)?.as_str().map_err(|error| StoreError::Damaged(error.to_string()));
                let columns = Columns {
                    id: get(4)?.as_blob().map_err(|error| StoreError::Damaged(error.to_string()))?,
                    time_us: store_errors(row.get(5))?,
                    session_id: Some(text(1)?),
                    command_id: None,
                    cause: None,
                    kind: text(2)?,
                    pid: None,
                    subject: None,
                    decision: get(3)?.as_str_or_null().map_err(|error| StoreError::Damaged(error.to_string()))?,
                    rule: None,
                    severity: store_errors(row.get(6))?,
                    attack: None,
                    payload: text(7)?,
                };
                transaction.sessions.project(store_errors(row.get(0))?, &columns)?;
            }
            u64::try_from(transaction.sessions.len()).map_err(|error| StoreError::Other(error.to_string()))
        })
    }
}

impl<'c> Transaction<'c> {
    fn begin(connection: &'c Connection) -> Result<Self, StoreError> {
        // Read again in each transaction: another recorder may have committed in between.
        let mut statement = store_errors(connection.prepare_cached("SELECT size, frontier FROM tree"))?;
        let tree = store_errors(statement.query_row([], |row| {
            let size = row.get(0)?;
            Ok((size, Frontier::from_parts(size, row.get_ref(1)?.as_blob()?)))
        }))?;
        let (size, tree) = tree;
        let tree = tree.ok_or_else(|| StoreError::Damaged(format!("the tree does not fit its size {size}")))?;
        Ok(Self { connection, tree, sessions: BTreeMap::new() })
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
        while !frames.is_empty() {
            let (columns, rest) = Columns::parse(frames).map_err(|error| StoreError::Damaged(error.to_string()))?;
            let frame = frames.get(..frames.len() - rest.len()).unwrap_or_default();
            let seq = Seq::new(self.tree.size() + 1).ok_or_else(|| StoreError::Other("seq overflow".to_owned()))?;
            let leaf = stored::leaf_hash(seq, frame);
            let bound = (|| {
                statement.raw_bind_parameter(1, seq.get())?;
                statement.raw_bind_parameter(2, columns.id)?;
                statement.raw_bind_parameter(3, columns.time_us)?;
                statement.raw_bind_parameter(4, columns.session_id)?;
                statement.raw_bind_parameter(5, columns.command_id)?;
                statement.raw_bind_parameter(6, columns.cause)?;
                statement.raw_bind_parameter(7, columns.kind)?;
                statement.raw_bind_parameter(8, columns.pid)?;
                statement.raw_bind_parameter(9, columns.subject)?;
                statement.raw_bind_parameter(10, columns.decision)?;
                statement.raw_bind_parameter(11, columns.rule)?;
                statement.raw_bind_parameter(12, columns.severity)?;
                statement.raw_bind_parameter(13, columns.attack)?;
                statement.raw_bind_parameter(14, columns.payload)?;
                statement.raw_bind_parameter(15, leaf.as_slice())?;
                statement.raw_execute()
            })();
            store_errors(bound)?;
            self.tree.push(leaf);
            self.sessions.project(seq.get(), &columns)?;
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
        for (session, delta) in std::mem::take(&mut self.sessions) {
            self.put_session(&session, &delta)?;
        }
        Ok(())
    }

    fn put_session(&self, session: &str, delta: &SessionDelta) -> Result<(), StoreError> {
        let mut statement = store_errors(self.connection.prepare_cached(
            "INSERT INTO sessions(session_id, first_seq, last_seq, events, decisions, denied) VALUES (?1, ?2, ?3, ?4, ?5, ?6) \
             ON CONFLICT(session_id) DO UPDATE SET last_seq = ?3, events = events + ?4, decisions = decisions + ?5, denied = denied + ?6",
        ))?;
        store_errors(statement.execute(params![session, delta.first, delta.last, delta.events, delta.decisions, delta.denied]))?;
        for event in &delta.life {
            let time = event.time.as_micros();
            if let Payload::SessionCreated(created) = &event.payload {
                store_errors(self.connection.execute(
                    "UPDATE sessions SET created_us = ?2, workspace = ?3, policy = ?4, policy_digest = ?5, uid = ?6 WHERE session_id = ?1",
                    params![session, time, created.workspace.as_text(), created.policy, created.policy_digest, created.uid],
                ))?;
            } else if let Payload::SessionEnded(ended) = &event.payload {
                store_errors(self.connection.execute(
                    "UPDATE sessions SET ended_us = ?2, end_reason = ?3 WHERE session_id = ?1",
                    params![session, time, ended.reason],
                ))?;
            }
        }
        Ok(())
    }
}

/// The projection of events to sessions.
trait Project {
    fn project(&mut self, seq: u64, columns: &Columns<'_>) -> Result<(), StoreError>;
}

impl Project for BTreeMap<String, SessionDelta> {
    fn project(&mut self, seq: u64, columns: &Columns<'_>) -> Result<(), StoreError> {
        let Some(session) = columns.session_id else { return Ok(()) };
        if !self.contains_key(session) {
            self.insert(session.to_owned(), SessionDelta { first: seq, ..SessionDelta::default() });
        }
        let Some(delta) = self.get_mut(session) else { return Ok(()) };
        delta.last = seq;
        delta.events += 1;
        if let Some(decision) = columns.decision {
            delta.decisions += 1;
            delta.denied += u64::from(decision == "deny");
        }
        if columns.kind == Kind::SessionCreated.as_str() || columns.kind == Kind::SessionEnded.as_str() {
            delta.life.push(columns.to_event().map_err(|error| StoreError::Damaged(error.to_string()))?);
        }
        Ok(())
    }
}
