//! From the process's arguments to a subcommand, and from its error to an exit code.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser as _;

use super::arguments::{Arguments, Command};
use super::output::{FAILED, on_standard_output};
use super::{
    demo, detect, doctor, events, exec, export, import, journal, keys, policy, query, replay, report, run, server, session,
    sinks, tell, verify,
};
use crate::app::{self, BlockedSignals, launch};
use crate::config::{Config, Environment, PolicyChoice};
use crate::query::DataDir;

/// What a subcommand that records needs.
pub(super) struct Context {
    pub(super) config: Config,
    pub(super) environment: Environment,
    /// Taken before any thread was started.
    pub(super) signals: BlockedSignals,
    /// This program, to be started again as a launcher.
    pub(super) program: PathBuf,
}

impl Context {
    /// To be made before any thread is started: see [`BlockedSignals::block`].
    fn new(config: Config, environment: Environment) -> anyhow::Result<Self> {
        Ok(Self { config, environment, signals: BlockedSignals::block()?, program: PathBuf::from("/proc/self/exe") })
    }
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
    let data_dir = DataDir::at(&config.data_dir);
    let no_color = environment.get("NO_COLOR").is_some();
    let code = match arguments.command {
        Command::Run(arguments) => run::run(arguments, Context::new(config, environment)?)?,
        Command::Demo => demo::run(Context::new(config, environment)?)?,
        Command::Events(arguments) => on_standard_output(no_color, |out| events::run(&arguments, &data_dir, out)),
        Command::Tree(arguments) => on_standard_output(no_color, |out| tell::tree(&arguments, &data_dir, out)),
        Command::Files(arguments) => on_standard_output(no_color, |out| tell::files(&arguments, &data_dir, out)),
        Command::Why(arguments) => on_standard_output(no_color, |out| tell::why(&arguments, &data_dir, out)),
        Command::Replay(arguments) => on_standard_output(no_color, |out| replay::run(&arguments, &data_dir, out)),
        Command::Report(arguments) => on_standard_output(no_color, |out| report::run(&arguments, &data_dir, out)),
        Command::Query(arguments) => on_standard_output(no_color, |out| query::run(&arguments, &config, &data_dir, out)),
        Command::Import(arguments) => on_standard_output(no_color, |out| import::run(arguments, &config, &environment, out)),
        Command::Export(command) => on_standard_output(no_color, |out| export::run(&command, &data_dir, out)),
        Command::Verify(arguments) => on_standard_output(no_color, |out| verify::run(&arguments, &data_dir, out)),
        Command::Journal(command) => on_standard_output(no_color, |out| journal::run(&command, &data_dir, &config.journal, out)),
        Command::Sinks(command) => on_standard_output(no_color, |out| sinks::run(&command, &config, &data_dir, out)),
        Command::Detect(command) => on_standard_output(no_color, |out| detect::run(&command, &config, &data_dir, out)),
        Command::Doctor(arguments) => {
            let policy = policy_outcome(&config.policies.choice(), &environment);
            on_standard_output(no_color, |out| doctor::run(&arguments, &data_dir, &policy, out))
        }
        Command::Policy(command) => policy::run(command),
        Command::Keys(command) => {
            let file = app::keys::key_file(&config);
            on_standard_output(no_color, |out| keys::run(&command, &file, out))
        }
        Command::Session(command) => on_standard_output(no_color, |out| session::run(command, &config, &environment, out)),
        Command::Exec(arguments) => exec::run(&arguments, Context::new(config, environment)?)?,
        Command::Server(arguments) => server::run(&arguments, config, &environment)?,
    };
    Ok(code)
}

/// Whether the policy that sessions start with compiles, for `doctor`.
fn policy_outcome(choice: &PolicyChoice, environment: &Environment) -> Result<String, String> {
    let workspace = std::env::current_dir().unwrap_or_default();
    match app::load_policy(choice, &app::variables(&workspace, environment)) {
        Ok(policy) => Ok(format!("{} from {}, {} rules", policy.name(), policy.source(), policy.rule_count())),
        Err(error) => Err(error.to_string()),
    }
}

/// Log lines go to stderr, warnings and worse unless `AGENTSH_LOG` says otherwise (`info`, `agentsh=debug` …).
fn start_log(environment: &Environment) {
    let filter = environment.get("AGENTSH_LOG").and_then(|filter| filter.to_str()).unwrap_or("warn");
    app::telemetry::start_log(filter, environment.get("NO_COLOR").is_none());
}

/// One line on stderr; where even that is closed, the exit code still tells.
pub(super) fn complain(what: &str) {
    let _nowhere_to_print = writeln!(std::io::stderr().lock(), "error: {what}");
}
