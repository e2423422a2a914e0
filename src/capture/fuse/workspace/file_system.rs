//! `Workspace`: the backing directory, what the kernel knows of it, and the gate that every operation passes.

use std::ffi::OsStr;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, openat};
use nix::sys::stat::{FileStat, Mode, fstat, fstatat};

use super::credentials::Credentials;
use super::descriptors::MagicLinks;
use super::handles::{DirectoryHandle, FileHandle, Handles};
use super::inodes::{Identity, Inodes, Node, ROOT};
use crate::capture::actor::ActorSource;
use crate::capture::fuse::config::{FileIo, FuseConfig};
use crate::capture::fuse::errno::Failure;
use crate::capture::fuse::error::FuseError;
use crate::capture::fuse::gatekeepers::Gatekeepers;
use crate::channel::Outcome;
use crate::event::{EventId, IoCounting, Payload};

/// Who asks.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Caller {
    /// The thread, in the mounter's PID namespace; 0 where the kernel asks by itself.
    pub(in super::super) pid: u32,
    /// Its file system user id.
    pub(in super::super) uid: u32,
    /// Its file system group id.
    pub(in super::super) gid: u32,
}

/// A name in a directory, as the kernel gives it.
#[derive(Clone, Copy)]
pub(in super::super) struct Place<'a> {
    pub(in super::super) parent: u64,
    pub(in super::super) name: &'a OsStr,
}

/// The attributes of an inode.
#[derive(Clone, Copy)]
pub(in super::super) struct Attributes {
    /// What the kernel calls it.
    pub(in super::super) node: u64,
    /// `st_ino` as the session sees it.
    pub(in super::super) shown_inode: u64,
    /// Everything else.
    pub(in super::super) stat: FileStat,
}

/// A name that was looked up or made.
#[derive(Clone, Copy)]
pub(in super::super) struct Entry {
    /// What it names.
    pub(in super::super) attributes: Attributes,
    /// How long the kernel may believe that the name stands for it.
    pub(in super::super) timeout: Duration,
}

/// What a workspace is made of.
pub(in super::super) struct Setup {
    pub(in super::super) root: OwnedFd,
    pub(in super::super) mount_path: PathBuf,
    pub(in super::super) hidden: Vec<(u64, u64)>,
    /// How many inodes the kernel is to hold.
    pub(in super::super) most_inodes: usize,
    pub(in super::super) gatekeepers: Arc<dyn Gatekeepers>,
    pub(in super::super) actors: Arc<dyn ActorSource>,
}

/// The file system.
pub(in super::super) struct Workspace {
    pub(super) inodes: Inodes,
    pub(super) files: Handles<FileHandle>,
    pub(super) directories: Handles<DirectoryHandle>,
    pub(super) links: MagicLinks,
    pub(super) credentials: Credentials,
    pub(super) gatekeepers: Arc<dyn Gatekeepers>,
    pub(super) actors: Arc<dyn ActorSource>,
    pub(super) counting: IoCounting,
    pub(super) hash_written: bool,
    attribute_timeout: Duration,
    hidden: Vec<Identity>,
    pub(super) hides_other_devices: bool,
}

impl Workspace {
    pub(in super::super) fn new(setup: Setup, config: &FuseConfig) -> Result<Self, FuseError> {
        let links = MagicLinks::open().map_err(|errno| FuseError::MagicLinks { errno })?;
        let stat = fstat(&setup.root).map_err(|errno| FuseError::Root { errno })?;
        if stat.st_mode & libc::S_IFMT != libc::S_IFDIR {
            return Err(FuseError::Root { errno: Errno::ENOTDIR });
        }
        let hidden: Vec<_> = setup.hidden.iter().map(|&(device, inode)| Identity { device, inode }).collect();
        Ok(Self {
            hides_other_devices: hidden.iter().any(|identity| identity.device != stat.st_dev),
            hidden,
            inodes: Inodes::new(setup.root, &stat, setup.mount_path.as_os_str(), setup.most_inodes),
            files: Handles::new(),
            directories: Handles::new(),
            links,
            credentials: Credentials::of_this_thread(),
            gatekeepers: setup.gatekeepers,
            actors: setup.actors,
            counting: match config.file_io {
                FileIo::Summary => IoCounting::Summary,
                FileIo::EveryOp => IoCounting::EveryOp,
            },
            hash_written: config.hash_written,
            attribute_timeout: config.attribute_timeout(),
        })
    }

    /// Decides and records an operation, then does it; one that fails after it was let through has a record of that too.
    ///
    /// `describe` makes the event's payload. It is called again where the operation failed, so that the usual case copies nothing.
    pub(super) fn gated<T>(
        &self,
        caller: Caller,
        describe: impl Fn() -> Payload,
        act: impl FnOnce() -> Result<T, Errno>,
    ) -> Result<(EventId, T), Failure> {
        let event = self.decide(caller, describe())?;
        match act() {
            Ok(done) => Ok((event, done)),
            Err(errno) => {
                self.record_failure(caller, event, &describe(), errno);
                Err(Failure::Backing(errno))
            }
        }
    }

