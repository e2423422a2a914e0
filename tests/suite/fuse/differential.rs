//! Random sequences of operations end in the same tree, with the same error number at each step, on the mount and on a plain directory.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::os::fd::AsFd as _;
use std::os::unix::fs::{FileExt as _, MetadataExt as _, chown, symlink};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, FallocateFlags, OFlag, RenameFlags, fallocate, open, renameat2};
use nix::sys::stat::{FchmodatFlags, Mode, SFlag, UtimensatFlags, fchmodat, mknod, utimensat};
use nix::sys::time::TimeSpec;
use nix::unistd::{Whence, lseek};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};

use super::rig::rig;
use super::xattrs;

/// Names are few, so that they meet.
const NAMES: [&str; 6] = ["a", "b", "dir", "dir/a", "dir/b", "dir/sub"];

#[derive(Clone, Debug)]
enum Operation {
    Open { name: usize, flags: usize, mode: u32, slot: usize },
    Close { slot: usize },
    Write { slot: usize, offset: u64, length: usize },
    Read { slot: usize, offset: u64, length: usize },
    Resize { slot: usize, size: u64 },
    Allocate { slot: usize, flags: usize, offset: i64, length: i64 },
    Seek { slot: usize, offset: i64, hole: bool },
    Copy { from: usize, to: usize },
    Truncate { name: usize, size: i64 },
    Unlink { name: usize },
    Mkdir { name: usize, mode: u32 },
    Rmdir { name: usize },
    Rename { from: usize, to: usize, flags: u32 },
    Link { from: usize, to: usize },
    Symlink { name: usize, target: usize },
    Readlink { name: usize },
    Fifo { name: usize },
    Chmod { name: usize, mode: u32 },
    Chown { name: usize, gid: u32 },
    Times { name: usize, seconds: i64 },
    SetXattr { name: usize, attribute: usize, length: usize, flags: i32 },
    GetXattr { name: usize, attribute: usize, room: usize },
    RemoveXattr { name: usize, attribute: usize },
    List { name: usize },
    Stat { name: usize },
}

const OPEN_FLAGS: [i32; 10] = [
    libc::O_RDONLY,
    libc::O_RDWR,
    libc::O_WRONLY | libc::O_CREAT,
    libc::O_RDWR | libc::O_CREAT | libc::O_EXCL,
    libc::O_RDWR | libc::O_CREAT | libc::O_TRUNC,
    libc::O_WRONLY | libc::O_TRUNC,
    libc::O_RDWR | libc::O_APPEND,
    libc::O_RDONLY | libc::O_DIRECTORY,
    libc::O_RDONLY | libc::O_NOFOLLOW,
    libc::O_WRONLY | libc::O_CREAT | libc::O_NOFOLLOW,
];

const ALLOCATE_FLAGS: [i32; 4] =
    [0, libc::FALLOC_FL_KEEP_SIZE, libc::FALLOC_FL_PUNCH_HOLE | libc::FALLOC_FL_KEEP_SIZE, libc::FALLOC_FL_ZERO_RANGE];

const ATTRIBUTES: [&str; 3] = ["user.one", "user.two", "bad"];
const SLOTS: usize = 3;

