//! Which command of a session a process belongs to: the parents of a process lead to the launcher of its command.
//!
//! Each command has a launcher, which adopts the orphans of its tree, so the chain of parents ends there whatever the tree does.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

use super::exec::procfs;
use super::fuse::Gatekeepers;
use crate::channel::Gatekeeper;
use crate::event::Actor;
use crate::runtime::clock;

/// Locks that the threads of a session share the cache by: one for each remainder of the id.
const SHARDS: usize = 16;
/// Processes that a shard remembers. When it is full it is emptied.
const SHARD_CAPACITY: usize = 256;
/// How long an answer holds. A process never changes its command; its number may be used again, which is announced by
/// [`Attribution::invalidate`] for every process that the process layer sees end.
const MAX_AGE: Duration = Duration::from_secs(1);
/// Parents that are looked up.
const LONGEST_LINEAGE: usize = 4_096;

type Shard = HashMap<u32, (Instant, Arc<dyn Gatekeeper>)>;

/// The commands of a session by their launchers, and the processes that were found to be theirs: at most 4,096 of them.
pub struct Attribution {
    /// For what no command did: the session itself.
    session: Arc<dyn Gatekeeper>,
    launchers: RwLock<BTreeMap<u32, Arc<dyn Gatekeeper>>>,
    shards: [Mutex<Shard>; SHARDS],
}

impl Attribution {
    /// No command yet.
    #[must_use]
    pub fn new(session: Arc<dyn Gatekeeper>) -> Self {
        Self { session, launchers: RwLock::default(), shards: std::array::from_fn(|_| Mutex::default()) }
    }

    /// What descends from `launcher` is a command's, whose gatekeeper this is.
    pub fn add(&self, launcher: u32, gatekeeper: Arc<dyn Gatekeeper>) {
        self.launchers.write().unwrap_or_else(PoisonError::into_inner).insert(launcher, gatekeeper);
    }

    /// The command is over and all of its processes have ended.
    pub fn remove(&self, launcher: u32) {
        self.launchers.write().unwrap_or_else(PoisonError::into_inner).remove(&launcher);
        for shard in &self.shards {
            shard.lock().unwrap_or_else(PoisonError::into_inner).clear();
        }
    }

    /// The process has ended; its number may be used again.
    pub fn invalidate(&self, pid: u32) {
        if let Some(mut shard) = self.shard(pid) {
            shard.remove(&pid);
        }
    }

    fn shard(&self, pid: u32) -> Option<MutexGuard<'_, Shard>> {
        let shard = self.shards.get(usize::try_from(pid).ok()? % SHARDS)?;
        Some(shard.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn recall(&self, pid: u32, now: Instant) -> Option<Arc<dyn Gatekeeper>> {
        let shard = self.shard(pid)?;
        let (found, gatekeeper) = shard.get(&pid)?;
        (now.saturating_duration_since(*found) < MAX_AGE).then(|| Arc::clone(gatekeeper))
    }

    fn look_up(&self, pid: u32, parent: Option<u32>) -> Option<Arc<dyn Gatekeeper>> {
        let launchers = self.launchers.read().unwrap_or_else(PoisonError::into_inner);
        // A process that has just ended may have left its parent's number only.
        let mut next = procfs::parent(pid).or(parent);
        for _ in 0..LONGEST_LINEAGE {
            let current = next.filter(|pid| *pid > 1)?;
            if let Some(gatekeeper) = launchers.get(&current) {
                return Some(Arc::clone(gatekeeper));
            }
            next = procfs::parent(current);
        }
        None
    }
}

impl Gatekeepers for Attribution {
    fn of(&self, actor: Option<&Actor>) -> Arc<dyn Gatekeeper> {
        let Some(actor) = actor else { return Arc::clone(&self.session) };
        let now = clock::instant();
        if let Some(gatekeeper) = self.recall(actor.pid, now) {
            return gatekeeper;
        }
        // What is not found is not remembered: it may be found the next time.
        let Some(gatekeeper) = self.look_up(actor.pid, actor.ppid) else { return Arc::clone(&self.session) };
        if let Some(mut shard) = self.shard(actor.pid) {
            if shard.len() >= SHARD_CAPACITY {
                shard.clear();
            }
            shard.insert(actor.pid, (now, Arc::clone(&gatekeeper)));
        }
        gatekeeper
    }
}
