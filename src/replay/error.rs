//! Why a session cannot be replayed.

use crate::journal::{JournalError, StoreError};

/// Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// There is no journal that can be read.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The journal cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An event is not what a version of agentsh writes.
    #[error("event {seq} cannot be read: {what}: `agentsh verify` says more")]
    Event {
        /// Its position.
        seq: u64,
        /// What is wrong with it.
        what: String,
    },
}
