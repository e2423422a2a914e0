//! `agentsh journal`: how the journal stands, its public key, a signed checkpoint to keep elsewhere, and the rebuilding of projections.

use std::io::Write as _;

use anyhow::Context as _;
use clap::{Args, Subcommand};

use super::output::{Exit, Output, printable};
use crate::app::{self, journal::JournalConfig};

use crate::query::{DataDir, IntakeStatus, JournalError, JournalStatus, SinkStatus, status};
use crate::runtime::clock;
use crate::runtime::units::{Age, Bytes, Count};

/// `agentsh journal …`.
#[derive(Clone, Debug, Subcommand)]
pub enum JournalCommand {
    /// Where it is, how large, what is signed, who records, and whether everything is accounted for.
    Status(StatusArgs),
    /// Drop and recompute the sessions table from the events.
    Rebuild,
    /// Sign the journal as it stands and print the signed note: kept elsewhere, it proves later that nothing was changed
    /// (`agentsh verify --checkpoint FILE`).
    Checkpoint,
    /// Print the public key that checkpoints are checked with.
    Key,
}

/// `agentsh journal status`.
#[derive(Clone, Debug, Default, Args)]
pub struct StatusArgs {
    /// Print one JSON object.
    #[arg(long)]
    pub json: bool,
}

/// Runs a subcommand of `agentsh journal`.
///
/// # Errors
/// When there is no journal, or it cannot be read or written.
pub fn run(command: &JournalCommand, data_dir: &DataDir, config: &JournalConfig, out: &mut Output<'_>) -> anyhow::Result<Exit> {
    match command {
        JournalCommand::Status(args) => {
            let found = status(data_dir)?;
            if args.json {
                writeln!(out, "{}", serde_json::to_string_pretty(&found)?)?;
            } else {
                print(&found, out)?;
            }
            return Ok(if found.accounts.differences.is_empty() { Exit::Done } else { Exit::NotInOrder });
        }
        JournalCommand::Rebuild => {
            let sessions = app::journal::rebuild(data_dir)?;
            let noun = if sessions == 1 { "session" } else { "sessions" };
            writeln!(out, "{} {noun} recomputed", Count(sessions))?;
        }
        JournalCommand::Checkpoint => {
            let note = app::journal::checkpoint(data_dir, config)?;
            write!(out, "{note}")?;
            out.note("keep it elsewhere; later, `agentsh verify --checkpoint FILE` finds any change of what it covers")?;
        }
        JournalCommand::Key => {
            let path = data_dir.public_key();
            if !data_dir.journal().exists() {
                return Err(JournalError::Missing { path: data_dir.root().to_owned() }.into());
            }
            let key = std::fs::read_to_string(&path).with_context(|| {
                format!("cannot read the public key in {} (the next `agentsh run` writes it again)", path.display())
            })?;
            writeln!(out, "{}", key.trim())?;
        }
    }
    Ok(Exit::Done)
}

fn print(found: &JournalStatus, out: &mut Output<'_>) -> anyhow::Result<()> {
    let palette = out.palette();
    let now = clock::now().as_micros();
    writeln!(out, "journal     {}", found.path)?;
    writeln!(out, "size        {}", Bytes(found.bytes))?;
    writeln!(out, "events      {}", Count(found.head))?;
    match &found.last_checkpoint {
        Some(last) => {
            let behind = match last.unsigned {
                0 => String::new(),
                // The event that records the checkpoint always comes behind it.
                1 => ": all but the event that records this".to_owned(),
                unsigned => format!("; {} came since", Count(unsigned)),
            };
            writeln!(out, "signed      events 1 to {}, {} ago{behind}", Count(last.tree_size), Age::between(last.time_us, now))?;
        }
        None => writeln!(out, "signed      {}", palette.yellow("nothing yet (`agentsh journal checkpoint`)"))?,
    }
    writeln!(out, "public key  {}", found.public_key.as_deref().unwrap_or("cannot be read"))?;
    let open = if found.sessions.open > 0 { format!(" ({} without an end)", Count(found.sessions.open)) } else { String::new() };
    writeln!(out, "sessions    {}{open}", Count(found.sessions.total))?;
    print_recorders(&found.intakes, now, out)?;
    print_sinks(&found.sinks, out)?;
    let accounts = &found.accounts;
    let sum = format!(
        "offered {} = journaled {} + lost {} + in the intakes {}",
        Count(accounts.offered),
        Count(accounts.journaled),
        Count(accounts.lost),
        Count(accounts.in_flight)
    );
    writeln!(out, "accounts    {sum}")?;
    writeln!(
        out,
        "            events {} = journaled {} + the journal's own {}",
        Count(found.head),
        Count(accounts.journaled),
        Count(accounts.own)
    )?;
    if accounts.differences.is_empty() {
        writeln!(out, "            {}", palette.green("everything is accounted for"))?;
    } else {
        writeln!(out, "            {}", palette.red("not everything is accounted for:"))?;
        for difference in &accounts.differences {
            writeln!(out, "              {difference}")?;
        }
    }
    Ok(())
}

/// Where each sink is.
fn print_sinks(sinks: &[SinkStatus], out: &mut Output<'_>) -> anyhow::Result<()> {
    for (at, sink) in sinks.iter().enumerate() {
        let title = if at == 0 { "sinks" } else { "" };
        let letters = if sink.dead_letters > 0 { format!(", {} dead letters", Count(sink.dead_letters)) } else { String::new() };
        let stalled = sink.stalled.as_ref().map_or_else(String::new, |reason| format!(", stalled: {}", printable(reason)));
        let (name, delivered, behind) = (&sink.name, Count(sink.delivered), Count(sink.behind));
        writeln!(out, "{title:<11} {name}: delivered up to {delivered}, {behind} behind{letters}{stalled}")?;
    }
    Ok(())
}

/// How many recorders there are of each state, and those one by one that live, died, or lost something.
fn print_recorders(intakes: &[IntakeStatus], now: i64, out: &mut Output<'_>) -> anyhow::Result<()> {
    let counts: Vec<String> = ["live", "dead", "missing", "closed", "recovered"]
        .into_iter()
        .map(|state| (state, intakes.iter().filter(|intake| intake.state == state).count()))
        .filter(|(_, count)| *count > 0)
        .map(|(state, count)| format!("{count} {state}"))
        .collect();
    writeln!(out, "recorders   {}", counts.join(", "))?;
    let done =
        |intake: &IntakeStatus| matches!(intake.state, "closed" | "recovered") && intake.lost == 0 && intake.in_flight == 0;
    let mut open = intakes.iter().filter(|intake| !done(intake)).peekable();
    if open.peek().is_some() {
        let heading = format!(
            "            {:<12}  {:<9}  {:>8}  {:>8}  {:>11}  {:>11}  {:>8}  {:>9}",
            "INTAKE", "STATE", "PID", "SINCE", "OFFERED", "JOURNALED", "LOST", "IN INTAKE"
        );
        writeln!(out, "{}", out.palette().dim(heading))?;
    }
    for intake in open {
        writeln!(
            out,
            "            {:<12}  {:<9}  {:>8}  {:>8}  {:>11}  {:>11}  {:>8}  {:>9}",
            intake.id.get(..12).unwrap_or(&intake.id),
            intake.state,
            intake.pid,
            Age::between(intake.opened_us, now).to_string(),
            Count(intake.offered),
            Count(intake.journaled),
            Count(intake.lost),
            Count(intake.in_flight)
        )?;
    }
    Ok(())
}
