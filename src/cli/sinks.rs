//! `agentsh sinks`: how the sinks stand, and what their peers refused.

mod letters;

use std::io::Write as _;

use clap::{Args, Subcommand};

use super::output::{Exit, Output, printable};
use crate::config::Config;
use crate::query::{DataDir, Reader, SinkStatus};
use crate::runtime::clock;
use crate::runtime::units::{Age, Count};

/// `agentsh sinks …`.
#[derive(Clone, Debug, Subcommand)]
pub enum SinksCommand {
    /// Each sink's place in the journal, what is behind it, dead letters, and why it is stalled.
    List(ListArgs),
    /// Events that a sink's peer refused for good, the newest first.
    DeadLetters(letters::ListArgs),
    /// Send dead letters again; what the peer takes is none any more.
    Retry(letters::RetryArgs),
    /// Drop dead letters; their events stay in the journal.
    Purge(letters::PurgeArgs),
}

/// `agentsh sinks list`.
#[derive(Clone, Debug, Default, Args)]
pub struct ListArgs {
    /// Print one JSON array.
    #[arg(long)]
    pub json: bool,
}

/// Runs a subcommand of `agentsh sinks`.
///
/// # Errors
/// When there is no journal, or it cannot be read or, by those that change something, written.
pub fn run(command: &SinksCommand, config: &Config, data_dir: &DataDir, out: &mut Output<'_>) -> anyhow::Result<Exit> {
    match command {
        SinksCommand::List(args) => list(args, config, &Reader::open(data_dir)?, out),
        SinksCommand::DeadLetters(args) => letters::list(args, &Reader::open(data_dir)?, out),
        SinksCommand::Retry(args) => letters::retry(args, data_dir, out),
        SinksCommand::Purge(args) => letters::purge(args, data_dir, out),
    }
}

fn list(args: &ListArgs, config: &Config, reader: &Reader, out: &mut Output<'_>) -> anyhow::Result<Exit> {
    let sinks = reader.sinks()?;
    if args.json {
        writeln!(out, "{}", serde_json::to_string_pretty(&sinks)?)?;
        return Ok(Exit::Done);
    }
    if !sinks.is_empty() {
        print(&sinks, out)?;
    }
    let on = config.sinks.enabled();
    let waiting: Vec<&str> = on.iter().copied().filter(|name| sinks.iter().all(|sink| sink.name != *name)).collect();
    if !waiting.is_empty() {
        let names = waiting.join(", ");
        out.say(format_args!("{names}: switched on, and has delivered nothing yet: sinks run within `agentsh server`"))?;
    } else if sinks.is_empty() {
        out.say(
            "no sink is configured: write one into the configuration, such as\n\n  sinks:\n    jsonl:\n      enabled: true\n      \
             path: /var/log/agentsh/events.jsonl\n\nand start `agentsh server` with it (--config FILE); docs/sinks.md has them all",
        )?;
    }
    Ok(Exit::Done)
}

fn print(sinks: &[SinkStatus], out: &mut Output<'_>) -> anyhow::Result<()> {
    let now = clock::now().as_micros();
    let palette = out.palette();
    let heading =
        format!("{:<10}  {:>12}  {:>12}  {:>12}  {:>10}  STATE", "SINK", "DELIVERED", "BEHIND", "DEAD LETTERS", "UPDATED");
    writeln!(out, "{}", palette.dim(heading))?;
    for sink in sinks {
        let updated = sink.updated_us.map_or_else(|| "never".to_owned(), |updated| format!("{} ago", Age::between(updated, now)));
        let state = match &sink.stalled {
            Some(reason) => palette.red(format!("stalled: {}", printable(reason))),
            None => palette.green("delivers".to_owned()),
        };
        writeln!(
            out,
            "{:<10}  {:>12}  {:>12}  {:>12}  {updated:>10}  {state}",
            sink.name,
            Count(sink.delivered),
            Count(sink.behind),
            Count(sink.dead_letters)
        )?;
    }
    Ok(())
}
