//! `DetectionStore`: a writing connection of the detector's own, beside the recorder's, that commits what belongs together at once.

use std::time::Duration;

use super::data_dir::DataDir;
use super::doorbell::Ringer;
use super::error::{JournalError, StoreError};
use super::sqlite::{CursorMove, StateRow, WriterStore};
use crate::event::Event;

/// How long a commit waits for recorders before it answers [`StoreError::Busy`].
const PATIENCE: Duration = Duration::from_secs(1);

/// Appends detections.
pub struct DetectionStore {
    store: WriterStore,
    ringer: Ringer,
}

/// What is committed together, or not at all.
#[derive(Clone, Copy, Debug)]
pub struct DetectionCommit<'a> {
    /// Detections; one that is in the journal already is passed over.
    pub detections: &'a [Event],
    /// What is remembered of sessions.
    pub states: &'a [StateRow],
    /// The cursor up to which all of it holds.
    pub cursor: Option<&'a CursorMove>,
}

impl DetectionStore {
    /// Opens a journal that some recorder of this version has opened.
    ///
    /// # Errors
    /// [`JournalError`].
    pub fn open(data_dir: &DataDir) -> Result<Self, JournalError> {
        let store = WriterStore::open_beside(data_dir)?;
        store.set_patience(PATIENCE).map_err(|source| JournalError::Store { path: data_dir.journal(), source })?;
        let ringer = Ringer::new(&data_dir.doorbell()).map_err(|source| JournalError::Io {
            what: "cannot ring in",
            path: data_dir.doorbell(),
            source,
        })?;
        Ok(Self { store, ringer })
    }

    /// Commits. Says how many detections were new.
    ///
    /// # Errors
    /// What SQLite says; nothing is written then. [`StoreError::Busy`] passes.
    pub fn commit(&mut self, commit: DetectionCommit<'_>) -> Result<u64, StoreError> {
        let appended = self.store.transaction(|transaction| {
            if let Some(cursor) = commit.cursor {
                transaction.move_cursor(cursor)?;
            }
            let appended = transaction.append_detections(commit.detections)?;
            transaction.put_states(commit.states, commit.cursor.map_or(0, |cursor| cursor.to))?;
            Ok(appended)
        })?;
        if appended > 0 {
            self.ringer.ring();
        }
        Ok(appended)
    }
}
