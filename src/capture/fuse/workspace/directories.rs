//! Listing directories, with the backing file system's own offsets, which stay good while entries come and go.

use std::ffi::OsStr;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::sync::{Mutex, PoisonError};

use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag};
use nix::libc;
use nix::sys::stat::{fstat, fstatat};
use nix::unistd::{Whence, fdatasync, fsync, lseek};

use super::file_system::{Attributes, Caller, Entry, Workspace, attributes};
use super::handles::DirectoryHandle;
use super::inodes::Node;
use super::system_calls;
use crate::capture::fuse::errno::Failure;
use crate::capture::fuse::translate;

/// Bytes of records that are read from a directory at once.
const BUFFER: usize = 32 * 1024;
/// `d_ino`, `d_off`, `d_reclen`, `d_type` of `struct linux_dirent64`; the name follows, ended by NUL.
const HEADER: usize = 19;

/// One entry of a directory.
#[derive(Clone, Copy)]
pub(in super::super) struct DirectoryEntry<'a> {
    pub(in super::super) inode: u64,
    /// Where the listing goes on after this entry.
    pub(in super::super) next: u64,
    /// `DT_DIR` and its kind.
    pub(in super::super) file_type: u8,
    pub(in super::super) name: &'a OsStr,
}

/// Takes entries until it is full.
pub(in super::super) trait DirectorySink {
    /// Takes an entry, and says whether there was room for it.
    fn take(&mut self, entry: &DirectoryEntry<'_>) -> bool;
    /// Takes an entry together with what it names.
    fn take_with(&mut self, entry: &DirectoryEntry<'_>, found: &Entry) -> bool;
}

/// A directory that is being read.
pub(super) struct DirectoryStream {
    directory: OwnedFd,
    buffer: Vec<u8>,
    /// The records that are not yet handed on.
    filled: std::ops::Range<usize>,
    /// The offset of the first of them.
    position: u64,
}

/// A record, and how long it is.
struct Record<'a> {
    entry: DirectoryEntry<'a>,
    length: usize,
}

impl DirectoryStream {
    fn new(directory: OwnedFd) -> Self {
        Self { directory, buffer: Vec::new(), filled: 0..0, position: 0 }
    }

    fn seek(&mut self, offset: u64) -> Result<(), Errno> {
        if self.position != offset {
            lseek(&self.directory, offset.cast_signed(), Whence::SeekSet)?;
            self.filled = 0..0;
            self.position = offset;
        }
        Ok(())
    }

    /// Makes sure that there is a record to look at, unless the directory has ended.
    fn fill(&mut self) -> Result<(), Errno> {
        if self.filled.is_empty() {
            self.buffer.resize(BUFFER, 0);
            self.filled = 0..system_calls::read_directory(self.directory.as_fd(), &mut self.buffer)?;
        }
        Ok(())
    }

    fn first(&self) -> Option<Record<'_>> {
        let record = self.buffer.get(self.filled.clone())?;
        let inode = u64::from_ne_bytes(*record.first_chunk()?);
        let next = u64::from_ne_bytes(*record.get(8..)?.first_chunk()?);
        let length = usize::from(u16::from_ne_bytes(*record.get(16..)?.first_chunk()?));
        let file_type = *record.get(18)?;
        let name = record.get(HEADER..length)?.split(|byte| *byte == 0).next()?;
        Some(Record { entry: DirectoryEntry { inode, next, file_type, name: OsStr::from_bytes(name) }, length })
    }

    fn advance(&mut self, next: u64, length: usize) {
        self.filled.start += length;
        self.position = next;
    }
}

impl Workspace {
    pub(in super::super) fn open_directory(&self, caller: Caller, node: u64) -> Result<u64, Failure> {
        let node = self.inodes.get(node)?;
        let (_, directory) = self.gated(
            caller,
            || translate::list(self.inodes.path(&node)),
            || self.links.reopen(node.as_fd(), OFlag::O_RDONLY | OFlag::O_DIRECTORY),
        )?;
        let stream = Mutex::new(Some(DirectoryStream::new(directory)));
        Ok(self.directories.add(DirectoryHandle { node, stream }))
    }

    pub(in super::super) fn release_directory(&self, handle: u64) -> Result<(), Failure> {
        self.directories.remove(handle).map(drop)
    }

    pub(in super::super) fn sync_directory(&self, handle: u64, data_only: bool) -> Result<(), Failure> {
        let handle = self.directories.get(handle)?;
        let directory = self.links.reopen(handle.node.as_fd(), OFlag::O_RDONLY | OFlag::O_DIRECTORY)?;
        let synced = if data_only { fdatasync(&directory) } else { fsync(&directory) };
        Ok(synced?)
    }

