//! `agentsh export`: what was recorded, for other machines and programs.

mod asciicast;
mod bundle;
mod file;
mod rows;

use std::path::{Path, PathBuf};

use clap::Subcommand;

use super::events::Format;
use super::output::{Exit, Output};
use crate::query::DataDir;

/// `agentsh export`.
#[derive(Clone, Debug, Subcommand)]
pub enum ExportCommand {
    /// One session in one file, with the proof that it is what was recorded: for another machine
    Bundle(bundle::BundleArgs),
    /// The events of a filter, one JSON object on each line
    Jsonl(rows::RowsArgs),
    /// The events of a filter as CSV with a header
    Csv(rows::RowsArgs),
    /// The events of a filter, one OCSF record on each line
    Ocsf(rows::RowsArgs),
    /// The events of a filter as one Parquet file, with the columns of the lake
    Parquet(rows::RowsArgs),
    /// The recorded terminal of a session as an asciicast (version 2), for asciinema and other players
    Asciicast(asciicast::CastArgs),
}

/// Exports.
///
/// # Errors
/// When the session is not there, the journal cannot be read, or the output cannot be written.
pub fn run(command: &ExportCommand, data_dir: &DataDir, out: &mut Output<'_>) -> anyhow::Result<Exit> {
    match command {
        ExportCommand::Bundle(args) => bundle::run(args, data_dir, out),
        ExportCommand::Jsonl(args) => rows::lines(args, Format::Jsonl, data_dir, out),
        ExportCommand::Csv(args) => rows::lines(args, Format::Csv, data_dir, out),
        ExportCommand::Ocsf(args) => rows::lines(args, Format::Ocsf, data_dir, out),
        ExportCommand::Parquet(args) => rows::parquet(args, data_dir, out),
        ExportCommand::Asciicast(args) => asciicast::run(args, data_dir, out),
    }
}

/// Where a file is written before it gets its name.
fn unfinished(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".unfinished");
    PathBuf::from(name)
}