fn operation() -> impl Strategy<Value = Operation> {
    let name = || 0..NAMES.len();
    let slot = || 0..SLOTS;
    let mode = || prop_oneof![Just(0o644), Just(0o600), Just(0o755), Just(0o4711), Just(0o2775), 0..0o7777_u32];
    let offset = || prop_oneof![0..20_u64, 4_090..4_100_u64, 60_000..70_000_u64];
    let length = || prop_oneof![0..20_usize, 4_000..5_000_usize, Just(140_000)];
    prop_oneof![
        6 => (name(), 0..OPEN_FLAGS.len(), mode(), slot()).prop_map(|(name, flags, mode, slot)| Operation::Open { name, flags, mode, slot }),
        1 => slot().prop_map(|slot| Operation::Close { slot }),
        4 => (slot(), offset(), length()).prop_map(|(slot, offset, length)| Operation::Write { slot, offset, length }),
        4 => (slot(), offset(), length()).prop_map(|(slot, offset, length)| Operation::Read { slot, offset, length }),
        1 => (slot(), offset()).prop_map(|(slot, size)| Operation::Resize { slot, size }),
        1 => (slot(), 0..ALLOCATE_FLAGS.len(), 0..9_000_i64, 0..9_000_i64)
            .prop_map(|(slot, flags, offset, length)| Operation::Allocate { slot, flags, offset, length }),
        1 => (slot(), 0..70_000_i64, any::<bool>()).prop_map(|(slot, offset, hole)| Operation::Seek { slot, offset, hole }),
        1 => (slot(), slot()).prop_map(|(from, to)| Operation::Copy { from, to }),
        1 => (name(), -1..5_000_i64).prop_map(|(name, size)| Operation::Truncate { name, size }),
        3 => name().prop_map(|name| Operation::Unlink { name }),
        3 => (name(), mode()).prop_map(|(name, mode)| Operation::Mkdir { name, mode }),
        2 => name().prop_map(|name| Operation::Rmdir { name }),
        5 => (name(), name(), 0..4_u32).prop_map(|(from, to, flags)| Operation::Rename { from, to, flags }),
        3 => (name(), name()).prop_map(|(from, to)| Operation::Link { from, to }),
        2 => (name(), name()).prop_map(|(name, target)| Operation::Symlink { name, target }),
        1 => name().prop_map(|name| Operation::Readlink { name }),
        1 => name().prop_map(|name| Operation::Fifo { name }),
        2 => (name(), mode()).prop_map(|(name, mode)| Operation::Chmod { name, mode }),
        1 => (name(), 0..3_u32).prop_map(|(name, gid)| Operation::Chown { name, gid }),
        1 => (name(), -5..5_i64).prop_map(|(name, seconds)| Operation::Times { name, seconds }),
        2 => (name(), 0..ATTRIBUTES.len(), 0..50_usize, 0..3_i32)
            .prop_map(|(name, attribute, length, flags)| Operation::SetXattr { name, attribute, length, flags }),
        1 => (name(), 0..ATTRIBUTES.len(), 0..50_usize).prop_map(|(name, attribute, room)| Operation::GetXattr { name, attribute, room }),
        1 => (name(), 0..ATTRIBUTES.len()).prop_map(|(name, attribute)| Operation::RemoveXattr { name, attribute }),
        2 => name().prop_map(|name| Operation::List { name }),
        3 => name().prop_map(|name| Operation::Stat { name }),
    ]
}

/// A directory with the handles that a sequence has open in it.
struct Side {
    root: PathBuf,
    slots: [Option<File>; SLOTS],
}

/// What a step shows: a text of the result, or the error number.
type Shown = Result<String, Errno>;

fn errno(error: io::Error) -> Errno {
    Errno::from_raw(error.raw_os_error().unwrap_or_else(|| panic!("no system error: {error}")))
}

impl Side {
    fn new(root: PathBuf) -> Self {
        fs::create_dir(&root).unwrap();
        Self { root, slots: Default::default() }
    }

    fn at(&self, name: usize) -> PathBuf {
        self.root.join(NAMES[name])
    }

    fn slot(&self, slot: usize) -> Result<&File, Errno> {
        self.slots[slot].as_ref().ok_or(Errno::EBADF)
    }

