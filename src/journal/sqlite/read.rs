//! The readers' side: read-only connections, rows in order, and the small tables.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Row, params_from_iter};

use super::connection::{open_reader, store_errors};
use super::consumers::{self, ConsumerRow};
use super::filter::{Condition, select};
use super::migrate::{check_before_touching, check_opened};
use super::row::{JournalRow, Page, UnreadableRow};
use super::summaries::{Plan, Range, Way};
use crate::journal::error::{JournalError, StoreError};
use crate::journal::merkle::Frontier;

/// A read-only connection.
pub struct ReaderStore {
    pub(super) connection: Connection,
    path: PathBuf,
}

/// One row of `checkpoints`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckpointRow {
    /// Events that it covers.
    pub tree_size: u64,
    /// Root of the tree, 32 bytes.
    pub root: Vec<u8>,
    /// When it was signed, µs since 1970.
    pub time_us: i64,
    /// The signed note.
    pub note: String,
}

/// One row of `intakes`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IntakeRow {
    /// Name of the intake.
    pub id: String,
    /// Process id of its recorder.
    pub pid: u64,
    /// When it was made, µs since 1970.
    pub opened_us: i64,
    /// `live`, `closed` or `recovered`.
    pub state: String,
    /// Events handed to its channel, when it was last read.
    pub offered: u64,
    /// Events of it in the journal.
    pub journaled: u64,
    /// Events declared lost.
    pub lost: u64,
}

/// One row of `sessions`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionRow {
    /// Name of the session.
    pub session_id: String,
    /// When it began, µs since 1970.
    pub created_us: Option<i64>,
    /// When it ended, µs since 1970.
    pub ended_us: Option<i64>,
    /// Why it ended.
    pub end_reason: Option<String>,
    /// The directory that was watched.
    pub workspace: Option<String>,
    /// Name of its policy.
    pub policy: Option<String>,
    /// SHA-256 of that policy's text.
    pub policy_digest: Option<String>,
    /// First and last event.
    pub seqs: (u64, u64),
    /// Events.
    pub events: u64,
    /// Decisions.
    pub decisions: u64,
    /// Refusals.
    pub denied: u64,
}

impl ReaderStore {
    /// Opens a journal that exists.
    ///
    /// # Errors
    /// [`JournalError`] when there is none, or it is foreign or newer; it is not touched then.
    pub fn open(path: &Path) -> Result<Self, JournalError> {
        if !check_before_touching(path)? {
            return Err(JournalError::Missing { path: path.parent().unwrap_or(path).to_owned() });
        }
        let connection = open_reader(path).map_err(|source| JournalError::Store { path: path.to_owned(), source })?;
        check_opened(&connection, path)?;
        Ok(Self { connection, path: path.to_owned() })
    }

    /// The database file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The tree's frontier, as stored.
    ///
    /// # Errors
    /// What SQLite says, or [`StoreError::Damaged`] when the frontier does not fit the size.
    pub fn tree(&self) -> Result<Frontier, StoreError> {
        let row = self.connection.query_row("SELECT size, frontier FROM tree", [], |row| {
            let size: u64 = row.get(0)?;
            Ok((size, Frontier::from_parts(size, row.get_ref(1)?.as_blob()?)))
        });
        let (size, tree) = store_errors(row)?;
        tree.ok_or_else(|| StoreError::Damaged(format!("the tree does not fit its size {size}")))
    }

