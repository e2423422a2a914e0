//! Finding and killing what a process has started, and what that has started.

use std::collections::{BTreeMap, BTreeSet};
use std::os::fd::AsFd as _;
use std::time::Duration;

use nix::sys::signal::Signal;

use super::procfs;
use super::tracker::Tracker;
use crate::runtime::{clock, sys};

/// Every process below `ancestor` that has not ended, from one look at `/proc`. One that is started meanwhile may be missing, so
/// callers look again until nothing is left.
fn descendants(ancestor: u32) -> BTreeSet<u32> {
    let processes = procfs::numbered("/proc").into_iter().filter_map(|pid| Some((pid, procfs::stat(pid)?)));
    let mut ended = BTreeSet::new();
    let mut children: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for (pid, stat) in processes {
        children.entry(stat.ppid).or_default().push(pid);
        if stat.state == b'Z' {
            ended.insert(pid);
        }
    }
    below(ancestor, &children).difference(&ended).copied().collect()
}

/// All that is reached from `ancestor` by the list of children.
#[must_use]
pub fn below(ancestor: u32, children: &BTreeMap<u32, Vec<u32>>) -> BTreeSet<u32> {
    let mut found = BTreeSet::new();
    let mut open = vec![ancestor];
    while let Some(parent) = open.pop() {
        for child in children.get(&parent).into_iter().flatten() {
            if found.insert(*child) {
                open.push(*child);
            }
        }
    }
    found
}

/// Kills every process below `ancestor` that one look finds.
pub(super) fn kill_descendants(ancestor: u32) {
    for pid in descendants(ancestor) {
        // Taken before the process is looked at again, so that the signal cannot hit another one that got the number since.
        let Ok(pidfd) = sys::pidfd_open(pid) else { continue };
        if descendants_contain(ancestor, pid) {
            let _ = sys::pidfd_send_signal(pidfd.as_fd(), Signal::SIGKILL);
        }
    }
}

/// Whether `pid` is below `ancestor`, by its chain of parents.
fn descendants_contain(ancestor: u32, pid: u32) -> bool {
    let mut current = pid;
    // A chain is as long as the tree is deep; the bound only ends a walk through numbers that change meanwhile.
    for _ in 0..4_096 {
        match procfs::stat(current) {
            Some(stat) if stat.ppid == ancestor => return true,
            Some(stat) if stat.ppid > 1 => current = stat.ppid,
            Some(_) | None => return false,
        }
    }
    false
}

/// Ends every process of the session: SIGTERM, and SIGKILL for those that are left after `grace`. Says how many it was.
///
/// Gives up on what SIGKILL does not end within [`UNKILLABLE`]: it hangs in the kernel.
pub(super) fn end_all(tracker: &Tracker<'_>, grace: Duration) -> u64 {
    let start = clock::instant();
    let (grace, give_up) = (start + grace, start + grace + UNKILLABLE);
    let mut asked = BTreeSet::new();
    loop {
        if tracker.table().closed {
            // Nobody else sees to ends any more: the launcher was killed.
            tracker.take_ended();
        }
        let mut running = running(tracker);
        for pid in &running {
            if let Some(status) = procfs::status(*pid) {
                let _ = tracker.enter(&status);
            }
        }
        let now = clock::instant();
        // What the table holds is the session's also where the launcher is gone, which it descended from.
        running.extend(tracker.table().live.keys());
        if running.is_empty() || now >= give_up {
            return u64::try_from(asked.len()).unwrap_or(u64::MAX);
        }
        let before = {
            let table = tracker.table();
            for (pid, process) in table.live.iter().filter(|(pid, _)| running.contains(pid)) {
                if now >= grace {
                    asked.insert((*pid, process.generation));
                    let _ = sys::pidfd_send_signal(process.pidfd.as_fd(), Signal::SIGKILL);
                } else if asked.insert((*pid, process.generation)) {
                    let _ = sys::pidfd_send_signal(process.pidfd.as_fd(), Signal::SIGTERM);
                    // A stopped process acts on it only once it goes on.
                    let _ = sys::pidfd_send_signal(process.pidfd.as_fd(), Signal::SIGCONT);
                }
            }
            table.ended
        };
        tracker.wait_until(Some(now + LOOK_AGAIN), |table| table.ended > before);
    }
}

/// The session's processes: what is below the launcher; once that is gone, what the recorder has adopted from it, which is known by
/// the session's mount namespace. Without such a namespace those that had not made a call by then are not found.
fn running(tracker: &Tracker<'_>) -> BTreeSet<u32> {
    if !tracker.table().closed {
        return descendants(tracker.launcher);
    }
    let adopted = descendants(tracker.recorder_pid).into_iter();
    adopted.filter(|pid| tracker.view.is_apart() && tracker.view.has_namespace_of(*pid)).collect()
}

/// How long after the grace a process may take to die.
const UNKILLABLE: Duration = Duration::from_secs(5);

/// The longest time between two looks at the process tree while it is being ended.
const LOOK_AGAIN: Duration = Duration::from_millis(10);
