//! Open files: `open`, `create`, `read`, `write`, `close`, `fsync`, `fallocate`, `lseek`, `copy_file_range`.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use nix::errno::Errno;
use nix::fcntl::{FallocateFlags, OFlag, fallocate, openat};
use nix::libc;
use nix::sys::stat::{Mode, fstat};
use nix::sys::uio::{pread, pwrite};
use nix::unistd::{Whence, close, dup, fdatasync, fsync, lseek};

use super::credentials::mode_under_umask;
use super::file_system::{Caller, Entry, Place, Workspace};
use super::handles::{Count, FileHandle};
use super::inodes::{ContentStamp, Node};
use super::system_calls;
use crate::capture::fuse::errno::Failure;
use crate::capture::fuse::translate;
use crate::event::{EventId, FileAccess, FileClose, FileRead, FileWrite, IoCounting, Payload};

/// A handle that was opened.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Opened {
    pub(in super::super) handle: u64,
    /// The content is what the kernel's page cache holds.
    pub(in super::super) keep_cache: bool,
    /// Every read and write must come here.
    pub(in super::super) direct_io: bool,
    /// The kernel need not announce the close.
    pub(in super::super) no_flush: bool,
}

/// How a write came.
#[derive(Clone, Copy, Debug, Default)]
pub(in super::super) struct Write {
    pub(in super::super) offset: u64,
    /// The handle is in append mode.
    pub(in super::super) append: bool,
    /// The kernel writes back pages of a memory map; the offset is what counts.
    pub(in super::super) from_page_cache: bool,
    /// The writer may not keep set-uid bits on.
    pub(in super::super) clears_set_uid: bool,
}

/// The flags of `open(2)` that the backing file is opened with. Not among them: `O_APPEND`, since a page of a memory map has its
/// place (each appending write is one by itself); `O_DIRECT`, whose alignment is about the caller's buffer; whatever made the file or
/// found it by its name.
const PASSED_ON: i32 = libc::O_ACCMODE | libc::O_TRUNC | libc::O_SYNC | libc::O_DSYNC | libc::O_NOATIME;

impl Workspace {
    pub(in super::super) fn open(&self, caller: Caller, node: u64, flags: i32) -> Result<Opened, Failure> {
        let node = self.inodes.get(node)?;
        let truncates = flags & libc::O_TRUNC != 0;
        let (event, (file, size_before, keep_cache)) = self.gated(
            caller,
            || translate::open(self.inodes.path(&node), flags),
            || {
                let before = if truncates { Some(fstat(&node)?) } else { None };
                let _acting = self.credentials.without_set_uid(truncates && caller.uid != 0, caller);
                let file = self.links.reopen(node.as_fd(), OFlag::from_bits_retain(flags & PASSED_ON))?;
                let stat = fstat(&file)?;
                Ok((file, before.unwrap_or(stat).st_size, node.content_is_unchanged(ContentStamp::of(&stat))))
            },
        )?;
        Ok(self.opened(caller, node, file, event, flags, size_before, keep_cache))
    }

    pub(in super::super) fn create(
        &self,
        caller: Caller,
        place: Place<'_>,
        mode: u32,
        umask: u32,
        flags: i32,
    ) -> Result<(Entry, Opened), Failure> {
        let (parent, name) = self.resolve(place)?;
        let made = self.gated(
            caller,
            || translate::create(self.inodes.path_of(&parent, name), mode, umask, flags),
            || {
                let mode = Mode::from_bits_truncate(mode_under_umask(mode & translate::PERMISSIONS, umask));
                let how = OFlag::from_bits_retain(flags & PASSED_ON) | OFlag::O_CREAT | OFlag::O_EXCL;
                let file = {
                    let _acting = self.credentials.act_as(caller);
                    openat(&parent, name, how | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC, mode)?
                };
                let descriptor = self.links.reopen(file.as_fd(), OFlag::O_PATH)?;
                Ok((file, descriptor))
            },
        );
        let (event, (file, descriptor)) = match made {
            // The kernel takes the name for free. Where the caller did not ask for a new file, opening the other one is right, and
            // that is another operation to policy.
            Err(Failure::Backing(Errno::EEXIST)) if flags & libc::O_EXCL == 0 => return Err(Failure::CreateRaced),
            made => made?,
        };
        let entry = self.take_in(&parent, name, descriptor)?;
        let node = self.inodes.get(entry.attributes.node)?;
        node.content_is_unchanged(ContentStamp::of(&entry.attributes.stat));
        Ok((entry, self.opened(caller, node, file, event, flags, 0, true)))
    }

