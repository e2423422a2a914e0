//! The `sessions` table: a projection of the events, kept up with each commit and recomputed by `rebuild`.

use std::collections::BTreeMap;

use rusqlite::params;

use super::append::{Transaction, WriterStore};
use super::connection::store_errors;
use crate::encode::stored::Columns;
use crate::event::{Decision, Event, Kind, Payload};
use crate::journal::error::StoreError;

/// What a transaction has changed about the sessions, by their names.
#[derive(Default)]
pub(super) struct Sessions(BTreeMap<String, SessionDelta>);

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

impl WriterStore {
    /// Drops and recomputes what is only a projection of the events.
    ///
    /// # Errors
    /// [`StoreError`]; then the old projection is still there.
    pub(crate) fn rebuild(&mut self) -> Result<u64, StoreError> {
        self.transaction(|transaction| {
            transaction.rebuild_sensors()?;
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
                transaction.sessions.project(store_errors(row.get(0))?, &columns);
            }
            u64::try_from(transaction.sessions.0.len()).map_err(|error| StoreError::Other(error.to_string()))
        })
    }
}

impl Transaction<'_> {
    /// Writes what the transaction has changed.
    pub(super) fn put_sessions(&mut self) -> Result<(), StoreError> {
        for (session, delta) in std::mem::take(&mut self.sessions).0 {
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

impl Sessions {
    /// Takes in one event.
    pub(super) fn project(&mut self, seq: u64, columns: &Columns<'_>) {
        let Some(session) = columns.session_id else { return };
        if !self.0.contains_key(session) {
            self.0.insert(session.to_owned(), SessionDelta { first: seq, ..SessionDelta::default() });
        }
        let Some(delta) = self.0.get_mut(session) else { return };
        delta.last = seq;
        delta.events += 1;
        if let Some(decision) = columns.decision {
            delta.decisions += 1;
            // Of an import, the verdict is what would have been decided. Within a JSON text, a quote that is no part of a string is not
            // escaped, so that nothing else can look like this key.
            let is_deny = decision == Decision::Deny.as_str() && !columns.payload.contains("\"enforced\":false");
            delta.denied += u64::from(is_deny);
        }
        if columns.kind == Kind::SessionCreated.as_str() || columns.kind == Kind::SessionEnded.as_str() {
            // A projection must not stop the journal: what another version wrote and this one cannot read stays out of it.
            delta.life.extend(columns.to_event());
        }
    }
}
