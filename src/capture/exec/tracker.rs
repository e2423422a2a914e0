//! The table of the session's processes: who runs what, since when, started by whom; and the one place from which an end is published.
//!
//! A process enters when it execs, when it calls `exit_group(2)`, when a descendant of it does, or when its parent ends. It leaves when
//! its end is published, which happens once: whoever takes it out of the table publishes. A process that execs nothing and is killed
//! by a signal while its parent lives and waits for it is never seen; no call of its own passes the recorder.

use std::os::fd::OwnedFd;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags};

use super::notify::view::SessionView;
use super::procfs::{self, Bytes, Status};
use super::recorder::{Recorder, RunningProgram};
use super::statistics::Sample;
use super::table::{Attempt, Ending, FEW_UNREAPED, Image, Process, Table, has_ended, pidfd_ended, token};
use crate::channel::Refusal;
use crate::event::{Actor, EventId, Kind, OsText};
use crate::runtime::sys::Timer;
use crate::runtime::{clock, sys};

/// Ancestors that are looked up for a process that was not known; a longer chain is attributed to the command.
const LONGEST_LINEAGE: usize = 64;

/// The session's processes and whom to tell about them.
pub(super) struct Tracker<'a> {
    pub(super) recorder: Recorder<'a>,
    /// The command's `command_started`.
    pub(super) started: EventId,
    /// The launcher's process.
    pub(super) launcher: u32,
    pub(super) launcher_exe: Option<OsText>,
    /// This process.
    pub(super) recorder_pid: u32,
    pub(super) view: SessionView,
    pub(super) epoll: Epoll,
    /// Goes off when processes that were about to end should have.
    pub(super) timer: Timer,
    table: Mutex<Table>,
    changed: Condvar,
}

impl<'a> Tracker<'a> {
    pub(super) fn new(recorder: Recorder<'a>, started: EventId, launcher: u32) -> Result<Self, Errno> {
        let exe = procfs::link(launcher, "exe").ok();
        Ok(Self {
            recorder,
            started,
            launcher,
            recorder_pid: std::process::id(),
            launcher_exe: exe.map(|exe| OsText::from(exe.as_path())),
            view: SessionView::of(launcher),
            epoll: Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?,
            timer: Timer::new()?,
            table: Mutex::default(),
            changed: Condvar::new(),
        })
    }

    /// The table; what it holds is consistent between any two changes, so a panic elsewhere is no reason to stop.
    pub(super) fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes whoever waits for an end.
    pub(super) fn notify(&self) {
        self.changed.notify_all();
    }

