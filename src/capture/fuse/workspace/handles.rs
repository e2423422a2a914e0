//! Open files and open directories, by the number that the kernel knows them by.

use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use super::directories::DirectoryStream;
use super::inodes::Node;
use crate::capture::fuse::errno::Failure;
use crate::channel::Gatekeeper;
use crate::event::{Actor, EventId, FileAccess, IoCounting};

const SHARDS: usize = 16;

/// Things by number. As many as the kernel has open: it releases each once.
pub(super) struct Handles<T> {
    next: AtomicU64,
    shards: [RwLock<HashMap<u64, Arc<T>>>; SHARDS],
}

impl<T> Handles<T> {
    pub(super) fn new() -> Self {
        Self { next: AtomicU64::new(1), shards: std::array::from_fn(|_| RwLock::new(HashMap::new())) }
    }

    fn shard(&self, number: u64) -> Option<&RwLock<HashMap<u64, Arc<T>>>> {
        self.shards.get(usize::try_from(number).ok()? % SHARDS)
    }

    /// Takes a thing in and numbers it.
    pub(super) fn add(&self, thing: T) -> u64 {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        if let Some(shard) = self.shard(number) {
            shard.write().unwrap_or_else(PoisonError::into_inner).insert(number, Arc::new(thing));
        }
        number
    }

    pub(super) fn get(&self, number: u64) -> Result<Arc<T>, Failure> {
        let shard = self.shard(number).ok_or(Failure::UnknownHandle)?;
        shard.read().unwrap_or_else(PoisonError::into_inner).get(&number).cloned().ok_or(Failure::UnknownHandle)
    }

    /// Gives the thing up; only one caller gets it.
    pub(super) fn remove(&self, number: u64) -> Result<Arc<T>, Failure> {
        let shard = self.shard(number).ok_or(Failure::UnknownHandle)?;
        shard.write().unwrap_or_else(PoisonError::into_inner).remove(&number).ok_or(Failure::UnknownHandle)
    }

    /// Gives everything up.
    pub(super) fn take_all(&self) -> Vec<Arc<T>> {
        let take =
            |shard: &RwLock<HashMap<u64, Arc<T>>>| std::mem::take(&mut *shard.write().unwrap_or_else(PoisonError::into_inner));
        let mut all: Vec<_> = self.shards.iter().flat_map(take).collect();
        all.sort_unstable_by_key(|(number, _)| *number);
        all.into_iter().map(|(_, thing)| thing).collect()
    }
}

/// An open file.
pub(super) struct FileHandle {
    pub(super) file: OwnedFd,
    pub(super) node: Arc<Node>,
    /// The `file_open` or `file_create`.
    pub(super) opened: EventId,
    /// Who opened it. The kernel closes it in nobody's name.
    pub(super) actor: Option<Actor>,
    /// Where that was recorded, and where the end is: its process may be gone by then.
    pub(super) gatekeeper: Arc<dyn Gatekeeper>,
    pub(super) access: FileAccess,
    pub(super) counting: IoCounting,
    pub(super) size_before: Option<u64>,
    pub(super) reads: Count,
    pub(super) writes: Count,
}

/// Operations and their bytes.
#[derive(Default)]
pub(super) struct Count {
    operations: AtomicU64,
    bytes: AtomicU64,
}

impl Count {
    pub(super) fn add(&self, bytes: u64) {
        self.operations.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn operations(&self) -> u64 {
        self.operations.load(Ordering::Relaxed)
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }
}

/// An open directory. Whoever reads it takes the stream out and puts it back, so that no lock is held while it reads.
pub(super) struct DirectoryHandle {
    pub(super) node: Arc<Node>,
    pub(super) stream: Mutex<Option<DirectoryStream>>,
}
