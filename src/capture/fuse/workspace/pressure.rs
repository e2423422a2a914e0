//! How many inodes the kernel holds against how many it should: each costs a descriptor, and the kernel forgets none by itself while it
//! has memory.

use std::ffi::OsString;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::Thread;

use super::file_system::Workspace;
use super::inodes::SHARDS;

/// The count, and who is woken when it gets too high.
pub(super) struct Pressure {
    most: usize,
    count: AtomicUsize,
    /// The count above which the next inode wakes the pruner.
    threshold: AtomicUsize,
    pruner: OnceLock<Thread>,
    ending: AtomicBool,
}

impl Pressure {
    pub(super) const fn new(most: usize) -> Self {
        let (count, threshold) = (AtomicUsize::new(0), AtomicUsize::new(most));
        Self { most, count, threshold, pruner: OnceLock::new(), ending: AtomicBool::new(false) }
    }

    pub(super) fn one_more(&self) {
        let count = self.count.fetch_add(1, Ordering::Relaxed) + 1;
        if count > self.threshold.load(Ordering::Relaxed) {
            self.wake();
        }
    }

    pub(super) fn one_less(&self) {
        self.count.fetch_sub(1, Ordering::Relaxed);
    }

    fn wake(&self) {
        if let Some(pruner) = self.pruner.get() {
            pruner.unpark();
        }
    }
}

impl Workspace {
    /// Serves as the pruner until the workspace ends: whenever there are too many inodes, asks the kernel (`expire`, with a directory's
    /// number and a name in it) to forget half of what it may hold.
    ///
    /// Where all are in use there is nothing to forget, and it waits for an eighth more before it looks again.
    pub(in super::super) fn prune(&self, expire: impl Fn(u64, &OsString)) {
        let pressure = self.inodes.pressure();
        let _ = pressure.pruner.set(std::thread::current());
        let mut part = 0;
        while !pressure.ending.load(Ordering::Acquire) {
            let count = pressure.count.load(Ordering::Relaxed);
            if count <= pressure.threshold.load(Ordering::Relaxed) {
                std::thread::park();
                continue;
            }
            let mut left = count.saturating_sub(pressure.most / 2);
            let mut expired = 0;
            for _ in 0..SHARDS {
                part += 1;
                for (parent, name) in self.inodes.idle(part).into_iter().take(left) {
                    expire(parent, &name);
                    expired += 1;
                    left -= 1;
                }
            }
            let next = count.saturating_sub(expired).saturating_add(pressure.most / 8);
            pressure.threshold.store(next.max(pressure.most), Ordering::Relaxed);
        }
    }

    /// Ends [`prune`](Self::prune).
    pub(in super::super) fn end_pruning(&self) {
        let pressure = self.inodes.pressure();
        pressure.ending.store(true, Ordering::Release);
        pressure.wake();
    }
}
