//! `agentsh doctor`: what each layer can do on this machine, and whether the journal is usable and accounts for everything.

use std::io::Write as _;

use clap::Args;

use super::output::{Exit, Output, columns, printable, wrapped};
use crate::app::health::{Check, Health, PolicyOutcome, Standing, examine};
use crate::event::{LayerReport, LayerState};
use crate::query::DataDir;

/// `agentsh doctor`: test each layer by using it, and say what is missing and how to get it.
#[derive(Clone, Debug, Default, Args)]
pub struct DoctorArgs {
    /// Print one JSON object.
    #[arg(long)]
    pub json: bool,
}

/// Columns of a name and of a state.
const NAME: usize = 16;
const STATE: usize = 9;

/// No text is broken into lines of less.
const LEAST: usize = 40;

/// Examines machine and journal and prints what was found; `policy` is whether the policy that sessions start with compiles.
///
/// # Errors
/// When the output cannot be written. What is not in order is no error but [`Exit::NotInOrder`].
pub fn run(args: &DoctorArgs, data_dir: &DataDir, policy: &PolicyOutcome, out: &mut Output<'_>) -> anyhow::Result<Exit> {
    let health = examine(data_dir, policy);
    if args.json {
        writeln!(out, "{}", serde_json::to_string_pretty(&health)?)?;
    } else {
        print(&health, out)?;
    }
    Ok(if health.can_record { Exit::Done } else { Exit::NotInOrder })
}

fn print(health: &Health, out: &mut Output<'_>) -> anyhow::Result<()> {
    let palette = out.palette();
    writeln!(out, "agentsh {}", health.agentsh_version)?;
    writeln!(out, "\n{}", palette.bold("LAYERS: what a session on this machine would get"))?;
    for layer in &health.layers {
        print_layer(layer, out)?;
    }
    writeln!(out, "\n{}", palette.bold("MACHINE"))?;
    for check in &health.machine {
        print_check(check, out)?;
    }
    writeln!(out, "\n{}", palette.bold("JOURNAL"))?;
    for check in &health.storage {
        print_check(check, out)?;
    }
    writeln!(out)?;
    if !health.can_record {
        writeln!(out, "{} see what is marked `broken`", palette.red("not in order:"))?;
    } else if health.journal.is_some() {
        writeln!(
            out,
            "{} agentsh can record here; `agentsh verify` checks every event that it has recorded",
            palette.green("in order:")
        )?;
    } else {
        writeln!(out, "{} agentsh can record here; try `agentsh run -- ls` or `agentsh demo`", palette.green("in order:"))?;
    }
    Ok(())
}

fn print_layer(layer: &LayerReport, out: &mut Output<'_>) -> anyhow::Result<()> {
    let palette = out.palette();
    let word = format!("{:<STATE$}", layer.state.as_str());
    let state = match layer.state {
        LayerState::Enforcing => palette.green(word),
        LayerState::Observing => palette.yellow(word),
        LayerState::Absent => palette.dim(word),
    };
    let name = layer.layer.as_str().replace('_', " ");
    let said: Vec<&str> = [layer.mechanism.as_deref(), layer.reason.as_deref()].into_iter().flatten().collect();
    print_entry(&name, &state.to_string(), &said.join("; "), layer.remedy.as_deref(), out)
}

fn print_check(check: &Check, out: &mut Output<'_>) -> anyhow::Result<()> {
    let palette = out.palette();
    let state = match check.standing {
        Standing::Good => palette.green(format!("{:<STATE$}", "ok")),
        Standing::Lacking => palette.yellow(format!("{:<STATE$}", "lacking")),
        Standing::Broken => palette.red(format!("{:<STATE$}", "broken")),
    };
    print_entry(check.name, &state.to_string(), &check.found, check.remedy.as_deref(), out)
}

fn print_entry(name: &str, state: &str, found: &str, remedy: Option<&str>, out: &mut Output<'_>) -> anyhow::Result<()> {
    let indent = 2 + NAME + 2 + STATE + 2;
    let room = out.width().map_or(usize::MAX, |width| width.saturating_sub(indent).max(LEAST));
    let found = printable(found);
    let remedy = remedy.map(|remedy| format!("→ {remedy}"));
    let lines = wrapped(&found, room).into_iter().chain(remedy.into_iter().flat_map(|remedy| wrapped(&remedy, room)));
    for (at, line) in lines.enumerate() {
        if at == 0 {
            let space = " ".repeat(NAME.saturating_sub(columns(name)));
            writeln!(out, "  {name}{space}  {state}  {line}")?;
        } else {
            writeln!(out, "{:indent$}{line}", "")?;
        }
    }
    Ok(())
}
