//! What the journal says of sessions: those that run and those that have ended, for ever.

use std::ops::ControlFlow;

use crate::event::{Kind, Payload};
use crate::journal::{Condition, DataDir, ReaderStore, SessionRow, StoreError};
use crate::serve::sessions::{SessionError, SessionInfo, SessionPage, SessionState, WhichSessions};

/// Sessions on a page, unless the request says how many.
const USUAL_PAGE: u32 = 100;
/// Sessions on a page, whatever the request says.
const LARGEST_PAGE: u32 = 1_000;
/// Sessions that an error lists.
const NAMED: u32 = 5;

fn unreadable(error: impl std::fmt::Display) -> SessionError {
    SessionError::Failed { what: "the list of sessions", reason: error.to_string() }
}

/// The journal, as far as sessions go.
pub(super) struct Records(ReaderStore);

impl Records {
    pub(super) fn open(data_dir: &DataDir) -> Result<Self, SessionError> {
        ReaderStore::open(&data_dir.journal()).map(Self).map_err(unreadable)
    }

    /// The full id of the session that `id` is, or is the start of.
    pub(super) fn resolve(&self, id: &str) -> Result<String, SessionError> {
        if self.0.session(id).map_err(unreadable)?.is_some() {
            return Ok(id.to_owned());
        }
        let mut named = if id.is_empty() { Vec::new() } else { self.0.sessions_named(id, NAMED).map_err(unreadable)? };
        match (named.pop(), named.is_empty()) {
            (None, _) => Err(SessionError::Unknown { id: id.to_owned() }),
            (Some(one), true) => Ok(one),
            (Some(last), false) => {
                named.push(last);
                Err(SessionError::Ambiguous { id: id.to_owned(), candidates: named })
            }
        }
    }

    /// One session, by its full id.
    pub(super) fn get(&self, id: &str) -> Result<SessionInfo, SessionError> {
        match self.0.session(id).map_err(unreadable)? {
            Some(row) => self.info(row).map_err(unreadable),
            None => Err(SessionError::Unknown { id: id.to_owned() }),
        }
    }

    /// Some sessions, newest first.
    pub(super) fn list(&self, which: WhichSessions) -> Result<SessionPage, SessionError> {
        let most = if which.most == 0 { USUAL_PAGE } else { which.most.min(LARGEST_PAGE) };
        let before = which.before.unwrap_or(u64::MAX);
        // One more tells whether there is another page.
        let mut rows = self.0.recent_sessions(before, which.running, most + 1).map_err(unreadable)?;
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        let more = rows.len() > most;
        rows.truncate(most);
        let next = rows.last().filter(|_| more).map(|row| row.seqs.0);
        let sessions = rows.into_iter().map(|row| self.info(row)).collect::<Result<_, StoreError>>().map_err(unreadable)?;
        Ok(SessionPage { sessions, next })
    }

    /// `seq` of the session's last event.
    pub(super) fn last_seq(&self, id: &str) -> u64 {
        self.0.session(id).ok().flatten().map_or(0, |row| row.seqs.1)
    }

    fn info(&self, row: SessionRow) -> Result<SessionInfo, StoreError> {
        let mut labels = Vec::new();
        let created = [Condition::Session(row.session_id.clone()), Condition::Kinds(vec![Kind::SessionCreated])];
        self.0.rows::<StoreError>(row.seqs.0.saturating_sub(1), &created, Some(1), |event| {
            if let Ok(event) = event.to_event()
                && let Payload::SessionCreated(created) = event.event.payload
            {
                labels = created.labels;
            }
            Ok(ControlFlow::Break(()))
        })?;
        Ok(SessionInfo {
            id: row.session_id,
            state: if row.ended_us.is_some() { SessionState::Ended } else { SessionState::Running },
            workspace: row.workspace.unwrap_or_default(),
            policy: row.policy.unwrap_or_default(),
            policy_digest: row.policy_digest.unwrap_or_default(),
            labels,
            created_us: row.created_us.unwrap_or(0),
            ended_us: row.ended_us,
            end_reason: row.end_reason.unwrap_or_default(),
            first_seq: row.seqs.0,
            last_seq: row.seqs.1,
            events: row.events,
            decisions: row.decisions,
            denied: row.denied,
            commands: Vec::new(),
            idle_timeout_ms: 0,
            hard_timeout_ms: 0,
        })
    }
}
