//! The thread that sees processes end and publishes each end once.
//!
//! A pidfd says that a process has ended; how it ended is learned from whoever can tell: the launcher for its own children (`wait4(2)`,
//! with figures), the kernel once another parent has reaped it (`PIDFD_GET_INFO`, Linux 6.15), its remains in `/proc` before that, and
//! failing all of these the argument of its `exit_group(2)`.

use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::sync::MutexGuard;

use nix::errno::Errno;
use nix::sys::epoll::{EpollEvent, EpollFlags, EpollTimeout};

use super::launch::{Exited, Reply, receive};
use super::procfs::{self, Stat};
use super::statistics::{self, micros};
use super::table::{Ending, Process, Reaper, Table, has_ended};
use super::tracker::Tracker;
use crate::event::{Actor, ExecStatistics, ProcessExit, StatisticsSource};
use crate::runtime::{clock, sys};

/// What epoll gives back for the launcher's socket; no process has this number.
const LAUNCHER: u64 = u64::MAX;
/// What epoll gives back for the timer.
const TIMER: u64 = u64::MAX - 1;
/// Looks at a process that is about to end, after which its pidfd is waited for instead: it takes its time.
const MOST_LOOKS: u32 = 16;
/// Ends taken from the kernel at once.
const BATCH: usize = 64;

/// Batches of ends that are taken before the launcher is heard, should they not cease.
const MOST_ROUNDS: u32 = 256;

/// Publishes ends until the launcher closes its socket; then those of all processes that are still in the table and have ended.
pub(super) fn watch(tracker: &Tracker<'_>, launcher: &UnixStream) {
    let launcher_added = tracker.epoll.add(launcher, EpollEvent::new(EpollFlags::EPOLLIN, LAUNCHER));
    let timer_added = tracker.epoll.add(&tracker.timer, EpollEvent::new(EpollFlags::EPOLLIN, TIMER));
    if launcher_added.and(timer_added).is_ok() {
        while let Ok(true) = take_batch(tracker, launcher) {}
    }
    tracker.close();
}

/// `false` once the launcher has closed.
fn take_batch(tracker: &Tracker<'_>, launcher: &UnixStream) -> Result<bool, Errno> {
    let mut events = [EpollEvent::empty(); BATCH];
    let mut timeout = EpollTimeout::NONE;
    let mut launcher_speaks = false;
    let mut rounds = 0;
    loop {
        let count = match tracker.epoll.wait(&mut events, timeout) {
            Err(Errno::EINTR) => continue,
            other => other?,
        };
        let mut ends = 0;
        let mut timer = false;
        for event in events.iter().take(count) {
            match event.data() {
                LAUNCHER => launcher_speaks = true,
                TIMER => timer = true,
                token => {
                    ends += 1;
                    tracker.pidfd_ready(token);
                }
            }
        }
        // The launcher is heard after all others: what ended before the command did shall be published before it.
        if timer || (launcher_speaks && ends == 0) {
            tracker.look_at_ending();
        }
        rounds += 1;
        match (launcher_speaks, ends) {
            (false, _) => return Ok(true),
            (true, more) if more > 0 && rounds < MOST_ROUNDS => timeout = EpollTimeout::ZERO,
            (true, _) => break,
        }
    }
    match receive::<Reply>(launcher) {
        Ok(Some((Reply::Exited(exited), _))) => tracker.launcher_reaped(&exited),
        Ok(Some((Reply::Prepared(_) | Reply::Joined(_) | Reply::Confined(_), _))) => {}
        Ok(None) | Err(_) => return Ok(false),
    }
    Ok(true)
}

