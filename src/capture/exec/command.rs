//! Running a session's command: from `command_started` to `command_finished`, and the end of what it left running.

use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::thread::Scope;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::sys::signal::Signal;

use super::launch::{self, Launching, Permission, ProtocolError, Request, Session, StartSpec, Step, StepFailure};
use super::notify::arguments::{self, Arguments};
use super::notify::exec::{self, Name};
use super::recorder::Recorder;
use super::signals::CommandHandle;
use super::statistics::Totals;
use super::table::{Image, Table};
use super::tracker::Tracker;
use super::{ends, notify, procfs, terminate};
use crate::channel::Refusal;
use crate::event::{CommandFinished, CommandStarted, ExecStatistics, OsText};
use crate::runtime::clock;
use crate::runtime::sys::{self, SeccompAnswer, SeccompListener};

/// How this stage is set.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ExecConfig {
    /// How long what the command left running has to end by itself after SIGTERM, in milliseconds, before it is killed. Longer lets
    /// daemons finish their work; the user waits for it.
    pub termination_grace_ms: u64,
}

impl Default for ExecConfig {
    fn default() -> Self {
        Self { termination_grace_ms: 2_000 }
    }
}

/// A command to run.
#[derive(Clone, Debug)]
pub struct CommandSpec {
    /// Arguments; the first is looked up in the `PATH` of `env` if it has no slash.
    pub argv: Vec<OsText>,
    /// The whole environment.
    pub env: Vec<(OsText, OsText)>,
    /// Working directory, entered after the workspace is mounted.
    pub cwd: OsText,
    /// The position in a trace of who asked for the command, if it is another than the session's.
    pub traceparent: Option<String>,
}

/// How a command ended.
#[derive(Debug)]
pub enum Ending {
    /// By itself, with this code.
    Exited(i32),
    /// By a signal, with this number.
    Signalled(i32),
    /// It was not let run.
    Refused(Refusal),
    /// There is no such program.
    NotFound,
    /// The kernel did not run it, or something before that failed.
    NotRun {
        /// What failed.
        failure: StepFailure,
        /// The program that was tried.
        program: Option<OsText>,
    },
    /// A signal for the recorder came before it was started.
    Interrupted(Signal),
    /// The recorder could not run it.
    Failed(ExecError),
}

impl Ending {
    /// The exit code that the user gets (DESIGN §6).
    #[must_use]
    pub const fn exit_code(&self) -> i32 {
        match self {
            Self::Exited(code) => *code,
            Self::Signalled(number) => 128 + *number,
            Self::Interrupted(signal) => 128 + *signal as i32,
            Self::Refused(_) => 126,
            Self::NotFound => 127,
            Self::NotRun { failure: StepFailure { step: Step::Exec, .. }, .. } => 126,
            Self::NotRun { .. } | Self::Failed(_) => 125,
        }
    }

    /// Why the command did not run, in words.
    #[must_use]
    pub fn error(&self) -> Option<String> {
        match self {
            Self::Exited(_) | Self::Signalled(_) => None,
            Self::Refused(Refusal { rule: Some(rule), reason, .. }) => Some(format!("refused by rule `{rule}`: {reason}")),
            Self::Refused(Refusal { rule: None, reason, .. }) => Some(format!("refused: {reason}")),
            Self::NotFound => Some("not found".to_owned()),
            Self::NotRun { failure, program: Some(program) } => Some(format!("{program}: {failure}")),
            Self::NotRun { failure, program: None } => Some(failure.to_string()),
            Self::Interrupted(signal) => Some(format!("{} came before it was started", signal.as_str())),
            Self::Failed(error) => Some(error.to_string()),
        }
    }
}