    /// Lists from `offset` on until the sink is full or the directory ends; with what the entries name, if `plus`.
    pub(in super::super) fn list(
        &self,
        handle: u64,
        offset: u64,
        plus: bool,
        sink: &mut dyn DirectorySink,
    ) -> Result<(), Failure> {
        let handle = self.directories.get(handle)?;
        let free = handle.stream.lock().unwrap_or_else(PoisonError::into_inner).take();
        // Only two threads that read one open directory at once find it taken.
        let mut stream = match free {
            Some(stream) => stream,
            None => DirectoryStream::new(self.links.reopen(handle.node.as_fd(), OFlag::O_RDONLY | OFlag::O_DIRECTORY)?),
        };
        let listed = self.list_stream(&handle, &mut stream, offset, plus, sink);
        *handle.stream.lock().unwrap_or_else(PoisonError::into_inner) = Some(stream);
        listed
    }

    fn list_stream(
        &self,
        handle: &DirectoryHandle,
        stream: &mut DirectoryStream,
        offset: u64,
        plus: bool,
        sink: &mut dyn DirectorySink,
    ) -> Result<(), Failure> {
        stream.seek(offset)?;
        let mut took_any = false;
        loop {
            match self.list_next(handle, stream, plus, sink) {
                Ok(true) => took_any = true,
                Ok(false) => return Ok(()),
                // What was taken counts as looked up, so it must reach the kernel. The failure comes with the next request.
                Err(_) if took_any => return Ok(()),
                Err(failure) => return Err(failure),
            }
        }
    }

    /// Hands the next entry on; `false` at the end, or where there is no room for it.
    fn list_next(
        &self,
        handle: &DirectoryHandle,
        stream: &mut DirectoryStream,
        plus: bool,
        sink: &mut dyn DirectorySink,
    ) -> Result<bool, Failure> {
        stream.fill()?;
        let Some(Record { entry, length }) = stream.first() else { return Ok(false) };
        let next = entry.next;
        let taken = self.offer(handle, &entry, plus, sink)?;
        if taken {
            stream.advance(next, length);
        }
        Ok(taken)
    }

    /// Hands an entry on, and says whether there was room for it.
    fn offer(
        &self,
        handle: &DirectoryHandle,
        entry: &DirectoryEntry<'_>,
        plus: bool,
        sink: &mut dyn DirectorySink,
    ) -> Result<bool, Failure> {
        if matches!(entry.name.as_bytes(), b"." | b"..") {
            return Ok(if plus { sink.take_with(entry, &dot(&handle.node, entry)?) } else { sink.take(entry) });
        }
        if !plus {
            return Ok(self.offer_name(&handle.node, entry, sink));
        }
        match self.look_up_in(&handle.node, entry.name) {
            Ok(found) => {
                let taken = sink.take_with(entry, &found);
                if !taken {
                    self.forget(found.attributes.node, 1);
                }
                Ok(taken)
            }
            // It is gone by now, or was never there to the session.
            Err(Failure::Hidden | Failure::Backing(Errno::ENOENT)) => Ok(true),
            // A directory that the recorder's user may list and not search shows its names.
            Err(Failure::Backing(Errno::EACCES)) => Ok(self.offer_name(&handle.node, entry, sink)),
            Err(failure) => Err(failure),
        }
    }

    /// Hands a name on, unless it is hidden; not every file system says what type it has.
    fn offer_name(&self, directory: &Node, entry: &DirectoryEntry<'_>, sink: &mut dyn DirectorySink) -> bool {
        if entry.file_type != libc::DT_UNKNOWN && !self.may_be_hidden(entry.inode) {
            return sink.take(entry);
        }
        match fstatat(directory, entry.name, AtFlags::AT_SYMLINK_NOFOLLOW) {
            Ok(stat) if self.is_hidden(&stat) => true,
            Ok(stat) => {
                let file_type = u8::try_from((stat.st_mode & libc::S_IFMT) >> 12).unwrap_or(libc::DT_UNKNOWN);
                sink.take(&DirectoryEntry { file_type, ..*entry })
            }
            Err(_) => sink.take(entry),
        }
    }
}

/// `.` and `..` as the kernel takes them from a listing: it reads the number and the type, and counts no lookup.
fn dot(directory: &Node, entry: &DirectoryEntry<'_>) -> Result<Entry, Errno> {
    let attributes = Attributes { node: entry.inode, shown_inode: entry.inode, ..attributes(directory, fstat(directory)?) };
    Ok(Entry { attributes, timeout: std::time::Duration::ZERO })
}
