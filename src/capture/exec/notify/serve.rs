//! The thread that answers the calls of a session's processes, one after the other.

use std::collections::HashMap;
use std::os::fd::AsFd as _;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::eventfd::EventFd;

use super::arguments;
use super::exec::{self, Exec, Judged, Name, Unread};
use super::memory::Reader;
use crate::capture::exec::procfs::{self, Status};
use crate::capture::exec::seccomp::Trapped;
use crate::capture::exec::statistics;
use crate::capture::exec::table::Image;
use crate::capture::exec::tracker::Tracker;
use crate::event::{Actor, EventsLost, ProcessExec};
use crate::runtime::clock;
use crate::runtime::sys::{Notification, SeccompAnswer, SeccompListener};

/// Answers calls until no process is left that could make one, or until `stop` is written to. Then the listener closes, and a call
/// that would wait fails with ENOSYS. `restarts` says whether a call that a signal interrupts comes again.
pub(crate) fn serve(listener: &SeccompListener, restarts: bool, tracker: &Tracker<'_>, stop: &EventFd) {
    let mut server = Server {
        listener,
        tracker,
        restarts,
        unanswered: HashMap::new(),
        strings: Reader::default(),
        pointers: Reader::default(),
    };
    loop {
        let mut sources = [PollFd::new(listener.as_fd(), PollFlags::POLLIN), PollFd::new(stop.as_fd(), PollFlags::POLLIN)];
        match poll(&mut sources, PollTimeout::NONE) {
            Err(Errno::EINTR) => continue,
            Err(_) => return,
            Ok(_) => {}
        }
        let [calls, stopped] = sources.map(|source| source.revents().unwrap_or(PollFlags::empty()));
        if calls.contains(PollFlags::POLLIN) {
            match listener.receive() {
                Ok(call) => server.answer(&call),
                // The caller was killed between the two calls.
                Err(Errno::ENOENT | Errno::EINTR) => {}
                Err(_) => return,
            }
        } else if !stopped.is_empty() || !calls.is_empty() {
            // POLLHUP: the last process with the filter has ended (Linux 5.8).
            return;
        }
    }
}

/// Execs that are kept in case they come again.
const MOST_UNANSWERED: usize = 1_024;

struct Server<'a> {
    listener: &'a SeccompListener,
    tracker: &'a Tracker<'a>,
    /// A signal that does not kill makes a waiting call come again (before Linux 5.19).
    restarts: bool,
    /// Execs that were recorded and whose answer came too late, by thread, where calls come again: it is one operation all the same. At
    /// most [`MOST_UNANSWERED`]; when there are more all are forgotten, and one that then comes again is recorded twice.
    unanswered: HashMap<u32, (ProcessExec, Judged)>,
    strings: Reader,
    pointers: Reader,
}

