//! The inodes that the kernel knows, each with the descriptor that it is reached by and the name that it was last looked up by.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use nix::sys::stat::FileStat;

use super::pressure::Pressure;
use crate::capture::fuse::errno::Failure;
use crate::event::OsText;

/// The kernel's number for the root of the mount.
pub(in super::super) const ROOT: u64 = 1;

/// Numbers of inodes of other devices than the root's have this bit.
const FOREIGN: u64 = 1 << 63;
/// Names that a path is put together from at most, so that a stale ring of parents (directories swapped outside the session) ends.
const MAX_DEPTH: usize = 65_536;
/// Parts of the table, each with a lock of its own.
pub(in super::super) const SHARDS: usize = 64;

/// Identity of an object: it keeps it for as long as a descriptor of it is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in super::super) struct Identity {
    pub(super) device: u64,
    pub(super) inode: u64,
}

impl Identity {
    pub(super) const fn of(stat: &FileStat) -> Self {
        Self { device: stat.st_dev, inode: stat.st_ino }
    }
}

/// An object of the backing file system that the kernel has an inode for.
pub(super) struct Node {
    /// The kernel's number for it.
    pub(super) number: u64,
    identity: Identity,
    /// `S_IFMT` of its mode.
    file_type: u32,
    descriptor: OwnedFd,
    /// How often the kernel was told of it, and has not forgotten it.
    lookups: AtomicU64,
    /// The name by which it was last looked up; the root has none.
    place: Mutex<Option<Place>>,
    /// What the content was when the kernel's page cache was last known to be right.
    content: Mutex<Option<ContentStamp>>,
}

struct Place {
    parent: Arc<Node>,
    name: Box<[u8]>,
}

/// Changes whenever the content does: size, and time of modification and of change to the nanosecond.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct ContentStamp([i64; 5]);

impl ContentStamp {
    pub(super) const fn of(stat: &FileStat) -> Self {
        Self([stat.st_size, stat.st_mtime, stat.st_mtime_nsec, stat.st_ctime, stat.st_ctime_nsec])
    }
}

impl AsFd for Node {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

impl Node {
    fn new(number: u64, stat: &FileStat, descriptor: OwnedFd, place: Option<Place>) -> Self {
        Self {
            number,
            identity: Identity::of(stat),
            file_type: stat.st_mode & libc::S_IFMT,
            descriptor,
            lookups: AtomicU64::new(1),
            place: Mutex::new(place),
            content: Mutex::new(None),
        }
    }

    fn place(&self) -> MutexGuard<'_, Option<Place>> {
        self.place.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on it goes by this name.
    pub(super) fn move_to(&self, parent: &Arc<Node>, name: &OsStr) {
        let mut place = self.place();
        let same = matches!(&*place, Some(at) if Arc::ptr_eq(&at.parent, parent) && *at.name == *name.as_bytes());
        if !same && self.number != ROOT {
            let before = place.replace(Place { parent: Arc::clone(parent), name: name.as_bytes().into() });
            // The former parent may go with it, and its descriptor be closed: not under the lock.
            drop(place);
            drop(before);
        }
    }

    /// Notes what the content is now, and says whether it is what it was.
    pub(super) fn content_is_unchanged(&self, now: ContentStamp) -> bool {
        self.content.lock().unwrap_or_else(PoisonError::into_inner).replace(now) == Some(now)
    }
}

/// All inodes that the kernel knows: bounded by the kernel's own cache, since `forget` is honoured.
pub(super) struct Inodes {
    root: Arc<Node>,
    mount_path: Box<[u8]>,
    shards: [RwLock<HashMap<u64, Arc<Node>>>; SHARDS],
    pressure: Pressure,
}

impl Inodes {
    /// `mount_path` is the root's absolute path as the session sees it; `most` is how many inodes the kernel is to hold.
    pub(super) fn new(root: OwnedFd, stat: &FileStat, mount_path: &OsStr, most: usize) -> Self {
        let mut path = mount_path.as_bytes();
        while let Some(shorter) = path.strip_suffix(b"/") {
            path = shorter;
        }
        Self {
            root: Arc::new(Node::new(ROOT, stat, root, None)),
            mount_path: path.into(),
            shards: std::array::from_fn(|_| RwLock::new(HashMap::new())),
            pressure: Pressure::new(most),
        }
    }

    /// How many there are against how many there may be.
    pub(super) const fn pressure(&self) -> &Pressure {
        &self.pressure
    }

    fn shard(&self, number: u64) -> Option<&RwLock<HashMap<u64, Arc<Node>>>> {
        let remainder = number % u64::try_from(SHARDS).ok()?;
        self.shards.get(usize::try_from(remainder).ok()?)
    }

    /// The number that the object has unless another has it already. On the root's device it is the inode number itself, so that
    /// `st_ino` is the same inside a session and outside (git's index compares it).
    fn preferred_number(&self, identity: Identity) -> u64 {
        if identity.device == self.root.identity.device && identity.inode > ROOT && identity.inode & FOREIGN == 0 {
            return identity.inode;
        }
        let mut hasher = DefaultHasher::new();
        identity.hash(&mut hasher);
        hasher.finish() | FOREIGN
    }

    /// The node that the kernel calls by this number.
    pub(super) fn get(&self, number: u64) -> Result<Arc<Node>, Failure> {
        if number == ROOT {
            return Ok(Arc::clone(&self.root));
        }
        let shard = self.shard(number).ok_or(Failure::UnknownNode)?;
        shard.read().unwrap_or_else(PoisonError::into_inner).get(&number).cloned().ok_or(Failure::UnknownNode)
    }

