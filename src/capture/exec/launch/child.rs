//! The launcher's main loop: does what the recorder asks for, reaps what it has adopted, and kills the tree when the recorder is gone.

use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::process::ExitCode;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::prctl;
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::wait::WaitStatus;
use nix::unistd::{ForkResult, chdir, dup2_stderr, dup2_stdin, dup2_stdout, getpid};

use super::namespaces::{enter, hide, join, mount_workspace};
use super::protocol::{
    self, Exited, Launching, MountSpec, PROBE, Preparation, ProtocolError, Reply, Request, StartSpec, Step, StepFailure,
};
use super::start::become_command;
use crate::capture::exec::{procfs, seccomp, terminate};
use crate::runtime::sys;

/// Why a launcher ends early.
#[derive(Debug, thiserror::Error)]
enum LauncherError {
    /// It was not started by a recorder.
    #[error("`__launch` is how agentsh starts itself, and takes the number of an open socket")]
    NotStartedByRecorder,
    /// The kernel refused a basic service.
    #[error("the launcher cannot work here: {0}")]
    Kernel(#[from] Errno),
    /// The recorder said nothing that can be understood.
    #[error(transparent)]
    Protocol(#[from] ProtocolError),
}

/// Runs as launcher, with the socket's number as argument. Nothing is printed: the standard streams are the command's.
#[must_use]
pub fn main(mut arguments: impl Iterator<Item = std::ffi::OsString>) -> ExitCode {
    let number = arguments.next().and_then(|number| number.to_str()?.parse().ok());
    match number.ok_or(LauncherError::NotStartedByRecorder).and_then(serve) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::from(125),
    }
}

fn serve(number: i32) -> Result<(), LauncherError> {
    let recorder = UnixStream::from(sys::inherited_fd(number).map_err(|_| LauncherError::NotStartedByRecorder)?);
    let _ = prctl::set_name(c"agentsh-launch");
    prctl::set_child_subreaper(true)?;
    // What a terminal or a user sends to the whole process group is for the command; the launcher outlives it.
    let mut blocked = SigSet::empty();
    for signal in [Signal::SIGINT, Signal::SIGQUIT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGCHLD] {
        blocked.add(signal);
    }
    blocked.thread_set_mask()?;
    let mut child_ended = SigSet::empty();
    child_ended.add(Signal::SIGCHLD);
    let child_ended = SignalFd::with_flags(&child_ended, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)?;
    // A working directory of the user's would keep its file system busy.
    chdir("/")?;
    let result = converse(&recorder, &child_ended);
    kill_everything(&recorder);
    result
}

/// Answers the recorder until it closes the socket.
fn converse(recorder: &UnixStream, child_ended: &SignalFd) -> Result<(), LauncherError> {
    loop {
        let mut sources = [PollFd::new(recorder.as_fd(), PollFlags::POLLIN), PollFd::new(child_ended.as_fd(), PollFlags::POLLIN)];
        match poll(&mut sources, PollTimeout::NONE) {
            Err(Errno::EINTR) => continue,
            other => other?,
        };
        let [from_recorder, from_children] = sources.map(|source| source.any().unwrap_or(true));
        if from_children {
            while child_ended.read_signal()?.is_some() {}
            reap_all(recorder)?;
        }
        if from_recorder {
            let Some((request, fd)) = protocol::receive::<Request>(recorder)? else { return Ok(()) };
            match request {
                Request::Prepare { private, mount } => prepare(recorder, private, mount.as_ref())?,
                Request::Join { namespace } => {
                    let holder = fd.ok_or(LauncherError::NotStartedByRecorder)?;
                    let joined = namespace.map_or(Ok(()), |namespace| join(holder.as_fd(), namespace));
                    protocol::send(recorder, &Reply::Joined(joined), None)?;
                }
                Request::Confine { hide: directories } => protocol::send(recorder, &Reply::Confined(hide(&directories)), None)?,
                Request::Start(spec) => {
                    let socket = fd.ok_or(LauncherError::NotStartedByRecorder)?;
                    start(&spec, &UnixStream::from(socket))?;
                }
            }
        }
    }
}

fn prepare(recorder: &UnixStream, private: bool, mount: Option<&MountSpec>) -> Result<(), LauncherError> {
    let not_wanted = StepFailure::new(Step::NotWanted, Errno::ENOTSUP);
    let namespace = if private { enter() } else { Err(not_wanted) };
    let mounted = match (namespace, mount) {
        (Ok(_), Some(spec)) => mount_workspace(spec),
        // Without a namespace of its own the mount would show everywhere, so it is not made.
        (Err(failure), Some(_)) => Err(failure),
        (_, None) => Err(not_wanted),
    };
    let (mount, device) = match mounted {
        Ok(device) => (Ok(()), device),
        Err(failure) => (Err(failure), None),
    };
    let seccomp = probe_seccomp().map_err(|errno| StepFailure::new(Step::Seccomp, errno));
    let probe = u64::try_from(PROBE.as_ptr().addr()).unwrap_or(0);
    let prepared = Preparation { namespace, mount, seccomp, probe };
    Ok(protocol::send(recorder, &Reply::Prepared(prepared), device.as_ref().map(|fd| fd.as_fd()))?)
}

/// Installs a harmless filter in a process made for that, which ends with the answer.
fn probe_seccomp() -> Result<(), Errno> {
    let child = match sys::fork_single_threaded()? {
        ForkResult::Child => {
            let result = prctl::set_no_new_privs().and_then(|()| seccomp::probe_listener());
            sys::exit_now(result.err().map_or(0, |errno| u8::try_from(errno as i32).unwrap_or(u8::MAX)))
        }
        ForkResult::Parent { child } => child,
    };
    loop {
        match nix::sys::wait::waitpid(child, None) {
            Err(Errno::EINTR) => {}
            Ok(WaitStatus::Exited(_, 0)) => return Ok(()),
            Ok(WaitStatus::Exited(_, code)) => return Err(Errno::from_raw(code)),
            // A filter around us may kill instead of refusing.
            Ok(_) => return Err(Errno::EPERM),
            Err(errno) => return Err(errno),
        }
    }
}

fn start(spec: &StartSpec, socket: &UnixStream) -> Result<(), LauncherError> {
    let launcher = getpid();
    match sys::fork_single_threaded() {
        Ok(ForkResult::Child) => become_command(launcher, spec, socket),
        Ok(ForkResult::Parent { .. }) => {
            if spec.detached.is_some() {
                give_up_streams();
            }
            Ok(())
        }
        Err(errno) => {
            let failure = StepFailure::new(Step::Fork, errno);
            Ok(protocol::send(socket, &Launching::Failed { failure, path: None }, None)?)
        }
    }
}

/// The streams are the command's alone: it is its tree that ends them, and writing to what nobody reads must fail.
fn give_up_streams() {
    if let Ok(nothing) = std::fs::File::options().read(true).write(true).open("/dev/null") {
        let _ = dup2_stdin(&nothing);
        let _ = dup2_stdout(&nothing);
        let _ = dup2_stderr(&nothing);
    }
}

/// Reaps every child that has ended and reports each. `true` while there are others.
fn reap_all(recorder: &UnixStream) -> Result<bool, LauncherError> {
    loop {
        // Looked at before it is reaped, since then its bytes can no longer be read.
        match sys::ended_child() {
            Ok(None) => return Ok(true),
            Ok(Some(pid)) => {
                let bytes = procfs::io(pid);
                let (status, usage) = sys::reap(pid)?;
                protocol::send(recorder, &Reply::Exited(Exited { pid, status, usage: usage.into(), bytes }), None)?;
            }
            Err(Errno::EINTR) => {}
            Err(Errno::ECHILD) => return Ok(false),
            Err(errno) => return Err(errno.into()),
        }
    }
}

/// The recorder is gone, or is done: nothing of the session may go on. Orphans come here, so this ends when no child is left.
fn kill_everything(recorder: &UnixStream) {
    let launcher = getpid().as_raw().unsigned_abs();
    loop {
        terminate::kill_descendants(launcher);
        // Reports go nowhere once the recorder is gone, but children are reaped all the same.
        match reap_all(recorder) {
            Ok(false) => return,
            Ok(true) => wait_for_child(),
            Err(LauncherError::Protocol(_)) => {}
            Err(_) => return,
        }
    }
}

/// Waits until a child has ended, for at most 10 ms: one that was forked meanwhile has to be killed too.
fn wait_for_child() {
    let mut child_ended = SigSet::empty();
    child_ended.add(Signal::SIGCHLD);
    if let Ok(signals) = SignalFd::with_flags(&child_ended, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK) {
        let _ = poll(&mut [PollFd::new(signals.as_fd(), PollFlags::POLLIN)], 10_u8);
        let _ = signals.read_signal();
    }
}
