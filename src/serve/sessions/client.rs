//! The client's side, whatever the transport.

use std::io::{self, Read, Write};

use super::store::{CommandEnd, NewSession, SessionInfo, SessionPage, StartCommand, WhichSessions};

/// Why a server could not be asked, or did not do it.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody answers there.
    #[error("no server answers at {server}: {source}: start one with `agentsh server`, or name it with --server")]
    Unreachable {
        /// The address.
        server: String,
        /// What the system said.
        source: io::Error,
    },
    /// It is not spoken to over TLS: one of the two does not accept the other.
    #[error("no TLS connection with {server}: {reason}")]
    Tls {
        /// The address.
        server: String,
        /// What is wrong and what to do.
        reason: String,
    },
    /// The connection ended before the answer did.
    #[error("the connection to the server ended early: {source}")]
    Broken {
        /// What the system said.
        source: io::Error,
    },
    /// The server refused.
    #[error("{reason}")]
    Refused {
        /// Why, as the server said it.
        reason: String,
    },
    /// The answer is not what was agreed on.
    #[error("what answers at {server} is no agentsh server of this version: {what}")]
    Protocol {
        /// The address.
        server: String,
        /// What was wrong.
        what: String,
    },
    /// What the command wrote could not be passed on here.
    #[error("the command's output cannot be written: {source}")]
    Output {
        /// What the system said.
        source: io::Error,
    },
}

/// Which of a command's two outputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// What a command's streams are connected with on the client's side.
pub struct ExecStreams<'a> {
    /// Is read on a thread of its own, until it ends or the process does.
    pub stdin: Box<dyn Read + Send>,
    /// Gets what the command writes.
    pub stdout: &'a mut dyn Write,
    /// Gets what the command complains.
    pub stderr: &'a mut dyn Write,
    /// Is told the session and the command once that runs, so that others can signal it.
    pub started: &'a mut dyn FnMut(&str, &str),
}

impl ExecStreams<'_> {
    /// Passes on what the command wrote.
    ///
    /// # Errors
    /// [`ClientError::Output`].
    pub fn write(&mut self, to: Output, bytes: &[u8]) -> Result<(), ClientError> {
        let stream: &mut dyn Write = match to {
            Output::Stdout => self.stdout,
            Output::Stderr => self.stderr,
        };
        stream.write_all(bytes).and_then(|()| stream.flush()).map_err(|source| ClientError::Output { source })
    }
}

/// What can be asked of a server.
pub trait Client: Send + Sync {
    /// Creates a session.
    ///
    /// # Errors
    /// [`ClientError`].
    fn create(&self, session: &NewSession) -> Result<SessionInfo, ClientError>;

    /// Lists sessions, newest first.
    ///
    /// # Errors
    /// [`ClientError`].
    fn list(&self, which: WhichSessions) -> Result<SessionPage, ClientError>;

    /// One session.
    ///
    /// # Errors
    /// [`ClientError`].
    fn get(&self, id: &str) -> Result<SessionInfo, ClientError>;

    /// Ends a session.
    ///
    /// # Errors
    /// [`ClientError`].
    fn end(&self, id: &str, grace: Option<std::time::Duration>) -> Result<SessionInfo, ClientError>;

    /// Signals a command, or all of a session's.
    ///
    /// # Errors
    /// [`ClientError`].
    fn signal(&self, session: &str, command: Option<&str>, number: i32) -> Result<u32, ClientError>;

    /// Runs a command and passes its streams on, until it has ended.
    ///
    /// # Errors
    /// [`ClientError`]; the command is ended then too.
    fn exec(&self, command: &StartCommand, streams: ExecStreams<'_>) -> Result<CommandEnd, ClientError>;
}