impl Server<'_> {
    fn answer(&mut self, call: &Notification) {
        let status = match procfs::status(call.tid).ok_or(Errno::ESRCH) {
            Ok(status) => status,
            Err(errno) => return self.give_up(call, errno),
        };
        if let Err(errno) = self.tracker.enter(&status) {
            return self.give_up(call, errno);
        }
        match Trapped::from_number(call.number) {
            Some(Trapped::Execve) => {
                let path = PathArgument { name: Name::default(), address: call.args[0] };
                self.exec(call, &status, path, call.args[1]);
            }
            Some(Trapped::Execveat) => {
                let flags = call.args[4];
                // An int in a register of 64 bits: the upper half is not part of it.
                let [a, b, c, d, ..] = call.args[0].to_le_bytes();
                let descriptor = Some(i32::from_le_bytes([a, b, c, d])).filter(|descriptor| *descriptor != libc::AT_FDCWD);
                let may_be_empty = flags & u64::from(libc::AT_EMPTY_PATH.unsigned_abs()) != 0;
                let path = PathArgument { name: Name { descriptor, may_be_empty }, address: call.args[1] };
                self.exec(call, &status, path, call.args[2]);
            }
            Some(Trapped::ExitGroup) => self.exit(call, &status),
            None => {
                let _ = self.listener.answer(call.id, SeccompAnswer::Continue);
            }
        }
    }

    fn exec(&mut self, call: &Notification, status: &Status, path: PathArgument, argv: u64) {
        self.tracker.settle_attempt(status.tgid);
        let exec = match self.read_exec(call, status, path, argv) {
            Ok(exec) => exec,
            Err(Unread::Fails(errno)) => {
                let _ = self.listener.answer(call.id, SeccompAnswer::Fail(errno));
                return;
            }
            Err(Unread::Unreadable(errno)) => return self.give_up(call, errno),
        };
        // From here on what was read counts, so it must have been the caller's.
        if !self.listener.is_waiting(call.id) {
            return;
        }
        let judged = match self.unanswered.remove(&call.tid) {
            Some((payload, judged)) if payload == exec.payload => judged,
            Some(_) | None => exec::judge(self.tracker, &exec),
        };
        let goes_ahead = judged.answer == SeccompAnswer::Continue;
        if goes_ahead && let Some(pipe) = self.tracker.recorder.observer.standard_error(&exec.payload) {
            // One that is gone, or that has no room left, keeps its own.
            if let Err(errno) = self.listener.give_descriptor(call.id, pipe.as_fd(), 2) {
                tracing::warn!(%errno, "a program keeps its own standard error");
            }
        }
        if goes_ahead {
            let image = Image { exec: Some(judged.event), ..exec.image };
            self.tracker.exec_goes_ahead(&exec.actor, judged.event, image, exec.program.likely_error);
        }
        if self.listener.answer(call.id, judged.answer).is_err() {
            if self.restarts {
                if self.unanswered.len() >= MOST_UNANSWERED {
                    self.unanswered.clear();
                }
                self.unanswered.insert(call.tid, (exec.payload, judged));
            } else if goes_ahead {
                // It was killed meanwhile.
                self.tracker.exec_failed(status.tgid, Some(Errno::EINTR));
            }
        }
    }

    /// What the recorder cannot see to (it may not read the caller's memory, or has no descriptor left) it does not let through: an exec
    /// cannot be judged, so it is refused, and that it is not on record is (G-2). An exit cannot be refused, only not be looked at. A
    /// caller that has ended gets no answer.
    fn give_up(&self, call: &Notification, errno: Errno) {
        if !self.listener.is_waiting(call.id) {
            return;
        }
        if Trapped::from_number(call.number) == Some(Trapped::ExitGroup) {
            let _ = self.listener.answer(call.id, SeccompAnswer::Continue);
            return;
        }
        let now = clock::now().as_micros();
        let lost = EventsLost {
            hop: "exec".to_owned(),
            reason: format!("an exec could not be looked at ({errno:?}); it was refused"),
            count: 1,
            from_us: now,
            to_us: now,
            intake: None,
        };
        // The thread's number: its process is what may not have been found.
        let actor = Actor { pid: call.tid, ..Actor::default() };
        self.tracker.recorder.gatekeeper.observe(lost.into(), Some(actor), None);
        let _ = self.listener.answer(call.id, SeccompAnswer::Fail(Errno::EPERM));
    }

    fn read_exec(&mut self, call: &Notification, status: &Status, path: PathArgument, argv: u64) -> Result<Exec, Unread> {
        let (strings, pointers) = (self.strings.turn_to(call.tid), self.pointers.turn_to(call.tid));
        let requested = arguments::path(strings, path.address)?;
        let arguments = arguments::read(pointers, strings, argv)?;
        exec::describe(self.tracker, status, call.tid, &path.name, requested, arguments)
    }

    /// Reads what the process used, and enters its children, who are about to lose their parent and with it what they descend from.
    fn exit(&self, call: &Notification, status: &Status) {
        let pid = status.tgid;
        self.tracker.settle_attempt(pid);
        let children_bytes = self.tracker.table().live.get(&pid).map(|process| process.children_bytes).unwrap_or_default();
        let sample = statistics::sample(status, call.tid, children_bytes);
        let children = children(status, call.tid);
        self.tracker.leaves_behind(pid, &children);
        for child in children {
            if let Some(child) = procfs::status(child) {
                let _ = self.tracker.enter(&child);
            }
        }
        let (image, _) = self.tracker.image_of(pid);
        let actor = exec::actor(status, image.file, None);
        // The code is the argument's lowest byte, as wait(2) has it.
        let [code, ..] = call.args[0].to_le_bytes();
        if self.listener.is_waiting(call.id) {
            self.tracker.sampled(pid, actor, sample, i32::from(code));
        }
        let _ = self.listener.answer(call.id, SeccompAnswer::Continue);
    }
}

/// Children of a process, by all of its threads. None where the kernel has no such file (CONFIG_PROC_CHILDREN).
fn children(status: &Status, tid: u32) -> Vec<u32> {
    let pid = status.tgid;
    let threads = if status.threads == Some(1) { vec![tid] } else { procfs::numbered(&format!("/proc/{pid}/task")) };
    let lists = threads.into_iter().filter_map(|thread| procfs::read(&format!("/proc/{pid}/task/{thread}/children")).ok());
    lists.flat_map(|list| procfs::parse_children(&list).collect::<Vec<_>>()).collect()
}

/// Where a call names its program.
struct PathArgument {
    name: Name,
    address: u64,
}
