//! What can go wrong with a lake, and what a person can do about it. Whatever it is, sealed files are whole and the cursor is not
//! ahead of them.

use std::io;
use std::path::PathBuf;

use crate::encode::arrow::RowError;
use crate::journal::{JournalError, StoreError};
use crate::sink::DeliverError;

/// Why a lake cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum LakeError {
    /// A file or folder of the lake.
    #[error("{what} {path}: {source}")]
    Local {
        /// What was tried.
        what: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The bucket is not there.
    #[error("the bucket `{bucket}` does not exist: make it again, or name another in sinks.parquet.s3.bucket")]
    NoBucket {
        /// The bucket.
        bucket: String,
    },
    /// The server refused the credentials, or what they may do.
    #[error("the bucket `{bucket}` refuses access ({what}): {reason}")]
    Denied {
        /// The bucket.
        bucket: String,
        /// What was tried.
        what: &'static str,
        /// What the server said.
        reason: String,
    },
    /// The server cannot be reached or did not do it.
    #[error("{what} in the bucket `{bucket}`: {reason}")]
    Remote {
        /// What was tried.
        what: &'static str,
        /// The bucket.
        bucket: String,
        /// What the server or the client said.
        reason: String,
    },
    /// The section `s3` cannot be used.
    #[error("sinks.parquet.s3: {reason}")]
    S3Settings {
        /// What is wrong.
        reason: String,
    },
    /// Another process writes to the lake.
    #[error("another agentsh writes to the lake {path}")]
    Locked {
        /// The lake.
        path: PathBuf,
    },
    /// The lake holds another journal.
    #[error("{file} is of the journal {found}, this one is {own}: name another folder or prefix for the lake")]
    Foreign {
        /// A file of the lake.
        file: String,
        /// Its journal.
        found: String,
        /// The journal that is delivered.
        own: String,
    },
    /// The lake holds events that the journal does not have.
    #[error(
        "the lake holds events up to {lake}, the journal ends at {journal}: the journal was restored or replaced; name another \
         folder or prefix for the lake"
    )]
    Ahead {
        /// The lake's last event.
        lake: u64,
        /// The journal's last event.
        journal: u64,
    },
    /// Between what is delivered and a file of the lake, events are in no file.
    #[error(
        "the lake has {file}, but no file with the events behind {safe}: bring the missing files back, or move that one away"
    )]
    Beyond {
        /// The first file behind the hole.
        file: String,
        /// The last event before the hole.
        safe: u64,
    },
    /// There is a file of this name with other content.
    #[error("{file} is there already and holds something else: two journals or two writers share the lake")]
    Conflict {
        /// The file.
        file: String,
    },
    /// Events are missing between what was gathered and what came.
    #[error("the events {from} to {to} are not in the journal any more")]
    Hole {
        /// First missing event.
        from: u64,
        /// Last missing event.
        to: u64,
    },
    /// A file's footer lacks a key or has a wrong value.
    #[error("{file}: the footer's `agentsh.{key}` is missing or wrong")]
    Footer {
        /// The file.
        file: String,
        /// The key.
        key: &'static str,
    },
    /// A file cannot be read or written as Parquet.
    #[error("{file}: {source}")]
    Parquet {
        /// The file.
        file: String,
        /// What the reader or writer said.
        source: parquet::errors::ParquetError,
    },
    /// A file's rows are not ours.
    #[error("{file}: {source}")]
    Row {
        /// The file.
        file: String,
        /// What is missing.
        source: RowError,
    },
    /// A file does not hold what its footer says; it is left as it is.
    #[error("{file} does not hold what was written, verify it: {what}")]
    Changed {
        /// The file.
        file: String,
        /// What was found.
        what: String,
    },
    /// The journal cannot be read.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The journal cannot be read.
    #[error("the journal cannot be read: {0}")]
    Store(#[from] StoreError),
}

impl From<LakeError> for DeliverError {
    fn from(error: LakeError) -> Self {
        let reason = error.to_string();
        let person = match error {
            // A mode or an owner does not change by waiting; a full or a missing disk may.
            LakeError::Local { source, .. } => matches!(
                source.kind(),
                io::ErrorKind::PermissionDenied | io::ErrorKind::NotADirectory | io::ErrorKind::ReadOnlyFilesystem
            ),
            LakeError::NoBucket { .. } | LakeError::Remote { .. } | LakeError::Locked { .. } => false,
            LakeError::Denied { .. }
            | LakeError::S3Settings { .. }
            | LakeError::Foreign { .. }
            | LakeError::Ahead { .. }
            | LakeError::Beyond { .. }
            | LakeError::Conflict { .. }
            | LakeError::Hole { .. }
            | LakeError::Footer { .. }
            | LakeError::Parquet { .. }
            | LakeError::Row { .. }
            | LakeError::Changed { .. } => true,
            LakeError::Journal(_) => false,
            LakeError::Store(source) => matches!(source, StoreError::Damaged(_)),
        };
        if person { DeliverError::Misconfigured { reason } } else { DeliverError::Unavailable { reason, retry_after: None } }
    }
}