/// Why the recorder could not run a command. Nothing of the session is left running.
#[derive(Debug, thiserror::Error)]
pub enum ExecError {
    /// The kernel refused a service that the recorder needs.
    #[error("the recorder cannot follow processes: {0}")]
    Kernel(#[from] Errno),
    /// The launcher could not be talked to.
    #[error(transparent)]
    Protocol(#[from] ProtocolError),
    /// The launcher ended while the command ran; the command was killed with it.
    #[error("the session's launcher was killed, and the command with it")]
    LauncherLost,
}

/// What became of a command and its session.
#[derive(Debug)]
pub struct CommandOutcome {
    /// How it ended.
    pub ending: Ending,
    /// Processes of its tree that had ended by then.
    pub processes: u64,
    /// What the tree had used by then.
    pub statistics: ExecStatistics,
    /// Processes that were still running, and were ended with the session.
    pub processes_ended: u64,
}

/// Runs the command, records it and its whole tree, and ends what it leaves running. Returns when no process of the session is left.
pub fn run_command(
    session: Session,
    command: &CommandSpec,
    recorder: Recorder<'_>,
    handle: &CommandHandle,
    config: &ExecConfig,
) -> CommandOutcome {
    let since = clock::instant();
    let argv = arguments::cut((recorder.redact)(&command.argv));
    let program = argv.first().cloned().unwrap_or_default();
    let payload = CommandStarted { argv, cwd: command.cwd.clone(), tty: false, traceparent: command.traceparent.clone() };
    let started = recorder.gatekeeper.observe(payload.into(), None, None);
    let finish = |ending: &Ending, processes, statistics: &ExecStatistics| {
        let finished = CommandFinished {
            program: program.clone(),
            exit_code: ending.exit_code(),
            signal: match ending {
                Ending::Signalled(number) => Some(ends::signal_name(*number)),
                _ => None,
            },
            error: ending.error(),
            processes,
            statistics: ExecStatistics { wall_time_us: Some(clock::micros_since(since)), ..statistics.clone() },
        };
        recorder.gatekeeper.observe(finished.into(), None, Some(started));
    };
    let prepared = handle.interrupted_by().map_or_else(
        || {
            let tracker = Tracker::new(recorder, started, session.launcher_pid())?;
            Ok((tracker, EventFd::from_flags(EfdFlags::EFD_CLOEXEC)?))
        },
        |signal| Err(Ending::Interrupted(signal)),
    );
    let (tracker, stop) = match prepared {
        Ok(prepared) => prepared,
        Err(ending) => {
            finish(&ending, 0, &ExecStatistics::default());
            return CommandOutcome { ending, processes: 0, statistics: ExecStatistics::default(), processes_ended: 0 };
        }
    };
    let run = Run { session: &session, tracker: &tracker, stop: &stop, handle };
    std::thread::scope(|scope| {
        let ending = run.command(scope, command);
        handle.over();
        let (processes, statistics) = {
            let table = tracker.table();
            (table.ended, table.statistics())
        };
        finish(&ending, processes, &statistics);
        let processes_ended = terminate::end_all(&tracker, Duration::from_millis(config.termination_grace_ms));
        run.close();
        CommandOutcome { ending, processes, statistics, processes_ended }
    })
}

impl From<Errno> for Ending {
    fn from(errno: Errno) -> Self {
        Self::Failed(errno.into())
    }
}

impl From<ProtocolError> for Ending {
    fn from(error: ProtocolError) -> Self {
        Self::Failed(error.into())
    }
}

impl Table {
    fn statistics(&self) -> ExecStatistics {
        let totals: &Totals = &self.totals;
        totals.statistics(self.peak_memory.filter(|_| self.unsampled == 0))
    }
}

struct Run<'a> {
    session: &'a Session,
    tracker: &'a Tracker<'a>,
    stop: &'a EventFd,
    handle: &'a CommandHandle,
}

impl<'a> Run<'a> {
    /// Starts the command and waits for its end.
    fn command<'scope>(&self, scope: &'scope Scope<'scope, '_>, command: &CommandSpec) -> Ending
    where
        'a: 'scope,
    {
        match self.start(scope, command) {
            Ok(()) => {}
            Err(ending) => return ending,
        }
        self.tracker.wait_until(None, |table| table.command_status.is_some() || table.closed);
        match self.tracker.table().command_status {
            Some(status) if libc::WIFSIGNALED(status) => Ending::Signalled(libc::WTERMSIG(status)),
            Some(status) => Ending::Exited(libc::WEXITSTATUS(status)),
            None => Ending::Failed(ExecError::LauncherLost),
        }
    }

