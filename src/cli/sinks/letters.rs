//! `agentsh sinks dead-letters`, `retry` and `purge`.

use std::io::Write as _;
use std::time::Duration;

use clap::Args;

use crate::app::dead_letters::{self, DeadLetters, SentAgain};
use crate::cli::output::{Exit, Output, printable};
use crate::query::{DataDir, DeadLetter, Reader};
use crate::runtime::clock;
use crate::runtime::units::{Age, Millis};

/// `agentsh sinks dead-letters`.
#[derive(Clone, Debug, Default, Args)]
pub struct ListArgs {
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

/// Which dead letters.
#[derive(Clone, Debug, Args)]
#[group(required = true, multiple = false)]
pub struct Which {
    /// That of this event; may be given several times.
    #[arg(long, value_name = "N")]
    pub seq: Vec<u64>,
    /// All of the sink.
    #[arg(long)]
    pub all: bool,
}

impl Which {
    fn letters(&self) -> DeadLetters {
        if self.all { DeadLetters::All } else { DeadLetters::Of(self.seq.clone()) }
    }
}

/// `agentsh sinks retry`.
#[derive(Clone, Debug, Args)]
#[command(
    after_help = "The server that runs the sink sends them, once each; without one, the next does. What is refused again stays a dead letter.\n\n\
    Examples:\n  agentsh sinks retry webhook --all\n  agentsh sinks retry otlp --seq 1204 --seq 1377 --wait 1m"
)]
pub struct RetryArgs {
    /// The sink.
    #[arg(value_name = "SINK")]
    pub sink: String,
    #[command(flatten)]
    pub which: Which,
    /// How long to wait for the outcome.
    #[arg(long, default_value = "10s", value_name = "TIME", value_parser = duration)]
    pub wait: Duration,
    /// Print one JSON object.
    #[arg(long)]
    pub json: bool,
}

/// `agentsh sinks purge`.
#[derive(Clone, Debug, Args)]
pub struct PurgeArgs {
    /// The sink.
    #[arg(value_name = "SINK")]
    pub sink: String,
    #[command(flatten)]
    pub which: Which,
    /// Print one JSON object.
    #[arg(long)]
    pub json: bool,
}

fn duration(text: &str) -> Result<Duration, String> {
    Millis::parse(text).map(Millis::duration).ok_or_else(|| "a duration is such as `100ms`, `2s`, `5m` or `1h`".to_owned())
}

pub(super) fn list(args: &ListArgs, reader: &Reader, out: &mut Output<'_>) -> anyhow::Result<Exit> {
    let letters = reader.dead_letters(args.sink.as_deref(), args.limit)?;
    let asked = reader.asked_again()?;
    let waits = |letter: &DeadLetter| asked.iter().any(|(sink, seq)| *sink == letter.sink && *seq == letter.seq);
    if args.json {
        for letter in &letters {
            let retry = waits(letter);
            let DeadLetter { sink, seq, time_us, attempts, reason } = letter;
            let letter = serde_json::json!({
                "sink": sink, "seq": seq, "time_us": time_us, "attempts": attempts, "reason": reason, "retry": retry
            });
            writeln!(out, "{letter}")?;
        }
        return Ok(Exit::Done);
    }
    if letters.is_empty() {
        out.note("no event was refused")?;
        return Ok(Exit::Done);
    }
    let now = clock::now().as_micros();
    let heading = format!("{:<10}  {:>10}  {:>10}  {:>8}  REASON", "SINK", "SEQ", "GIVEN UP", "ATTEMPTS");
    writeln!(out, "{}", out.palette().dim(heading))?;
    for letter in &letters {
        let age = format!("{} ago", Age::between(letter.time_us, now));
        let (sink, seq, attempts) = (&letter.sink, letter.seq, letter.attempts);
        let retry = if waits(letter) { "to be sent again; before: " } else { "" };
        writeln!(out, "{sink:<10}  {seq:>10}  {age:>10}  {attempts:>8}  {retry}{}", printable(&letter.reason))?;
    }
    out.note(
        "`agentsh events --after SEQ-1 --limit 1 --format json` shows one; `agentsh sinks retry SINK --seq SEQ` sends it again",
    )?;
    Ok(Exit::Done)
}

pub(super) fn retry(args: &RetryArgs, data_dir: &DataDir, out: &mut Output<'_>) -> anyhow::Result<Exit> {
    let found = dead_letters::send_again(data_dir, &args.sink, &args.which.letters(), args.wait)?;
    if args.json {
        let refused: Vec<_> =
            found.refused.iter().map(|(seq, reason)| serde_json::json!({"seq": seq, "reason": reason})).collect();
        let object = serde_json::json!({
            "sink": args.sink, "delivered": found.delivered, "refused": refused, "waiting": found.waiting, "running": found.running
        });
        writeln!(out, "{object}")?;
    } else {
        say(&args.sink, &found, out)?;
    }
    Ok(if found.refused.is_empty() { Exit::Done } else { Exit::NotInOrder })
}

fn say(sink: &str, found: &SentAgain, out: &mut Output<'_>) -> anyhow::Result<()> {
    let SentAgain { delivered, refused, waiting, running } = found;
    for (seq, reason) in refused {
        writeln!(out, "seq {seq}: {}", printable(reason))?;
    }
    if delivered.is_empty() && refused.is_empty() && waiting.is_empty() {
        writeln!(out, "{sink} has no dead letters")?;
    } else if waiting.is_empty() {
        writeln!(out, "{} delivered, {} refused again", delivered.len(), refused.len())?;
    } else if *running {
        let (delivered, refused, waiting) = (delivered.len(), refused.len(), waiting.len());
        writeln!(
            out,
            "{delivered} delivered, {refused} refused again, {waiting} not tried yet: \
             `agentsh sinks list` says how {sink} stands, `agentsh sinks dead-letters {sink}` what has become of them"
        )?;
    } else {
        let waiting = waiting.len();
        writeln!(out, "{waiting} will be sent by the next `agentsh server` that runs {sink}; none does now")?;
    }
    Ok(())
}

pub(super) fn purge(args: &PurgeArgs, data_dir: &DataDir, out: &mut Output<'_>) -> anyhow::Result<Exit> {
    let dropped = dead_letters::purge(data_dir, &args.sink, &args.which.letters())?;
    if args.json {
        writeln!(out, "{}", serde_json::json!({"sink": args.sink, "dropped": dropped}))?;
    } else {
        writeln!(out, "{} dropped; the events stay in the journal", dropped.len())?;
    }
    Ok(Exit::Done)
}
