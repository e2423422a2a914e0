//! Opening a session: on record first, then its layers, then what they can do.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;

use super::live::{Layers, LiveSession};
use super::manager::Setting;
use super::request::{check_session, read_traceparent};
use crate::app::error::RunError;
use crate::app::lease::Lease;
use crate::app::opening::{announce, mount_spec, other_layers};
use crate::app::policy::{load_policy, variables};
use crate::app::wine::WineLayer;
use crate::app::workspace::Workspace;
use crate::capture::actor::ProcActors;
use crate::capture::attribution::Attribution;
use crate::capture::exec::{PreparedSession, SessionSpec};
use crate::capture::fuse::{FuseConfig, FuseServer, MountedDevice};
use crate::channel::SessionChannel;
use crate::config::PolicyChoice;
use crate::event::{CapabilityReport, Layer, LayerReport};
use crate::runtime::{clock, ids, sys};
use crate::serve::sessions::{NewSession, SessionError};

/// Inodes that a workspace may hold at least, however many sessions there may be.
const LEAST_INODES: usize = 1_024;

/// Opens a session. Where that fails after it was announced, its end is on record too.
pub(super) fn open(setting: &Setting, request: &NewSession) -> Result<LiveSession, SessionError> {
    check_session(request)?;
    let caller = read_traceparent(request.traceparent.as_deref())?;
    let root = setting.journal.data_dir().root();
    let workspace = Workspace::open(&request.workspace, root).map_err(refused("workspace"))?;
    let choice = choose(setting, &request.policy)?;
    let variables = variables(&workspace.path, &setting.environment);
    let policy = Arc::new(load_policy(&choice, &variables).map_err(refused("policy"))?);
    if let Some(reason) = setting.journal.failure() {
        return Err(SessionError::JournalCannotWrite { reason: reason.to_string() });
    }
    let id = ids::session_id(clock::now());
    let lease = Lease::take(setting.journal.data_dir(), &id).map_err(failed)?;
    let channel = SessionChannel::new(Arc::clone(setting.journal.channel()), Arc::new(ArcSwap::new(policy)), id.clone());
    announce(&channel, &workspace, request.labels.clone(), request.traceparent.clone());
    let sessions = &setting.config.sessions;
    let session = LiveSession {
        id,
        attribution: Arc::new(Attribution::new(Arc::new(channel.clone()))),
        channel,
        workspace: workspace.path.clone(),
        caller,
        created: clock::instant(),
        idle_timeout: request.idle_timeout.unwrap_or(sessions.idle_timeout.duration()),
        hard_timeout: request.hard_timeout.unwrap_or(sessions.hard_timeout.duration()),
        actors: Arc::new(ProcActors::new()),
        layers: Mutex::default(),
    };
    match set_up(setting, &session, workspace) {
        Ok((holder, server)) => {
            *session.layers.lock().unwrap_or_else(PoisonError::into_inner) = Some(Layers { holder, server, lease });
            Ok(session)
        }
        Err(error) => {
            session.put_end("failed", 0, lease, || setting.journal.flush());
            Err(failed(error))
        }
    }
}

type Holder = crate::capture::exec::Session;

fn set_up(setting: &Setting, session: &LiveSession, workspace: Workspace) -> Result<(Holder, Option<FuseServer>), RunError> {
    let sandbox = &setting.config.sandbox;
    let mount = sandbox.fuse.enabled.then(|| mount_spec(&workspace));
    let hidden_in_workspace = !workspace.hidden.is_empty();
    let spec = SessionSpec { program: setting.program.clone(), private: true, mount };
    let mut prepared = PreparedSession::open(&spec)?;
    let server = match prepared.take_device() {
        Some(device) => {
            let mounted = MountedDevice { device, root: workspace.root, mount_path: workspace.path, hidden: workspace.hidden };
            let (attribution, actors) = (Arc::clone(&session.attribution), Arc::clone(&session.actors));
            Some(FuseServer::start_shared(mounted, attribution, actors, &fuse_config(setting))?)
        }
        None => None,
    };
    let root = setting.journal.data_dir().root();
    let hide = if hidden_in_workspace && server.is_some() { Vec::new() } else { vec![root.to_owned()] };
    let holder = prepared.confine(&hide)?;
    let proxy = sandbox.network.enabled.then(|| "HTTP proxy, one for each command".to_owned());
    let own = holder.layers().iter().cloned().map(with_signals);
    let wine = WineLayer::find(&sandbox.registry, setting.environment.get("PATH"), &holder);
    let layers = own.chain(other_layers(sandbox.fuse.enabled, proxy, wine.report())).collect();
    session.channel.observe(CapabilityReport { layers }, None, None);
    Ok((holder, server))
}

/// Each inode that the kernel holds costs a descriptor of this process, which all sessions share.
fn fuse_config(setting: &Setting) -> FuseConfig {
    let mut config = setting.config.sandbox.fuse.clone();
    let sessions = usize::try_from(setting.config.sessions.max_sessions).unwrap_or(usize::MAX).max(1);
    let descriptors = usize::try_from(setting.open_files.1).unwrap_or(usize::MAX);
    config.max_inodes = config.max_inodes.or(Some((descriptors / 4 * 3 / sessions).max(LEAST_INODES)));
    config
}

/// What keeps a command from the processes outside of it is its own launcher's doing.
fn with_signals(mut report: LayerReport) -> LayerReport {
    if report.layer == Layer::Confinement {
        let signals = if sys::landlock_version() >= sys::LANDLOCK_SCOPES_SIGNALS {
            "a command can signal and trace only what it has started (Landlock)"
        } else {
            "a command can signal other processes of its user, the recorder too: Linux 6.12 with Landlock is needed against that"
        };
        let reason = report.reason.map_or_else(|| signals.to_owned(), |reason| format!("{reason}; {signals}"));
        report.reason = Some(reason);
    }
    report
}

fn choose(setting: &Setting, name: &str) -> Result<PolicyChoice, SessionError> {
    let policies = &setting.config.policies;
    if name.is_empty() {
        return Ok(policies.choice());
    }
    let unknown = |reason: String| SessionError::Invalid { field: "policy", reason };
    match policies.named(name) {
        Some(PolicyChoice::File(path)) if !path.is_file() => {
            Err(unknown(format!("there is no policy `{name}`: {} is not there", path.display())))
        }
        Some(choice) => Ok(choice),
        None => Err(unknown(format!("`{name}` is neither `built-in` nor a name in policies.dir"))),
    }
}

fn refused(field: &'static str) -> impl Fn(RunError) -> SessionError {
    move |error| {
        let reason = match error {
            // The field says already what it is about.
            RunError::Workspace { path, problem } => format!("{}: {problem}", path.display()),
            RunError::PolicyFile { path, source } => format!("{} cannot be read: {source}", path.display()),
            other => other.to_string(),
        };
        SessionError::Invalid { field, reason }
    }
}

fn failed(error: RunError) -> SessionError {
    SessionError::Failed { what: "the session", reason: error.to_string() }
}

impl LiveSession {
    /// When its time is over, whatever runs in it.
    pub(super) fn hard_deadline(&self) -> Option<Instant> {
        deadline(self.created, self.hard_timeout)
    }
}

/// `start` and a timeout; zero is never.
pub(super) fn deadline(start: Instant, timeout: Duration) -> Option<Instant> {
    if timeout.is_zero() { None } else { start.checked_add(timeout) }
}
