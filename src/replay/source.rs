//! Where a session's events come from.

use std::ops::ControlFlow;

use super::error::ReplayError;
use crate::event::JournaledEvent;
use crate::journal::{Condition, DataDir, JournalRow, ReaderStore};

/// The events of one session, in the order of `seq`.
pub trait Source {
    /// Calls `each` for every row behind `after`.
    ///
    /// # Errors
    /// What the source or `each` says.
    fn scan(&self, after: u64, each: &mut dyn FnMut(&JournalRow<'_>) -> Result<(), ReplayError>) -> Result<(), ReplayError>;

    /// The events from `first` to `last`, at most `most` of them.
    ///
    /// # Errors
    /// What the source says.
    fn events(&self, first: u64, last: u64, most: u64) -> Result<Vec<JournaledEvent>, ReplayError>;

    /// Positions of the events with this text in subject or payload, whatever its case.
    ///
    /// # Errors
    /// What the source says.
    fn with_text(&self, text: &str) -> Result<Vec<u64>, ReplayError>;
}

/// A session of the journal.
pub struct JournalSource {
    store: ReaderStore,
    session: Condition,
}

impl JournalSource {
    /// A session by its full name.
    ///
    /// # Errors
    /// When there is no journal that can be read.
    pub fn open(data_dir: &DataDir, session: &str) -> Result<Self, ReplayError> {
        Ok(Self { store: ReaderStore::open(&data_dir.journal())?, session: Condition::Session(session.to_owned()) })
    }
}

impl Source for JournalSource {
    fn scan(&self, after: u64, each: &mut dyn FnMut(&JournalRow<'_>) -> Result<(), ReplayError>) -> Result<(), ReplayError> {
        self.store.rows::<ReplayError>(after, std::slice::from_ref(&self.session), None, |row| {
            each(row)?;
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(())
    }

    fn events(&self, first: u64, last: u64, most: u64) -> Result<Vec<JournaledEvent>, ReplayError> {
        let mut events = Vec::new();
        let session = std::slice::from_ref(&self.session);
        self.store.rows::<ReplayError>(first.saturating_sub(1), session, Some(most), |row| {
            if row.seq > last {
                return Ok(ControlFlow::Break(()));
            }
            events.push(typed(row)?);
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(events)
    }

    fn with_text(&self, text: &str) -> Result<Vec<u64>, ReplayError> {
        let mut seqs = Vec::new();
        let conditions = [self.session.clone(), Condition::Text(text.to_owned())];
        self.store.rows::<ReplayError>(0, &conditions, None, |row| {
            seqs.push(row.seq);
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(seqs)
    }
}

/// The typed event of a row.
pub(super) fn typed(row: &JournalRow<'_>) -> Result<JournaledEvent, ReplayError> {
    row.to_event().map_err(|error| ReplayError::Event { seq: row.seq, what: error.to_string() })
}
