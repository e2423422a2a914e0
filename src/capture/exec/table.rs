//! What is known of the session's processes: the table's rows, and how one leaves it.

use std::collections::{HashMap, HashSet};
use std::os::fd::{AsFd as _, OwnedFd};
use std::time::Instant;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::procfs::Bytes;
use super::statistics::{Sample, Totals};
use crate::channel::Refusal;
use crate::event::{Actor, EventId, OsText};

/// A program that runs, or that a fork left running.
#[derive(Clone, Debug, Default)]
pub(super) struct Image {
    /// The program, as its `process_exec` has it.
    pub(super) path: Option<OsText>,
    /// The file that `/proc/<pid>/exe` shows.
    pub(super) file: Option<OsText>,
    /// The `process_exec`.
    pub(super) exec: Option<EventId>,
    /// Execs between the command and this one.
    pub(super) depth: u32,
}

impl Image {
    /// The depth of what this program starts.
    pub(super) const fn next_depth(&self) -> u32 {
        if self.exec.is_some() { self.depth.saturating_add(1) } else { self.depth }
    }
}

/// An exec that was let through, until it is known whether it happened.
#[derive(Debug)]
pub(super) struct Attempt {
    pub(super) event: EventId,
    pub(super) path: OsText,
    pub(super) likely_error: Option<Errno>,
    pub(super) before: Image,
    pub(super) before_own_exec: Option<EventId>,
}

/// One process of the session.
#[derive(Debug)]
pub(super) struct Process {
    pub(super) pidfd: OwnedFd,
    pub(super) generation: u32,
    pub(super) parent: u32,
    pub(super) image: Image,
    /// Its own last exec, unlike one that it inherited by a fork.
    pub(super) own_exec: Option<EventId>,
    /// Since its first exec; for one that never did, its age is in the sample.
    pub(super) since: Option<Instant>,
    pub(super) actor: Actor,
    /// What it used, and the code that it gave, when it called `exit_group(2)`.
    pub(super) sample: Option<(Sample, i32)>,
    /// When it called `exit_group(2)`.
    pub(super) until: Option<Instant>,
    /// Bytes of its children that have ended, theirs included.
    pub(super) children_bytes: Bytes,
    /// Children whose end was published and that it had not waited for then. At most about twice what it really leaves unreaped, or
    /// [`FEW_UNREAPED`].
    pub(super) unreaped: Vec<u32>,
    /// The children that it had when it called `exit_group(2)`, which the launcher will wait for in its place.
    pub(super) left_behind: Option<Vec<u32>>,
    pub(super) attempt: Option<Attempt>,
}

/// Children that are kept in [`Process::unreaped`] without looking again.
pub(super) const FEW_UNREAPED: usize = 128;

#[derive(Debug, Default)]
pub(super) struct Table {
    /// Processes by their number.
    pub(super) live: HashMap<u32, Process>,
    /// Processes that have called `exit_group(2)`, in that order: they are about to end, and are looked at all together a little later.
    pub(super) ending: Vec<Ending>,
    /// The timer for [`Table::ending`] is set.
    pub(super) timer_set: bool,
    /// Processes that have ended and whose figures the launcher is about to report.
    pub(super) parked: HashMap<u32, Vec<Process>>,
    /// Processes whose end was published, and on whom the launcher will report because their parent left them to it.
    pub(super) published: HashSet<u32>,
    /// What the session's command runs, or ran.
    pub(super) root: Image,
    /// The process that is, or will be, the command.
    pub(super) command: Option<u32>,
    /// Why the command was refused.
    pub(super) refusal: Option<Refusal>,
    /// The command's wait status, once its end is published.
    pub(super) command_status: Option<i32>,
    /// No more ends will come.
    pub(super) closed: bool,
    /// Ends published.
    pub(super) ended: u64,
    /// Sums over what the launcher reported.
    pub(super) totals: Totals,
    /// Largest peak memory among processes that were sampled.
    pub(super) peak_memory: Option<u64>,
    /// Processes that ended without a sample.
    pub(super) unsampled: u64,
    /// Counts the processes that entered.
    pub(super) generation: u32,
}

/// A process that is about to end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ending {
    /// Its number, and which process of that number.
    pub(super) token: u64,
    /// How often it was looked at and had not ended.
    pub(super) looks: u32,
}

/// Who waited for a process that has ended and been waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reaper {
    /// Its parent.
    Parent,
    /// The launcher, which reports on it.
    Launcher,
    /// One of the two.
    Unknown,
}

impl Table {
    /// Takes a process out. The launcher adopts its children.
    pub(super) fn remove(&mut self, pid: u32, launcher: u32) -> Option<Process> {
        let mut process = self.live.remove(&pid)?;
        self.published.extend(process.unreaped.drain(..));
        for child in process.left_behind.iter().flatten() {
            if let Some(child) = self.live.get_mut(child).filter(|child| child.parent == pid) {
                child.parent = launcher;
            }
        }
        Some(process)
    }

    /// Who waited for `pid`, whose parent is `parent`.
    pub(super) fn reaper_of(&self, pid: u32, parent: u32, launcher: u32) -> Reaper {
        match self.live.get(&parent) {
            _ if parent == launcher => Reaper::Launcher,
            Some(Process { left_behind: Some(left), .. }) if left.contains(&pid) => Reaper::Launcher,
            Some(Process { left_behind: Some(_), .. }) => Reaper::Parent,
            Some(parent) if !has_ended(parent) => Reaper::Parent,
            // The parent was killed and did not say whom it left behind.
            Some(_) | None => Reaper::Unknown,
        }
    }

    /// The process that a token stands for, if it is still here.
    pub(super) fn by_token(&self, wanted: u64) -> Option<(u32, &Process)> {
        let [a, b, c, d, ..] = wanted.to_le_bytes();
        let pid = u32::from_le_bytes([a, b, c, d]);
        let process = self.live.get(&pid)?;
        (token(pid, process.generation) == wanted).then_some((pid, process))
    }
}

/// Whether the process behind an entry has ended.
pub(super) fn has_ended(process: &Process) -> bool {
    pidfd_ended(&process.pidfd)
}

pub(super) fn pidfd_ended(pidfd: &OwnedFd) -> bool {
    let mut source = [PollFd::new(pidfd.as_fd(), PollFlags::POLLIN)];
    poll(&mut source, PollTimeout::ZERO).is_ok_and(|ready| ready > 0)
}

/// What epoll gives back for a process: its number, and which process of that number.
pub(super) fn token(pid: u32, generation: u32) -> u64 {
    (u64::from(generation) << 32) | u64::from(pid)
}
