//! Commands and their terminals: numbers on the wire.

use super::super::form::{messages, words};
use crate::event::*;

words! {
    TerminalStream { Tty = Tty, Stdout = Stdout, Stderr = Stderr }
}

messages! {
    CommandStarted { argv: Vec<OsText> = 1, cwd: OsText = 2, tty: bool = 3, traceparent: Option<String> = 4 }
    CommandFinished { program: OsText = 1, exit_code: i32 = 2, signal: Option<String> = 3, error: Option<String> = 4, processes: u64 = 5, statistics: ExecStatistics = 6 }
    TerminalOutput { stream: TerminalStream = 1, data: OsText = 2, offset_us: u64 = 3 }
    TerminalInput { data: OsText = 1, offset_us: u64 = 2 }
    TerminalResize { rows: u16 = 1, columns: u16 = 2, offset_us: u64 = 3 }
}
