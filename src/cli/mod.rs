//! TYPE: the command line, a file for each subcommand.

pub mod policy;

use std::process::ExitCode;

/// Runs the command line and returns the process's exit code.
#[must_use]
pub fn main() -> ExitCode {
    ExitCode::SUCCESS
}
