//! One command in a session: its launcher, its proxy, its thread, and its end.

use std::ffi::OsString;
use std::sync::{Arc, Mutex, PoisonError};

use nix::fcntl::OFlag;
use nix::sys::signal::Signal;
use nix::unistd::pipe2;
use tokio::sync::oneshot;

use super::end;
use super::live::LiveSession;
use super::manager::Inner;
use super::request::{check_command, read_traceparent};
use super::table::Entry;
use crate::app::wine::{WineLayer, WineObserver, as_texts, path_of};
use crate::capture::exec::{CommandHandle, CommandSpec, Ending, Recorder, Session, Streams, run_command};
use crate::capture::proxy::ProxyServer;
use crate::capture::registry::wine::WineCapture;
use crate::channel::SessionChannel;
use crate::config::Environment;
use crate::event::trace::{Callers, TraceParent};
use crate::event::{OsText, redact};
use crate::runtime::{clock, ids};
use crate::serve::sessions::{CommandControl, CommandEnd, CommandInfo, RunningCommand, SessionError, StartCommand};

/// What of the server's own environment a command gets; the rest may hold the server's keys.
const INHERITED: [&str; 8] = ["PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "TZ", "TMPDIR"];

/// Starts a command.
pub(super) fn start(inner: &Arc<Inner>, request: &StartCommand) -> Result<RunningCommand, SessionError> {
    let (id, session) = inner.find_open(&request.session)?;
    let cwd = check_command(request, &session.workspace)?;
    let asked = read_traceparent(request.traceparent.as_deref())?;
    if let Some(reason) = inner.setting.journal.failure() {
        return Err(SessionError::JournalCannotWrite { reason: reason.to_string() });
    }
    let now = clock::now();
    let command = ids::command_id(now);
    let trace = TraceParent::of_command(&session.id, &command, Callers { session: session.caller, command: asked });
    let (tell_start, started) = oneshot::channel();
    let tell_start = Mutex::new(Some(tell_start));
    let handle = Arc::new(CommandHandle::of_group(move |pid| {
        if let Some(tell) = tell_start.lock().unwrap_or_else(PoisonError::into_inner).take() {
            let _nobody_waits = tell.send(pid);
        }
    }));
    let argv = redact::argv(&request.argv).iter().map(|argument| argument.as_text().into_owned()).collect();
    let info = CommandInfo { id: command.to_string(), argv, started_us: now.as_micros(), pid: 0 };
    let place = Place::reserve(inner, &id, Entry { handle: Arc::clone(&handle), info, kill_at: None })?;

    let channel = session.channel.for_command(command.clone());
    let network = &inner.setting.config.sandbox.network;
    let proxy = if network.enabled {
        Some(ProxyServer::start(channel.clone(), network.clone(), Some(trace)).map_err(failed)?)
    } else {
        None
    };
    let (stdin, their_stdin) = pipe2(OFlag::O_CLOEXEC).map(|(read, write)| (write, read)).map_err(failed)?;
    let (stdout, their_stdout) = pipe2(OFlag::O_CLOEXEC).map_err(failed)?;
    let (stderr, their_stderr) = pipe2(OFlag::O_CLOEXEC).map_err(failed)?;
    let streams = Streams { stdin: their_stdin, stdout: their_stdout, stderr: their_stderr };
    let launcher = launcher(inner, &id, &session, streams)?;
    session.attribution.add(launcher.launcher_pid(), Arc::new(channel.clone()));
    let mut env = environment(&inner.setting.environment, request, trace, proxy.as_ref());
    let wine = WineLayer::find(&inner.setting.config.sandbox.registry, path_of(&env), &launcher).capture(&channel, &mut env);
    let spec = CommandSpec { argv: request.argv.clone(), env: as_texts(&env), cwd, traceparent: request.traceparent.clone() };
    let (tell_end, finished) = oneshot::channel();
    let control = Arc::new(Control { inner: Arc::clone(inner), session: id.clone(), command: command.to_string() });
    let running = Running { session, channel, launcher, proxy, wine, spec, handle, place };
    let recorder = Arc::clone(inner);
    let run = move || {
        let end = running.run(&recorder);
        let _nobody_waits = tell_end.send(end);
    };
    inner.spawn("command", run).map_err(failed)?;
    Ok(RunningCommand { session: id, command: command.to_string(), stdin, stdout, stderr, started, finished, control })
}

fn failed(error: impl std::fmt::Display) -> SessionError {
    SessionError::Failed { what: "the command", reason: error.to_string() }
}

fn launcher(inner: &Arc<Inner>, id: &str, session: &LiveSession, streams: Streams) -> Result<Session, SessionError> {
    match session.join(&inner.setting.program, streams, inner.setting.open_files) {
        Some(Ok(launcher)) => Ok(launcher),
        Some(Err(error)) => {
            // Without what holds it no command can start any more; those that run see it through.
            if session.is_lost() && end::begin(&mut inner.shared.lock(), id, end::FAILED) {
                end::complete_aside(inner, id, inner.setting.config.sessions.grace.duration());
            }
            Err(failed(error))
        }
        None => Err(SessionError::Ended { id: id.to_owned(), reason: end::ENDED.to_owned() }),
    }
}

/// The server's own few variables, then the request's, the command's position in its trace, and those that bring requests to the
/// proxy.
fn environment(
    own: &Environment,
    request: &StartCommand,
    trace: TraceParent,
    proxy: Option<&ProxyServer>,
) -> Vec<(OsString, OsString)> {
    let text = |text: &OsText| text.as_os_str().to_owned();
    let mut variables: Vec<(OsString, OsString)> =
        INHERITED.iter().filter_map(|name| Some((OsString::from(*name), own.get(name)?.to_owned()))).collect();
    // What the command reports of itself hangs below the span of the command.
    let traceparent = [(OsString::from("TRACEPARENT"), OsString::from(trace.to_string()))];
    let proxied = proxy.map(ProxyServer::environment).unwrap_or_default();
    let asked = request.env.iter().map(|(name, value)| (text(name), text(value)));
    for (name, value) in asked.chain(traceparent).chain(proxied) {
        variables.retain(|(other, _)| *other != name);
        variables.push((name, value));
    }
    variables
}

/// A command's entry in the table, which goes with it.
struct Place {
    inner: Arc<Inner>,
    session: String,
    command: String,
    /// Processes that were ended with the command.
    ended: u64,
}

impl Place {
    fn reserve(inner: &Arc<Inner>, session: &str, entry: Entry) -> Result<Self, SessionError> {
        let most = inner.setting.config.sessions.max_commands;
        let command = entry.info.id.clone();
        let mut table = inner.shared.lock();
        if table.closing {
            return Err(SessionError::ShuttingDown);
        }
        if table.commands >= most {
            return Err(SessionError::TooMany { what: "commands", most, key: "max_commands" });
        }
        let ended = |reason: &str| SessionError::Ended { id: session.to_owned(), reason: reason.to_owned() };
        let open = table.open.get_mut(session).ok_or_else(|| ended(end::ENDED))?;
        if let Some(reason) = open.ending {
            return Err(ended(reason));
        }
        open.commands.insert(command.clone(), entry);
        table.commands += 1;
        Ok(Self { inner: Arc::clone(inner), session: session.to_owned(), command, ended: 0 })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut table = self.inner.shared.lock();
        table.commands -= 1;
        if let Some(open) = table.open.get_mut(&self.session) {
            open.commands.remove(&self.command);
            open.idle_since = clock::instant();
            if open.ending.is_some() {
                open.processes_ended += self.ended;
            }
        }
        drop(table);
        self.inner.shared.notify();
    }
}

/// What a command's thread has.
struct Running {
    session: Arc<LiveSession>,
    channel: SessionChannel,
    launcher: Session,
    proxy: Option<ProxyServer>,
    wine: Option<WineCapture>,
    spec: CommandSpec,
    handle: Arc<CommandHandle>,
    place: Place,
}

impl Running {
    /// Runs the command to its end, and that of all that it started.
    fn run(self, inner: &Inner) -> CommandEnd {
        let Self { session, channel, launcher, proxy, wine, spec, handle, mut place } = self;
        let pid = launcher.launcher_pid();
        let observer = WineObserver { inner: &*session, wine: wine.as_ref() };
        let recorder = Recorder { gatekeeper: &channel, observer: &observer, redact: redact::argv };
        let outcome = run_command(launcher, &spec, recorder, &handle, &inner.setting.config.sandbox.exec);
        if let Some(wine) = wine {
            wine.finish();
        }
        if let Some(proxy) = proxy {
            proxy.finish();
        }
        session.attribution.remove(pid);
        // The command itself was ended too, if a signal of ours did it.
        place.ended = outcome.processes_ended + u64::from(matches!(outcome.ending, Ending::Signalled(_)));
        // The end is on record before anybody hears of it.
        inner.setting.journal.flush();
        let last_seq = inner.records().map_or(0, |records| records.last_seq(session.id.as_str()));
        drop(place);
        described(&outcome.ending, last_seq)
    }
}

fn described(ending: &Ending, last_seq: u64) -> CommandEnd {
    let signal = match ending {
        Ending::Signalled(number) => Some(*number),
        Ending::Interrupted(signal) => Some(*signal as i32),
        Ending::Exited(_) | Ending::Refused(_) | Ending::NotFound | Ending::NotRun { .. } | Ending::Failed(_) => None,
    };
    let name =
        |number: i32| Signal::try_from(number).map_or_else(|_| format!("SIG{number}"), |signal| signal.as_str().to_owned());
    CommandEnd {
        exit_code: ending.exit_code(),
        signal: signal.map(name),
        error: ending.error(),
        rule: match ending {
            Ending::Refused(refusal) => refusal.rule.as_deref().map(str::to_owned),
            _ => None,
        },
        last_seq,
    }
}

/// A client's way to its command.
struct Control {
    inner: Arc<Inner>,
    session: String,
    command: String,
}

impl CommandControl for Control {
    fn signal(&self, number: i32) -> bool {
        let Ok(signal) = Signal::try_from(number) else { return false };
        let table = self.inner.shared.lock();
        if let Some(entry) = table.open.get(&self.session).and_then(|open| open.commands.get(&self.command)) {
            entry.handle.signal(signal);
        }
        true
    }

    fn abandon(&self) {
        let grace = self.inner.setting.config.sessions.grace.duration();
        let mut table = self.inner.shared.lock();
        if let Some(entry) = table.open.get_mut(&self.session).and_then(|open| open.commands.get_mut(&self.command)) {
            end::tell(entry);
            entry.kill_at = Some(clock::instant() + grace);
        }
        drop(table);
        self.inner.shared.notify();
    }
}
