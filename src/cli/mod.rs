//! TYPE: the command line, a file for each subcommand.

use std::process::ExitCode;

use crate::capture::exec::launch;

/// Runs the command line and returns the process's exit code.
#[must_use]
pub fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next().is_some_and(|first| first == launch::ARGUMENT) {
        return launch::child::main(arguments);
    }
    ExitCode::SUCCESS
}
