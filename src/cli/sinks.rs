//! `agentsh sinks`: how the sinks stand, and what their peers refused.

use std::io::Write as _;

use clap::{Args, Subcommand};

use super::output::{Exit, Output, printable};
use crate::query::{DataDir, DeadLetter, Reader, SinkStatus};
use crate::runtime::clock;
use crate::runtime::units::{Age, Count};

/// `agentsh sinks …`.
#[derive(Clone, Debug, Subcommand)]
pub enum SinksCommand {
    /// Each sink's place in the journal, what is behind it, dead letters, and why it is stalled.
    List(ListArgs),
    /// Events that a sink's peer refused for good, the newest first.
    DeadLetters(DeadLettersArgs),
}

/// `agentsh sinks list`.
#[derive(Clone, Debug, Default, Args)]
pub struct ListArgs {
    /// Print one JSON array.
    #[arg(long)]
    pub json: bool,
}

/// `agentsh sinks dead-letters`.
#[derive(Clone, Debug, Default, Args)]
pub struct DeadLettersArgs {
    /// Of this sink alone.
    #[arg(value_name = "SINK")]
    pub sink: Option<String>,
    /// How many at most.
    #[arg(long, default_value_t = 100, value_name = "N")]
    pub limit: u64,
    /// Print one JSON object a line.
    #[arg(long)]
    pub json: bool,
}

/// Runs a subcommand of `agentsh sinks`.
///
/// # Errors
/// When there is no journal, or it cannot be read.
pub fn run(command: &SinksCommand, data_dir: &DataDir, out: &mut Output<'_>) -> anyhow::Result<Exit> {
    let reader = Reader::open(data_dir)?;
    match command {
        SinksCommand::List(args) => {
            let sinks = reader.sinks()?;
            if args.json {
                writeln!(out, "{}", serde_json::to_string_pretty(&sinks)?)?;
            } else if sinks.is_empty() {
                out.note("no sink has delivered anything yet: docs/sinks.md says how to configure one")?;
            } else {
                print(&sinks, out)?;
            }
        }
        SinksCommand::DeadLetters(args) => {
            let letters = reader.dead_letters(args.sink.as_deref(), args.limit)?;
            if args.json {
                for DeadLetter { sink, seq, time_us, attempts, reason } in letters {
                    let letter = serde_json::json!({
                        "sink": sink, "seq": seq, "time_us": time_us, "attempts": attempts, "reason": reason
                    });
                    writeln!(out, "{letter}")?;
                }
            } else if letters.is_empty() {
                out.note("no event was refused")?;
            } else {
                print_letters(&letters, out)?;
            }
        }
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

fn print_letters(letters: &[DeadLetter], out: &mut Output<'_>) -> anyhow::Result<()> {
    let now = clock::now().as_micros();
    let heading = format!("{:<10}  {:>10}  {:>10}  {:>8}  REASON", "SINK", "SEQ", "GIVEN UP", "ATTEMPTS");
    writeln!(out, "{}", out.palette().dim(heading))?;
    for letter in letters {
        let age = format!("{} ago", Age::between(letter.time_us, now));
        let (sink, seq, attempts) = (&letter.sink, letter.seq, letter.attempts);
        writeln!(out, "{sink:<10}  {seq:>10}  {age:>10}  {attempts:>8}  {}", printable(&letter.reason))?;
    }
    out.note("`agentsh events --after SEQ-1 --limit 1 --format json` shows one; it stays in the journal whatever a peer says")?;
    Ok(())
}