    /// `seq` of the last event; 0 when there is none.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn head(&self) -> Result<u64, StoreError> {
        store_errors(self.connection.query_row("SELECT coalesce(max(seq), 0) FROM events", [], |row| row.get(0)))
    }

    /// Reads a value of `meta`.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn meta(&self, key: &str) -> Result<Option<String>, StoreError> {
        store_errors(self.connection.query_row("SELECT value FROM meta WHERE key = ?1", [key], |row| row.get(0)).optional())
    }

    /// Calls `each` for the rows behind `after` that meet all conditions, in order, at most `limit` of them. Returns how many there
    /// were. The rows are those that were there when it was called; SQLite reads them a page at a time and is left alone while
    /// `each` runs, so that a slow one does not keep the log from being emptied.
    ///
    /// # Errors
    /// What SQLite or `each` says.
    pub fn rows<E: From<StoreError>>(
        &self,
        after: u64,
        conditions: &[Condition],
        limit: Option<u64>,
        mut each: impl FnMut(&JournalRow<'_>) -> Result<ControlFlow<()>, E>,
    ) -> Result<u64, E> {
        let head = self.head()?;
        let mut page = Page::default();
        let mut plan = Plan::new(self, conditions, after, head, Way::Forward)?;
        let mut count = 0;
        while let Some(mut range) = plan.next()? {
            loop {
                let (mut sql, mut values) = select(COLUMNS, range.after, range.to, conditions);
                sql.push_str(" ORDER BY seq LIMIT ?");
                let left = limit.and_then(|limit| i64::try_from(limit - count).ok());
                values.push(Value::Integer(left.unwrap_or(-1)));
                let mut statement = store_errors(self.connection.prepare_cached(&sql))?;
                page.fill(&mut statement, &values)?;
                for row in page.rows() {
                    count += 1;
                    let row = row.map_err(|UnreadableRow { seq, what }| StoreError::Damaged(format!("seq {seq}: {what}")))?;
                    if each(&row)?.is_break() {
                        return Ok(count);
                    }
                }
                if limit.is_some_and(|limit| count >= limit) {
                    return Ok(count);
                }
                match page.last_seq() {
                    Some(last) if page.more => range.after = last,
                    _ => break,
                }
            }
        }
        Ok(count)
    }

    /// Calls `each` for the rows behind `after` and before `before` that meet the conditions, the newest first.
    ///
    /// # Errors
    /// What SQLite or `each` says.
    pub fn rows_newest_first<E: From<StoreError>>(
        &self,
        after: u64,
        before: u64,
        conditions: &[Condition],
        mut each: impl FnMut(&JournalRow<'_>) -> Result<ControlFlow<()>, E>,
    ) -> Result<(), E> {
        let mut page = Page::default();
        let mut through = before.saturating_sub(1);
        loop {
            let (mut sql, values) = select(COLUMNS, after, through, conditions);
            sql.push_str(" ORDER BY seq DESC");
            let mut statement = store_errors(self.connection.prepare_cached(&sql))?;
            page.fill(&mut statement, &values)?;
            for row in page.iter() {
                if each(&row?)?.is_break() {
                    return Ok(());
                }
            }
            match page.last_seq() {
                Some(last) if page.more => through = last.saturating_sub(1),
                _ => return Ok(()),
            }
        }
    }

    /// Fills `page` with the next rows behind `after`, at most `most` of them and about 1 MiB. An empty page means that there is
    /// nothing yet.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn page(&self, after: u64, conditions: &[Condition], most: u32, page: &mut Page) -> Result<(), StoreError> {
        page.clear();
        let head = if conditions.is_empty() { u64::MAX } else { self.head()? };
        let mut plan = Plan::new(self, conditions, after, head, Way::Forward)?;
        while let Some(range) = plan.next()? {
            let left = most.saturating_sub(u32::try_from(page.len()).unwrap_or(u32::MAX));
            let (mut sql, mut values) = select(COLUMNS, range.after, range.to, conditions);
            sql.push_str(" ORDER BY seq LIMIT ?");
            values.push(Value::Integer(i64::from(left)));
            let mut statement = store_errors(self.connection.prepare_cached(&sql))?;
            page.add(&mut statement, &values)?;
            if page.more || page.len() >= usize::try_from(most).unwrap_or(usize::MAX) {
                break;
            }
        }
        Ok(())
    }

    /// `seq` of the first event that is still kept; 0 when there is none.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn first(&self) -> Result<u64, StoreError> {
        store_errors(self.connection.query_row("SELECT coalesce(min(seq), 0) FROM events", [], |row| row.get(0)))
    }

    /// `seq` of the first event that was seen at or after `time_us`. Times need not ascend, where several recorders or sensors write.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn first_since(&self, time_us: i64) -> Result<Option<u64>, StoreError> {
        let conditions = [Condition::Since(time_us)];
        let mut plan = Plan::new(self, &conditions, 0, self.head()?, Way::Forward)?;
        while let Some(Range { after, to }) = plan.next()? {
            let (mut sql, values) = select("seq", after, to, &conditions);
            sql.push_str(" ORDER BY seq LIMIT 1");
            let mut statement = store_errors(self.connection.prepare_cached(&sql))?;
            let first = store_errors(statement.query_row(params_from_iter(values), |row| row.get(0)).optional())?;
            if first.is_some() {
                return Ok(first);
            }
        }
        Ok(None)
    }

    /// The named consumers, by name.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn consumers(&self) -> Result<Vec<ConsumerRow>, StoreError> {
        self.list(&format!("SELECT {} FROM consumers ORDER BY name", consumers::COLUMNS), consumers::row)
    }

    /// How many rows of each kind meet all conditions.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn count_kinds(&self, conditions: &[Condition]) -> Result<BTreeMap<String, u64>, StoreError> {
        let (mut sql, values) = select("kind, count(*)", 0, u64::MAX, conditions);
        sql.push_str(" GROUP BY kind");
        let mut statement = store_errors(self.connection.prepare_cached(&sql))?;
        let rows = store_errors(statement.query_map(params_from_iter(values), |row| Ok((row.get(0)?, row.get(1)?))))?;
        store_errors(rows.collect())
    }

    /// Where to start behind `after`, so that [`ReaderStore::rows`] with the same conditions gives the last `count` rows and no more.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn before_last(&self, count: u64, after: u64, conditions: &[Condition]) -> Result<u64, StoreError> {
        let mut plan = Plan::new(self, conditions, after, self.head()?, Way::Backward)?;
        // The row before the last `count`, from the end.
        let mut left = count.saturating_add(1);
        while let Some(range) = plan.next()? {
            let (mut sql, mut values) = select("seq", range.after, range.to, conditions);
            sql.push_str(" ORDER BY seq DESC LIMIT ?");
            values.push(Value::Integer(i64::try_from(left).unwrap_or(i64::MAX)));
            let mut statement = store_errors(self.connection.prepare_cached(&sql))?;
            let mut rows = store_errors(statement.query(params_from_iter(values)))?;
            while let Some(row) = store_errors(rows.next())? {
                left -= 1;
                if left == 0 {
                    return store_errors(row.get(0));
                }
            }
        }
        Ok(after)
    }

    /// Runs `work` with all reads of one moment. The log cannot be emptied meanwhile.
    ///
    /// # Errors
    /// What SQLite or `work` says.
    pub(crate) fn at_one_moment<T, E: From<StoreError>>(&self, work: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        store_errors(self.connection.execute_batch("BEGIN; SELECT 1 FROM tree;"))?;
        let done = work();
        store_errors(self.connection.execute_batch("COMMIT"))?;
        done
    }

    /// Positions of rows that stand before the first, where no recorder writes.
    ///
    /// # Errors
    /// What SQLite says.
    pub(crate) fn seqs_before_the_first(&self) -> Result<Vec<i64>, StoreError> {
        self.list("SELECT seq FROM events WHERE seq < 1 ORDER BY seq", |row| row.get(0))
    }

    /// All checkpoints, oldest first.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn checkpoints(&self) -> Result<Vec<CheckpointRow>, StoreError> {
        self.list("SELECT tree_size, root, time_us, note FROM checkpoints ORDER BY tree_size", checkpoint_row)
    }

    /// The newest checkpoint.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn last_checkpoint(&self) -> Result<Option<CheckpointRow>, StoreError> {
        let sql = "SELECT tree_size, root, time_us, note FROM checkpoints ORDER BY tree_size DESC LIMIT 1";
        Ok(self.list(sql, checkpoint_row)?.pop())
    }

    /// All intakes, oldest first.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn intakes(&self) -> Result<Vec<IntakeRow>, StoreError> {
        let sql = "SELECT id, pid, opened_us, state, offered, journaled, lost FROM intakes ORDER BY opened_us, id";
        self.list(sql, |row| {
            Ok(IntakeRow {
                id: row.get(0)?,
                pid: row.get(1)?,
                opened_us: row.get(2)?,
                state: row.get(3)?,
                offered: row.get(4)?,
                journaled: row.get(5)?,
                lost: row.get(6)?,
            })
        })
    }

    /// All sessions, oldest first.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn sessions(&self) -> Result<Vec<SessionRow>, StoreError> {
        self.list(&format!("SELECT {SESSION_COLUMNS} FROM sessions ORDER BY first_seq"), session_row)
    }

    /// Sessions whose first event is before `before`, newest first, at most so many; only those without an end where `running` is set.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn recent_sessions(&self, before: u64, running: bool, most: u32) -> Result<Vec<SessionRow>, StoreError> {
        let sql = format!(
            "SELECT {SESSION_COLUMNS} FROM sessions WHERE first_seq < ?1 AND (NOT ?2 OR ended_us IS NULL) \
             ORDER BY first_seq DESC LIMIT ?3"
        );
        let before = i64::try_from(before).unwrap_or(i64::MAX);
        let mut statement = store_errors(self.connection.prepare_cached(&sql))?;
        let rows = store_errors(statement.query_map((before, running, most), session_row))?;
        store_errors(rows.collect())
    }

    /// Ids of sessions that start with `start`, newest first, at most so many.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn sessions_named(&self, start: &str, most: u32) -> Result<Vec<String>, StoreError> {
        let sql = "SELECT session_id FROM sessions WHERE substr(session_id, 1, length(?1)) = ?1 ORDER BY first_seq DESC LIMIT ?2";
        let mut statement = store_errors(self.connection.prepare_cached(sql))?;
        let rows = store_errors(statement.query_map((start, most), |row| row.get(0)))?;
        store_errors(rows.collect())
    }

    /// One session.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn session(&self, session_id: &str) -> Result<Option<SessionRow>, StoreError> {
        let sql = format!("SELECT {SESSION_COLUMNS} FROM sessions WHERE session_id = ?1");
        store_errors(self.connection.query_row(&sql, [session_id], session_row).optional())
    }

    /// Names and texts of the triggers that refuse changes.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn triggers(&self) -> Result<Vec<(String, String)>, StoreError> {
        self.list("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger' ORDER BY name", |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
    }

    pub(super) fn list<T>(&self, sql: &str, read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>) -> Result<Vec<T>, StoreError> {
        let mut statement = store_errors(self.connection.prepare_cached(sql))?;
        let rows = store_errors(statement.query_map([], read))?;
        store_errors(rows.collect())
    }
}

fn checkpoint_row(row: &Row<'_>) -> rusqlite::Result<CheckpointRow> {
    Ok(CheckpointRow { tree_size: row.get(0)?, root: row.get(1)?, time_us: row.get(2)?, note: row.get(3)? })
}

/// The columns of `events`, in the order that a page reads them.
pub(super) const COLUMNS: &str =
    "seq, id, time_us, session_id, command_id, cause, kind, pid, subject, decision, rule, severity, attack, payload, leaf";

const SESSION_COLUMNS: &str = "session_id, created_us, ended_us, workspace, policy, first_seq, last_seq, events, decisions, denied, end_reason, policy_digest";

fn session_row(row: &Row<'_>) -> rusqlite::Result<SessionRow> {
    Ok(SessionRow {
        session_id: row.get(0)?,
        created_us: row.get(1)?,
        ended_us: row.get(2)?,
        workspace: row.get(3)?,
        policy: row.get(4)?,
        seqs: (row.get(5)?, row.get(6)?),
        events: row.get(7)?,
        decisions: row.get(8)?,
        denied: row.get(9)?,
        end_reason: row.get(10)?,
        policy_digest: row.get(11)?,
    })
}
