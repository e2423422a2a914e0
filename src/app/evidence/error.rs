//! Why a session cannot be read from where it was asked for.

use std::io;
use std::path::PathBuf;

use crate::journal::bundle::BundleError;
use crate::journal::{JournalError, StoreError};
use crate::query::SessionError;
use crate::sink::parquet::LakeError;

/// Why a session cannot be read from where it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum EvidenceError {
    /// A file or folder refuses.
    #[error("{what} {}: {source}", path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It is nothing that events are read from.
    #[error(
        "{} is neither a bundle (`agentsh export bundle`), nor a Parquet file, nor a folder of a lake, nor a data directory",
        path.display()
    )]
    Unknown {
        /// What was named.
        path: PathBuf,
    },
    /// There are no files of a lake in the folder.
    #[error("{} holds no Parquet file: name a lake's folder (the one with `date=…` in it) or one of its files", path.display())]
    NoFiles {
        /// The folder.
        path: PathBuf,
    },
    /// A bundle is not accepted.
    #[error("{}: {source}", path.display())]
    Bundle {
        /// The file.
        path: PathBuf,
        /// Why.
        source: BundleError,
    },
    /// A bundle of the session was imported before, and it is another one.
    #[error("a bundle of session {session} was imported already, and it is not this one: remove {} first if this one is right", path.display())]
    Exists {
        /// The session.
        session: String,
        /// The bundle that was imported.
        path: PathBuf,
    },
    /// A file is none of a lake.
    #[error(transparent)]
    Lake(#[from] LakeError),
    /// The journal cannot be opened.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// No session, or several, have such a name.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// The copy cannot be written.
    #[error("the events cannot be copied to the folder for temporary files: {0}")]
    Store(#[from] StoreError),
}

impl EvidenceError {
    /// Whether the session may be in a bundle: the journal is in order and does not have it.
    pub(super) const fn may_be_elsewhere(&self) -> bool {
        matches!(
            self,
            Self::Journal(JournalError::Missing { .. }) | Self::Session(SessionError::NoneYet | SessionError::Unknown { .. })
        )
    }
}
