//! `agentsh detect`: the rules that there are, rules over a file or over the past, and what they cover of ATT&CK.

mod coverage;
mod past;
mod rules;
mod test;

use clap::Subcommand;

use super::output::{Exit, Output};
use crate::config::Config;
use crate::query::DataDir;

pub use coverage::CoverageArgs;
pub use past::BackfillArgs;
pub use rules::RulesCommand;
pub use test::TestArgs;

/// `agentsh detect …`.
#[derive(Clone, Debug, Subcommand)]
pub enum DetectCommand {
    /// Which rules are used: list them, check them, add or remove some.
    #[command(subcommand)]
    Rules(RulesCommand),
    /// Run rules over events that are in the journal already; appends what they find.
    Backfill(BackfillArgs),
    /// Tactics and techniques that rules cover and that the journal has seen.
    Coverage(CoverageArgs),
    /// Run rules over events of a file (`agentsh events --format jsonl`) and print what fires.
    Test(TestArgs),
}

/// Runs a subcommand of `agentsh detect`.
///
/// # Errors
/// When rule files, the journal or the file of events cannot be read.
pub fn run(command: &DetectCommand, config: &Config, data_dir: &DataDir, out: &mut Output<'_>) -> anyhow::Result<Exit> {
    match command {
        DetectCommand::Rules(command) => rules::run(command, &config.detect, data_dir, out),
        DetectCommand::Backfill(args) => past::run(args, config, data_dir, out),
        DetectCommand::Coverage(args) => coverage::run(args, &config.detect, data_dir, out),
        DetectCommand::Test(args) => test::run(args, &config.detect, data_dir, out),
    }
}
