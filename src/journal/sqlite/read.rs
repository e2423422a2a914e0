//! The readers' side: read-only connections, rows in order, and the small tables.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Row, params_from_iter};

use super::connection::{open_reader, store_errors};
use super::migrate::check_before_touching;
use crate::encode::stored::{Columns, DecodeError};
use crate::event::{Decision, JournaledEvent, Kind, Seq};
use crate::journal::error::{JournalError, StoreError};
use crate::journal::merkle::Frontier;

/// A read-only connection.
pub struct ReaderStore {
    connection: Connection,
    path: PathBuf,
}

/// What a row must be like. Conditions of a list all hold.
#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    /// Belongs to the session.
    Session(String),
    /// Is of one of the kinds.
    Kinds(Vec<Kind>),
    /// Carries one of the verdicts, or is an operation that got one of them.
    Decisions(Vec<Decision>),
    /// Was seen at or after the time (µs since 1970).
    Since(i64),
    /// Was seen before the time (µs since 1970).
    Until(i64),
    /// Is about the path, something beneath it, or what it matches as a glob (`*` also matches `/`; `?`, `[…]`); for a rename or a
    /// link, under the old name or the new.
    Path(String),
    /// Is about the host or a name beneath it.
    Host(String),
    /// Belongs to the command with that id, or was done by or starts the program of that path or name.
    Command(String),
    /// Was done by the process.
    Pid(u32),
    /// Names the technique or one of its sub-techniques.
    Technique(String),
    /// Has the text in its subject or payload, whatever its case.
    Text(String),
}

/// One row of `events`, borrowed from the statement.
pub struct JournalRow<'r> {
    /// Position.
    pub seq: u64,
    /// All columns but `seq` and `leaf`.
    pub columns: Columns<'r>,
    /// Hash of the leaf, as stored.
    pub leaf: &'r [u8],
}

impl JournalRow<'_> {
    /// The typed event.
    ///
    /// # Errors
    /// [`DecodeError`] when a column holds no value of its type.
    pub fn to_event(&self) -> Result<JournaledEvent, DecodeError> {
        let event = self.columns.to_event()?;
        let seq = Seq::new(self.seq).ok_or(DecodeError::Value { column: "seq" })?;
        Ok(JournaledEvent { seq, kind: event.kind(), event })
    }
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
    /// The directory that was watched.
    pub workspace: Option<String>,
    /// Name of its policy.
    pub policy: Option<String>,
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
    /// were. All rows are of one moment.
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
        let columns = "seq, id, time_us, session_id, command_id, cause, kind, pid, subject, decision, rule, severity, attack, payload, leaf";
        let (mut sql, mut values) = select(columns, after, conditions);
        sql.push_str(" ORDER BY seq LIMIT ?");
        values.push(Value::Integer(limit.and_then(|limit| i64::try_from(limit).ok()).unwrap_or(-1)));
        let mut statement = store_errors(self.connection.prepare_cached(&sql))?;
        let mut rows = store_errors(statement.query(params_from_iter(values)))?;
        let mut count = 0;
        while let Some(row) = store_errors(rows.next())? {
            count += 1;
            if each(&journal_row(row)?)?.is_break() {
                break;
            }
        }
        Ok(count)
    }

    /// How many rows of each kind meet all conditions.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn count_kinds(&self, conditions: &[Condition]) -> Result<BTreeMap<String, u64>, StoreError> {
        let (mut sql, values) = select("kind, count(*)", 0, conditions);
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
        let (mut sql, mut values) = select("seq", after, conditions);
        sql.push_str(" ORDER BY seq DESC LIMIT 1 OFFSET ?");
        values.push(Value::Integer(i64::try_from(count).unwrap_or(i64::MAX)));
        let mut statement = store_errors(self.connection.prepare_cached(&sql))?;
        let before: Option<u64> = store_errors(statement.query_row(params_from_iter(values), |row| row.get(0)).optional())?;
        Ok(before.unwrap_or(after))
    }

    /// Calls `read`, and all that it reads is of one moment.
    ///
    /// # Errors
    /// What SQLite or `read` says.
    pub fn at_one_moment<T>(&self, read: impl FnOnce(&Self) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let transaction = store_errors(self.connection.unchecked_transaction())?;
        let result = read(self);
        store_errors(transaction.finish())?;
        result
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

    fn list<T>(&self, sql: &str, read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>) -> Result<Vec<T>, StoreError> {
        let mut statement = store_errors(self.connection.prepare_cached(sql))?;
        let rows = store_errors(statement.query_map([], read))?;
        store_errors(rows.collect())
    }
}