    /// Brings the command to where it runs.
    fn start<'scope>(&self, scope: &'scope Scope<'scope, '_>, command: &CommandSpec) -> Result<(), Ending>
    where
        'a: 'scope,
    {
        let (socket, theirs) = UnixStream::pair().map_err(ProtocolError::from)?;
        let spec = StartSpec {
            argv: command.argv.clone(),
            env: command.env.clone(),
            cwd: command.cwd.clone(),
            seccomp: self.session.traps_execs(),
            detached: self.session.detached(),
        };
        launch::send(self.session.socket(), &Request::Start(spec), Some(theirs.as_fd()))?;
        drop(theirs);
        let (tracker, launcher) = (self.tracker, self.session.socket());
        spawn(scope, "process-ends", move || ends::watch(tracker, launcher))?;
        let mut command_pid = None;
        loop {
            match launch::receive::<Launching>(&socket)? {
                Some((Launching::Started { pid }, _)) => {
                    command_pid = Some(pid);
                    tracker.table().command = Some(pid);
                    self.handle.started(pid, sys::pidfd_open(pid)?);
                }
                Some((Launching::Listening { restarts }, listener)) => self.listen(scope, listener, restarts)?,
                Some((Launching::Candidate { path }, _)) => {
                    let granted = command_pid.is_some_and(|pid| self.judge_candidate(pid, &path, command));
                    launch::send(&socket, &Permission { granted }, None)?;
                }
                Some((Launching::Failed { failure, path }, _)) => return Err(self.not_run(command_pid, failure, path)),
                // It runs, or was killed on the way; its end will tell.
                None if command_pid.is_some() => return Ok(()),
                None => return Err(Ending::Failed(ExecError::LauncherLost)),
            }
        }
    }

    fn listen<'scope>(&self, scope: &'scope Scope<'scope, '_>, listener: Option<OwnedFd>, restarts: bool) -> Result<(), Ending>
    where
        'a: 'scope,
    {
        let listener = SeccompListener::new(listener.ok_or(Errno::EBADF)?)?;
        let (tracker, stop) = (self.tracker, self.stop);
        Ok(spawn(scope, "process-execs", move || notify::serve(&listener, restarts, tracker, stop))?)
    }

    /// Where program starts do not wait by themselves, the command's own asks, and is judged like any other.
    fn judge_candidate(&self, pid: u32, path: &OsText, command: &CommandSpec) -> bool {
        let bytes = command.argv.iter().map(|argument| argument.as_bytes().len() + 1).sum::<usize>();
        let arguments = Arguments {
            kept: command.argv.clone(),
            count: u64::try_from(command.argv.len()).unwrap_or(u64::MAX),
            bytes: u64::try_from(bytes).unwrap_or(u64::MAX),
        };
        let Some(status) = procfs::status(pid) else { return false };
        if self.tracker.enter(&status).is_err() {
            return false;
        }
        let name = Name::default();
        let Ok(exec) = exec::describe(self.tracker, &status, pid, &name, path.as_bytes().to_vec(), arguments) else {
            return false;
        };
        let judged = exec::judge(self.tracker, &exec);
        let granted = judged.answer == SeccompAnswer::Continue;
        if granted {
            let image = Image { exec: Some(judged.event), ..exec.image };
            self.tracker.exec_goes_ahead(&exec.actor, judged.event, image, exec.program.likely_error);
        }
        granted
    }

    /// The command's process says that it cannot become the command.
    fn not_run(&self, pid: Option<u32>, failure: StepFailure, program: Option<OsText>) -> Ending {
        let errno = Errno::from_raw(failure.errno);
        if let Some(pid) = pid {
            self.tracker.exec_failed(pid, Some(errno));
        }
        let refusal = self.tracker.table().refusal.take();
        match (failure.step, refusal, errno) {
            (Step::Exec, Some(refusal), _) => Ending::Refused(refusal),
            (Step::Exec, None, Errno::ENOENT | Errno::ENOTDIR) => Ending::NotFound,
            (_, _, _) => Ending::NotRun { failure, program },
        }
    }

    /// Ends the launcher, and with it the thread that listens to it, and the one that answers calls.
    fn close(&self) {
        let _ = self.session.socket().shutdown(std::net::Shutdown::Write);
        let deadline = clock::instant() + LAUNCHER_END;
        if !self.tracker.wait_until(Some(deadline), |table| table.closed) {
            let _ = self.session.socket().shutdown(std::net::Shutdown::Both);
        }
        let _ = self.stop.write(1);
    }
}

/// How long the launcher has to report the last ends.
const LAUNCHER_END: Duration = Duration::from_secs(5);

fn spawn<'scope>(scope: &'scope Scope<'scope, '_>, name: &str, task: impl FnOnce() + Send + 'scope) -> Result<(), Errno> {
    let thread = std::thread::Builder::new().name(name.to_owned()).spawn_scoped(scope, task);
    thread.map(drop).map_err(|_| Errno::EAGAIN)
}
