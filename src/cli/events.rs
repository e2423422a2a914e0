//! `agentsh events`: prints the events of a filter, as a table, JSON, JSON lines, CSV or OCSF records, once or as they come.

mod args;
mod csv;
mod describe;
mod line;
mod ocsf;
mod printer;
mod table;

use std::io::Write as _;

use anyhow::bail;
use jiff::tz::TimeZone;

pub use args::{EventsArgs, FilterArgs, Format};
pub(super) use describe::verb;
use printer::Printer;

use super::output::{Exit, Output, is_closed_pipe};
use crate::query::{DataDir, Filter, Follower, Limit, Reader};
use crate::runtime::{clock, interrupts};

/// Prints the events that match.
///
/// # Errors
/// When an argument is not valid, the journal cannot be read, or the output cannot be written. A closed output is no error.
pub fn run(args: &EventsArgs, data_dir: &DataDir, out: &mut Output<'_>) -> anyhow::Result<Exit> {
    if args.follow && args.format == Format::Json {
        bail!("--follow cannot be combined with --format json: an array that grows has no end: use --format jsonl");
    }
    let zone = TimeZone::system();
    let mut filter = args.filter.to_filter(clock::now(), &zone)?;
    let reader = Reader::open(data_dir)?;
    filter.sessions = filter.sessions.iter().map(|name| reader.session(name)).collect::<Result<_, _>>()?;
    let printer = Printer::new(args, &filter, zone, reader.head()?, out);
    let printed =
        if args.follow { follow(data_dir, &reader, &filter, printer, out) } else { once(&reader, &filter, printer, out) };
    match printed {
        Ok(()) => Ok(Exit::Done),
        Err(error) if is_closed_pipe(&error) => Ok(Exit::Done),
        Err(error) => Err(error),
    }
}

/// Where to start, in rows: a line of the table stands for one or two of them.
fn start(reader: &Reader, filter: &Filter, printer: &Printer) -> anyhow::Result<u64> {
    Ok(match filter.limit {
        Some(Limit::Last(count)) => reader.before_last(count.saturating_mul(printer.rows_for_an_item()), filter)?,
        Some(Limit::First(_)) | None => filter.after(),
    })
}

fn once(reader: &Reader, filter: &Filter, mut printer: Printer, out: &mut Output<'_>) -> anyhow::Result<()> {
    let after = start(reader, filter, &printer)?;
    let mut shown = false;
    reader.rows::<anyhow::Error>(after, &filter.conditions(), |row| {
        let flow = printer.row(reader, row, out)?;
        if !shown && printer.printed() > 0 {
            // The next one may be far away.
            shown = true;
            out.flush()?;
        }
        Ok(flow)
    })?;
    printer.pause(reader, out)?;
    printer.end(out)?;
    out.flush()?;
    if printer.printed() == 0 && reader.head()? > 0 {
        out.note("no event matches")?;
    }
    Ok(())
}

fn follow(
    data_dir: &DataDir,
    reader: &Reader,
    filter: &Filter,
    mut printer: Printer,
    out: &mut Output<'_>,
) -> anyhow::Result<()> {
    interrupts::take_note()?;
    let after = start(reader, filter, &printer)?;
    let conditions = filter.conditions();
    let mut follower = Follower::new(data_dir, after)?;
    while !printer.is_full() && !interrupts::noted() && !out.is_closed() {
        // Whether it broke off is what the printer says itself.
        let _flow = follower.next::<anyhow::Error>(&conditions, |row| printer.row(reader, row, out))?;
        printer.pause(reader, out)?;
        out.flush()?;
    }
    Ok(())
}
