//! Why a bundle cannot be made, or is not accepted.

use std::io;

use crate::journal::error::{JournalError, StoreError};
use crate::journal::note::NoteError;

/// Why a bundle cannot be made, or is not accepted.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// The file cannot be read or written.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// The journal cannot be opened.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The journal cannot be read.
    #[error("the journal cannot be read: {0}")]
    Store(#[from] StoreError),
    /// The signing key, without which nobody could tell whether a bundle is whole.
    #[error("the bundle cannot be signed: {0}")]
    SigningKey(NoteError),
    /// No such session.
    #[error("the journal has no events of session `{session}`")]
    NoSession {
        /// Its name.
        session: String,
    },
    /// The session's last event is not signed yet.
    #[error(
        "no checkpoint covers the session's last event (seq {last}) yet: wait until its recorder has signed it (`journal.checkpoint_interval`, or its end)"
    )]
    Unsigned {
        /// Position of the last event.
        last: u64,
    },
    /// The journal does not give the root that it has signed.
    #[error("the journal is not what was signed at {tree_size} events: `agentsh verify` says where; nothing is exported from it")]
    JournalChanged {
        /// Size of the checkpoint.
        tree_size: u64,
    },
    /// It does not begin as one.
    #[error("this is no bundle: it does not begin with `agentsh-bundle`")]
    NotABundle,
    /// It is of another version.
    #[error("this bundle has format {found}, and this agentsh reads format {known}: read it with a newer one")]
    Version {
        /// What it has.
        found: u8,
        /// What is known.
        known: u8,
    },
    /// It ends too early.
    #[error("the bundle is cut off within {part}")]
    CutOff {
        /// The part that is not whole.
        part: String,
    },
    /// A part is larger than any that is written.
    #[error("{part} claims {size} bytes, and none is longer than {max}")]
    TooLarge {
        /// The part.
        part: String,
        /// Bytes that it claims.
        size: u64,
        /// The most there may be.
        max: u64,
    },
    /// A part is not well-formed.
    #[error("{part} is not well-formed: {what}")]
    Malformed {
        /// The part.
        part: String,
        /// What is wrong with it.
        what: String,
    },
    /// The key is not the one that was asked for.
    #[error("the bundle was signed with {found}, and not with {expected}")]
    OtherKey {
        /// Its key, as text.
        found: String,
        /// The one that was asked for.
        expected: String,
    },
    /// A signature is missing or wrong.
    #[error("{part}: {source}")]
    Signature {
        /// What should be signed.
        part: &'static str,
        /// What is wrong.
        source: NoteError,
    },
    /// The bytes are others than those that were signed.
    #[error("the bundle is not what was exported: {what}")]
    Changed {
        /// What differs.
        what: String,
    },
    /// An event that does not belong here.
    #[error("seq {seq}: {what}")]
    Event {
        /// Its position.
        seq: u64,
        /// What is wrong with it.
        what: String,
    },
    /// Something stands behind the end.
    #[error("something stands behind the end of the bundle")]
    Trailing,
}

/// Reading or writing failed, or the file ends too early.
pub(super) fn io(what: &'static str) -> impl FnOnce(io::Error) -> BundleError {
    move |source| BundleError::Io { what, source }
}
