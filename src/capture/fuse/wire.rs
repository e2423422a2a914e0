//! Between `fuser`'s types and ours.

use std::ffi::OsStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use fuser::{FileAttr, FileType, FopenFlags, Generation, INodeNo, ReplyDirectory, ReplyDirectoryPlus, TimeOrNow};

use super::translate::NewTime;
use super::workspace::{Attributes, DirectoryEntry, DirectorySink, Entry, Opened};

/// An inode's number means the same object for as long as the kernel knows it: the descriptor is held as long.
pub(super) const GENERATION: Generation = Generation(0);

/// The attributes of an entry; `fuser` takes the kernel's number for the inode from them.
pub(super) fn entry_attributes(attributes: &Attributes) -> FileAttr {
    FileAttr { ino: INodeNo(attributes.node), ..shown_attributes(attributes) }
}

/// The attributes as the session sees them.
pub(super) fn shown_attributes(attributes: &Attributes) -> FileAttr {
    let stat = &attributes.stat;
    FileAttr {
        ino: INodeNo(attributes.shown_inode),
        size: stat.st_size.cast_unsigned(),
        blocks: stat.st_blocks.cast_unsigned(),
        atime: system_time(stat.st_atime, stat.st_atime_nsec),
        mtime: system_time(stat.st_mtime, stat.st_mtime_nsec),
        ctime: system_time(stat.st_ctime, stat.st_ctime_nsec),
        crtime: UNIX_EPOCH,
        kind: file_type(stat.st_mode),
        perm: u16::try_from(stat.st_mode & super::translate::PERMISSIONS).unwrap_or(0),
        nlink: u32::try_from(stat.st_nlink).unwrap_or(u32::MAX),
        uid: stat.st_uid,
        gid: stat.st_gid,
        // The low half of the C library's number is what the kernel uses between kernel and user space.
        rdev: u32::try_from(stat.st_rdev & 0xffff_ffff).unwrap_or(0),
        blksize: u32::try_from(stat.st_blksize).unwrap_or(4_096),
        flags: 0,
    }
}

fn file_type(mode: u32) -> FileType {
    match mode & libc::S_IFMT {
        libc::S_IFDIR => FileType::Directory,
        libc::S_IFLNK => FileType::Symlink,
        libc::S_IFIFO => FileType::NamedPipe,
        libc::S_IFSOCK => FileType::Socket,
        libc::S_IFCHR => FileType::CharDevice,
        libc::S_IFBLK => FileType::BlockDevice,
        _ => FileType::RegularFile,
    }
}

/// Seconds since 1970, rounded down, and nanoseconds after them.
fn system_time(seconds: i64, nanoseconds: i64) -> SystemTime {
    let whole = Duration::from_secs(seconds.unsigned_abs());
    let base = if seconds < 0 { UNIX_EPOCH.checked_sub(whole) } else { UNIX_EPOCH.checked_add(whole) };
    let part = Duration::from_nanos(nanoseconds.unsigned_abs());
    base.and_then(|base| base.checked_add(part)).unwrap_or(UNIX_EPOCH)
}

/// The time that the caller asked for. For one before 1970 fuser 0.18 subtracts the nanoseconds that the kernel adds
/// (`system_time_from_time`), so the pair that the kernel sent is read off again.
pub(super) fn new_time(time: TimeOrNow) -> NewTime {
    match time {
        TimeOrNow::Now => NewTime::Now,
        TimeOrNow::SpecificTime(time) => match time.duration_since(UNIX_EPOCH) {
            Ok(after) => {
                NewTime::At { seconds: i64::try_from(after.as_secs()).unwrap_or(i64::MAX), nanoseconds: after.subsec_nanos() }
            }
            Err(before) => {
                let before = before.duration();
                let seconds = 0_i64.checked_sub_unsigned(before.as_secs()).unwrap_or(i64::MIN);
                NewTime::At { seconds, nanoseconds: before.subsec_nanos() }
            }
        },
    }
}

/// How the kernel is to treat an open handle.
pub(super) fn open_reply_flags(opened: Opened) -> FopenFlags {
    let choices = [
        (opened.keep_cache && !opened.direct_io, FopenFlags::FOPEN_KEEP_CACHE),
        (opened.direct_io, FopenFlags::FOPEN_DIRECT_IO),
        (opened.no_flush, FopenFlags::FOPEN_NOFLUSH),
    ];
    choices.into_iter().filter(|(chosen, _)| *chosen).fold(FopenFlags::empty(), |flags, (_, flag)| flags | flag)
}

/// Names alone.
pub(super) struct Names<'a>(pub(super) &'a mut ReplyDirectory);

impl DirectorySink for Names<'_> {
    fn take(&mut self, entry: &DirectoryEntry<'_>) -> bool {
        // `DT_DIR` and its kind are the type bits of the mode.
        let kind = file_type(u32::from(entry.file_type) << 12);
        !self.0.add(INodeNo(entry.inode), entry.next, kind, entry.name)
    }

    fn take_with(&mut self, entry: &DirectoryEntry<'_>, _: &Entry) -> bool {
        self.take(entry)
    }
}

/// Attributes of nothing.
const BLANK: FileAttr = FileAttr {
    ino: INodeNo::ROOT,
    size: 0,
    blocks: 0,
    atime: UNIX_EPOCH,
    mtime: UNIX_EPOCH,
    ctime: UNIX_EPOCH,
    crtime: UNIX_EPOCH,
    kind: FileType::RegularFile,
    perm: 0,
    nlink: 0,
    uid: 0,
    gid: 0,
    rdev: 0,
    blksize: 0,
    flags: 0,
};

/// Names with what they name.
pub(super) struct NamesWithAttributes<'a>(pub(super) &'a mut ReplyDirectoryPlus);

impl NamesWithAttributes<'_> {
    fn add(&mut self, next: u64, name: &OsStr, found: &Entry) -> bool {
        let attributes = entry_attributes(&found.attributes);
        !self.0.add(attributes.ino, next, name, &found.timeout, &attributes, GENERATION)
    }
}

impl DirectorySink for NamesWithAttributes<'_> {
    /// An entry whose attributes cannot be had. The protocol has number 0 for it, which `fuser` cannot say without making the name
    /// vanish (it is `d_ino` too). For the root's number the kernel shows the name and links nothing (`fuse_direntplus_link`), and then
    /// forgets the root once, which the workspace does not count.
    fn take(&mut self, entry: &DirectoryEntry<'_>) -> bool {
        let kind = file_type(u32::from(entry.file_type) << 12);
        let attributes = FileAttr { ino: INodeNo::ROOT, kind, ..BLANK };
        !self.0.add(INodeNo::ROOT, entry.next, entry.name, &Duration::ZERO, &attributes, GENERATION)
    }

    fn take_with(&mut self, entry: &DirectoryEntry<'_>, found: &Entry) -> bool {
        self.add(entry.next, entry.name, found)
    }
}
