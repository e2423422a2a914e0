//! Following the journal: history first, then what is committed, without gap or repeat (G-5).

use std::ops::ControlFlow;
use std::time::Duration;

use super::data_dir::DataDir;
use super::doorbell::Bell;
use super::error::{JournalError, StoreError};
use super::sqlite::{Condition, JournalRow, ReaderStore};

/// How long a follower waits for a ring before it looks by itself.
const POLL: Duration = Duration::from_secs(1);

/// A reader that waits for what comes.
pub struct Follower {
    store: ReaderStore,
    bell: Bell,
    after: u64,
}

impl Follower {
    /// Follows from behind `after`.
    ///
    /// # Errors
    /// [`JournalError`] when there is no journal, or no bell can be hung in the data directory.
    pub fn new(data_dir: &DataDir, after: u64) -> Result<Self, JournalError> {
        // The bell is there before the first look: a commit in between rings it.
        let store = ReaderStore::open(&data_dir.journal())?;
        let bell = Bell::hang(&data_dir.doorbell()).map_err(|source| JournalError::Io {
            what: "cannot hang a doorbell in",
            path: data_dir.doorbell(),
            source,
        })?;
        Ok(Self { store, bell, after })
    }

    /// `seq` up to which everything was seen.
    #[must_use]
    pub const fn after(&self) -> u64 {
        self.after
    }

    /// Calls `each` for the rows that came since the last call and meet all conditions, then waits for a commit if there was no
    /// new row at all.
    ///
    /// # Errors
    /// What SQLite, the bell or `each` says; rows before the failing one count as seen.
    pub fn next<E: From<StoreError>>(
        &mut self,
        conditions: &[Condition],
        mut each: impl FnMut(&JournalRow<'_>) -> Result<ControlFlow<()>, E>,
    ) -> Result<ControlFlow<()>, E> {
        let head = self.store.head()?;
        // A reader may be ahead of a journal that it did not know: what is before its position is not news to it.
        if head <= self.after {
            self.bell.wait(POLL).map_err(|error| E::from(StoreError::Disk(error.to_string())))?;
            return Ok(ControlFlow::Continue(()));
        }
        let mut flow = ControlFlow::Continue(());
        let mut seen = self.after;
        let read = self.store.rows(self.after, conditions, None, |row: &JournalRow<'_>| {
            if row.seq > head {
                return Ok(ControlFlow::Break(()));
            }
            flow = each(row)?;
            seen = row.seq;
            Ok(flow)
        });
        self.after = if flow.is_break() || read.is_err() { seen } else { head };
        read.map(|_rows| flow)
    }
}