    /// The node of the object, if the kernel knows it.
    pub(super) fn find(&self, identity: Identity) -> Option<Arc<Node>> {
        let mut number = self.preferred_number(identity);
        loop {
            let node = self.get(number).ok()?;
            if node.identity == identity {
                return Some(node);
            }
            number = following(number);
        }
    }

    /// The node of the object that `descriptor` was opened for by this name; the kernel is told of it once more.
    pub(super) fn look_up(
        &self,
        stat: &FileStat,
        descriptor: OwnedFd,
        parent: &Arc<Node>,
        name: &OsStr,
    ) -> Result<Arc<Node>, Failure> {
        let node = self.take_in(stat, descriptor, parent, name)?;
        node.move_to(parent, name);
        Ok(node)
    }

    fn take_in(&self, stat: &FileStat, descriptor: OwnedFd, parent: &Arc<Node>, name: &OsStr) -> Result<Arc<Node>, Failure> {
        let identity = Identity::of(stat);
        let mut number = self.preferred_number(identity);
        loop {
            let shard = self.shard(number).ok_or(Failure::UnknownNode)?;
            let counted = |known: &HashMap<u64, Arc<Node>>| {
                let node = known.get(&number)?;
                if node.identity == identity {
                    node.lookups.fetch_add(1, Ordering::Relaxed);
                }
                Some(Arc::clone(node))
            };
            let found = counted(&shard.read().unwrap_or_else(PoisonError::into_inner));
            let found = match found {
                Some(node) => node,
                None => {
                    let mut known = shard.write().unwrap_or_else(PoisonError::into_inner);
                    match counted(&known) {
                        Some(node) => node,
                        None => {
                            let place = Place { parent: Arc::clone(parent), name: name.as_bytes().into() };
                            let node = Arc::new(Node::new(number, stat, descriptor, Some(place)));
                            known.insert(number, Arc::clone(&node));
                            self.pressure.one_more();
                            return Ok(node);
                        }
                    }
                }
            };
            if found.identity == identity {
                return Ok(found);
            }
            number = following(number);
        }
    }

    /// The kernel has forgotten that it was told of the node `times` times.
    pub(super) fn forget(&self, number: u64, times: u64) {
        let Some(shard) = self.shard(number) else { return };
        let forgotten = {
            let mut known = shard.write().unwrap_or_else(PoisonError::into_inner);
            match known.get(&number) {
                Some(node) if node.lookups.fetch_sub(times, Ordering::Relaxed) <= times => known.remove(&number),
                Some(_) | None => None,
            }
        };
        if forgotten.is_some() {
            self.pressure.one_less();
        }
        // Closes the descriptor, after the lock.
        drop(forgotten);
    }

    /// Files and symbolic links of a part of the table that nobody has open, by their places: what the kernel can forget without anybody
    /// noticing. Not among them: directories, which can be somebody's working directory; pipes and sockets, which the kernel opens by
    /// itself.
    pub(super) fn idle(&self, part: usize) -> Vec<(u64, OsString)> {
        let Some(shard) = self.shards.get(part % SHARDS) else { return Vec::new() };
        let idle = |node: &Arc<Node>| {
            let unused = Arc::strong_count(node) == 1 && matches!(node.file_type, libc::S_IFREG | libc::S_IFLNK);
            let place = node.place();
            let place = place.as_ref().filter(|_| unused)?;
            Some((place.parent.number, OsStr::from_bytes(&place.name).to_owned()))
        };
        shard.read().unwrap_or_else(PoisonError::into_inner).values().filter_map(idle).collect()
    }

    /// The absolute path of the node as the session sees it.
    pub(super) fn path(&self, node: &Arc<Node>) -> OsText {
        self.put_together(node, None)
    }

    /// The absolute path of a name in the directory.
    pub(super) fn path_of(&self, directory: &Arc<Node>, name: &OsStr) -> OsText {
        self.put_together(directory, Some(name))
    }

    /// One allocation where the path has under 256 bytes: the path is written backwards, from the last name up to the root.
    fn put_together(&self, node: &Arc<Node>, last: Option<&OsStr>) -> OsText {
        fn prepend(backwards: &mut Vec<u8>, name: &[u8]) {
            backwards.extend(name.iter().rev());
            backwards.push(b'/');
        }
        let mut backwards = Vec::with_capacity(256);
        if let Some(name) = last {
            prepend(&mut backwards, name.as_bytes());
        }
        let mut at = Arc::clone(node);
        for _ in 0..MAX_DEPTH {
            let parent = match &*at.place() {
                Some(place) => {
                    prepend(&mut backwards, &place.name);
                    Arc::clone(&place.parent)
                }
                None => break,
            };
            at = parent;
        }
        backwards.extend(self.mount_path.iter().rev());
        if backwards.is_empty() {
            backwards.push(b'/');
        }
        backwards.reverse();
        OsText::from_bytes(backwards)
    }

    /// Forgets all. Parents are let go one by one: a chain of a deep tree would otherwise be dropped recursively.
    pub(super) fn clear(&self) {
        for shard in &self.shards {
            for node in shard.read().unwrap_or_else(PoisonError::into_inner).values() {
                node.place().take();
            }
        }
        for shard in &self.shards {
            let known = std::mem::take(&mut *shard.write().unwrap_or_else(PoisonError::into_inner));
            drop(known);
        }
    }
}

/// The next number to try, where one is another object's.
const fn following(number: u64) -> u64 {
    number.wrapping_add(1) | FOREIGN
}
