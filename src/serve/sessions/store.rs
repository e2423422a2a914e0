//! The seam: what the services ask about sessions. `app` answers.

use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use super::error::SessionError;
use crate::event::OsText;

/// A session to create.
#[derive(Clone, Debug, Default)]
pub struct NewSession {
    /// The directory that is watched, absolute.
    pub workspace: PathBuf,
    /// Name of a policy in `policies.dir`, or `built-in`; empty takes the configured one.
    pub policy: String,
    /// `key=value`.
    pub labels: Vec<String>,
    /// Absent takes the configured one; zero is never.
    pub idle_timeout: Option<Duration>,
    /// Absent takes the configured one; zero is never.
    pub hard_timeout: Option<Duration>,
    /// W3C Trace Context.
    pub traceparent: Option<String>,
}

/// A timeout in a message of either transport: 0 is none given, and the largest number is never.
#[must_use]
pub fn timeout_of_millis(millis: u64) -> Option<Duration> {
    match millis {
        0 => None,
        u64::MAX => Some(Duration::ZERO),
        millis => Some(Duration::from_millis(millis)),
    }
}

/// The number in a message that [`timeout_of_millis`] reads as this timeout.
#[must_use]
pub fn millis_of_timeout(timeout: Option<Duration>) -> u64 {
    match timeout {
        None => 0,
        Some(Duration::ZERO) => u64::MAX,
        Some(timeout) => u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX).max(1),
    }
}

/// Whether a session goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SessionState {
    /// It has no end on record.
    Running,
    /// It has.
    Ended,
}

/// A session: what the journal says of it, and what runs in it now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SessionInfo {
    /// Its id.
    pub id: String,
    /// Whether it goes on.
    pub state: SessionState,
    /// The directory that is watched.
    pub workspace: String,
    /// Name of its policy.
    pub policy: String,
    /// SHA-256 of the policy's text.
    pub policy_digest: String,
    /// `key=value`.
    pub labels: Vec<String>,
    /// When it began, in microseconds since 1970.
    pub created_us: i64,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub ended_us: Option<i64>,
    /// Why it ended; empty while it goes on.
    pub end_reason: String,
    /// `seq` of its first event.
    pub first_seq: u64,
    /// `seq` of its last event.
    pub last_seq: u64,
    /// Events.
    pub events: u64,
    /// Decisions among them.
    pub decisions: u64,
    /// Refusals among those.
    pub denied: u64,
    /// Commands that run now; only of a session of this server.
    pub commands: Vec<CommandInfo>,
    /// Milliseconds without a command after which it ends; 0 is never, or not known here.
    pub idle_timeout_ms: u64,
    /// Milliseconds after which it ends; 0 is never, or not known here.
    pub hard_timeout_ms: u64,
}

/// A command that runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct CommandInfo {
    /// Its id.
    pub id: String,
    /// Arguments, redacted.
    pub argv: Vec<String>,
    /// When it was started, in microseconds since 1970.
    pub started_us: i64,
    /// Its process; 0 before there is one.
    pub pid: u32,
}

/// Which sessions to list, newest first.
#[derive(Clone, Copy, Debug, Default)]
pub struct WhichSessions {
    /// Only those that go on.
    pub running: bool,
    /// At most so many; 0 takes 100, more than 1,000 counts as 1,000.
    pub most: u32,
    /// Only those whose first event is before this `seq`.
    pub before: Option<u64>,
}

/// Some sessions, and where the next page begins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SessionPage {
    /// Newest first.
    pub sessions: Vec<SessionInfo>,
    /// [`WhichSessions::before`] of the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub next: Option<u64>,
}

/// A command to start.
#[derive(Clone, Debug, Default)]
pub struct StartCommand {
    /// The session, or the start of its id.
    pub session: String,
    /// The program first.
    pub argv: Vec<OsText>,
    /// Added to the server's own `PATH`, `HOME` and the like.
    pub env: Vec<(OsText, OsText)>,
    /// Where it starts; a relative path is taken from the workspace, and absent is the workspace.
    pub cwd: Option<OsText>,
    /// W3C Trace Context.
    pub traceparent: Option<String>,
}

/// How a command ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandEnd {
    /// The command's own; 128 and the signal's number; 126 refused by policy; 127 not found; 125 agentsh itself failed.
    pub exit_code: i32,
    /// Name of the signal that ended it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub signal: Option<String>,
    /// Why it could not be run.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub error: Option<String>,
    /// The rule that refused it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rule: Option<String>,
    /// Last `seq` of the session when it had ended.
    pub last_seq: u64,
}

/// A command that was started: the other ends of its streams, and how it goes on.
pub struct RunningCommand {
    /// The session's full id.
    pub session: String,
    /// The command's id.
    pub command: String,
    /// What the command reads.
    pub stdin: OwnedFd,
    /// What it writes.
    pub stdout: OwnedFd,
    /// What it complains.
    pub stderr: OwnedFd,
    /// Its process, once there is one.
    pub started: oneshot::Receiver<u32>,
    /// Its end, once everything that it started has ended too.
    pub finished: oneshot::Receiver<CommandEnd>,
    /// The way to signal or to give it up.
    pub control: Arc<dyn CommandControl>,
}

/// The way to signal or to give up one command.
pub trait CommandControl: Send + Sync {
    /// Sends a signal to the command's process group; `false` when the system has no such signal.
    fn signal(&self, number: i32) -> bool;

    /// Nobody waits for the command any more: it is told to end, and killed when it does not. Does nothing once it has ended.
    fn abandon(&self);
}

/// What the services ask. Calls may wait for processes and disks: not for a thread that serves others.
pub trait SessionStore: Send + Sync {
    /// Creates a session. When it returns, the session is on record, with its policy and capabilities.
    ///
    /// # Errors
    /// [`SessionError`].
    fn create(&self, session: &NewSession) -> Result<SessionInfo, SessionError>;

    /// Sessions of the journal, newest first: those that run and those that have ended.
    ///
    /// # Errors
    /// [`SessionError::Failed`] when the journal cannot be read.
    fn list(&self, which: WhichSessions) -> Result<SessionPage, SessionError>;

    /// One session, by its id or the start of it.
    ///
    /// # Errors
    /// [`SessionError`].
    fn get(&self, id: &str) -> Result<SessionInfo, SessionError>;

    /// Ends a session: its commands are told, then killed after `grace` (absent: the configured one). Returns when it has ended.
    ///
    /// # Errors
    /// [`SessionError`].
    fn end(&self, id: &str, grace: Option<Duration>) -> Result<SessionInfo, SessionError>;

    /// Sends a signal to a command of a session, or to all of them where none is named. Says how many were told.
    ///
    /// # Errors
    /// [`SessionError`].
    fn signal(&self, session: &str, command: Option<&str>, number: i32) -> Result<u32, SessionError>;

    /// Starts a command in a session.
    ///
    /// # Errors
    /// [`SessionError`]. That a command is refused or not found is not an error but its end.
    fn exec(&self, command: StartCommand) -> Result<RunningCommand, SessionError>;
}