fn checkpoint_row(row: &Row<'_>) -> rusqlite::Result<CheckpointRow> {
    Ok(CheckpointRow { tree_size: row.get(0)?, root: row.get(1)?, time_us: row.get(2)?, note: row.get(3)? })
}

const SESSION_COLUMNS: &str =
    "session_id, created_us, ended_us, workspace, policy, first_seq, last_seq, events, decisions, denied";

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
    })
}

/// A selection of the rows behind `after` that meet all conditions, up to where the order is said.
fn select(columns: &str, after: u64, conditions: &[Condition]) -> (String, Vec<Value>) {
    let mut sql = format!("SELECT {columns} FROM events WHERE seq > ?");
    let mut values = vec![Value::Integer(i64::try_from(after).unwrap_or(i64::MAX))];
    let in_session = conditions.iter().any(|condition| matches!(condition, Condition::Session(_)));
    for condition in conditions {
        condition.write(after, in_session, &mut sql, &mut values);
    }
    (sql, values)
}

fn journal_row<'r>(row: &'r Row<'_>) -> Result<JournalRow<'r>, StoreError> {
    let damaged = |column: &'static str| {
        move |error: rusqlite::types::FromSqlError| StoreError::Damaged(format!("column `{column}`: {error}"))
    };
    let value = |index: usize| store_errors(row.get_ref(index));
    let text = |index: usize, column| value(index)?.as_str().map_err(damaged(column));
    let maybe_text = |index: usize, column| value(index)?.as_str_or_null().map_err(damaged(column));
    let integer = |index: usize, column| value(index)?.as_i64().map_err(damaged(column));
    Ok(JournalRow {
        seq: u64::try_from(integer(0, "seq")?).map_err(|_| StoreError::Damaged("a negative seq".to_owned()))?,
        columns: Columns {
            id: value(1)?.as_blob().map_err(damaged("id"))?,
            time_us: integer(2, "time_us")?,
            session_id: maybe_text(3, "session_id")?,
            command_id: maybe_text(4, "command_id")?,
            cause: value(5)?.as_blob_or_null().map_err(damaged("cause"))?,
            kind: text(6, "kind")?,
            pid: value(7)?.as_i64_or_null().map_err(damaged("pid"))?,
            subject: maybe_text(8, "subject")?,
            decision: maybe_text(9, "decision")?,
            rule: maybe_text(10, "rule")?,
            severity: integer(11, "severity")?,
            attack: maybe_text(12, "attack")?,
            payload: text(13, "payload")?,
        },
        leaf: value(14)?.as_blob().map_err(damaged("leaf"))?,
    })
}

