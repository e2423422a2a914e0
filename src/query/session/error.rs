//! Why a session cannot be told.

use crate::journal::StoreError;

/// Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum StoryError {
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