impl Tracker<'_> {
    fn pidfd_ready(&self, token: u64) {
        let table = self.table();
        // `None`: it was taken out meanwhile, and the descriptor is closed.
        if let Some(pid) = table.by_token(token).map(|(pid, _)| pid) {
            self.take_out(table, pid);
        }
    }

    /// Takes out those that were about to end and have. What has not is looked at again later.
    fn look_at_ending(&self) {
        self.timer.acknowledge();
        let ending = {
            let mut table = self.table();
            table.timer_set = false;
            std::mem::take(&mut table.ending)
        };
        for Ending { token, looks } in ending {
            let mut table = self.table();
            match table.by_token(token) {
                None => {}
                Some((pid, process)) if has_ended(process) => self.take_out(table, pid),
                Some((_, process)) if looks >= MOST_LOOKS => {
                    let _ = self.epoll.add(&process.pidfd, EpollEvent::new(EpollFlags::EPOLLIN, token));
                }
                Some(_) => {
                    table.ending.push(Ending { token, looks: looks + 1 });
                    self.set_timer(&mut table);
                }
            }
        }
    }

    /// Takes a process that has ended out of the table and publishes that, or parks it until the launcher has reported on it.
    ///
    /// It goes from one place to the other under one lock, since the launcher's report may come at any time and looks in both.
    pub(super) fn take_out(&self, mut table: MutexGuard<'_, Table>, pid: u32) {
        let Some(process) = table.remove(pid, self.launcher) else { return };
        // It may not be waited for any more, but one that is and stays open (parked) would be reported again and again.
        let _ = self.epoll.delete(&process.pidfd);
        let (reaped, remains) = how_it_ended(pid, &process);
        if remains.is_some_and(|stat| stat.ppid == self.recorder_pid) {
            drop(table);
            return self.reap_adopted(pid, process);
        }
        let reaper = match &remains {
            Some(stat) if stat.ppid == self.launcher => Reaper::Launcher,
            Some(_) => Reaper::Parent,
            None => table.reaper_of(pid, process.parent, self.launcher),
        };
        match reaper {
            Reaper::Launcher if !table.closed => {
                table.parked.entry(pid).or_default().push(process);
                return;
            }
            Reaper::Unknown => drop(table.published.insert(pid)),
            Reaper::Launcher | Reaper::Parent => {}
        }
        drop(table);
        let status = reaped.or_else(|| remains?.exit_status).or_else(|| sys::pidfd_exit_status(process.pidfd.as_fd()));
        self.publish_exit(pid, process, status, None, remains);
        if let Some(stat) = remains {
            self.published_unreaped(pid, stat.ppid);
        }
    }

    /// The launcher was killed, and the recorder has adopted what it left: it is the one to reap it.
    fn reap_adopted(&self, pid: u32, process: Process) {
        let bytes = procfs::io(pid);
        let exited = sys::reap(pid).map(|(status, usage)| Exited { pid, status, usage: usage.into(), bytes }).ok();
        self.publish_exit(pid, process, exited.map(|exited| exited.status), exited.as_ref(), None);
    }

    /// The launcher has reaped a child of its own.
    pub(super) fn launcher_reaped(&self, exited: &Exited) {
        let pid = exited.pid;
        let mut table = self.table();
        table.totals.add(&exited.usage, exited.bytes);
        let mut process = None;
        if let Some(parked) = table.parked.get_mut(&pid) {
            process = (!parked.is_empty()).then(|| parked.remove(0));
            if parked.is_empty() {
                table.parked.remove(&pid);
            }
        } else if table.live.get(&pid).is_some_and(has_ended) {
            process = table.remove(pid, self.launcher);
        }
        let is_command = table.command == Some(pid);
        let is_published = process.is_none() && table.published.remove(&pid);
        drop(table);
        match process {
            Some(process) => self.publish_exit(pid, process, Some(exited.status), Some(exited), None),
            // It was never seen: an orphan that started no program and was killed.
            None if !is_command && !is_published => {
                let exit = ProcessExit {
                    path: None,
                    exit_code: exit_code(exited.status),
                    signal: signal(exited.status),
                    statistics: exited.usage.statistics(exited.bytes, StatisticsSource::Proc),
                };
                let actor = Actor { pid, ..Actor::default() };
                self.recorder.gatekeeper.observe(exit.into(), Some(actor), Some(self.started));
                let mut table = self.table();
                table.ended += 1;
                table.unsampled += 1;
            }
            None => {}
        }
        if is_command {
            self.table().command_status = Some(exited.status);
        }
        self.notify();
    }

    /// Publishes the end of a process that was taken out of the table.
    fn publish_exit(&self, pid: u32, process: Process, status: Option<i32>, exited: Option<&Exited>, remains: Option<Stat>) {
        self.recorder.observer.ended(pid);
        if self.table().command == Some(pid) && process.own_exec.is_none() {
            // The command's process was still the launcher's: no program of the session has run in it.
            return;
        }
        let (sample, code) = match process.sample {
            Some((sample, code)) => (Some(sample), Some(code)),
            None => (None, None),
        };
        let wall = match process.since {
            Some(since) => {
                let until = process.until.unwrap_or_else(clock::instant);
                Some(micros(until.saturating_duration_since(since)))
            }
            None => sample.as_ref().and_then(|sample| sample.age).map(micros),
        };
        let sampled = sample.is_some();
        let read = match (sample, exited, remains) {
            (Some(sample), _, _) => sample.statistics,
            (None, Some(exited), _) => exited.usage.statistics(exited.bytes, StatisticsSource::Proc),
            (None, None, Some(stat)) => statistics::remains(pid, &stat),
            (None, None, None) => ExecStatistics::default(),
        };
        let statistics = ExecStatistics { wall_time_us: wall, ..read };
        let peak = statistics.peak_memory_bytes;
        let exit = ProcessExit {
            path: process.image.path,
            exit_code: match status {
                Some(status) => exit_code(status),
                None => code,
            },
            signal: status.and_then(signal),
            statistics,
        };
        let actor = Actor {
            pid,
            ppid: process.actor.ppid.or(Some(process.parent)),
            exe: process.image.file,
            // What was read when it called exec was the name that it had before.
            comm: process.actor.comm.filter(|_| sampled),
            ..process.actor
        };
        self.recorder.gatekeeper.observe(exit.into(), Some(actor), process.own_exec);
        let mut table = self.table();
        table.ended += 1;
        if sampled {
            table.peak_memory = table.peak_memory.max(peak);
        } else {
            table.unsampled += 1;
        }
        drop(table);
        self.notify();
    }

    /// No more reports will come: publishes what has ended and was waiting for one.
    fn close(&self) {
        let parked = {
            let mut table = self.table();
            table.closed = true;
            std::mem::take(&mut table.parked)
        };
        for (pid, processes) in parked {
            for process in processes {
                let status = sys::pidfd_exit_status(process.pidfd.as_fd());
                self.publish_exit(pid, process, status, None, None);
            }
        }
        self.take_ended();
        self.notify();
    }

    /// Takes out of the table what has ended, and sees to its end.
    pub(super) fn take_ended(&self) {
        let ended: Vec<u32> = {
            let table = self.table();
            table.live.iter().filter(|(_, process)| has_ended(process)).map(|(pid, _)| *pid).collect()
        };
        for pid in ended {
            self.take_out(self.table(), pid);
        }
    }
}

