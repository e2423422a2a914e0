//! What can go wrong with a journal, and what is true afterwards.

use std::io;
use std::path::PathBuf;

use super::note::NoteError;
use crate::channel::intake::RecoverError;

/// Why the database did not do something. A transaction that failed left nothing behind.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another recorder holds the write lock; nothing was written, and trying again helps.
    #[error("another process is writing to the journal")]
    Busy,
    /// No room on the disk; nothing was written, what was there is whole.
    #[error("the disk is full")]
    Full,
    /// The disk refused; nothing was appended.
    #[error("the disk refused: {0}")]
    Disk(String),
    /// The database is damaged or is not a journal.
    #[error("the journal is damaged: {0}")]
    Damaged(String),
    /// Anything else that SQLite says.
    #[error("{0}")]
    Other(String),
}

/// Why a journal cannot be opened, or something cannot be done with it.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// A file or a folder of the data directory cannot be made or read.
    #[error("{what} {path}: {source}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// There is no journal yet.
    #[error(
        "there is no journal in {path}: record something first, e.g. `agentsh run -- ls`, or name another folder with --data-dir"
    )]
    Missing {
        /// The data directory.
        path: PathBuf,
    },
    /// The file is something else; it was not touched.
    #[error("{path} is not a journal of agentsh; it was not touched: move it away, or name another folder with --data-dir")]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// The journal was written by a newer version; it was not touched.
    #[error(
        "{path} was written by a newer agentsh (journal version {found}, this one reads up to {known}); it was not touched: install that version"
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// The journal's version.
        found: i64,
        /// The newest version that this build knows.
        known: i64,
    },
    /// The database refused.
    #[error("{path}: {source}")]
    Store {
        /// The database.
        path: PathBuf,
        /// What it said.
        source: StoreError,
    },
    /// The signing key or a checkpoint is not in order.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// A dead recorder's intake cannot be read; it was left as it is.
    #[error(transparent)]
    Recover(#[from] RecoverError),
    /// The writer thread could not be started or did not end well.
    #[error("the journal's writer {what}")]
    Writer {
        /// What happened.
        what: &'static str,
    },
}