    #[expect(clippy::too_many_arguments, reason = "each is one field of the handle")]
    fn opened(
        &self,
        caller: Caller,
        node: Arc<Node>,
        file: OwnedFd,
        opened: EventId,
        flags: i32,
        size_before: i64,
        keep_cache: bool,
    ) -> Opened {
        let access = translate::access(flags);
        let direct_io = self.counting == IoCounting::EveryOp;
        let actor = self.actors.actor(caller.pid, caller.uid, caller.gid);
        let handle = self.files.add(FileHandle {
            file,
            node,
            opened,
            gatekeeper: self.gatekeepers.of(actor.as_ref()),
            actor,
            access,
            counting: self.counting,
            size_before: u64::try_from(size_before).ok(),
            reads: Count::default(),
            writes: Count::default(),
        });
        // A reader has nothing to be told of at its close. A writer may: network file systems report what they could not store then.
        Opened { handle, keep_cache, direct_io, no_flush: access == FileAccess::Read }
    }

    /// Fills the buffer from the file; less than it holds only at the end of the file.
    pub(in super::super) fn read(&self, caller: Caller, handle: u64, offset: u64, buffer: &mut [u8]) -> Result<usize, Failure> {
        let handle = self.files.get(handle)?;
        let requested = buffer.len();
        let read = read_whole(&handle.file, offset, buffer);
        self.count_read(caller, &handle, offset, requested, read.ok());
        Ok(read?)
    }

    pub(in super::super) fn write(&self, caller: Caller, handle: u64, data: &[u8], how: Write) -> Result<usize, Failure> {
        let handle = self.files.get(handle)?;
        let written = {
            let _acting = self.credentials.without_set_uid(how.clears_set_uid, caller);
            if how.append && !how.from_page_cache {
                system_calls::append(handle.file.as_fd(), data)
            } else {
                i64::try_from(how.offset).map_err(|_| Errno::EINVAL).and_then(|offset| pwrite(&handle.file, data, offset))
            }
        };
        self.count_write(caller, &handle, how.offset, data.len(), written.ok());
        Ok(written?)
    }

    pub(in super::super) fn copy(
        &self,
        caller: Caller,
        (from, from_offset): (u64, u64),
        (to, to_offset): (u64, u64),
        length: u64,
    ) -> Result<usize, Failure> {
        let (from, to) = (self.files.get(from)?, self.files.get(to)?);
        let length = usize::try_from(length).map_err(|_| Errno::EINVAL)?;
        let read_at = i64::try_from(from_offset).map_err(|_| Errno::EINVAL)?;
        let write_at = i64::try_from(to_offset).map_err(|_| Errno::EINVAL)?;
        let acting = self.credentials.without_set_uid(caller.uid != 0, caller);
        let copied = system_calls::copy_range((from.file.as_fd(), read_at), (to.file.as_fd(), write_at), length)?;
        drop(acting);
        self.count_read(caller, &from, from_offset, length, Some(copied));
        self.count_write(caller, &to, to_offset, length, Some(copied));
        Ok(copied)
    }

    fn count_read(&self, caller: Caller, handle: &FileHandle, offset: u64, requested: usize, done: Option<usize>) {
        let (requested, size) = (wide(requested), done.map(wide));
        if let Some(size) = size {
            handle.reads.add(size);
        }
        if handle.counting == IoCounting::EveryOp {
            self.observe(caller, handle, FileRead { path: self.inodes.path(&handle.node), offset, requested, size });
        }
    }

    fn count_write(&self, caller: Caller, handle: &FileHandle, offset: u64, requested: usize, done: Option<usize>) {
        let (requested, size) = (wide(requested), done.map(wide));
        if let Some(size) = size {
            handle.writes.add(size);
        }
        if handle.counting == IoCounting::EveryOp {
            self.observe(caller, handle, FileWrite { path: self.inodes.path(&handle.node), offset, requested, size });
        }
    }

    fn observe(&self, caller: Caller, handle: &FileHandle, payload: impl Into<Payload>) {
        let actor = self.actors.actor(caller.pid, caller.uid, caller.gid).or_else(|| handle.actor.clone());
        self.gatekeepers.of(actor.as_ref()).observe(payload.into(), actor, Some(handle.opened));
    }

