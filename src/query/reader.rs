//! `Reader`: asks the journal for the events of a filter, for the session behind a name, and for the verdict on an operation.

use std::ops::ControlFlow;

use super::filter::Filter;
use super::sinks::{DeadLetter, SinkStatus, sinks};
use crate::event::{Decision, Event, EventId, JournaledEvent, Kind, Payload, SessionId};
use crate::journal::{CheckpointRow, Condition, DataDir, JournalError, JournalRow, ReaderStore, SensorRow, StoreError};

/// Names of sessions that an error lists.
const NAMED: usize = 5;

/// Why a name stands for no session.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// There is none.
    #[error("the journal has no session yet: record one with `agentsh run -- CMD`")]
    NoneYet,
    /// No session's name starts so.
    #[error("no session is named `{name}` or starts with it: `agentsh events --kind session_created` lists them")]
    Unknown {
        /// The name as it was given.
        name: String,
    },
    /// Several start so.
    #[error("`{name}` is the start of {count} sessions: write more of it: {}", candidates.join(", "))]
    Ambiguous {
        /// The name as it was given.
        name: String,
        /// How many sessions start so.
        count: usize,
        /// The newest of them.
        candidates: Vec<String>,
    },
    /// The journal cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A verdict that stands right behind its operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// What policy said.
    pub decision: Decision,
    /// The rule that decided; absent when a default did.
    pub rule: Option<String>,
    /// Whether the operation waited for it; if not, it is what would have been decided.
    pub enforced: bool,
}

/// A journal that is asked.
pub struct Reader {
    store: ReaderStore,
}

impl Reader {
    /// Opens the journal of a data directory.
    ///
    /// # Errors
    /// [`JournalError`] when there is none, or it is foreign or newer; it is not touched then.
    pub fn open(data_dir: &DataDir) -> Result<Self, JournalError> {
        Ok(Self { store: ReaderStore::open(&data_dir.journal())? })
    }

    pub(super) const fn store(&self) -> &ReaderStore {
        &self.store
    }

    /// `seq` of the last event; 0 when there is none.
    ///
    /// # Errors
    /// What the journal says.
    pub fn head(&self) -> Result<u64, StoreError> {
        self.store.head()
    }

    /// The full name of the session that `name` stands for: its name, the start of its name if no other starts so, or `last`.
    ///
    /// # Errors
    /// [`SessionError`].
    pub fn session(&self, name: &str) -> Result<String, SessionError> {
        let mut sessions: Vec<String> = self.store.sessions()?.into_iter().map(|session| session.session_id).collect();
        if name == "last" {
            return sessions.pop().ok_or(SessionError::NoneYet);
        }
        if sessions.iter().any(|session| session == name) {
            return Ok(name.to_owned());
        }
        sessions.retain(|session| session.starts_with(name));
        match sessions.as_slice() {
            [] => Err(SessionError::Unknown { name: name.to_owned() }),
            [one] => Ok(one.clone()),
            several => Err(SessionError::Ambiguous {
                name: name.to_owned(),
                count: several.len(),
                candidates: several.iter().rev().take(NAMED).cloned().collect(),
            }),
        }
    }

    /// Where to start, so that [`Reader::rows`] gives the last `count` events that match `filter`.
    ///
    /// # Errors
    /// What the journal says.
    pub fn before_last(&self, count: u64, filter: &Filter) -> Result<u64, StoreError> {
        self.store.before_last(count, filter.after(), &filter.conditions())
    }

    /// Calls `each` for the rows behind `after` that meet the conditions, in order, all of one moment.
    ///
    /// # Errors
    /// What the journal or `each` says.
    pub fn rows<E: From<StoreError>>(
        &self,
        after: u64,
        conditions: &[Condition],
        each: impl FnMut(&JournalRow<'_>) -> Result<ControlFlow<()>, E>,
    ) -> Result<u64, E> {
        self.store.rows(after, conditions, None, each)
    }

    /// The checkpoints, by size.
    ///
    /// # Errors
    /// What the journal says.
    pub fn checkpoints(&self) -> Result<Vec<CheckpointRow>, StoreError> {
        self.store.checkpoints()
    }

    /// As [`Reader::rows`], before `before` and the newest first.
    ///
    /// # Errors
    /// What the journal or `each` says.
    pub fn rows_newest_first<E: From<StoreError>>(
        &self,
        after: u64,
        before: u64,
        conditions: &[Condition],
        each: impl FnMut(&JournalRow<'_>) -> Result<ControlFlow<()>, E>,
    ) -> Result<(), E> {
        self.store.rows_newest_first(after, before, conditions, each)
    }

    /// How far the events of every sensor are in the journal, by name.
    ///
    /// # Errors
    /// What the journal says.
    pub fn sensors(&self) -> Result<Vec<SensorRow>, StoreError> {
        self.store.sensors()
    }

    /// How every sink stands.
    ///
    /// # Errors
    /// What the journal says.
    pub fn sinks(&self) -> Result<Vec<SinkStatus>, StoreError> {
        sinks(&self.store, self.store.head()?)
    }

    /// Events that the peer of one sink or of any refused, the newest first, at most `most`.
    ///
    /// # Errors
    /// What the journal says.
    pub fn dead_letters(&self, sink: Option<&str>, most: u64) -> Result<Vec<DeadLetter>, StoreError> {
        self.store.dead_letters(sink, most)
    }

    /// Dead letters that are to be sent again and were not yet: sink and event.
    ///
    /// # Errors
    /// What the journal says.
    pub fn asked_again(&self) -> Result<Vec<(String, u64)>, StoreError> {
        self.store.asked_again()
    }

    /// The verdict on the operation at `seq`, if it was judged. A decision stands right behind its operation, in the same commit.
    ///
    /// # Errors
    /// What the journal says.
    pub fn verdict(&self, seq: u64, operation: EventId) -> Result<Option<Verdict>, StoreError> {
        let mut verdict = None;
        self.store.rows::<StoreError>(seq, &[], Some(1), |row| {
            let columns = &row.columns;
            let judges = columns.kind == Kind::PolicyDecision.as_str() && columns.cause == Some(operation.as_bytes());
            if row.seq == seq + 1 && judges {
                let decision = columns.decision.and_then(Decision::from_word);
                verdict = decision.map(|decision| Verdict {
                    decision,
                    rule: columns.rule.map(str::to_owned),
                    // Quotation marks within a text are escaped: this stands nowhere else.
                    enforced: !columns.payload.contains("\"enforced\":false"),
                });
            }
            Ok(ControlFlow::Break(()))
        })?;
        Ok(verdict)
    }

    /// The host name that the session's `session_created` gives.
    ///
    /// # Errors
    /// What the journal says.
    pub fn hostname(&self, session: &SessionId) -> Result<Option<String>, StoreError> {
        let mut hostname = None;
        let conditions = [Condition::Session(session.as_str().to_owned()), Condition::Kinds(vec![Kind::SessionCreated])];
        self.store.rows::<StoreError>(0, &conditions, Some(1), |row| {
            // One that cannot be read says no name; `verify` is who says why.
            if let Ok(JournaledEvent { event: Event { payload: Payload::SessionCreated(p), .. }, .. }) = row.to_event() {
                hostname = Some(p.hostname);
            }
            Ok(ControlFlow::Break(()))
        })?;
        Ok(hostname)
    }
}