/// The wait status of a process that has been reaped, or else what is left of it. On an old kernel maybe neither.
fn how_it_ended(pid: u32, process: &Process) -> (Option<i32>, Option<Stat>) {
    let reaped = || sys::pidfd_exit_status(process.pidfd.as_fd());
    match reaped() {
        Some(status) => (Some(status), None),
        None => {
            let remains = procfs::stat(pid).filter(|stat| stat.state == b'Z');
            // If it has been reaped since, the number may be another's, and so may what was just read.
            match reaped() {
                Some(status) => (Some(status), None),
                None => (None, remains),
            }
        }
    }
}

/// The exit code in a wait status.
pub(super) fn exit_code(status: i32) -> Option<i32> {
    libc::WIFEXITED(status).then(|| libc::WEXITSTATUS(status))
}

/// The name of the signal in a wait status.
pub(super) fn signal(status: i32) -> Option<String> {
    libc::WIFSIGNALED(status).then(|| signal_name(libc::WTERMSIG(status)))
}

/// A signal's name; those without one are counted from `SIGRTMIN`, which the C library sets.
pub(super) fn signal_name(number: i32) -> String {
    match (nix::sys::signal::Signal::try_from(number), number - libc::SIGRTMIN()) {
        (Ok(signal), _) => signal.as_str().to_owned(),
        (Err(_), 0) => "SIGRTMIN".to_owned(),
        (Err(_), after) if after > 0 => format!("SIGRTMIN+{after}"),
        (Err(_), _) => format!("SIG{number}"),
    }
}
