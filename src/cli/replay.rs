//! `agentsh replay`: a session again, as a player on a terminal or line by line; or what two sessions did differently.

mod diff;
mod draw;
mod keys;
mod pages;
mod panes;
mod plain;
mod screen;
mod view;

use clap::Args;

use super::evidence::EvidenceArgs;
use super::output::{Exit, Output, is_closed_pipe};
use crate::query::DataDir;
use crate::replay::{Index, JournalSource};

/// `agentsh replay`: a session again, or how two differ.
#[derive(Clone, Debug, Args)]
#[command(
    after_help = "Keys: space plays and pauses, ← → step, [ ] speed, n N next and previous refusal or detection, / searches, ? says all.\n\
    Exit code of --diff: 0 when both did the same, 1 when not.\n\n\
    Examples:\n  agentsh replay last\n  agentsh replay last --plain | less\n  agentsh replay --diff first-run second-run"
)]
pub struct ReplayArgs {
    /// Session: its name, the start of its name, or `last`.
    #[arg(value_name = "SESSION", default_value = "last")]
    pub session: String,
    /// Where it is read from.
    #[command(flatten)]
    pub evidence: EvidenceArgs,
    /// Play so many times as fast as it happened, 1 to 1000.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub speed: Option<u32>,
    /// Begin paused: each event is stepped to.
    #[arg(long, conflicts_with = "plain")]
    pub step: bool,
    /// Print a line for each event instead of a player, as where the output is no terminal; with --speed as slowly as it happened.
    #[arg(long)]
    pub plain: bool,
    /// Say what the second session did that the first did not, and the other way round.
    #[arg(long, value_names = ["SESSION", "SESSION"], num_args = 2, conflicts_with_all = ["speed", "step", "plain"])]
    pub diff: Option<Vec<String>>,
    /// With --diff: print one JSON object.
    #[arg(long, requires = "diff")]
    pub json: bool,
}

/// Replays a session, or tells two apart.
///
/// # Errors
/// When there is no such session, the journal cannot be read, or the output cannot be written. A closed output is no error.
pub fn run(args: &ReplayArgs, data_dir: &DataDir, out: &mut Output<'_>) -> anyhow::Result<Exit> {
    if let Some([before, after]) = args.diff.as_deref() {
        return diff::run(&args.evidence.session(data_dir, before)?, &args.evidence.session(data_dir, after)?, args.json, out);
    }
    let evidence = args.evidence.session(data_dir, &args.session)?;
    let name = evidence.session();
    let source = JournalSource::open(evidence.data_dir(), name)?;
    let mut index = Index::default();
    index.read(&source)?;
    let done = if args.plain || out.width().is_none() {
        plain::run(&source, &mut index, args.speed, out)
    } else {
        screen::run(name, &source, index, args, out)
    };
    match done {
        Ok(()) => Ok(Exit::Done),
        Err(error) if is_closed_pipe(&error) => Ok(Exit::Done),
        Err(error) => Err(error),
    }
}
