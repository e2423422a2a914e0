//! Sessions as the services see them: what they ask of `app`, and what goes to and from a command. Both transports are thin shells
//! around this.
//!
//! Guarantees: a command's output and input pass byte for byte, in order within each stream; a client that does not read stops the
//! command's pipe and nothing else; a client that goes away takes its command with it.
//! Bounds: for each command one chunk of [`CHUNK`] bytes in hand and [`QUEUED`] in the queue of each direction, beside what the pipes
//! (64 KiB each) and the transport's own window hold.

mod client;
mod config;
mod error;
mod pump;
mod store;

pub use client::{Client, ClientError, ExecStreams, Output};
pub use config::SessionsConfig;
pub use error::SessionError;
pub use pump::{Attended, CHUNK, Input, QUEUED, Said, begin};
pub use store::{
    CommandControl, CommandEnd, CommandInfo, NewSession, RunningCommand, SessionInfo, SessionPage, SessionState, SessionStore,
    StartCommand, WhichSessions, millis_of_timeout, timeout_of_millis,
};
