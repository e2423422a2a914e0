//! The kernel shim on `fuser`: takes requests apart, asks the workspace, puts replies together.

use std::cell::RefCell;
use std::ffi::OsStr;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use fuser::{
    BsdFileFlags, CopyFileRangeFlags, Errno, FileHandle, Filesystem, FopenFlags, INodeNo, InitFlags, IoctlFlags, KernelConfig,
    LockOwner, OpenFlags, RenameFlags, ReplyAttr, ReplyCreate, ReplyData, ReplyDirectory, ReplyDirectoryPlus, ReplyEmpty,
    ReplyEntry, ReplyIoctl, ReplyLseek, ReplyOpen, ReplyStatfs, ReplyWrite, ReplyXattr, Request, TimeOrNow, WriteFlags,
};

use super::errno::Failure;
use super::translate::AttributeChange;
use super::wire::{GENERATION, Names, NamesWithAttributes, entry_attributes, new_time, open_reply_flags, shown_attributes};
use super::workspace::{Caller, Entry, Place, Workspace, Write};
use crate::runtime::clock;
use crate::runtime::metrics::{FuseRequest, metrics};

/// Largest write request, in bytes: what the kernel allows by default (`fs.fuse.max_pages_limit`, 256 pages). The request buffer of a
/// thread grows to it.
const MAX_WRITE: u32 = 1 << 20;
/// Requests that the kernel may have in flight without a process that waits for them: read-ahead, closes.
const MAX_BACKGROUND: u16 = 64;

