//! Draining the intakes of recorders that died.

use std::path::Path;

use super::data_dir::DataDir;
use super::error::{JournalError, StoreError};
use super::events::lost;
use super::sqlite::{IntakeProgress, IntakeState, Undeclared, WriterStore};
use crate::channel::intake::{DeadIntake, Hop, RecoverError};
use crate::runtime::clock;

/// What recovery found in dead recorders' intakes.
#[derive(Default)]
pub(super) struct Recovered {
    /// Intakes that were drained.
    pub(super) intakes: u64,
    /// Events in them that the journal did not have.
    pub(super) events: u64,
    /// Bytes of unfinished records at their ends.
    pub(super) torn_bytes: u64,
}

/// Drains the intakes of recorders that died, each in a transaction of its own, and removes each once that is on the disk. The
/// caller holds the data directory's lock.
///
/// # Errors
/// [`JournalError`]; the intakes that were not drained are still there.
pub(super) fn recover(data_dir: &DataDir, store: &mut WriterStore) -> Result<Recovered, JournalError> {
    let folder = data_dir.intakes();
    let io = |source| JournalError::Io { what: "cannot read", path: folder.clone(), source };
    let store_error = |source| JournalError::Store { path: data_dir.journal(), source };
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(&folder).map_err(io)? {
        paths.push(entry.map_err(io)?.path());
    }
    paths.sort();
    let mut recovered = Recovered::default();
    // An intake is the only copy until its commit is on the disk.
    store.set_durable(true).map_err(store_error)?;
    for path in paths {
        match path.extension().and_then(std::ffi::OsStr::to_str) {
            Some("intake") => match DeadIntake::open(&path) {
                Ok(Some(intake)) => drain(data_dir, store, intake, &mut recovered)?,
                Ok(None) => {}
                // It may be a newer version's, which will drain it: recording goes on.
                Err(error @ RecoverError::Foreign { .. }) => tracing::warn!(%error, "a file among the intakes was left alone"),
                Err(error) => return Err(error.into()),
            },
            Some("new") => remove_if_abandoned(&path),
            _ => {}
        }
    }
    store.set_durable(false).map_err(store_error)?;
    Ok(recovered)
}

/// A file that a recorder was making when it died holds nothing.
fn remove_if_abandoned(path: &Path) {
    if let Ok(file) = std::fs::File::open(path)
        && file.try_lock().is_ok()
    {
        let _removed_by_another = std::fs::remove_file(path);
    }
}

fn drain(data_dir: &DataDir, store: &mut WriterStore, intake: DeadIntake, recovered: &mut Recovered) -> Result<(), JournalError> {
    let store_error = |source| JournalError::Store { path: data_dir.journal(), source };
    let disk_error = |error: std::io::Error| store_error(StoreError::Disk(error.to_string()));
    let mut progress = store.intake(intake.id()).map_err(store_error)?.unwrap_or_else(|| IntakeProgress::new(intake.id()));
    let counters = intake.counters().map_err(disk_error)?;
    let mut frames = Vec::new();
    let (mark, torn) = intake
        .read_from::<std::io::Error>(progress.mark, |record, _events, _mark| {
            frames.extend_from_slice(record);
            Ok(())
        })
        .map_err(disk_error)?;
    let mut losses = progress.undeclared(&counters);
    let now = clock::now();
    let events = store
        .transaction(|transaction| {
            let events = transaction.append(&frames)?;
            progress.mark = mark;
            progress.journaled += events;
            progress.declare(&counters);
            // A record is counted after it is written, and a loss after it is noted: a recorder that died in between has one more
            // than it counted. And a header may be older than the last commit when the power failed.
            let known = progress.journaled + progress.lost_total();
            progress.offered = progress.offered.max(counters.offered).max(known);
            // What was offered, and is neither in the ring nor counted as lost, was in memory (`buffered`), or did not reach the
            // disk before the power failed.
            let missing = progress.offered - known;
            if missing > 0 {
                progress.declare_more(Hop::Buffer, missing);
                let (from_us, to_us) = (intake.created_us(), now.as_micros());
                losses.push(Undeclared { hop: Hop::Buffer, count: missing, from_us, to_us });
            }
            for loss in &losses {
                transaction.append_event(&lost(now, progress.id, loss))?;
            }
            let (pid, opened_us) = (intake.pid(), intake.created_us());
            transaction.put_intake(&progress, pid, opened_us, IntakeState::Recovered, Some(now.as_micros()))?;
            Ok(events)
        })
        .map_err(store_error)?;
    recovered.intakes += 1;
    recovered.events += events;
    recovered.torn_bytes += torn;
    intake.remove().map_err(|source| JournalError::Io {
        what: "cannot remove a drained intake in",
        path: data_dir.intakes(),
        source,
    })
}
