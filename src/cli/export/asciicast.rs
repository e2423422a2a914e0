//! `agentsh export asciicast`: the recorded terminal of a session, for asciinema and other players.

use std::io::Write;
use std::ops::ControlFlow;
use std::path::PathBuf;

use anyhow::{Context as _, bail};
use clap::Args;

use super::file::write_file;
use crate::cli::evidence::EvidenceArgs;
use crate::cli::output::{Exit, Output};
use crate::encode::asciicast::{CAST_KINDS, Cast, USUAL_SIZE};
use crate::event::{JournaledEvent, Kind, Payload};
use crate::query::{DataDir, Filter, JournalRow, Reader};

/// `agentsh export asciicast`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "Commands, refusals and detections are marks that a player can jump to.\n\n\
    Examples:\n  agentsh export asciicast last -o session.cast\n  asciinema play -i 2 session.cast")]
pub struct CastArgs {
    /// Session: its name, the start of its name, or `last`
    #[arg(value_name = "SESSION", default_value = "last")]
    session: String,
    /// Where it is read from
    #[command(flatten)]
    evidence: EvidenceArgs,
    /// Of the command with this id only
    #[arg(long, value_name = "ID")]
    command: Option<String>,
    /// Write it into this file, which must not exist [default: standard output]
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub(super) fn run(args: &CastArgs, data_dir: &DataDir, out: &mut Output<'_>) -> anyhow::Result<Exit> {
    let evidence = args.evidence.session(data_dir, &args.session)?;
    let reader = Reader::open(evidence.data_dir())?;
    let filter = Filter {
        sessions: vec![evidence.session().to_owned()],
        command_ids: args.command.iter().cloned().collect(),
        ..Filter::default()
    };
    // Before there is a file: a session without a terminal leaves none.
    let (cast, size) = start(&reader, &filter)?;
    match &args.output {
        Some(path) => write_file(path, out, |mut file, _| {
            write(&reader, &filter, cast, size, &mut file)?;
            Ok(file.flush()?)
        }),
        None => write(&reader, &filter, cast, size, out).map(|()| Exit::Done),
    }
}

/// Time 0 is that of the first event of a terminal; the size is the one that it had when it first showed something.
fn start(reader: &Reader, filter: &Filter) -> anyhow::Result<(Cast, (u16, u16))> {
    let mut cast = None;
    let mut size = USUAL_SIZE;
    let kinds = vec![Kind::TerminalOutput, Kind::TerminalInput, Kind::TerminalResize];
    let of_terminals = Filter { kinds, ..filter.clone() };
    reader.rows::<anyhow::Error>(0, &of_terminals.conditions(), |row| {
        let event = typed(row)?;
        cast.get_or_insert_with(|| Cast::new(event.event.time));
        if let Payload::TerminalResize(p) = &event.event.payload {
            size = (p.rows, p.columns);
        }
        let shows = event.kind == Kind::TerminalOutput;
        Ok(if shows { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    })?;
    match (cast, filter.sessions.first(), filter.command_ids.first()) {
        (Some(cast), _, _) => Ok((cast, size)),
        (None, session, None) => {
            let session = session.map(String::as_str).unwrap_or_default();
            bail!("nothing of a terminal is recorded in session {session}: `agentsh replay {session}` shows what is")
        }
        (None, _, Some(command)) => {
            bail!("nothing of a terminal is recorded of command {command}: without --command all of the session's are exported")
        }
    }
}

fn write(reader: &Reader, filter: &Filter, mut cast: Cast, size: (u16, u16), out: &mut dyn Write) -> anyhow::Result<()> {
    let title = filter.sessions.first().map(String::as_str).unwrap_or_default();
    out.write_all(cast.header(title, size).as_bytes())?;
    let of_casts = Filter { kinds: CAST_KINDS.to_vec(), ..filter.clone() };
    reader.rows::<anyhow::Error>(0, &of_casts.conditions(), |row| {
        if let Some(line) = cast.line(&typed(row)?) {
            out.write_all(line.as_bytes())?;
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(())
}

fn typed(row: &JournalRow<'_>) -> anyhow::Result<JournaledEvent> {
    row.to_event().with_context(|| format!("event {} cannot be read: `agentsh verify` says more", row.seq))
}