    /// One of the descriptors of the handle is closed, and its process wants to hear what could not be stored.
    pub(in super::super) fn flush(&self, handle: u64) -> Result<(), Failure> {
        let handle = self.files.get(handle)?;
        Ok(close(dup(&handle.file)?)?)
    }

    /// The last descriptor of the handle is closed.
    pub(in super::super) fn release(&self, handle: u64) -> Result<(), Failure> {
        let handle = self.files.remove(handle)?;
        self.closed(&handle);
        Ok(())
    }

    /// Records that the handle is closed. Whoever took it from the table calls this, once.
    pub(super) fn closed(&self, handle: &FileHandle) {
        let stat = fstat(&handle.file).ok();
        let wrote = handle.access != FileAccess::Read && handle.writes.operations() > 0;
        let payload = FileClose {
            path: self.inodes.path(&handle.node),
            counting: handle.counting,
            reads: handle.reads.operations(),
            bytes_read: handle.reads.bytes(),
            writes: handle.writes.operations(),
            bytes_written: handle.writes.bytes(),
            size_before: handle.size_before,
            size_after: stat.and_then(|stat| u64::try_from(stat.st_size).ok()),
            blake3: (wrote && self.hash_written).then(|| self.hash(&handle.node).ok()).flatten(),
        };
        handle.gatekeeper.observe(payload.into(), handle.actor.clone(), Some(handle.opened));
    }

    /// BLAKE3 of what the file holds now, in hex.
    fn hash(&self, node: &Node) -> Result<String, Errno> {
        let file = self.links.reopen(node.as_fd(), OFlag::O_RDONLY)?;
        let mut hasher = blake3::Hasher::new();
        let mut buffer = vec![0; 128 * 1024];
        let mut offset = 0;
        loop {
            let read = read_whole(&file, offset, &mut buffer)?;
            hasher.update(buffer.get(..read).unwrap_or_default());
            offset += wide(read);
            if read < buffer.len() {
                return Ok(hasher.finalize().to_hex().to_string());
            }
        }
    }

    pub(in super::super) fn sync(&self, handle: u64, data_only: bool) -> Result<(), Failure> {
        let handle = self.files.get(handle)?;
        let synced = if data_only { fdatasync(&handle.file) } else { fsync(&handle.file) };
        Ok(synced?)
    }

    pub(in super::super) fn allocate(
        &self,
        caller: Caller,
        handle: u64,
        mode: i32,
        offset: u64,
        length: u64,
    ) -> Result<(), Failure> {
        let handle = self.files.get(handle)?;
        let offset = i64::try_from(offset).map_err(|_| Errno::EFBIG)?;
        let length = i64::try_from(length).map_err(|_| Errno::EFBIG)?;
        let _acting = self.credentials.without_set_uid(caller.uid != 0, caller);
        Ok(fallocate(&handle.file, FallocateFlags::from_bits_retain(mode), offset, length)?)
    }

    /// Finds data or a hole; every other `lseek(2)` is the kernel's own.
    pub(in super::super) fn seek(&self, handle: u64, offset: i64, whence: i32) -> Result<i64, Failure> {
        let whence = match whence {
            libc::SEEK_DATA => Whence::SeekData,
            libc::SEEK_HOLE => Whence::SeekHole,
            _ => return Err(Failure::Backing(Errno::EINVAL)),
        };
        // The position that this moves is used by nothing: reads and writes have offsets.
        Ok(lseek(&self.files.get(handle)?.file, offset, whence)?)
    }
}

/// Reads until the buffer is full or the file ends: to the kernel, less means the end.
fn read_whole(file: &OwnedFd, offset: u64, buffer: &mut [u8]) -> Result<usize, Errno> {
    let mut done = 0;
    loop {
        let at = i64::try_from(offset + wide(done)).map_err(|_| Errno::EINVAL)?;
        match pread(file, buffer.get_mut(done..).unwrap_or_default(), at) {
            Ok(0) => return Ok(done),
            Ok(more) => done += more,
            Err(Errno::EINTR) => {}
            Err(_) if done > 0 => return Ok(done),
            Err(errno) => return Err(errno),
        }
        if done >= buffer.len() {
            return Ok(done);
        }
    }
}

fn wide(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}
