//! `agentsh export jsonl|csv|ocsf|parquet`: the events of a filter, for other programs.

use std::io::{self, Write};
use std::mem;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use anyhow::bail;
use clap::Args;
use jiff::tz::TimeZone;

use super::file::write_file;
use crate::app::evidence::{Evidence, ParquetExport};
use crate::cli::events::{self, EventsArgs, Expression, FilterArgs, Format};
use crate::cli::evidence::EvidenceArgs;
use crate::cli::output::{Exit, Output};
use crate::query::{DataDir, Filter, Limit, Reader};
use crate::runtime::clock;
use crate::runtime::lock::lock;
use crate::runtime::units::Count;

/// `agentsh export jsonl|csv|ocsf|parquet`.
#[derive(Clone, Debug, Args)]
#[command(
    after_help = "Without filters all events are exported. The file is readable by its owner alone, and gets its name once it is whole.\n\n\
    Examples:\n  agentsh export jsonl --session last -o session.jsonl\n  \
    agentsh export csv --decision deny --since 24h | xsv stats\n  \
    agentsh export ocsf --family network --after 120000 -o network.ocsf.jsonl\n  \
    agentsh export parquet --session last -o session.parquet && agentsh verify --against session.parquet\n  \
    agentsh export jsonl --from session.bundle"
)]
pub struct RowsArgs {
    /// Which events
    #[command(flatten)]
    filter: FilterArgs,
    /// Those for which this CEL expression holds
    #[arg(long = "where", value_name = "CEL")]
    expression: Option<String>,
    /// Where they are read from
    #[command(flatten)]
    evidence: EvidenceArgs,
    /// Write them into this file, which must not exist [default: standard output]
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

impl RowsArgs {
    fn evidence(&self, data_dir: &DataDir) -> anyhow::Result<Evidence> {
        match &self.filter.session {
            Some(name) => self.evidence.session(data_dir, name),
            None => self.evidence.whole(data_dir),
        }
    }
}

/// The events as lines.
pub(super) fn lines(args: &RowsArgs, format: Format, data_dir: &DataDir, out: &mut Output<'_>) -> anyhow::Result<Exit> {
    let evidence = args.evidence(data_dir)?;
    let asked = EventsArgs { filter: args.filter.clone(), expression: args.expression.clone(), format, ..EventsArgs::default() };
    let Some(path) = &args.output else { return events::run(&asked, evidence.data_dir(), out) };
    write_file(path, out, |mut file, out| {
        let mut said = Vec::new();
        events::run(&asked, evidence.data_dir(), &mut Output::new(&mut file, &mut said))?;
        io::copy(&mut said.as_slice(), out.notes())?;
        Ok(file.flush()?)
    })
}

/// The events as a Parquet file.
pub(super) fn parquet(args: &RowsArgs, data_dir: &DataDir, out: &mut Output<'_>) -> anyhow::Result<Exit> {
    let mut filter = args.filter.to_filter(clock::now(), &TimeZone::system())?;
    let expression = Expression::new(args.expression.as_deref())?;
    if args.output.is_none() && out.width().is_some() {
        bail!("a Parquet file is nothing for a terminal: name a file with -o, or send standard output to a program");
    }
    let evidence = args.evidence(data_dir)?;
    let reader = Reader::open(evidence.data_dir())?;
    filter.sessions = filter.sessions.iter().map(|name| reader.session(name)).collect::<Result<_, _>>()?;
    let columns = Columns { reader: &reader, filter: &filter, expression: &expression };
    match &args.output {
        Some(path) => write_file(path, out, |file, out| {
            let (mut file, rows) = columns.write(file, &path.display().to_string(), || Ok(()))?;
            file.flush()?;
            expression.tell(out)?;
            Ok(out.note(format_args!("{} events", Count(rows)))?)
        }),
        None => {
            let encoded = Encoded::default();
            let (_, rows) = columns.write(encoded.clone(), "standard output", || Ok(out.write_all(&encoded.take())?))?;
            out.write_all(&encoded.take())?;
            expression.tell(out)?;
            out.note(format_args!("{} events", Count(rows)))?;
            Ok(Exit::Done)
        }
    }
}

/// What is made into columns.
struct Columns<'c> {
    reader: &'c Reader,
    filter: &'c Filter,
    expression: &'c Expression,
}

impl Columns<'_> {
    /// Writes the events; `each` is called behind every one.
    fn write<W: Write + Send>(
        &self,
        to: W,
        name: &str,
        mut each: impl FnMut() -> anyhow::Result<()>,
    ) -> anyhow::Result<(W, u64)> {
        let Self { reader, filter, expression } = self;
        let (after, most) = match filter.limit {
            Some(Limit::Last(count)) if expression.is_given() => (expression.before_last(count, reader, filter)?, count),
            Some(Limit::Last(count)) => (reader.before_last(count, filter)?, count),
            Some(Limit::First(count)) => (filter.after(), count),
            None => (filter.after(), u64::MAX),
        };
        let mut export = ParquetExport::start(to, name)?;
        let mut rows = 0_u64;
        reader.rows::<anyhow::Error>(after, &filter.conditions(), |row| {
            if rows == most {
                return Ok(ControlFlow::Break(()));
            }
            if expression.holds(row) {
                export.push(row.seq, &row.columns, row.leaf)?;
                rows += 1;
                each()?;
            }
            Ok(ControlFlow::Continue(()))
        })?;
        Ok((export.finish()?, rows))
    }
}

/// What is encoded and not sent on yet, one row group at most: the encoder wants an end that any thread may hold, which standard output is not.
#[derive(Clone, Default)]
struct Encoded(Arc<Mutex<Vec<u8>>>);

impl Encoded {
    fn take(&self) -> Vec<u8> {
        mem::take(&mut lock(&self.0))
    }
}

impl Write for Encoded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        lock(&self.0).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
