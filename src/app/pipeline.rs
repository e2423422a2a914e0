//! One recorded command, from the first check to the last event.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;

use super::detect::{Detector, Patience};
use super::error::RunError;
use super::lease::Lease;
use super::opening::{announce, mount_spec, other_layers};
use super::policy::{load_policy, variables};
use super::summary::Summary;
use super::wine::{WineLayer, WineObserver, as_texts, path_of};
use super::workspace::Workspace;
use crate::capture::actor::ProcActors;
use crate::capture::exec::{
    BlockedSignals, CommandHandle, CommandSpec, Ending, PreparedSession, ProcessObserver, Recorder, RunningProgram, SessionSpec,
    run_command,
};
use crate::capture::fuse::{FuseServer, MountedDevice};
use crate::capture::proxy::ProxyServer;
use crate::channel::SessionChannel;
use crate::config::{Config, Environment, PolicyChoice};
use crate::event::trace::{Callers, TraceParent};
use crate::event::{CapabilityReport, OsText, SessionEnded, SessionId, redact};
use crate::journal::{DataDir, Journal};
use crate::runtime::{clock, ids};

/// What to run and how.
#[derive(Clone, Debug)]
pub struct RunRequest {
    /// The command's arguments, the program first.
    pub argv: Vec<OsString>,
    /// The command's environment; the proxy's variables are set in it.
    pub env: Vec<(OsString, OsString)>,
    /// Where the command starts.
    pub cwd: PathBuf,
    /// The directory that is watched.
    pub workspace: PathBuf,
    /// The policy.
    pub policy: PolicyChoice,
    /// The agentsh program that becomes the session's launcher.
    pub program: PathBuf,
}

/// What became of it.
#[derive(Debug)]
pub struct RunReport {
    /// The session.
    pub session: SessionId,
    /// How the command ended.
    pub ending: Ending,
    /// What was recorded.
    pub summary: Summary,
}

/// What part of a session's time is waited at its end for rules that are still being taken in. With the program's own rules that
/// concerns commands of less than a twentieth of a second.
const RULES_SHARE: u32 = 8;

/// Runs a command in a session of its own and records it.
///
/// # Errors
/// [`RunError`] when there is no session; the command was not run then.
pub fn run(
    request: &RunRequest,
    config: &Config,
    environment: &Environment,
    signals: BlockedSignals,
) -> Result<RunReport, RunError> {
    let began = clock::instant();
    // The session runs as the same user: without this it could reach the recorder's memory and descriptors through /proc (G-9).
    if let Err(errno) = nix::sys::prctl::set_dumpable(false) {
        tracing::warn!(%errno, "the recorder's memory and descriptors stay open to its user's other processes");
    }
    let data_dir = std::path::absolute(&config.data_dir).unwrap_or_else(|_| config.data_dir.clone());
    // Beside the recording, on a thread and connections of its own. Rules take longer to be taken in than a session to be set up.
    let detector = Detector::prepare(&config.detect, &DataDir::at(&data_dir)).unwrap_or_else(|error| {
        tracing::error!(%error, "nothing is detected; everything is recorded all the same");
        None
    });
    // Checked before anything is made, so that a workspace or a policy that cannot be one leaves no trace.
    let checked = Workspace::open(&request.workspace, &data_dir)?;
    let policy = Arc::new(load_policy(&request.policy, &variables(&checked.path, environment))?);
    let journal = Journal::open(&data_dir, &config.journal)?;
    // Again, since only now the data directory is sure to be there, and its real path known.
    let workspace = Workspace::open(&checked.path, journal.data_dir().root())?;
    let detector = detector.map(|preparing| preparing.begin(journal.data_dir()));
    let session_id = ids::session_id(clock::now());
    let channel =
        SessionChannel::new(Arc::clone(journal.channel()), Arc::new(ArcSwap::new(Arc::clone(&policy))), session_id.clone());
    // Held until the end is on record: one that is left shows that the recorder died.
    let lease = Lease::take(journal.data_dir(), &session_id)?;
    let caller = caller(&request.env);
    announce(&channel, &workspace, Vec::new(), caller.map(|caller| caller.to_string()));

    let handle = Arc::new(CommandHandle::default());
    let forwarder = signals.forward_to(Arc::clone(&handle));
    let actors = Arc::new(ProcActors::new());
    let session = Session { request, config, journal: &journal, channel: &channel, actors: &actors, handle: &handle, caller };
    let outcome = session.record(workspace);
    drop(forwarder);

    let (reason, processes_ended) = match &outcome {
        Ok((Ending::Signalled(_) | Ending::Interrupted(_), ended)) => ("signal", *ended),
        Ok((Ending::Failed(_) | Ending::NotRun { .. }, ended)) => ("failed", *ended),
        Ok((Ending::Exited(_) | Ending::Refused(_) | Ending::NotFound, ended)) => ("finished", *ended),
        Err(_) => ("failed", 0),
    };
    let ended = SessionEnded { reason: reason.to_owned(), duration_us: clock::micros_since(began), processes_ended };
    channel.observe(ended, None, None);
    if journal.flush() {
        lease.release();
    }
    let head = journal.head();
    // Rules that are not ready yet are not worth much more time than the command took: the next process looks at what this one left.
    let patience = Patience {
        for_rules: Duration::from_micros(clock::micros_since(began)) / RULES_SHARE,
        in_all: Duration::from_millis(config.detect.catch_up_ms),
    };
    let detected = detector.map(|detector| detector.finish_within(head, patience));
    let failure = journal.failure();
    let journal_data = journal.data_dir().clone();
    let closed = journal.close();
    let (ending, _) = outcome?;
    if let Err(error) = closed {
        // The command has run; what could not be committed stays in the intake and is drained by the next start.
        tracing::error!(%error, failure = failure.as_deref().unwrap_or(""), "the journal could not be closed");
    }
    let mut summary = Summary::read(&journal_data, &session_id)?;
    summary.undetected = detected.map_or(0, |seq| head.saturating_sub(seq));
    Ok(RunReport { session: session_id, ending, summary })
}

