//! From the process's arguments to a subcommand, and from its error to an exit code.

use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser as _;

use super::arguments::{Arguments, Command};
use super::{demo, policy, run};
use crate::capture::exec::{BlockedSignals, launch};
use crate::config::{Config, Environment};

/// agentsh itself failed (DESIGN §6).
pub(super) const FAILED: u8 = 125;

/// What every subcommand may need.
pub(super) struct Context {
    pub(super) config: Config,
    pub(super) environment: Environment,
    /// Taken before any thread was started.
    pub(super) signals: BlockedSignals,
    /// This program, to be started again as a launcher.
    pub(super) program: PathBuf,
}

/// Runs the command line and returns the process's exit code.
#[must_use]
pub fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next().is_some_and(|first| first == launch::ARGUMENT) {
        return launch::child::main(arguments);
    }
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Where even stderr is closed, the exit code still tells.
            let _nowhere_to_print = error.print();
            return if error.use_stderr() { ExitCode::from(FAILED) } else { ExitCode::SUCCESS };
        }
    };
    match execute(arguments) {
        Ok(code) => code,
        Err(error) => {
            complain(&error.to_string());
            ExitCode::from(FAILED)
        }
    }
}

fn execute(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let environment = Environment::of_process();
    start_log(&environment);
    if let Command::Policy(command) = arguments.command {
        return Ok(policy::run(command));
    }
    let mut config = Config::load(arguments.config.as_deref(), &environment)?;
    if let Some(data_dir) = arguments.data_dir {
        config.data_dir = std::path::absolute(data_dir)?;
    }
    let context =
        Context { config, environment, signals: BlockedSignals::block()?, program: PathBuf::from("/proc/self/exe") };
    match arguments.command {
        Command::Run(arguments) => run::run(arguments, context),
        Command::Demo => demo::run(context),
        Command::Policy(command) => Ok(policy::run(command)),
    }
}

/// Log lines go to stderr, warnings and worse unless `AGENTSH_LOG` says otherwise (`info`, `agentsh=debug` …).
fn start_log(environment: &Environment) {
    let filter = environment.get("AGENTSH_LOG").and_then(|filter| filter.to_str()).unwrap_or("warn");
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::new(filter))
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal() && environment.get("NO_COLOR").is_none())
        .with_target(false)
        .init();
}

/// One line on stderr; where even that is closed, the exit code still tells.
pub(super) fn complain(what: &str) {
    let _nowhere_to_print = writeln!(std::io::stderr().lock(), "error: {what}");
}
