//! Signing the tree: the checkpoint, its event, and the witness file outside of the database.

use std::io;

use super::data_dir::DataDir;
use super::error::StoreError;
use super::events::pipeline;
use super::note::{Checkpoint, JournalKey};
use super::sqlite::Transaction;
use crate::event::{JournalCheckpoint, Severity};
use crate::runtime::clock;

/// Signs with the journal's key.
pub(super) struct Signer {
    pub(super) key: JournalKey,
    pub(super) origin: String,
}

/// A checkpoint that was signed in a transaction.
pub(super) struct Signed {
    note: String,
    tree_size: u64,
    /// The witness file holds a checkpoint that this journal does not know: the database was rolled back or replaced.
    contradicts_witness: bool,
}

/// Whether a tree of that size has events that its last checkpoint (0: none) does not cover, but for that checkpoint's own.
pub(super) const fn has_unsigned(tree_size: u64, last_checkpoint: u64) -> bool {
    if last_checkpoint == 0 { tree_size > 0 } else { tree_size > last_checkpoint + 1 }
}

impl Signer {
    /// Signs the tree as it stands in this transaction, unless nothing but a checkpoint's own event came since the last one.
    /// The event that records the checkpoint comes behind the leaves that it covers.
    ///
    /// # Errors
    /// What the database says.
    pub(super) fn sign(&self, data_dir: &DataDir, transaction: &mut Transaction<'_>) -> Result<Option<Signed>, StoreError> {
        let tree_size = transaction.size();
        if !has_unsigned(tree_size, transaction.last_checkpoint()?) {
            return Ok(None);
        }
        let contradicts_witness = match std::fs::read_to_string(data_dir.latest_checkpoint()) {
            Ok(witness) => !transaction.has_checkpoint(&witness)?,
            Err(_no_witness_yet) => false,
        };
        let root = transaction.root();
        let note = self.key.sign(&Checkpoint { origin: self.origin.clone(), tree_size, root });
        let time = clock::now();
        transaction.put_checkpoint(tree_size, &root, time.as_micros(), &note)?;
        let root_hash = root.iter().map(|byte| format!("{byte:02x}")).collect();
        let payload = JournalCheckpoint { tree_size, root_hash, note: note.clone() };
        transaction.append_event(&pipeline(time, Severity::Informational, payload))?;
        Ok(Some(Signed { note, tree_size, contradicts_witness }))
    }

    /// Keeps the newest note where a change of the database does not reach it; `verify` compares. A witness that the database
    /// contradicts is evidence and stays. A write that fails is made good by the next checkpoint: the note is in the journal too.
    pub(super) fn witness(&self, data_dir: &DataDir, signed: &Signed) {
        if signed.contradicts_witness {
            tracing::error!("the journal does not hold the checkpoint of the witness file; run agentsh verify");
            return;
        }
        if let Err(error) = self.put_witness(data_dir, signed) {
            tracing::warn!(%error, "the checkpoint file cannot be written");
        }
    }

    fn put_witness(&self, data_dir: &DataDir, signed: &Signed) -> io::Result<()> {
        // Recorders that share the journal sign one after the other, and come here in any order: the newest stays.
        let _turn = data_dir.lock_witness()?;
        let newest = std::fs::read_to_string(data_dir.latest_checkpoint()).ok();
        let newest = newest.and_then(|note| self.key.public().verify(&note).ok());
        if newest.is_some_and(|newest| newest.tree_size >= signed.tree_size) {
            return Ok(());
        }
        DataDir::replace(&data_dir.latest_checkpoint(), &signed.note)
    }
}
