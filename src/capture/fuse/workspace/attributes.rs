//! `stat`, `chmod`, `chown`, `truncate`, `utimensat`, `statfs`.

use std::os::fd::AsFd;
use std::sync::Arc;

use nix::errno::Errno;
use nix::fcntl::AtFlags;
use nix::libc;
use nix::sys::stat::{FchmodatFlags, Mode, UtimensatFlags, fchmodat, fstat, utimensat};
use nix::sys::statvfs::{Statvfs, fstatvfs};
use nix::sys::time::TimeSpec;
use nix::unistd::{Gid, Uid, fchownat, ftruncate, truncate};

use super::descriptors::LinkName;
use super::file_system::{Attributes, Caller, Workspace, attributes};
use super::handles::FileHandle;
use super::inodes::Node;
use crate::capture::fuse::errno::Failure;
use crate::capture::fuse::translate::{self, AttributeChange, NewTime, Part};
use crate::event::EventId;
use crate::runtime::clock;

impl Workspace {
    pub(in super::super) fn attributes(&self, node: u64) -> Result<Attributes, Failure> {
        let node = self.inodes.get(node)?;
        Ok(attributes(&node, fstat(&node)?))
    }

    pub(in super::super) fn statfs(&self, node: u64) -> Result<Statvfs, Failure> {
        Ok(fstatvfs(&*self.inodes.get(node)?)?)
    }

    /// Changes attributes. Every part passes the gate before any is applied.
    pub(in super::super) fn change_attributes(
        &self,
        caller: Caller,
        node: u64,
        handle: Option<u64>,
        change: &AttributeChange,
    ) -> Result<Attributes, Failure> {
        let node = self.inodes.get(node)?;
        // The handle that it came by may write where the path may not.
        let handle = handle.and_then(|handle| self.files.get(handle).ok());
        let now = clock::now();
        let describe = |part| translate::set_attribute(self.inodes.path(&node), part, now);

        let mut admitted: [Option<(Part, EventId)>; 4] = [None; 4];
        for (part, slot) in change.parts().into_iter().flatten().zip(&mut admitted) {
            match self.decide(caller, describe(part)) {
                Ok(event) => *slot = Some((part, event)),
                Err(failure) => {
                    // What was let through before will not happen either.
                    for (part, event) in admitted.into_iter().flatten() {
                        self.record_failure(caller, event, &describe(part), failure.errno());
                    }
                    return Err(failure);
                }
            }
        }
        let mut failed = None;
        for (part, event) in admitted.into_iter().flatten() {
            let applied = failed.map_or_else(|| self.apply(caller, &node, handle.as_ref(), part), Err);
            if let Err(errno) = applied {
                self.record_failure(caller, event, &describe(part), errno);
                failed = Some(errno);
            }
        }
        match failed {
            Some(errno) => Err(Failure::Backing(errno)),
            None => Ok(attributes(&node, fstat(&node)?)),
        }
    }

    fn apply(&self, caller: Caller, node: &Node, handle: Option<&Arc<FileHandle>>, part: Part) -> Result<(), Errno> {
        let link = LinkName::of(node.as_fd());
        match part {
            Part::Owner { uid, gid } => {
                fchownat(node, c"", uid.map(Uid::from_raw), gid.map(Gid::from_raw), AtFlags::AT_EMPTY_PATH)
            }
            Part::Mode(mode) => {
                let mode = Mode::from_bits_truncate(mode & translate::PERMISSIONS);
                fchmodat(self.links.directory(), link.name(), mode, FchmodatFlags::FollowSymlink)
            }
            Part::Size(size) => {
                let size = i64::try_from(size).map_err(|_| Errno::EFBIG)?;
                // fuser passes no FATTR_KILL_SUIDGID; every caller but root lacks CAP_FSETID.
                let _acting = self.credentials.without_set_uid(caller.uid != 0, caller);
                match handle {
                    Some(handle) => ftruncate(&handle.file, size),
                    None => truncate(link.path(), size),
                }
            }
            Part::Times { atime, mtime } => {
                let (atime, mtime) = (time(atime), time(mtime));
                utimensat(self.links.directory(), link.name(), &atime, &mtime, UtimensatFlags::FollowSymlink)
            }
        }
    }
}

/// A new time as `utimensat(2)` takes it.
fn time(new: Option<NewTime>) -> TimeSpec {
    match new {
        None => TimeSpec::new(0, libc::UTIME_OMIT),
        Some(NewTime::Now) => TimeSpec::new(0, libc::UTIME_NOW),
        Some(NewTime::At { seconds, nanoseconds }) => TimeSpec::new(seconds, i64::from(nanoseconds)),
    }
}
