//! Which sessions are open, and whose they are: a file for each in the data directory, locked while its recorder lives.
//!
//! A recorder that dies leaves its files unlocked. The next server ends those sessions on record (`recorder_died`) and removes the
//! files; a session that ended properly has none. The lock is held while that is done, so two servers do not do it twice, and a
//! server that dies meanwhile leaves it to the next one, which finds the end on record already.

use std::fs::{File, OpenOptions};
use std::io;
use std::ops::ControlFlow;
use std::path::PathBuf;

use super::error::RunError;
use crate::event::{Event, SessionEnded, SessionId, Severity};
use crate::journal::{DataDir, Journal, ReaderStore, SessionRow, StoreError};
use crate::runtime::{clock, ids};

/// Reason of a session that was ended for a recorder that died.
const RECORDER_DIED: &str = "recorder_died";

/// The file of an open session. Dropping it leaves the file, unlocked, as a death does.
#[derive(Debug)]
pub(super) struct Lease {
    path: PathBuf,
    _locked: File,
}

impl Lease {
    /// Makes and locks the file of a session that is about to be created.
    ///
    /// # Errors
    /// [`RunError::Lease`]; there is no file then.
    pub(super) fn take(data_dir: &DataDir, session: &SessionId) -> Result<Self, RunError> {
        let path = data_dir.sessions().join(session.as_str());
        // It gets its name once it is locked: a server that starts just now would take it for a dead recorder's.
        let unnamed = data_dir.sessions().join(format!(".{session}"));
        let file = OpenOptions::new().write(true).create_new(true).open(&unnamed).map_err(RunError::Lease)?;
        file.try_lock().map_err(|error| RunError::Lease(error.into()))?;
        std::fs::rename(&unnamed, &path).map_err(RunError::Lease)?;
        Ok(Self { path, _locked: file })
    }

    /// The session's end is on record.
    pub(super) fn release(self) {
        if let Err(error) = std::fs::remove_file(&self.path) {
            tracing::warn!(%error, path = %self.path.display(), "the file of an ended session cannot be removed");
        }
    }
}

/// Ends on record the sessions of recorders that died. Says how many there were.
///
/// # Errors
/// What the journal or the disk says; what was not done is done by the next start.
pub(super) fn end_those_of_the_dead(journal: &Journal) -> Result<u64, StoreError> {
    let disk = |error: io::Error| StoreError::Disk(error.to_string());
    let store = ReaderStore::open(&journal.data_dir().journal()).map_err(|error| StoreError::Other(error.to_string()))?;
    let mut ended = 0;
    for entry in std::fs::read_dir(journal.data_dir().sessions()).map_err(disk)? {
        let path = entry.map_err(disk)?.path();
        let Some(id) = path.file_name().and_then(std::ffi::OsStr::to_str).filter(|name| !name.starts_with('.')) else { continue };
        // One that is gone by now has ended, one that is locked has a recorder.
        let Ok(file) = File::open(&path) else { continue };
        if file.try_lock().is_err() {
            continue;
        }
        if let Some(row) = store.session(id)?.filter(|row| row.ended_us.is_none()) {
            put_end(journal, &store, id, &row)?;
            ended += 1;
        }
        if journal.flush() {
            let _removed_by_another = std::fs::remove_file(&path);
        }
    }
    Ok(ended)
}

fn put_end(journal: &Journal, store: &ReaderStore, id: &str, row: &SessionRow) -> Result<(), StoreError> {
    let mut last = row.created_us;
    store.rows::<StoreError>(row.seqs.1.saturating_sub(1), &[], Some(1), |event| {
        last = Some(event.columns.time_us);
        Ok(ControlFlow::Break(()))
    })?;
    let duration = last.zip(row.created_us).map_or(0, |(last, created)| last.saturating_sub(created));
    let ended =
        SessionEnded { reason: RECORDER_DIED.to_owned(), duration_us: u64::try_from(duration).unwrap_or(0), processes_ended: 0 };
    let time = clock::now();
    journal.channel().publish(&Event {
        id: ids::event_id(time),
        time,
        session_id: Some(SessionId::new(id)),
        command_id: None,
        cause: None,
        actor: None,
        sensor: None,
        imported: None,
        attack: Vec::new(),
        severity: Severity::Informational,
        payload: ended.into(),
    });
    Ok(())
}