thread_local! {
    /// What a thread reads files into.
    static CONTENT: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// A workspace, as `fuser` calls it.
pub(super) struct Shim {
    workspace: Arc<Workspace>,
}

impl Shim {
    pub(super) const fn new(workspace: Arc<Workspace>) -> Self {
        Self { workspace }
    }

    /// Runs one request. A panic is this request's failure and nobody else's: the workspace has no state that a panic leaves half done.
    fn run<T>(&self, kind: FuseRequest, request: impl FnOnce(&Workspace) -> Result<T, Failure>) -> Result<T, Errno> {
        let began = clock::instant();
        let result = catch_unwind(AssertUnwindSafe(|| request(&self.workspace))).unwrap_or(Err(Failure::Panicked));
        metrics().fuse_latency.of(kind).observe(clock::micros_since(began));
        result.map_err(|failure| Errno::from_i32(failure.errno() as i32))
    }

    fn reply_empty(reply: ReplyEmpty, result: Result<(), Errno>) {
        match result {
            Ok(()) => reply.ok(),
            Err(errno) => reply.error(errno),
        }
    }

    fn reply_entry(&self, reply: ReplyEntry, result: Result<Entry, Errno>) {
        match result {
            Ok(entry) => {
                let attributes = entry_attributes(&entry.attributes);
                reply.entry_with_ttls(&self.workspace.attribute_timeout(), &entry.timeout, &attributes, GENERATION);
            }
            Err(errno) => reply.error(errno),
        }
    }
}

fn caller(request: &Request) -> Caller {
    Caller { pid: request.pid(), uid: request.uid(), gid: request.gid() }
}

impl Filesystem for Shim {
    fn init(&mut self, _: &Request, config: &mut KernelConfig) -> io::Result<()> {
        // O_TRUNC is one operation with its open, and not two; the umask is the backing file system's matter, which knows default ACLs;
        // without HANDLE_KILLPRIV_V2 the kernel asks for `security.capability` before each write.
        let wanted = InitFlags::FUSE_ATOMIC_O_TRUNC
            | InitFlags::FUSE_DONT_MASK
            | InitFlags::FUSE_HANDLE_KILLPRIV_V2
            | InitFlags::FUSE_AUTO_INVAL_DATA
            | InitFlags::FUSE_DO_READDIRPLUS
            | InitFlags::FUSE_READDIRPLUS_AUTO
            | InitFlags::FUSE_PARALLEL_DIROPS
            | InitFlags::FUSE_CACHE_SYMLINKS
            | InitFlags::FUSE_ASYNC_DIO
            | InitFlags::FUSE_DIRECT_IO_ALLOW_MMAP;
        let offered = config.capabilities() & wanted;
        config.add_capabilities(offered).map_err(|_| io::Error::from(io::ErrorKind::Unsupported))?;
        // Where a limit of the kernel is lower, it is the kernel's that holds.
        let _ = config.set_max_write(MAX_WRITE);
        let _ = config.set_max_background(MAX_BACKGROUND);
        Ok(())
    }

    fn lookup(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        self.reply_entry(reply, self.run(FuseRequest::Lookup, |workspace| workspace.lookup(parent.0, name)));
    }

    fn forget(&self, _: &Request, node: INodeNo, times: u64) {
        let _ = self.run(FuseRequest::Forget, |workspace| {
            workspace.forget(node.0, times);
            Ok(())
        });
    }

    fn getattr(&self, _: &Request, node: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        match self.run(FuseRequest::Getattr, |workspace| workspace.attributes(node.0)) {
            Ok(attributes) => reply.attr(&self.workspace.attribute_timeout(), &shown_attributes(&attributes)),
            Err(errno) => reply.error(errno),
        }
    }

    fn setattr(
        &self,
        request: &Request,
        node: INodeNo,
        mode: Option<u32>,
        uid: Option<u32>,
        gid: Option<u32>,
        size: Option<u64>,
        atime: Option<TimeOrNow>,
        mtime: Option<TimeOrNow>,
        _: Option<SystemTime>,
        handle: Option<FileHandle>,
        _: Option<SystemTime>,
        _: Option<SystemTime>,
        _: Option<SystemTime>,
        _: Option<BsdFileFlags>,
        reply: ReplyAttr,
    ) {
        let change = AttributeChange { mode, uid, gid, size, atime: atime.map(new_time), mtime: mtime.map(new_time) };
        let handle = handle.map(|handle| handle.0);
        match self.run(FuseRequest::Setattr, |workspace| workspace.change_attributes(caller(request), node.0, handle, &change)) {
            Ok(attributes) => reply.attr(&self.workspace.attribute_timeout(), &shown_attributes(&attributes)),
            Err(errno) => reply.error(errno),
        }
    }

    fn readlink(&self, _: &Request, node: INodeNo, reply: ReplyData) {
        match self.run(FuseRequest::Readlink, |workspace| workspace.readlink(node.0)) {
            Ok(target) => reply.data(target.as_encoded_bytes()),
            Err(errno) => reply.error(errno),
        }
    }

    fn mknod(&self, request: &Request, parent: INodeNo, name: &OsStr, mode: u32, umask: u32, device: u32, reply: ReplyEntry) {
        let place = Place { parent: parent.0, name };
        self.reply_entry(
            reply,
            self.run(FuseRequest::Mknod, |workspace| workspace.mknod(caller(request), place, mode, umask, device)),
        );
    }

    fn mkdir(&self, request: &Request, parent: INodeNo, name: &OsStr, mode: u32, umask: u32, reply: ReplyEntry) {
        let place = Place { parent: parent.0, name };
        self.reply_entry(reply, self.run(FuseRequest::Mkdir, |workspace| workspace.mkdir(caller(request), place, mode, umask)));
    }

    fn unlink(&self, request: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        let place = Place { parent: parent.0, name };
        Self::reply_empty(reply, self.run(FuseRequest::Unlink, |workspace| workspace.unlink(caller(request), place)));
    }

    fn rmdir(&self, request: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        let place = Place { parent: parent.0, name };
        Self::reply_empty(reply, self.run(FuseRequest::Rmdir, |workspace| workspace.rmdir(caller(request), place)));
    }

    fn symlink(&self, request: &Request, parent: INodeNo, name: &OsStr, target: &Path, reply: ReplyEntry) {
        let place = Place { parent: parent.0, name };
        self.reply_entry(
            reply,
            self.run(FuseRequest::Symlink, |workspace| workspace.symlink(caller(request), place, target.as_os_str())),
        );
    }

    fn rename(
        &self,
        request: &Request,
        parent: INodeNo,
        name: &OsStr,
        new_parent: INodeNo,
        new_name: &OsStr,
        flags: RenameFlags,
        reply: ReplyEmpty,
    ) {
        let (from, to) = (Place { parent: parent.0, name }, Place { parent: new_parent.0, name: new_name });
        Self::reply_empty(
            reply,
            self.run(FuseRequest::Rename, |workspace| workspace.rename(caller(request), from, to, flags.bits())),
        );
    }

    fn link(&self, request: &Request, node: INodeNo, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        let place = Place { parent: parent.0, name };
        self.reply_entry(reply, self.run(FuseRequest::Link, |workspace| workspace.link(caller(request), node.0, place)));
    }

    fn open(&self, request: &Request, node: INodeNo, flags: OpenFlags, reply: ReplyOpen) {
        match self.run(FuseRequest::Open, |workspace| workspace.open(caller(request), node.0, flags.0)) {
            Ok(opened) => reply.opened(FileHandle(opened.handle), open_reply_flags(opened)),
            Err(errno) => reply.error(errno),
        }
    }

    fn create(&self, request: &Request, parent: INodeNo, name: &OsStr, mode: u32, umask: u32, flags: i32, reply: ReplyCreate) {
        let place = Place { parent: parent.0, name };
        match self.run(FuseRequest::Create, |workspace| workspace.create(caller(request), place, mode, umask, flags)) {
            Ok((entry, opened)) => {
                let attributes = entry_attributes(&entry.attributes);
                reply.created(&entry.timeout, &attributes, GENERATION, FileHandle(opened.handle), open_reply_flags(opened));
            }
            Err(errno) => reply.error(errno),
        }
    }

    fn read(
        &self,
        request: &Request,
        _: INodeNo,
        handle: FileHandle,
        offset: u64,
        size: u32,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyData,
    ) {
        CONTENT.with_borrow_mut(|content| {
            let size = usize::try_from(size).unwrap_or(usize::MAX);
            if content.len() < size {
                content.resize(size, 0);
            }
            let buffer = content.get_mut(..size).unwrap_or_default();
            match self.run(FuseRequest::Read, |workspace| workspace.read(caller(request), handle.0, offset, buffer)) {
                Ok(read) => reply.data(buffer.get(..read).unwrap_or_default()),
                Err(errno) => reply.error(errno),
            }
        });
    }

    fn write(
        &self,
        request: &Request,
        _: INodeNo,
        handle: FileHandle,
        offset: u64,
        data: &[u8],
        write_flags: WriteFlags,
        flags: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        let how = Write {
            offset,
            append: flags.0 & libc::O_APPEND != 0,
            from_page_cache: write_flags.contains(WriteFlags::FUSE_WRITE_CACHE),
            clears_set_uid: write_flags.contains(WriteFlags::FUSE_WRITE_KILL_SUIDGID),
        };
        match self.run(FuseRequest::Write, |workspace| workspace.write(caller(request), handle.0, data, how)) {
            Ok(written) => reply.written(u32::try_from(written).unwrap_or(u32::MAX)),
            Err(errno) => reply.error(errno),
        }
    }

    fn flush(&self, _: &Request, _: INodeNo, handle: FileHandle, _: LockOwner, reply: ReplyEmpty) {
        Self::reply_empty(reply, self.run(FuseRequest::Flush, |workspace| workspace.flush(handle.0)));
    }

    fn release(
        &self,
        _: &Request,
        _: INodeNo,
        handle: FileHandle,
        _: OpenFlags,
        _: Option<LockOwner>,
        _: bool,
        reply: ReplyEmpty,
    ) {
        Self::reply_empty(reply, self.run(FuseRequest::Release, |workspace| workspace.release(handle.0)));
    }

    fn fsync(&self, _: &Request, _: INodeNo, handle: FileHandle, data_only: bool, reply: ReplyEmpty) {
        Self::reply_empty(reply, self.run(FuseRequest::Fsync, |workspace| workspace.sync(handle.0, data_only)));
    }

    fn opendir(&self, request: &Request, node: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        match self.run(FuseRequest::Opendir, |workspace| workspace.open_directory(caller(request), node.0)) {
            Ok(handle) => reply.opened(FileHandle(handle), FopenFlags::empty()),
            Err(errno) => reply.error(errno),
        }
    }

    fn readdir(&self, _: &Request, _: INodeNo, handle: FileHandle, offset: u64, mut reply: ReplyDirectory) {
        match self.run(FuseRequest::Readdir, |workspace| workspace.list(handle.0, offset, false, &mut Names(&mut reply))) {
            Ok(()) => reply.ok(),
            Err(errno) => reply.error(errno),
        }
    }

    fn readdirplus(&self, _: &Request, _: INodeNo, handle: FileHandle, offset: u64, mut reply: ReplyDirectoryPlus) {
        match self.run(FuseRequest::Readdirplus, |workspace| {
            workspace.list(handle.0, offset, true, &mut NamesWithAttributes(&mut reply))
        }) {
            Ok(()) => reply.ok(),
            Err(errno) => reply.error(errno),
        }
    }

    fn releasedir(&self, _: &Request, _: INodeNo, handle: FileHandle, _: OpenFlags, reply: ReplyEmpty) {
        Self::reply_empty(reply, self.run(FuseRequest::Releasedir, |workspace| workspace.release_directory(handle.0)));
    }

    fn fsyncdir(&self, _: &Request, _: INodeNo, handle: FileHandle, data_only: bool, reply: ReplyEmpty) {
        Self::reply_empty(reply, self.run(FuseRequest::Fsyncdir, |workspace| workspace.sync_directory(handle.0, data_only)));
    }

    fn statfs(&self, _: &Request, node: INodeNo, reply: ReplyStatfs) {
        match self.run(FuseRequest::Statfs, |workspace| workspace.statfs(node.0)) {
            Ok(stat) => reply.statfs(
                stat.blocks(),
                stat.blocks_free(),
                stat.blocks_available(),
                stat.files(),
                stat.files_free(),
                u32::try_from(stat.block_size()).unwrap_or(4_096),
                u32::try_from(stat.name_max()).unwrap_or(255),
                u32::try_from(stat.fragment_size()).unwrap_or(4_096),
            ),
            Err(errno) => reply.error(errno),
        }
    }

    fn setxattr(&self, request: &Request, node: INodeNo, name: &OsStr, value: &[u8], flags: i32, _: u32, reply: ReplyEmpty) {
        Self::reply_empty(
            reply,
            self.run(FuseRequest::Setxattr, |workspace| workspace.set_xattr(caller(request), node.0, name, value, flags)),
        );
    }

    fn getxattr(&self, _: &Request, node: INodeNo, name: &OsStr, size: u32, reply: ReplyXattr) {
        reply_xattr(reply, size, |buffer| self.run(FuseRequest::Getxattr, |workspace| workspace.get_xattr(node.0, name, buffer)));
    }

    fn listxattr(&self, _: &Request, node: INodeNo, size: u32, reply: ReplyXattr) {
        reply_xattr(reply, size, |buffer| self.run(FuseRequest::Listxattr, |workspace| workspace.list_xattrs(node.0, buffer)));
    }

    fn removexattr(&self, request: &Request, node: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        Self::reply_empty(
            reply,
            self.run(FuseRequest::Removexattr, |workspace| workspace.remove_xattr(caller(request), node.0, name)),
        );
    }

    fn ioctl(&self, _: &Request, _: INodeNo, _: FileHandle, _: IoctlFlags, _: u32, _: &[u8], _: u32, reply: ReplyIoctl) {
        reply.error(Errno::from_i32(Failure::Unsupported.errno() as i32));
    }

    fn fallocate(
        &self,
        request: &Request,
        _: INodeNo,
        handle: FileHandle,
        offset: u64,
        length: u64,
        mode: i32,
        reply: ReplyEmpty,
    ) {
        Self::reply_empty(
            reply,
            self.run(FuseRequest::Fallocate, |workspace| workspace.allocate(caller(request), handle.0, mode, offset, length)),
        );
    }

    fn lseek(&self, _: &Request, _: INodeNo, handle: FileHandle, offset: i64, whence: i32, reply: ReplyLseek) {
        match self.run(FuseRequest::Lseek, |workspace| workspace.seek(handle.0, offset, whence)) {
            Ok(offset) => reply.offset(offset),
            Err(errno) => reply.error(errno),
        }
    }

    fn copy_file_range(
        &self,
        request: &Request,
        _: INodeNo,
        from: FileHandle,
        from_offset: u64,
        _: INodeNo,
        to: FileHandle,
        to_offset: u64,
        length: u64,
        _: CopyFileRangeFlags,
        reply: ReplyWrite,
    ) {
        let (from, to) = ((from.0, from_offset), (to.0, to_offset));
        match self.run(FuseRequest::CopyFileRange, |workspace| workspace.copy(caller(request), from, to, length)) {
            Ok(copied) => reply.written(u32::try_from(copied).unwrap_or(u32::MAX)),
            Err(errno) => reply.error(errno),
        }
    }
}

/// Answers a question for an attribute or for their names: with the size alone where the kernel asks for no bytes.
fn reply_xattr(reply: ReplyXattr, size: u32, read: impl FnOnce(&mut [u8]) -> Result<usize, Errno>) {
    let mut buffer = vec![0; usize::try_from(size).unwrap_or(0)];
    match read(&mut buffer) {
        Ok(length) if size == 0 => reply.size(u32::try_from(length).unwrap_or(u32::MAX)),
        Ok(length) => reply.data(buffer.get(..length).unwrap_or_default()),
        Err(errno) => reply.error(errno),
    }
}
