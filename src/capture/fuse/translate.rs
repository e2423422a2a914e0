//! From raw operations to event payloads: pure functions of what the kernel passed.

use crate::event::{
    DirCreate, DirDelete, DirList, FileAccess, FileChmod, FileChown, FileCreate, FileDelete, FileLink, FileOpen, FileRename,
    FileSymlink, FileTruncate, FileType, FileUtimens, FileXattr, OsText, Payload, Timestamp, XattrOperation,
};

/// Permission bits, with set-uid, set-gid and sticky.
pub const PERMISSIONS: u32 = 0o7777;

/// Flags that the kernel adds to what `open(2)` got: `FMODE_EXEC` (`include/linux/fs.h`) and, on 64-bit machines, `O_LARGEFILE`.
const KERNEL_OWN_FLAGS: u32 = 0x20 | 0o100_000;

/// A new time, as `utimensat(2)` can ask for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NewTime {
    /// `UTIME_NOW`.
    Now,
    /// This time.
    At {
        /// Seconds since 1970, rounded down.
        seconds: i64,
        /// Nanoseconds after `seconds`, below 1,000,000,000.
        nanoseconds: u32,
    },
}

/// What one request changes about a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AttributeChange {
    /// New mode.
    pub mode: Option<u32>,
    /// New owner.
    pub uid: Option<u32>,
    /// New group.
    pub gid: Option<u32>,
    /// New size in bytes.
    pub size: Option<u64>,
    /// New access time.
    pub atime: Option<NewTime>,
    /// New modification time.
    pub mtime: Option<NewTime>,
}

/// One of the changes that a request can hold. Each is an operation of its own to policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// `chown(2)`.
    Owner {
        /// New owner.
        uid: Option<u32>,
        /// New group.
        gid: Option<u32>,
    },
    /// `chmod(2)`.
    Mode(u32),
    /// `truncate(2)`.
    Size(u64),
    /// `utimensat(2)`.
    Times {
        /// New access time.
        atime: Option<NewTime>,
        /// New modification time.
        mtime: Option<NewTime>,
    },
}

impl AttributeChange {
    /// The operations of the request in the order in which they are applied: a new owner clears the set-uid bits, so the mode comes
    /// after it, and a new size sets the modification time, so the times come last.
    #[must_use]
    pub fn parts(&self) -> [Option<Part>; 4] {
        let owner = (self.uid.is_some() || self.gid.is_some()).then_some(Part::Owner { uid: self.uid, gid: self.gid });
        // With `truncate(2)` the kernel asks for the modification time that the truncation sets anyway.
        let implied = self.size.is_some() && self.atime.is_none() && self.mtime == Some(NewTime::Now);
        let times = ((self.atime.is_some() || self.mtime.is_some()) && !implied)
            .then_some(Part::Times { atime: self.atime, mtime: self.mtime });
        [owner, self.mode.map(Part::Mode), self.size.map(Part::Size), times]
    }
}

/// The access mode of `open(2)` flags. 3, which Linux gives to `ioctl`-only opens of devices, can do neither and counts as both.
#[must_use]
pub const fn access(flags: i32) -> FileAccess {
    match flags & libc::O_ACCMODE {
        libc::O_RDONLY => FileAccess::Read,
        libc::O_WRONLY => FileAccess::Write,
        _ => FileAccess::ReadWrite,
    }
}

/// The flags as `open(2)` got them.
#[must_use]
pub const fn open_flags(flags: i32) -> u32 {
    flags.cast_unsigned() & !KERNEL_OWN_FLAGS
}

/// The type that the mode bits name; an unknown one counts as a regular file, as `mknod(2)` does it.
#[must_use]
pub const fn file_type(mode: u32) -> FileType {
    match mode & libc::S_IFMT {
        libc::S_IFDIR => FileType::Directory,
        libc::S_IFLNK => FileType::Symlink,
        libc::S_IFIFO => FileType::Fifo,
        libc::S_IFSOCK => FileType::Socket,
        libc::S_IFCHR => FileType::CharDevice,
        libc::S_IFBLK => FileType::BlockDevice,
        _ => FileType::Regular,
    }
}

/// A file is opened.
#[must_use]
pub fn open(path: OsText, flags: i32) -> Payload {
    FileOpen { path, access: access(flags), flags: open_flags(flags), rights: None }.into()
}

/// A regular file is made and opened.
#[must_use]
pub fn create(path: OsText, mode: u32, umask: u32, flags: i32) -> Payload {
    let mode = mode & !umask & PERMISSIONS;
    FileCreate {
        path,
        file_type: FileType::Regular,
        mode,
        access: Some(access(flags)),
        flags: open_flags(flags),
        ..FileCreate::default()
    }
    .into()
}

/// A file, pipe, socket or device is made and not opened.
#[must_use]
pub fn mknod(path: OsText, mode: u32, umask: u32) -> Payload {
    FileCreate {
        path,
        file_type: file_type(mode),
        mode: mode & !umask & PERMISSIONS,
        access: None,
        flags: 0,
        ..FileCreate::default()
    }
    .into()
}

/// A directory is made.
#[must_use]
pub fn mkdir(path: OsText, mode: u32, umask: u32) -> Payload {
    DirCreate { path, mode: mode & !umask & PERMISSIONS }.into()
}

/// A directory is removed.
#[must_use]
pub fn rmdir(path: OsText) -> Payload {
    DirDelete { path }.into()
}

/// A directory is opened to list it.
#[must_use]
pub fn list(path: OsText) -> Payload {
    DirList { path }.into()
}

/// A name of a file is removed.
#[must_use]
pub fn unlink(path: OsText) -> Payload {
    FileDelete { path, ..FileDelete::default() }.into()
}

/// A file or a directory gets another name.
#[must_use]
pub fn rename(path: OsText, to: OsText, flags: u32) -> Payload {
    FileRename { path, to, flags }.into()
}

/// A file gets a further name.
#[must_use]
pub fn link(path: OsText, to: OsText) -> Payload {
    FileLink { path, to }.into()
}

/// A symbolic link is made.
#[must_use]
pub fn symlink(path: OsText, target: OsText) -> Payload {
    FileSymlink { path, target }.into()
}

/// An extended attribute is set.
#[must_use]
pub fn set_xattr(path: OsText, name: OsText, size: usize) -> Payload {
    let size = Some(u64::try_from(size).unwrap_or(u64::MAX));
    FileXattr { path, operation: XattrOperation::Set, name, size }.into()
}

/// An extended attribute is removed.
#[must_use]
pub fn remove_xattr(path: OsText, name: OsText) -> Payload {
    FileXattr { path, operation: XattrOperation::Remove, name, size: None }.into()
}

/// One change of a file's attributes; `now` stands for the time that the backing file system will take.
#[must_use]
pub fn set_attribute(path: OsText, part: Part, now: Timestamp) -> Payload {
    let nanoseconds = |time: Option<NewTime>| {
        time.map(|time| match time {
            NewTime::Now => now.as_micros().saturating_mul(1_000),
            NewTime::At { seconds, nanoseconds } => seconds.saturating_mul(1_000_000_000).saturating_add(i64::from(nanoseconds)),
        })
    };
    match part {
        Part::Owner { uid, gid } => FileChown { path, uid, gid }.into(),
        Part::Mode(mode) => FileChmod { path, mode: mode & PERMISSIONS }.into(),
        Part::Size(size) => FileTruncate { path, size }.into(),
        Part::Times { atime, mtime } => FileUtimens { path, atime_ns: nanoseconds(atime), mtime_ns: nanoseconds(mtime) }.into(),
    }
}
