//! `agentsh export jsonl|csv|ocsf|parquet`: the events of a filter, for other programs.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::ops::ControlFlow;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use jiff::tz::TimeZone;

use crate::app::evidence::ParquetExport;
use crate::cli::events::{self, EventsArgs, FilterArgs, Format};
use crate::cli::output::{Exit, Output};
use crate::query::{DataDir, Limit, Reader};
use crate::runtime::clock;
use crate::runtime::units::{Bytes, Count};

/// `agentsh export jsonl|csv|ocsf`.
#[derive(Clone, Debug, Args)]
pub struct RowsArgs {
    /// Which events
    #[command(flatten)]
    filter: FilterArgs,
    /// Those for which this CEL expression holds
    #[arg(long = "where", value_name = "CEL")]
    expression: Option<String>,
    /// Write it into this file, which must not exist [default: standard output]
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// `agentsh export parquet`.
#[derive(Clone, Debug, Args)]
pub struct ParquetArgs {
    /// Which events
    #[command(flatten)]
    filter: FilterArgs,
    /// Write it into this file, which must not exist
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,
}

/// The events as lines.
pub(super) fn run(args: &RowsArgs, format: Format, data_dir: &DataDir, out: &mut Output<'_>) -> anyhow::Result<Exit> {
    let asked = EventsArgs { filter: args.filter.clone(), expression: args.expression.clone(), format, ..EventsArgs::default() };
    let Some(path) = &args.output else { return events::run(&asked, data_dir, out) };
    write_file(path, out, |mut file, out| {
        let mut said = Vec::new();
        events::run(&asked, data_dir, &mut Output::new(&mut file, &mut said))?;
        io::copy(&mut said.as_slice(), out.notes())?;
        file.flush().map_err(anyhow::Error::from)
    })
}

/// The events as a Parquet file.
pub(super) fn parquet(args: &ParquetArgs, data_dir: &DataDir, out: &mut Output<'_>) -> anyhow::Result<Exit> {
    let mut filter = args.filter.to_filter(clock::now(), &TimeZone::system())?;
    let reader = Reader::open(data_dir)?;
    filter.sessions = filter.sessions.iter().map(|name| reader.session(name)).collect::<Result<_, _>>()?;
    let after = match filter.limit {
        Some(Limit::Last(count)) => reader.before_last(count, &filter)?,
        Some(Limit::First(_)) | None => filter.after(),
    };
    let most = match filter.limit {
        Some(Limit::First(count) | Limit::Last(count)) => count,
        None => u64::MAX,
    };
    let name = args.output.display().to_string();
    write_file(&args.output, out, |file, out| {
        let mut export = ParquetExport::start(file, &name)?;
        let mut rows = 0_u64;
        reader.rows::<anyhow::Error>(after, &filter.conditions(), |row| {
            if rows == most {
                return Ok(ControlFlow::Break(()));
            }
            export.push(row.seq, &row.columns, row.leaf)?;
            rows += 1;
            Ok(ControlFlow::Continue(()))
        })?;
        export.finish()?.flush()?;
        out.note(format_args!("{} events", Count(rows)))?;
        Ok(())
    })
}

/// Writes a file that gets its name once it is whole.
fn write_file(
    path: &Path,
    out: &mut Output<'_>,
    write: impl FnOnce(BufWriter<File>, &mut Output<'_>) -> anyhow::Result<()>,
) -> anyhow::Result<Exit> {
    if path.exists() {
        anyhow::bail!("{} is there already: remove it, or name another file with -o", path.display());
    }
    let cannot = || format!("{} cannot be written", path.display());
    let unfinished = super::unfinished(path);
    let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&unfinished).with_context(cannot)?;
    let kept = file.try_clone().with_context(cannot)?;
    let done = write(BufWriter::new(file), out)
        .and_then(|()| kept.sync_all().and_then(|()| fs::rename(&unfinished, path)).with_context(cannot));
    if let Err(error) = done {
        let _not_there = fs::remove_file(&unfinished);
        return Err(error);
    }
    out.note(format_args!("{} ({})", path.display(), Bytes(kept.metadata().map_or(0, |metadata| metadata.len()))))?;
    Ok(Exit::Done)
}
