//! `agentsh events`: prints the events of a filter, as a table, JSON, JSON lines, CSV or OCSF records, once or as they come.

mod args;
mod csv;
mod describe;
mod expression;
mod line;
mod ocsf;
mod printer;
mod table;

use std::io::Write as _;
use std::ops::ControlFlow;

use anyhow::bail;
use jiff::tz::TimeZone;

pub use args::{EventsArgs, FilterArgs, Format};
pub(super) use describe::{describe, verb, verb_of, verdict};
pub(super) use expression::Expression;
use printer::Printer;

use super::output::{Exit, Output, is_closed_pipe};
use crate::app::place::Place;
use crate::event::Seq;
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
    let expression = Expression::new(args.expression.as_deref())?;
    let mut place = args.consumer.as_deref().map(|name| Place::take(data_dir, name)).transpose()?;
    if let Some(place) = &mut place {
        match args.filter.after {
            Some(after) => place.restart(after)?,
            None => filter.after = Seq::new(place.seq()),
        }
    }
    let printer = Printer::new(args, &filter, zone, reader.head()?, out);
    let printed = if args.follow {
        follow(data_dir, &reader, &filter, &expression, printer, &mut place, out)
    } else {
        once(&reader, &filter, &expression, printer, &mut place, out)
    };
    if let Some(place) = &mut place {
        place.keep()?;
    }
    expression.tell(out)?;
    match printed {
        Ok(()) => Ok(Exit::Done),
        Err(error) if is_closed_pipe(&error) => Ok(Exit::Done),
        Err(error) => Err(error),
    }
}

/// Where to start, in rows: a line of the table stands for one or two of them.
fn start(reader: &Reader, filter: &Filter, expression: &Expression, printer: &Printer) -> anyhow::Result<u64> {
    Ok(match filter.limit {
        Some(Limit::Last(count)) if expression.is_given() => {
            expression.before_last(count.saturating_mul(printer.rows_for_an_item()), reader, filter)?
        }
        Some(Limit::Last(count)) => reader.before_last(count.saturating_mul(printer.rows_for_an_item()), filter)?,
        Some(Limit::First(_)) | None => filter.after(),
    })
}

fn once(
    reader: &Reader,
    filter: &Filter,
    expression: &Expression,
    mut printer: Printer,
    place: &mut Option<Place>,
    out: &mut Output<'_>,
) -> anyhow::Result<()> {
    let after = start(reader, filter, expression, &printer)?;
    let head = reader.head()?;
    let mut shown = false;
    let mut seen = head;
    reader.rows::<anyhow::Error>(after, &filter.conditions(), |row| {
        if row.seq > head {
            // Committed meanwhile; where a place is kept it must be clear up to where everything was looked at.
            return Ok(ControlFlow::Break(()));
        }
        if !expression.holds(row) {
            return Ok(ControlFlow::Continue(()));
        }
        if printer.is_full() {
            seen = row.seq - 1;
            return Ok(ControlFlow::Break(()));
        }
        let flow = printer.row(reader, row, out)?;
        if flow.is_break() {
            seen = row.seq;
        }
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
    if let Some(place) = place {
        place.read(read_up_to(seen, &printer))?;
    }
    if printer.printed() == 0 && reader.head()? > 0 {
        out.note("no event matches")?;
    }
    Ok(())
}

fn follow(
    data_dir: &DataDir,
    reader: &Reader,
    filter: &Filter,
    expression: &Expression,
    mut printer: Printer,
    place: &mut Option<Place>,
    out: &mut Output<'_>,
) -> anyhow::Result<()> {
    interrupts::take_note()?;
    let after = start(reader, filter, expression, &printer)?;
    let conditions = filter.conditions();
    let mut follower = Follower::new(data_dir, after)?;
    while !printer.is_full() && !interrupts::noted() && !out.is_closed() {
        // Whether it broke off is what the printer says itself.
        let _flow = follower.next::<anyhow::Error>(&conditions, |row| match expression.holds(row) {
            true => printer.row(reader, row, out),
            false => Ok(ControlFlow::Continue(())),
        })?;
        printer.pause(reader, out)?;
        out.flush()?;
        if let Some(place) = place {
            place.read(read_up_to(follower.after(), &printer))?;
        }
    }
    Ok(())
}

/// What is printed of everything up to `seen`: a line may wait for the decision behind it when the limit is reached.
fn read_up_to(seen: u64, printer: &Printer) -> u64 {
    printer.pending().map_or(seen, |pending| seen.min(pending.saturating_sub(1)))
}
