//! The boundary to the caller: why an operation did not happen, as an error number.

use nix::errno::Errno;

use crate::channel::RefusedBy;

/// Why an operation of the session did not happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Policy or the recorder refused it; the backing directory is as it was.
    Refused(RefusedBy),
    /// The backing file system said no.
    Backing(Errno),
    /// The kernel named an inode that it was never told of, or that it has forgotten.
    UnknownNode,
    /// The kernel named a handle that is not open.
    UnknownHandle,
    /// A name that is empty, `.`, `..`, or has a slash or a NUL.
    NotAName,
    /// The name is the recorder's own directory, which a session does not see (G-9).
    Hidden,
    /// The name that was to be made is there already, since somebody outside the session has just made it.
    CreateRaced,
    /// The kernel asked for a thing that this file system does not have.
    Unsupported,
    /// Our own code panicked; the request is over and the next one is served.
    Panicked,
}

impl Failure {
    /// The error number that the caller gets.
    #[must_use]
    pub fn errno(self) -> Errno {
        match self {
            Failure::Refused(RefusedBy::Policy) => Errno::EACCES,
            // A disk that cannot take the record is an I/O error to whoever depends on it (G-8).
            Failure::Refused(RefusedBy::AuditFailure) => Errno::EIO,
            // "Resource temporarily unavailable" is what it is. EINTR would be retried at once and for ever by most run times, EBUSY and
            // ENOSPC would send a person to look for another process or a full disk.
            Failure::Refused(RefusedBy::Overload) => Errno::EAGAIN,
            // ENOSYS tells the kernel that the whole file system lacks the operation, and it would never ask again.
            Failure::Backing(Errno::ENOSYS) => Errno::EOPNOTSUPP,
            Failure::Backing(errno) => errno,
            // The kernel looks the name up afresh and tries once more.
            Failure::UnknownNode | Failure::CreateRaced => Errno::ESTALE,
            Failure::UnknownHandle => Errno::EBADF,
            Failure::NotAName => Errno::EINVAL,
            Failure::Hidden => Errno::ENOENT,
            Failure::Unsupported => Errno::ENOTTY,
            Failure::Panicked => Errno::EIO,
        }
    }
}

impl From<Errno> for Failure {
    fn from(errno: Errno) -> Self {
        Failure::Backing(errno)
    }
}
