//! The commands that a user asked for, and their terminals.

use super::{ExecStatistics, payload, words};
use crate::event::OsText;

words! {
    /// The stream that terminal output came from.
    pub enum TerminalStream {
        /// A pseudo-terminal, where both streams are one.
        #[default]
        Tty => "tty",
        /// Standard output.
        Stdout => "stdout",
        /// Standard error.
        Stderr => "stderr",
    }
}

payload! {
    /// A command is about to start.
    pub struct CommandStarted {
        /// Arguments as a list, redacted; the first is the program as the user gave it.
        pub argv: Vec<OsText>,
        /// Working directory.
        pub cwd: OsText,
        /// Whether it has a pseudo-terminal of its own.
        pub tty: bool,
        /// The caller's position in a distributed trace (W3C Trace Context `traceparent`), if it gave one.
        pub traceparent: Option<String>,
    }

    /// A command is over; its cause is the `command_started`.
    pub struct CommandFinished {
        /// The program as the user gave it.
        pub program: OsText,
        /// The exit code that the user gets: the command's own, 128 + the signal's number, 126 refused by policy, 127 not found.
        pub exit_code: i32,
        /// The signal that ended it, by its name (`SIGKILL`).
        pub signal: Option<String>,
        /// Why it could not be started.
        pub error: Option<String>,
        /// Processes of the command's tree that ended.
        pub processes: u64,
        /// What the whole tree used.
        pub statistics: ExecStatistics,
    }

    /// The terminal showed something.
    pub struct TerminalOutput {
        /// Where it came from.
        pub stream: TerminalStream,
        /// The bytes, redacted.
        pub data: OsText,
        /// Since the command started, in microseconds.
        pub offset_us: u64,
    }

    /// Something was typed.
    pub struct TerminalInput {
        /// The bytes, redacted.
        pub data: OsText,
        /// Since the command started, in microseconds.
        pub offset_us: u64,
    }

    /// The terminal's size changed.
    pub struct TerminalResize {
        /// Rows of characters.
        pub rows: u16,
        /// Columns of characters.
        pub columns: u16,
        /// Since the command started, in microseconds.
        pub offset_us: u64,
    }
}
