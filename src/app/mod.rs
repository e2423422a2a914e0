//! COMPOSITION ROOT: puts the parts together. Read `pipeline` first: it is the whole flow of a recorded command on one page.
//!
//! Guarantees: a session is announced, its policy and its capabilities are on record before its command starts (G-10), and whatever
//! ends the command, the mount is gone and the journal closed before `run` returns. Never: a rule about events, files or storage of
//! its own.

pub mod attack;
mod connect;
pub mod dead_letters;
pub mod demo;
pub mod detect;
mod error;
pub mod evidence;
pub mod health;
pub mod import;
mod import_session;
pub mod journal;
pub mod keys;
mod lease;
mod opening;
mod pipeline;
pub mod place;
mod policy;
pub mod server;
pub mod sessions;
pub mod sinks;
pub mod sql;
mod summary;
pub mod telemetry;
mod totals;
mod wine;
mod workspace;

pub use error::RunError;
pub use pipeline::{RunReport, RunRequest, run};
pub use policy::{load_policy, variables};
pub use summary::{Detected, Gap, Refused, Summary};
pub use workspace::Workspace;

pub use crate::capture::exec::{BlockedSignals, Ending, SignalForwarder, launch};
pub use crate::serve::sessions::{
    Client, ClientError, CommandEnd, ExecStreams, NewSession, SessionInfo, SessionPage, SessionState, StartCommand, WhichSessions,
};
pub use connect::{ConnectError, Server, connect};

pub use crate::policy::{MAX_TEXT_BYTES, Policy, PolicyError, Variables};
