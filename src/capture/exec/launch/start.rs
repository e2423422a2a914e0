//! The process that becomes the command: forked from the launcher, it sets up what must be its own and runs the program.

use std::ffi::{CStr, CString};
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;

use nix::errno::Errno;
use nix::sys::prctl;
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::{SigSet, Signal};
use nix::unistd::{Pid, chdir, execve, getpid, getppid, setsid};

use super::find::{self, Look};
use super::protocol::{self, Detached, Launching, Permission, StartSpec, Step, StepFailure};
use crate::capture::exec::seccomp;
use crate::event::OsText;
use crate::runtime::sys;

/// The shell that runs a script without a `#!` line, as `execvp(3)` does.
const SHELL: &CStr = c"/bin/sh";

/// Becomes the command, or says why not and ends.
pub(super) fn become_command(launcher: Pid, spec: &StartSpec, recorder: &UnixStream) -> ! {
    let (failure, path) = match run(launcher, spec, recorder) {
        Ok(never) => match never {},
        Err(failed) => failed,
    };
    // The recorder closes the socket once it has taken note. If it is gone there is nobody to wait for.
    let _ = protocol::send(recorder, &Launching::Failed { failure, path }, None);
    let _ = protocol::receive::<Permission>(recorder);
    sys::exit_now(if failure.errno == Errno::ENOENT as i32 { 127 } else { 126 })
}

type Failed = (StepFailure, Option<OsText>);

fn run(launcher: Pid, spec: &StartSpec, recorder: &UnixStream) -> Result<std::convert::Infallible, Failed> {
    let fail = |step| move |errno| (StepFailure::new(step, errno), None);
    // The kernel kills this process when the launcher dies. If it died before the call, nobody will.
    prctl::set_pdeathsig(Signal::SIGKILL).map_err(fail(Step::Prctl))?;
    if getppid() != launcher {
        return Err(fail(Step::Prctl)(Errno::ESRCH));
    }
    send(recorder, &Launching::Started { pid: getpid().as_raw().unsigned_abs() })?;
    if let Some(detached) = spec.detached {
        set_apart(detached).map_err(fail(Step::Prctl))?;
    }
    let arguments = Arguments::new(spec).ok_or_else(|| fail(Step::Arguments)(Errno::EINVAL))?;
    chdir(spec.cwd.as_path()).map_err(fail(Step::ChangeDirectory))?;
    prctl::set_no_new_privs().map_err(fail(Step::Prctl))?;
    if spec.seccomp {
        let installed = seccomp::install().map_err(fail(Step::Seccomp))?;
        let listening = Launching::Listening { restarts: installed.restarts };
        protocol::send(recorder, &listening, Some(installed.listener.as_fd())).map_err(|_| fail(Step::Seccomp)(Errno::EPIPE))?;
    }
    SigSet::empty().thread_set_mask().map_err(fail(Step::Prctl))?;
    sys::default_sigpipe().map_err(fail(Step::Prctl))?;
    arguments.execute(|path| spec.seccomp || may_run(recorder, path))
}

/// A session and a process group of its own, so that no terminal of the recorder's is the command's and a signal to the group reaches
/// its tree alone; the limits that the recorder was started with.
fn set_apart(detached: Detached) -> Result<(), Errno> {
    setsid()?;
    let (soft, hard) = detached.open_files;
    setrlimit(Resource::RLIMIT_NOFILE, soft, hard)?;
    match sys::confine_signals() {
        // Kernels before 6.12 have no such scope.
        Ok(()) | Err(Errno::ENOSYS | Errno::EOPNOTSUPP | Errno::EINVAL | Errno::E2BIG) => Ok(()),
        Err(errno) => Err(errno),
    }
}

fn send(recorder: &UnixStream, message: &Launching) -> Result<(), Failed> {
    protocol::send(recorder, message, None).map_err(|_| (StepFailure::new(Step::Fork, Errno::EPIPE), None))
}

/// Where program starts do not wait by themselves: asks.
fn may_run(recorder: &UnixStream, path: &CStr) -> bool {
    let candidate = Launching::Candidate { path: OsText::from_bytes(path.to_bytes()) };
    send(recorder, &candidate).is_ok()
        && matches!(protocol::receive::<Permission>(recorder), Ok(Some((Permission { granted: true }, _))))
}

/// What `execve(2)` takes.
struct Arguments {
    argv: Vec<CString>,
    env: Vec<CString>,
    candidates: Vec<CString>,
}

impl Arguments {
    /// `None` when an argument or a variable holds a NUL, or when there is no program.
    fn new(spec: &StartSpec) -> Option<Self> {
        let argv: Vec<CString> = spec.argv.iter().map(|text| CString::new(text.as_bytes())).collect::<Result<_, _>>().ok()?;
        let variables = spec.env.iter().map(|(name, value)| CString::new([name.as_bytes(), b"=", value.as_bytes()].concat()));
        let env = variables.collect::<Result<_, _>>().ok()?;
        let path = spec.env.iter().find(|(name, _)| name.as_bytes() == b"PATH").map(|(_, value)| value.as_bytes());
        let candidates = find::candidates(argv.first()?.as_bytes(), path);
        Some(Self { argv, env, candidates })
    }

    /// Tries each candidate as `execvp(3)` does: what is missing is passed over, what may not be run is remembered, and what was run
    /// and refused ends the search, so that a refusal is not answered with the next program of that name.
    fn execute(&self, may_run: impl Fn(&CStr) -> bool) -> Result<std::convert::Infallible, Failed> {
        let mut reason = (Errno::ENOENT, None);
        for candidate in &self.candidates {
            match find::look(candidate) {
                Look::Missing => continue,
                Look::Forbidden => reason = (Errno::EACCES, Some(candidate)),
                Look::Executable if !may_run(candidate) => return Err(failed(Errno::EACCES, Some(candidate))),
                Look::Executable => match self.replace(candidate) {
                    Errno::ENOENT | Errno::ENOTDIR => {
                        if reason.0 == Errno::ENOENT {
                            reason.1 = Some(candidate);
                        }
                    }
                    errno => return Err(failed(errno, Some(candidate))),
                },
            }
        }
        Err(failed(reason.0, reason.1))
    }

    fn replace(&self, program: &CStr) -> Errno {
        match execve(program, &self.argv, &self.env) {
            Ok(never) => match never {},
            Err(Errno::ENOEXEC) => {
                let script: Vec<&CStr> =
                    [SHELL, program].into_iter().chain(self.argv.iter().skip(1).map(CString::as_c_str)).collect();
                match execve(SHELL, &script, &self.env) {
                    Ok(never) => match never {},
                    Err(errno) => errno,
                }
            }
            Err(errno) => errno,
        }
    }
}

fn failed(errno: Errno, path: Option<&CString>) -> Failed {
    (StepFailure::new(Step::Exec, errno), path.map(|path| OsText::from_bytes(path.as_bytes())))
}