    fn run(&mut self, operation: &Operation) -> Shown {
        let done = |()| String::new();
        match *operation {
            Operation::Open { name, flags, mode, slot } => {
                // A FIFO would wait for its other end.
                let flags = OFlag::from_bits_retain(OPEN_FLAGS[flags] | libc::O_NONBLOCK | libc::O_CLOEXEC);
                let file: File = open(&self.at(name), flags, Mode::from_bits_truncate(mode))?.into();
                let shown = format!("{:o} {}", file.metadata().map_err(errno)?.mode(), file.metadata().map_err(errno)?.len());
                self.slots[slot] = Some(file);
                Ok(shown)
            }
            Operation::Close { slot } => self.slots[slot].take().map(|_| String::new()).ok_or(Errno::EBADF),
            Operation::Write { slot, offset, length } => {
                let file = self.slot(slot)?;
                let written = file.write_at(&vec![b'0' + u8::try_from(length % 70).unwrap(); length], offset).map_err(errno)?;
                Ok(format!("{written} {}", file.metadata().map_err(errno)?.len()))
            }
            Operation::Read { slot, offset, length } => {
                let mut buffer = vec![0; length];
                let read = self.slot(slot)?.read_at(&mut buffer, offset).map_err(errno)?;
                Ok(blake3::hash(&buffer[..read]).to_hex().to_string())
            }
            Operation::Resize { slot, size } => self.slot(slot)?.set_len(size).map(done).map_err(errno),
            Operation::Allocate { slot, flags, offset, length } => {
                fallocate(self.slot(slot)?, FallocateFlags::from_bits_retain(ALLOCATE_FLAGS[flags]), offset, length).map(done)
            }
            Operation::Seek { slot, offset, hole } => {
                let whence = if hole { Whence::SeekHole } else { Whence::SeekData };
                let file = self.slot(slot)?;
                if file.metadata().map_err(errno)?.is_dir() {
                    // The kernel answers for directories of FUSE by itself, and otherwise than ext4 does.
                    return Ok("a directory".into());
                }
                lseek(file, offset, whence).map(|at| at.to_string())
            }
            Operation::Copy { from, to } => {
                // `std::io::copy` between files is copy_file_range.
                let (mut from, mut to) = (self.slot(from)?, self.slot(to)?);
                for file in [from, to] {
                    lseek(file.as_fd(), 0, Whence::SeekSet)?;
                }
                if from.metadata().map_err(errno)?.ino() == to.metadata().map_err(errno)?.ino() {
                    return Ok("one file".into());
                }
                io::copy(&mut from, &mut to).map(|bytes| bytes.to_string()).map_err(errno)
            }
            Operation::Truncate { name, size } => nix::unistd::truncate(&self.at(name), size).map(done),
            Operation::Unlink { name } => fs::remove_file(self.at(name)).map(done).map_err(errno),
            Operation::Mkdir { name, mode } => nix::unistd::mkdir(&self.at(name), Mode::from_bits_truncate(mode)).map(done),
            Operation::Rmdir { name } => fs::remove_dir(self.at(name)).map(done).map_err(errno),
            Operation::Rename { from, to, flags } => {
                renameat2(AT_FDCWD, &self.at(from), AT_FDCWD, &self.at(to), RenameFlags::from_bits_retain(flags)).map(done)
            }
            Operation::Link { from, to } => fs::hard_link(self.at(from), self.at(to)).map(done).map_err(errno),
            Operation::Symlink { name, target } => symlink(NAMES[target], self.at(name)).map(done).map_err(errno),
            Operation::Readlink { name } => {
                fs::read_link(self.at(name)).map(|target| target.display().to_string()).map_err(errno)
            }
            Operation::Fifo { name } => mknod(&self.at(name), SFlag::S_IFIFO, Mode::from_bits_truncate(0o640), 0).map(done),
            Operation::Chmod { name, mode } => {
                fchmodat(AT_FDCWD, &self.at(name), Mode::from_bits_truncate(mode), FchmodatFlags::FollowSymlink).map(done)
            }
            Operation::Chown { name, gid } => chown(self.at(name), None, Some(gid)).map(done).map_err(errno),
            Operation::Times { name, seconds } => {
                let time = TimeSpec::new(seconds, 123_456_789);
                utimensat(AT_FDCWD, &self.at(name), &time, &time, UtimensatFlags::NoFollowSymlink)?;
                let metadata = fs::symlink_metadata(self.at(name)).map_err(errno)?;
                Ok(format!("{}.{}", metadata.mtime(), metadata.mtime_nsec()))
            }
            Operation::SetXattr { name, attribute, length, flags } => {
                xattrs::set(&self.at(name), ATTRIBUTES[attribute], &vec![b'x'; length], flags).map(done).map_err(errno)
            }
            Operation::GetXattr { name, attribute, room } => {
                xattrs::get(&self.at(name), ATTRIBUTES[attribute], room).map(|value| format!("{value:?}")).map_err(errno)
            }
            Operation::RemoveXattr { name, attribute } => {
                xattrs::remove(&self.at(name), ATTRIBUTES[attribute]).map(done).map_err(errno)
            }
            Operation::List { name } => {
                let names = fs::read_dir(self.at(name)).map_err(errno)?;
                let mut names: Vec<_> =
                    names.map(|entry| entry.unwrap()).map(|entry| (entry.file_name(), entry.file_type().unwrap())).collect();
                names.sort_unstable_by(|a, b| a.0.cmp(&b.0));
                Ok(format!("{names:?}"))
            }
            Operation::Stat { name } => fs::metadata(self.at(name)).map(|metadata| shown(&metadata)).map_err(errno),
        }
    }

