//! When a stream that follows sessions has seen all of them.

use std::collections::BTreeSet;

use crate::encode::stored::Columns;
use crate::event::Kind;
use crate::journal::{ReaderStore, StoreError};

/// The sessions whose end a stream waits for. A session whose recorder was killed has no end, and is waited for.
#[derive(Debug, Default)]
pub(super) struct Ending {
    running: BTreeSet<String>,
    /// The last event of those that have ended.
    last: u64,
}

impl Ending {
    /// Looks which of the sessions have ended already.
    pub(super) fn of(store: &ReaderStore, sessions: &[String]) -> Result<Self, StoreError> {
        let mut ending = Self::default();
        for session in sessions {
            match store.session(session)? {
                Some(row) if row.ended_us.is_some() => ending.last = ending.last.max(row.seqs.1),
                _ => {
                    ending.running.insert(session.clone());
                }
            }
        }
        Ok(ending)
    }

    /// A row went by.
    pub(super) fn saw(&mut self, seq: u64, row: &Columns<'_>) {
        if row.kind == Kind::SessionEnded.as_str() && row.session_id.is_some_and(|session| self.running.remove(session)) {
            self.last = self.last.max(seq);
        }
    }

    /// Whether nothing of the sessions comes behind `position`.
    pub(super) fn is_over(&self, position: u64) -> bool {
        self.running.is_empty() && position >= self.last
    }
}