    /// Waits until `done`, or until the deadline. Says whether it is done.
    pub(super) fn wait_until(&self, deadline: Option<Instant>, done: impl Fn(&Table) -> bool) -> bool {
        let mut table = self.table();
        loop {
            if done(&table) {
                return true;
            }
            table = match deadline {
                None => self.changed.wait(table).unwrap_or_else(PoisonError::into_inner),
                Some(deadline) => {
                    let left = deadline.saturating_duration_since(clock::instant());
                    if left.is_zero() {
                        return false;
                    }
                    self.changed.wait_timeout(table, left).unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }

    /// Makes sure that a process of the session is in the table, and its ancestors up to the launcher with it.
    ///
    /// # Errors
    /// `ESRCH` when it has ended; `EMFILE` and the like when the recorder cannot hold another descriptor.
    pub(super) fn enter(&self, status: &Status) -> Result<(), Errno> {
        if self.knows(status.tgid) {
            return Ok(());
        }
        for ancestor in self.unknown_ancestors(status).iter().rev() {
            let pidfd = sys::pidfd_open(ancestor.tgid)?;
            self.insert(ancestor, pidfd)?;
        }
        let pidfd = sys::pidfd_open(status.tgid)?;
        self.insert(status, pidfd)
    }

    /// The ancestors of a process that are not in the table, nearest first. None when the chain does not lead to the launcher or to a
    /// process that is known: then it leads out of the session (its launcher was killed, and the recorder has adopted the process),
    /// and what is out there is not the session's, least of all when the session is ended.
    fn unknown_ancestors(&self, status: &Status) -> Vec<Status> {
        let mut ancestors: Vec<Status> = Vec::new();
        let mut parent = status.ppid;
        while parent != self.launcher && !self.knows(parent) {
            match procfs::status(parent) {
                Some(status) if parent > 1 && parent != self.recorder_pid && ancestors.len() < LONGEST_LINEAGE => {
                    parent = status.ppid;
                    ancestors.push(status);
                }
                Some(_) | None => return Vec::new(),
            }
        }
        ancestors
    }

    /// Whether the number stands for a process that is in the table and has not ended. One that has ended gives its number up: the one
    /// that has it now is another.
    fn knows(&self, pid: u32) -> bool {
        let table = self.table();
        match table.live.get(&pid) {
            Some(process) if has_ended(process) => {
                self.take_out(table, pid);
                false
            }
            Some(_) => true,
            None => false,
        }
    }

    fn insert(&self, status: &Status, pidfd: OwnedFd) -> Result<(), Errno> {
        let pid = status.tgid;
        let mut table = self.table();
        if table.live.contains_key(&pid) {
            return Ok(());
        }
        // Looked at under the lock: what has ended may have left the table before, and would be published again.
        if pidfd_ended(&pidfd) {
            return Err(Errno::ESRCH);
        }
        // The number is a new process's now.
        table.published.remove(&pid);
        let image = match table.live.get(&status.ppid) {
            Some(parent) => parent.image.clone(),
            None if table.command == Some(pid) => Image { file: self.launcher_exe.clone(), ..Image::default() },
            // An orphan whose parent was never seen is the command's.
            None => Image { path: None, file: None, ..table.root.clone() },
        };
        table.generation = table.generation.wrapping_add(1);
        let generation = table.generation;
        let event = EpollEvent::new(EpollFlags::EPOLLIN, token(pid, generation));
        self.epoll.add(&pidfd, event)?;
        let process = Process {
            pidfd,
            generation,
            parent: status.ppid,
            image,
            own_exec: None,
            since: None,
            actor: Actor::default(),
            sample: None,
            until: None,
            children_bytes: Bytes::default(),
            unreaped: Vec::new(),
            left_behind: None,
            attempt: None,
        };
        table.live.insert(pid, process);
        Ok(())
    }

    /// What an exec needs to know of its process, its table entry made if need be.
    pub(super) fn image_of(&self, pid: u32) -> (Image, Option<OsText>) {
        let table = self.table();
        let Some(process) = table.live.get(&pid) else { return (table.root.clone(), None) };
        let parent_file = match table.live.get(&process.parent) {
            Some(parent) => parent.image.file.clone(),
            None if process.parent == self.launcher => self.launcher_exe.clone(),
            None => None,
        };
        (process.image.clone(), parent_file)
    }

    /// The process is about to run `image`; called before it is let go.
    pub(super) fn exec_goes_ahead(&self, actor: &Actor, event: EventId, image: Image, likely_error: Option<Errno>) {
        let mut table = self.table();
        if table.command == Some(actor.pid) && table.root.exec.is_none() {
            table.root = image.clone();
        }
        let Some(process) = table.live.get_mut(&actor.pid) else { return };
        let path = image.path.clone().unwrap_or_default();
        process.attempt = Some(Attempt {
            event,
            path,
            likely_error,
            before: std::mem::replace(&mut process.image, image),
            before_own_exec: process.own_exec.replace(event),
        });
        process.since = process.since.or_else(|| Some(clock::instant()));
        process.actor = actor.clone();
        let (exe, exec) = (process.image.file.clone(), process.image.exec);
        drop(table);
        self.recorder.observer.program_changed(&RunningProgram { pid: actor.pid, exe: exe.as_ref(), exec });
    }

    /// The exec that was let through last did not happen, for this reason.
    pub(super) fn exec_failed(&self, pid: u32, errno: Option<Errno>) {
        let mut table = self.table();
        let is_command = table.command == Some(pid);
        let Some(process) = table.live.get_mut(&pid) else { return };
        let Some(attempt) = process.attempt.take() else { return };
        process.image = attempt.before;
        process.own_exec = attempt.before_own_exec;
        if process.own_exec.is_none() {
            process.since = None;
        }
        let (image, actor) = (process.image.clone(), process.actor.clone());
        if is_command && table.root.exec == Some(attempt.event) {
            table.root = Image::default();
        }
        drop(table);
        self.recorder.observer.program_changed(&RunningProgram { pid, exe: image.file.as_ref(), exec: image.exec });
        let errno = errno.or(attempt.likely_error).map_or(0, |errno| errno as i32);
        let subject = Some(attempt.path.as_text().into_owned());
        self.recorder.gatekeeper.failed(attempt.event, Kind::ProcessExec, subject, Some(actor), errno);
    }

    /// Finds out whether the exec that was let through last has happened, now that the process makes another call: if it still runs
    /// what it ran before, the kernel refused.
    pub(super) fn settle_attempt(&self, pid: u32) {
        let failed = {
            let table = self.table();
            let Some(process) = table.live.get(&pid) else { return };
            let Some(attempt) = &process.attempt else { return };
            let runs = procfs::link(pid, "exe").ok().map(|exe| OsText::from(exe.as_path()));
            runs.is_some() && runs == attempt.before.file && runs != process.image.file
        };
        if failed {
            self.exec_failed(pid, None);
        } else if let Some(process) = self.table().live.get_mut(&pid) {
            process.attempt = None;
        }
    }

    /// An exec of the process was refused. Kept if it was the command's own.
    pub(super) fn refused(&self, pid: u32, refusal: Refusal) {
        let mut table = self.table();
        if table.command == Some(pid) && table.root.exec.is_none() {
            table.refusal = Some(refusal);
        }
    }

    /// A process's end was published while its parent had not waited for it.
    pub(super) fn published_unreaped(&self, pid: u32, parent: u32) {
        let mut table = self.table();
        match table.live.get_mut(&parent) {
            Some(process) => {
                if process.unreaped.len() >= FEW_UNREAPED && process.unreaped.len().is_power_of_two() {
                    process.unreaped.retain(|child| sys::pidfd_open(*child).is_ok());
                }
                process.unreaped.push(pid);
            }
            None => drop(table.published.insert(pid)),
        }
    }

    /// The children that a process has when it calls `exit_group(2)`: what it has not waited for by now the launcher will.
    pub(super) fn leaves_behind(&self, pid: u32, children: &[u32]) {
        if let Some(process) = self.table().live.get_mut(&pid) {
            process.unreaped.retain(|child| children.contains(child));
            process.left_behind = Some(children.to_vec());
        }
    }

    /// Keeps what was read of a process that calls `exit_group(2)`, and adds its bytes to its parent's children.
    ///
    /// That it ends is known, so its pidfd need not wake anyone: waking a thread for each end would cost more than all that is read of it.
    /// A timer has those that are about to end looked at together.
    pub(super) fn sampled(&self, pid: u32, actor: Actor, sample: Sample, code: i32) {
        let mut table = self.table();
        let Some(process) = table.live.get_mut(&pid) else { return };
        // Before Linux 5.19 a signal makes the call come again; its bytes were added the first time.
        let again = process.sample.is_some();
        let (parent, bytes) = (process.parent, sample.bytes_with_children);
        process.actor = actor;
        process.sample = Some((sample, code));
        process.until = Some(clock::instant());
        if again {
            return;
        }
        let _ = self.epoll.delete(&process.pidfd);
        let ending = Ending { token: token(pid, process.generation), looks: 0 };
        if let (Some(parent), Some(bytes)) = (table.live.get_mut(&parent), bytes) {
            parent.children_bytes = parent.children_bytes.plus(bytes);
        }
        table.ending.push(ending);
        self.set_timer(&mut table);
    }

    /// Sets the timer for processes that are about to end, unless it is.
    pub(super) fn set_timer(&self, table: &mut Table) {
        if !table.timer_set {
            table.timer_set = self.timer.set(ENDS_WITHIN).is_ok();
        }
    }
}

/// How long processes that are about to end are left alone: the most by which a `process_exit` is later than the end. Shorter makes
/// events come sooner, longer costs less.
const ENDS_WITHIN: Duration = Duration::from_millis(4);