    /// The whole tree: names, attributes, content.
    fn tree(&self) -> BTreeMap<PathBuf, String> {
        let mut found = BTreeMap::new();
        let mut waiting = vec![self.root.clone()];
        while let Some(path) = waiting.pop() {
            let metadata = fs::symlink_metadata(&path).unwrap();
            let content = match metadata.file_type() {
                kind if kind.is_dir() => {
                    waiting.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
                    String::new()
                }
                kind if kind.is_symlink() => fs::read_link(&path).unwrap().display().to_string(),
                kind if kind.is_file() => blake3::hash(&fs::read(&path).unwrap()).to_hex().to_string(),
                _ => String::new(),
            };
            let attributes = xattrs::list(&path, 1_000).map(|(_, names)| names).unwrap_or_default();
            let relative: &Path = path.strip_prefix(&self.root).unwrap();
            found.insert(relative.to_owned(), format!("{} {attributes:?} {content}", shown(&metadata)));
        }
        found
    }
}

/// What both sides must agree on; the size of a directory is the backing file system's own business.
fn shown(metadata: &fs::Metadata) -> String {
    let size = if metadata.is_dir() { 0 } else { metadata.len() };
    format!("{:o} {} {} {} {size}", metadata.mode(), metadata.nlink(), metadata.uid(), metadata.gid())
}

/// Sequences, and operations in each. More of both: `AGENTSH_TEST_SEQUENCES`.
fn sequences() -> u32 {
    std::env::var("AGENTSH_TEST_SEQUENCES").ok().and_then(|text| text.parse().ok()).unwrap_or(60)
}

fn compare(user: Option<u32>) {
    let Some(rig) = rig() else { return };
    // Both on one file system, so that what it can do is the same.
    let plain = rig.directory.path().join("plain");
    fs::create_dir(&plain).unwrap();
    for directory in [&plain, &rig.backing] {
        chown(directory, user, user).unwrap();
    }
    fs::set_permissions(rig.directory.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let run = || {
        if let Some(user) = user {
            nix::unistd::setfsgid(user.into());
            nix::unistd::setfsuid(user.into());
        }
        let config = Config { cases: sequences(), failure_persistence: None, ..Config::default() };
        let number = std::cell::Cell::new(0);
        TestRunner::new(config).run(&prop::collection::vec(operation(), 1..80), |operations| {
            number.set(number.get() + 1);
            let name = number.get().to_string();
            let (mut native, mut mounted) = (Side::new(plain.join(&name)), Side::new(rig.at(&name)));
            for (step, operation) in operations.iter().enumerate() {
                let (expected, found) = (native.run(operation), mounted.run(operation));
                prop_assert_eq!(expected, found, "step {}: {:?}", step, operation);
            }
            // Directories that their owner cannot enter are listed by nobody else either.
            if user.is_none() {
                prop_assert_eq!(native.tree(), mounted.tree());
            }
            Ok::<_, TestCaseError>(())
        })
    };
    std::thread::scope(|scope| scope.spawn(run).join().unwrap()).unwrap();
    rig.end();
}

#[test]
fn random_operations_end_as_they_do_in_a_plain_directory() {
    compare(None);
}

#[test]
fn random_operations_of_another_user_end_as_they_do_in_a_plain_directory() {
    if nix::unistd::geteuid().is_root() {
        compare(Some(1_234));
    } else {
        eprintln!("skipped: only root can act as another user");
    }
}
