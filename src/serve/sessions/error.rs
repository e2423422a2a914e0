//! Why something about a session could not be done.

/// Why something about a session could not be done. Nothing was changed, unless it says so.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SessionError {
    /// No session has this id, or starts with it.
    #[error("no session is named `{id}` or starts with it: `agentsh session list` names them")]
    Unknown {
        /// As it was given.
        id: String,
    },
    /// Several sessions start so.
    #[error("`{id}` is the start of several sessions: write more of it: {}", candidates.join(", "))]
    Ambiguous {
        /// As it was given.
        id: String,
        /// The newest of them.
        candidates: Vec<String>,
    },
    /// It has ended, or is ending.
    #[error("session {id} has ended ({reason}): create another one")]
    Ended {
        /// The session.
        id: String,
        /// Why.
        reason: String,
    },
    /// It is another recorder's, such as that of an `agentsh run`.
    #[error("session {id} is not this server's: whoever started it ends it")]
    Elsewhere {
        /// The session.
        id: String,
    },
    /// No command of the session that runs has this id.
    #[error("no command `{command}` runs in session {session}: `agentsh session info {session}` names those that do")]
    UnknownCommand {
        /// The session.
        session: String,
        /// As it was given.
        command: String,
    },
    /// Something in the request cannot be.
    #[error("{field}: {reason}")]
    Invalid {
        /// Which field.
        field: &'static str,
        /// What is wrong with it, and what to write.
        reason: String,
    },
    /// The configuration allows no more.
    #[error("there are {most} {what} already: end one, or raise sessions.{key}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many there may be.
        most: u32,
        /// The key that says so.
        key: &'static str,
    },
    /// The server is about to end.
    #[error("the server is shutting down: try again when it is back")]
    ShuttingDown,
    /// The journal cannot write, so nothing may start (G-8).
    #[error("the journal cannot write, so nothing was started: {reason}: make room on the disk and try again")]
    JournalCannotWrite {
        /// What the journal said.
        reason: String,
    },
    /// The session or the command could not be set up; nothing of it is left running.
    #[error("{what} cannot be set up: {reason}")]
    Failed {
        /// What.
        what: &'static str,
        /// Why.
        reason: String,
    },
}
