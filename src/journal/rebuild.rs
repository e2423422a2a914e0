//! Recomputing what is only a projection of the events.

use super::data_dir::DataDir;
use super::error::JournalError;
use super::sqlite::{ReaderStore, WriterStore};
use super::summarizer::rebuild_summaries;

/// Drops and recomputes the tables `sessions`, `sensors` and `summaries`; the events are not touched. Returns the number of sessions.
///
/// # Errors
/// [`JournalError`] when there is no journal or it cannot be written; then the old tables are still there.
pub fn rebuild(data_dir: &DataDir) -> Result<u64, JournalError> {
    // A reader refuses what is missing, foreign or newer before a writer touches it.
    drop(ReaderStore::open(&data_dir.journal())?);
    let lock = data_dir.lock()?;
    let mut store = WriterStore::open(&data_dir.journal())?;
    let rebuilt = store.rebuild();
    drop(lock);
    let rebuilt = rebuilt.map_err(|source| JournalError::Store { path: data_dir.journal(), source })?;
    drop(store);
    rebuild_summaries(data_dir)?;
    Ok(rebuilt)
}