/// The variable that programs hand their position in a trace down in.
const TRACEPARENT: &str = "TRACEPARENT";

/// The caller's position in a trace, from the environment that it started us with. One that is malformed counts as none (W3C Trace
/// Context §4.3).
fn caller(env: &[(OsString, OsString)]) -> Option<TraceParent> {
    let (_, value) = env.iter().rfind(|(name, value)| name == TRACEPARENT && !value.is_empty())?;
    let text = value.to_string_lossy();
    match text.parse() {
        Ok(caller) => Some(caller),
        Err(error) => {
            tracing::warn!(%error, "TRACEPARENT is ignored");
            None
        }
    }
}

/// What a session is recorded with.
struct Session<'a> {
    request: &'a RunRequest,
    config: &'a Config,
    journal: &'a Journal,
    channel: &'a SessionChannel,
    actors: &'a Arc<ProcActors>,
    handle: &'a CommandHandle,
    /// The caller's position in a trace.
    caller: Option<TraceParent>,
}

impl Session<'_> {
    /// Sets the layers up, runs the command, takes the layers down. Returns how it ended and how many processes were ended with it.
    fn record(&self, workspace: Workspace) -> Result<(Ending, u64), RunError> {
        let command_id = ids::command_id(clock::now());
        let callers = Callers { session: self.caller, command: None };
        let trace = TraceParent::of_command(self.channel.session_id(), &command_id, callers);
        let channel = self.channel.for_command(command_id);
        let fuse = &self.config.sandbox.fuse;
        let mount = fuse.enabled.then(|| mount_spec(&workspace));
        let hidden_in_workspace = !workspace.hidden.is_empty();
        let spec = SessionSpec { program: self.request.program.clone(), private: true, mount };
        let mut prepared = PreparedSession::open(&spec)?;
        let server = match prepared.take_device() {
            Some(device) => {
                let mounted =
                    MountedDevice { device, root: workspace.root, mount_path: workspace.path.clone(), hidden: workspace.hidden };
                let actors = Arc::clone(self.actors);
                Some(FuseServer::start(mounted, Arc::new(channel.clone()), actors, fuse)?)
            }
            None => None,
        };
        let proxy = if self.config.sandbox.network.enabled {
            Some(ProxyServer::start(channel.clone(), self.config.sandbox.network.clone(), Some(trace))?)
        } else {
            None
        };
        // A data directory within the workspace is hidden by the workspace's own file system, where that could be mounted.
        let hide =
            if hidden_in_workspace && server.is_some() { Vec::new() } else { vec![self.journal.data_dir().root().to_owned()] };
        let session = prepared.confine(&hide)?;
        let wine = WineLayer::find(&self.config.sandbox.registry, path_of(&self.request.env), &session);
        let at = proxy.as_ref().map(|proxy| format!("HTTP proxy at {}", proxy.address()));
        let layers = session.layers().iter().cloned().chain(other_layers(fuse.enabled, at, wine.report())).collect();
        self.channel.observe(CapabilityReport { layers }, None, None);
        if let Some(reason) = self.journal.failure() {
            return Err(RunError::JournalCannotWrite { reason: reason.to_string() });
        }

        let mut env = self.request.env.clone();
        if let Some(proxy) = &proxy {
            let variables = proxy.environment();
            env.retain(|(name, _)| !variables.iter().any(|(ours, _)| ours == name));
            env.extend(variables);
        }
        // What the command reports of itself hangs below the span of the command.
        env.retain(|(name, _)| name != TRACEPARENT);
        env.push((TRACEPARENT.into(), trace.to_string().into()));
        let wine = wine.capture(&channel, &mut env);
        let command = CommandSpec {
            argv: self.request.argv.iter().map(|argument| OsText::from(argument.as_os_str())).collect(),
            env: as_texts(&env),
            cwd: OsText::from(self.request.cwd.as_path()),
            traceparent: None,
        };
        let observer = WineObserver { inner: Observer(self.actors), wine: wine.as_ref() };
        let recorder = Recorder { gatekeeper: &channel, observer: &observer, redact: redact::argv };
        let outcome = run_command(session, &command, recorder, self.handle, &self.config.sandbox.exec);

        if let Some(wine) = wine {
            wine.finish();
        }
        if let Some(proxy) = proxy {
            proxy.finish();
        }
        if let Some(server) = server
            && let Err(error) = server.finish()
        {
            tracing::error!(%error, "the workspace's file system ended with an error");
        }
        Ok((outcome.ending, outcome.processes_ended))
    }
}

/// Keeps the actors' cache true to what the process layer sees.
struct Observer<'a>(&'a ProcActors);

impl ProcessObserver for Observer<'_> {
    fn program_changed(&self, program: &RunningProgram<'_>) {
        self.0.invalidate(program.pid);
    }

    fn ended(&self, pid: u32) {
        self.0.invalidate(pid);
    }
}
