//! One exec: what is found out about it, and how it is judged and put on record.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use nix::errno::Errno;

use super::arguments::{self, Arguments};
use super::program::{self, Program};
use super::view::{self, Caller, Sees};
use crate::capture::exec::procfs::{self, Status};
use crate::capture::exec::table::Image;
use crate::capture::exec::tracker::Tracker;
use crate::channel::{Outcome, RefusedBy};
use crate::event::{Actor, EventId, Kind, OsText, ProcessExec};
use crate::runtime::sys::SeccompAnswer;

/// An exec as it was read.
pub(crate) struct Exec {
    pub(crate) payload: ProcessExec,
    pub(crate) actor: Actor,
    pub(crate) image: Image,
    pub(crate) program: Program,
    cause: EventId,
}

/// An exec that is on record.
#[derive(Clone, Debug)]
pub(crate) struct Judged {
    pub(crate) event: EventId,
    pub(crate) answer: SeccompAnswer,
}

/// How a call names its program, besides the path.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Name {
    /// The directory that a relative path starts from, or the program itself; `None` for the working directory.
    pub(crate) descriptor: Option<i32>,
    /// `AT_EMPTY_PATH`: the descriptor is the program.
    pub(crate) may_be_empty: bool,
}

/// Why an exec is not judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unread {
    /// It fails anyway, with this error.
    Fails(Errno),
    /// It may not be read.
    Unreadable(Errno),
}

impl From<Errno> for Unread {
    fn from(errno: Errno) -> Self {
        match errno {
            // ESRCH: the caller has ended, and the answer reaches nobody.
            Errno::EFAULT | Errno::E2BIG | Errno::ENAMETOOLONG | Errno::ESRCH => Self::Fails(errno),
            _ => Self::Unreadable(errno),
        }
    }
}

/// Finds out what an exec is about.
pub(crate) fn describe(
    tracker: &Tracker<'_>,
    status: &Status,
    tid: u32,
    name: &Name,
    requested: Vec<u8>,
    arguments: Arguments,
) -> Result<Exec, Unread> {
    let cwd = procfs::link(tid, "cwd").unwrap_or_default();
    let caller = Caller { pid: status.tgid, tid, cwd: &cwd, sees: Sees::of(status.tgid, &tracker.view) };
    let program = find(&caller, name, &requested)?;
    let (before, parent_exe) = tracker.image_of(status.tgid);
    let depth = before.next_depth();
    let payload = ProcessExec {
        path: program.path.clone(),
        requested: OsText::from_bytes(requested),
        argv: arguments::cut((tracker.recorder.redact)(&arguments.kept)),
        argc: arguments.count,
        argv_bytes: arguments.bytes,
        interpreters: program.interpreters.clone(),
        parent_exe,
        depth,
        ..ProcessExec::default()
    };
    let image = Image { path: Some(program.path.clone()), file: Some(program.image().clone()), exec: None, depth };
    let cwd = (!cwd.as_os_str().is_empty()).then(|| OsText::from(cwd.as_path()));
    let actor = actor(status, before.file, cwd);
    Ok(Exec { payload, actor, image, program, cause: before.exec.unwrap_or(tracker.started) })
}

/// The process of an event.
pub(crate) fn actor(status: &Status, exe: Option<OsText>, cwd: Option<OsText>) -> Actor {
    Actor {
        pid: status.tgid,
        ppid: Some(status.ppid),
        exe,
        comm: Some(status.name.clone()),
        uid: status.uid,
        gid: status.gid,
        cwd,
        ..Actor::default()
    }
}

/// Finds the program that a call names.
fn find(caller: &Caller<'_>, name: &Name, requested: &[u8]) -> Result<Program, Unread> {
    let path = Path::new(OsStr::from_bytes(requested));
    let base = match name.descriptor {
        Some(descriptor) => procfs::link(caller.tid, &format!("fd/{descriptor}")).ok(),
        None => Some(caller.cwd.to_owned()),
    };
    let opened = match (requested.is_empty(), name.descriptor, base) {
        (true, Some(descriptor), _) if name.may_be_empty => view::open_descriptor(caller, descriptor),
        (true, _, _) => Err(Errno::ENOENT),
        (false, _, None) if path.is_relative() => Err(Errno::EBADF),
        (false, _, base) => view::open(caller, &base.unwrap_or_default(), path),
    };
    match opened {
        Ok(file) => Ok(program::examine(caller, &file, path)),
        Err(errno @ (Errno::ENOENT | Errno::ENOTDIR | Errno::ELOOP | Errno::ENAMETOOLONG | Errno::EBADF)) => {
            Err(Unread::Fails(errno))
        }
        // The recorder may not look there, which does not mean that the caller may not: it is judged by the name that it gave.
        Err(errno @ (Errno::EACCES | Errno::EPERM | Errno::EXDEV)) => {
            let path = OsText::from(caller.cwd.join(path).as_path());
            Ok(Program { path, likely_error: Some(errno), ..Program::default() })
        }
        Err(errno) => Err(Unread::Unreadable(errno)),
    }
}

/// Has the exec decided and put on record.
pub(crate) fn judge(tracker: &Tracker<'_>, exec: &Exec) -> Judged {
    let gatekeeper = tracker.recorder.gatekeeper;
    let verdict = gatekeeper.gate(exec.payload.clone().into(), Some(exec.actor.clone()), Some(exec.cause));
    let answer = match verdict.outcome {
        Outcome::Proceed if exec.program.foreign => {
            let subject = Some(exec.payload.path.as_text().into_owned());
            gatekeeper.failed(verdict.event, Kind::ProcessExec, subject, Some(exec.actor.clone()), libc::ENOEXEC);
            SeccompAnswer::Fail(Errno::ENOEXEC)
        }
        Outcome::Proceed => SeccompAnswer::Continue,
        Outcome::Refuse(refusal) => {
            let errno = match refusal.by {
                // What a file without permission gives: shells say 126.
                RefusedBy::Policy => Errno::EACCES,
                // Another error than policy's, and one on which execvp(3) tries no other directory: the recorder cannot go on.
                RefusedBy::AuditFailure | RefusedBy::Overload => Errno::EPERM,
            };
            tracker.refused(exec.actor.pid, refusal);
            SeccompAnswer::Fail(errno)
        }
    };
    Judged { event: verdict.event, answer }
}
