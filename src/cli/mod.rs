//! TYPE: the command line, a file for each subcommand.

use std::process::ExitCode;

pub mod doctor;
pub mod events;
pub mod journal;
pub mod output;
pub mod verify;

/// Runs the command line and returns the process's exit code.
#[must_use]
pub fn main() -> ExitCode {
    ExitCode::SUCCESS
}