impl Condition {
    /// Appends the condition to a selection of the rows behind `after`.
    fn write(&self, after: u64, in_session: bool, sql: &mut String, values: &mut Vec<Value>) {
        let mut add = |clause: &str, new: &[Value]| {
            sql.push_str(" AND ");
            sql.push_str(clause);
            values.extend_from_slice(new);
        };
        let text = |text: &str| Value::Text(text.to_owned());
        match self {
            Condition::Session(session) => add("session_id = ?", &[text(session)]),
            Condition::Kinds(kinds) => {
                let places = vec!["?"; kinds.len()].join(", ");
                let words: Vec<Value> = kinds.iter().map(|kind| text(kind.as_str())).collect();
                if in_session {
                    // The plus sign keeps the index of kinds out: that of sessions narrows more, and is in order.
                    add(&format!("+kind IN ({places})"), &words);
                } else if kinds.len() < 2 {
                    add(&format!("kind IN ({places})"), &words);
                } else {
                    // Read from the index of several kinds, whole rows would have to be sorted, all of them before the first is given.
                    let behind = Value::Integer(i64::try_from(after).unwrap_or(i64::MAX));
                    add(
                        &format!("seq IN (SELECT k.seq FROM events k WHERE k.seq > ? AND k.kind IN ({places}))"),
                        &[vec![behind], words].concat(),
                    );
                }
            }
            Condition::Decisions(decisions) => {
                let places = vec!["?"; decisions.len()].join(", ");
                let words: Vec<Value> = decisions.iter().map(|decision| text(decision.as_str())).collect();
                // A decision stands right behind its operation.
                add(
                    &format!(
                        "(decision IN ({places}) OR EXISTS (SELECT 1 FROM events d WHERE d.seq = events.seq + 1 \
                         AND d.kind = 'policy_decision' AND d.cause = events.id AND d.decision IN ({places})))"
                    ),
                    &[words.clone(), words].concat(),
                );
            }
            Condition::Since(time) => add("time_us >= ?", &[Value::Integer(*time)]),
            Condition::Until(time) => add("time_us < ?", &[Value::Integer(*time)]),
            Condition::Path(path) => {
                let beneath = format!("{}/", path.trim_end_matches('/'));
                let is_glob = Value::Integer(i64::from(path.contains(['*', '?', '['])));
                // A name like `[id].ts` is itself too, whatever it matches as a glob.
                add(
                    "EXISTS (SELECT 1 FROM (SELECT subject AS path UNION ALL SELECT json_extract(payload, '$.to') \
                     WHERE kind IN ('file_rename', 'file_link')) \
                     WHERE path = ? OR substr(path, 1, length(?)) = ? OR (? AND path GLOB ?))",
                    &[text(path), text(&beneath), text(&beneath), is_glob, text(path)],
                );
            }
            Condition::Host(host) => {
                let beneath = format!(".{host}");
                add(
                    "EXISTS (SELECT 1 FROM (SELECT lower(coalesce(json_extract(payload, '$.host'), json_extract(payload, '$.name'), \
                     json_extract(payload, '$.sni'))) AS host) WHERE host = lower(?) OR substr(host, -length(?)) = lower(?))",
                    &[text(host), text(&beneath), text(&beneath)],
                );
            }
            Condition::Command(command) => {
                let named = format!("/{command}");
                add(
                    "(command_id = ? OR EXISTS (SELECT 1 FROM (SELECT CASE WHEN kind IN ('process_exec', 'process_exit', \
                     'command_started', 'command_finished') THEN subject ELSE json_extract(payload, '$.actor.exe') END AS program) \
                     WHERE program = ? OR substr(program, -length(?)) = ?))",
                    &[text(command), text(command), text(&named), text(&named)],
                );
            }
            Condition::Pid(pid) => add("pid = ?", &[Value::Integer(i64::from(*pid))]),
            Condition::Technique(technique) => add(
                "EXISTS (SELECT 1 FROM json_each(events.attack) WHERE value = ? OR substr(value, 1, length(?)) = ?)",
                &[text(technique), text(&format!("{technique}.")), text(&format!("{technique}."))],
            ),
            Condition::Text(part) => {
                let pattern = |part: &str| {
                    let escaped = part.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
                    text(&format!("%{escaped}%"))
                };
                // In the payload the text stands as JSON writes it: a quote has a backslash in front.
                let json = serde_json::Value::from(part.as_str()).to_string();
                let json = json.strip_prefix('"').and_then(|json| json.strip_suffix('"')).unwrap_or(part);
                add("(subject LIKE ? ESCAPE '\\' OR payload LIKE ? ESCAPE '\\')", &[pattern(part), pattern(json)]);
            }
        }
    }
}