    /// Puts the operation on record and says whether it may happen.
    pub(super) fn decide(&self, caller: Caller, payload: Payload) -> Result<EventId, Failure> {
        let actor = self.actors.actor(caller.pid, caller.uid, caller.gid);
        let verdict = self.gatekeepers.of(actor.as_ref()).gate(payload, actor, None);
        match verdict.outcome {
            Outcome::Proceed => Ok(verdict.event),
            Outcome::Refuse(refusal) => Err(Failure::Refused(refusal.by)),
        }
    }

    pub(super) fn record_failure(&self, caller: Caller, event: EventId, payload: &Payload, errno: Errno) {
        let subject = payload.subject().map(std::borrow::Cow::into_owned);
        let actor = self.actors.actor(caller.pid, caller.uid, caller.gid);
        self.gatekeepers.of(actor.as_ref()).failed(event, payload.kind(), subject, actor, errno as i32);
    }

    /// Looks a name up; the kernel is told of what it names once more.
    pub(in super::super) fn lookup(&self, parent: u64, name: &OsStr) -> Result<Entry, Failure> {
        let (parent, name) = self.resolve(Place { parent, name })?;
        self.look_up_in(&parent, name)
    }

    pub(super) fn resolve<'a>(&self, place: Place<'a>) -> Result<(Arc<Node>, &'a OsStr), Failure> {
        Ok((self.inodes.get(place.parent)?, component(place.name)?))
    }

    pub(super) fn look_up_in(&self, parent: &Arc<Node>, name: &OsStr) -> Result<Entry, Failure> {
        let descriptor = openat(parent, name, OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC, Mode::empty())?;
        self.take_in(parent, name, descriptor)
    }

    /// The entry of what `descriptor` (`O_PATH`) was opened for by this name.
    pub(super) fn take_in(&self, parent: &Arc<Node>, name: &OsStr, descriptor: OwnedFd) -> Result<Entry, Failure> {
        let stat = fstat(&descriptor)?;
        if self.is_hidden(&stat) {
            return Err(Failure::Hidden);
        }
        let node = self.inodes.look_up(&stat, descriptor, parent, name)?;
        // A file with several names is looked up by each use, so that the event names the one that was used.
        let several = stat.st_nlink > 1 && stat.st_mode & libc::S_IFMT != libc::S_IFDIR;
        let timeout = if several { Duration::ZERO } else { self.attribute_timeout };
        Ok(Entry { attributes: attributes(&node, stat), timeout })
    }

    pub(in super::super) fn forget(&self, node: u64, times: u64) {
        if node != ROOT {
            self.inodes.forget(node, times);
        }
    }

    /// How long the kernel may answer for attributes by itself.
    pub(in super::super) const fn attribute_timeout(&self) -> Duration {
        self.attribute_timeout
    }

    pub(super) fn is_hidden(&self, stat: &FileStat) -> bool {
        !self.hidden.is_empty() && self.hidden.contains(&Identity::of(stat))
    }

    /// Whether an entry with this inode number can be hidden; to be confirmed by its attributes.
    pub(super) fn may_be_hidden(&self, inode: u64) -> bool {
        self.hides_other_devices || self.hidden.iter().any(|identity| identity.inode == inode)
    }

    /// Refuses to touch a name that the session does not see: the kernel believes it free.
    pub(super) fn spare_hidden(&self, parent: &Node, name: &OsStr) -> Result<(), Errno> {
        if !self.hidden.is_empty()
            && let Ok(stat) = fstatat(parent, name, AtFlags::AT_SYMLINK_NOFOLLOW)
            && self.is_hidden(&stat)
        {
            return Err(Errno::EACCES);
        }
        Ok(())
    }

    /// The connection is gone: what was still open is closed, and recorded as closed.
    pub(in super::super) fn close_all(&self) {
        for handle in self.files.take_all() {
            self.closed(&handle);
        }
        drop(self.directories.take_all());
        self.inodes.clear();
    }
}

pub(super) fn attributes(node: &Node, stat: FileStat) -> Attributes {
    // The kernel calls the root 1; the session sees the number of the directory that the mount covers.
    let shown_inode = if node.number == ROOT { stat.st_ino } else { node.number };
    Attributes { node: node.number, shown_inode, stat }
}

/// One name of a directory, and nothing that leads elsewhere. The kernel sends no other; this does not depend on it.
fn component(name: &OsStr) -> Result<&OsStr, Failure> {
    match name.as_bytes() {
        b"" | b"." | b".." => Err(Failure::NotAName),
        bytes if bytes.contains(&b'/') || bytes.contains(&0) => Err(Failure::NotAName),
        _ => Ok(name),
    }
}
