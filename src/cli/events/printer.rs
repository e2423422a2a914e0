//! `Printer`: the five forms behind one face, and the counting of what is printed.

use std::io::Write;
use std::ops::ControlFlow;

use anyhow::Context as _;
use jiff::tz::TimeZone;

use super::args::{EventsArgs, Format};
use super::csv;
use super::line::Layout;
use super::ocsf::Records;
use super::table::Table;
use crate::cli::output::Output;
use crate::encode::json;
use crate::event::JournaledEvent;
use crate::query::{Filter, JournalRow, Limit, Reader};

/// The least columns of a position.
const SEQ_COLUMNS: usize = 5;

enum Form {
    Table(Box<Table>),
    Json,
    Jsonl,
    Csv,
    Ocsf(Records),
}

/// Prints events in one form, and stops at the limit.
pub(super) struct Printer {
    form: Form,
    raw: bool,
    first: Option<u64>,
    printed: u64,
}

impl Printer {
    /// A printer for what the arguments ask for; `head` says how wide a position gets.
    pub(super) fn new(args: &EventsArgs, filter: &Filter, zone: TimeZone, head: u64, out: &Output<'_>) -> Self {
        let (first, last) = match filter.limit {
            Some(Limit::First(count)) => (Some(count), None),
            Some(Limit::Last(count)) => (None, Some(usize::try_from(count).unwrap_or(usize::MAX))),
            None => (None, None),
        };
        let form = match args.format {
            Format::Table => {
                let seq = head.to_string().len().max(SEQ_COLUMNS);
                let layout = Layout { palette: out.palette(), width: out.width(), seq };
                Form::Table(Box::new(Table::new(layout, zone, args.raw, last)))
            }
            Format::Json => Form::Json,
            Format::Jsonl => Form::Jsonl,
            Format::Csv => Form::Csv,
            Format::Ocsf => Form::Ocsf(Records::default()),
        };
        Self { form, raw: args.raw, first, printed: 0 }
    }

    /// Lines, objects or records that were printed.
    pub(super) const fn printed(&self) -> u64 {
        self.printed
    }

    /// Rows that an item may stand for.
    pub(super) const fn rows_for_an_item(&self) -> u64 {
        match self.form {
            Form::Table(_) if !self.raw => 2,
            Form::Table(_) | Form::Json | Form::Jsonl | Form::Csv | Form::Ocsf(_) => 1,
        }
    }

    /// An event that was taken and is not printed yet.
    pub(super) fn pending(&self) -> Option<u64> {
        match &self.form {
            Form::Table(table) => table.pending(),
            Form::Json | Form::Jsonl | Form::Csv | Form::Ocsf(_) => None,
        }
    }

    /// Whether the limit is reached.
    pub(super) fn is_full(&self) -> bool {
        self.first.is_some_and(|first| self.printed >= first)
    }

    /// Takes a row; breaks when the limit is reached.
    pub(super) fn row(&mut self, reader: &Reader, row: &JournalRow<'_>, out: &mut dyn Write) -> anyhow::Result<ControlFlow<()>> {
        if self.is_full() {
            return Ok(ControlFlow::Break(()));
        }
        let event = row.to_event().with_context(|| {
            let seq = row.seq;
            format!("the event at seq {seq} cannot be read (`agentsh verify` says whether it was changed, `--after {seq}` passes over it)")
        })?;
        let separator = match (&self.form, self.printed) {
            (Form::Json, 0) => "[\n",
            (Form::Json, _) => ",\n",
            (Form::Csv, 0) => csv::HEADER,
            (Form::Table(_) | Form::Jsonl | Form::Csv | Form::Ocsf(_), _) => "",
        };
        out.write_all(separator.as_bytes())?;
        self.printed += match &mut self.form {
            Form::Table(table) => table.push(reader, event, out)?,
            Form::Json => {
                out.write_all(&line(&event)?)?;
                1
            }
            Form::Jsonl => {
                out.write_all(&line(&event)?)?;
                out.write_all(b"\n")?;
                1
            }
            Form::Csv => {
                out.write_all(csv::record(&event).as_bytes())?;
                1
            }
            Form::Ocsf(records) => {
                records.write(reader, &event, out)?;
                1
            }
        };
        Ok(if self.is_full() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    }

    /// Nothing more is there at the moment: prints what was held back.
    pub(super) fn pause(&mut self, reader: &Reader, out: &mut dyn Write) -> anyhow::Result<()> {
        let is_full = self.is_full();
        if let Form::Table(table) = &mut self.form {
            if !is_full {
                self.printed += table.settle(reader, out)?;
            }
            table.release(out)?;
        }
        Ok(())
    }

    /// Nothing more will come.
    pub(super) fn end(&mut self, out: &mut dyn Write) -> anyhow::Result<()> {
        let closing = match (&self.form, self.printed) {
            (Form::Json, 0) => "[]\n",
            (Form::Json, _) => "\n]\n",
            (Form::Csv, 0) => csv::HEADER,
            (Form::Table(_) | Form::Jsonl | Form::Csv | Form::Ocsf(_), _) => "",
        };
        Ok(out.write_all(closing.as_bytes())?)
    }
}

fn line(event: &JournaledEvent) -> anyhow::Result<Vec<u8>> {
    let mut line = Vec::new();
    json::put(event, &mut line)?;
    Ok(line)
}
