//! Opening a descriptor again through `/proc/self/fd`: the way from an `O_PATH` descriptor to everything that needs a real one, without
//! a path that somebody could change.

use std::ffi::CStr;
use std::io::Write as _;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use nix::fcntl::{OFlag, open, openat};
use nix::sys::stat::Mode;

/// `/proc/self/fd`, held open.
pub(super) struct MagicLinks {
    directory: OwnedFd,
}

/// The name of a descriptor's magic link, on the stack.
pub(super) struct LinkName {
    bytes: [u8; 32],
}

/// Where the descriptors' magic links are.
const PLACE: &str = "/proc/self/fd/";

impl LinkName {
    pub(super) fn of(descriptor: BorrowedFd<'_>) -> Self {
        let mut bytes = [0; 32];
        // 14 bytes of path, at most 10 of digits; the rest stays NUL.
        let _ = write!(bytes.as_mut_slice(), "{PLACE}{}", descriptor.as_raw_fd());
        Self { bytes }
    }

    /// As an absolute path.
    pub(super) fn path(&self) -> &CStr {
        CStr::from_bytes_until_nul(&self.bytes).unwrap_or_default()
    }

    /// As a name in `/proc/self/fd`.
    pub(super) fn name(&self) -> &CStr {
        self.bytes.get(PLACE.len()..).and_then(|digits| CStr::from_bytes_until_nul(digits).ok()).unwrap_or_default()
    }
}

impl MagicLinks {
    pub(super) fn open() -> nix::Result<Self> {
        let directory = open(PLACE, OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty())?;
        Ok(Self { directory })
    }

    /// The directory that [`LinkName::name`] is in.
    pub(super) fn directory(&self) -> BorrowedFd<'_> {
        self.directory.as_fd()
    }

    /// Opens the same object again, with other flags.
    pub(super) fn reopen(&self, descriptor: BorrowedFd<'_>, flags: OFlag) -> nix::Result<OwnedFd> {
        openat(&self.directory, LinkName::of(descriptor).name(), flags | OFlag::O_CLOEXEC, Mode::empty())
    }
}
