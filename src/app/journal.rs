//! What can be done with a journal besides recording and reading: rebuild a projection, sign a checkpoint.

use anyhow::{Context as _, bail};

pub use crate::journal::JournalConfig;
use crate::journal::{self, DataDir, Journal, ReaderStore};

/// Drops and recomputes what is only a projection of the events; returns the number of sessions.
///
/// # Errors
/// When there is no journal, or it cannot be written.
pub fn rebuild(data_dir: &DataDir) -> anyhow::Result<u64> {
    Ok(journal::rebuild(data_dir)?)
}

/// Opens the journal as a recorder, signs it as it stands, and returns the signed note.
///
/// # Errors
/// When there is no journal, or it cannot be written. A journal that does not hold the checkpoint that was signed last is not signed
/// again: that would cover up a change.
pub fn checkpoint(data_dir: &DataDir, config: &JournalConfig) -> anyhow::Result<String> {
    // A reader refuses what is missing, foreign or newer; a recorder would make a journal where there is none.
    drop(ReaderStore::open(&data_dir.journal())?);
    let journal = Journal::open(data_dir.root(), config)?;
    let signed = journal.checkpoint();
    let failure = journal.failure();
    journal.close()?;
    if !signed {
        bail!(
            "the journal cannot be signed: {}: free some space and try again",
            failure.as_deref().unwrap_or("it cannot be written")
        );
    }
    let store = ReaderStore::open(&data_dir.journal())?;
    let note = store.checkpoints()?.pop().map(|checkpoint| checkpoint.note).context("the journal has no checkpoint")?;
    let witness = data_dir.latest_checkpoint();
    let witnessed = std::fs::read_to_string(&witness).with_context(|| format!("cannot read {}", witness.display()))?;
    if witnessed != note {
        bail!(
            "the journal does not hold the checkpoint in {}: it was changed or replaced since that was signed: run `agentsh verify`",
            witness.display()
        );
    }
    Ok(note)
}
