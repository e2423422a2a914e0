//! `agentsh detect coverage`: tactics and techniques that rules cover and that the journal has seen.

use std::io::Write as _;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, ValueEnum};

use crate::app::detect::{Coverage, DetectConfig, Engine as _, coverage, engine};
use crate::cli::output::{Exit, Output};
use crate::query::DataDir;

/// `agentsh detect coverage`.
#[derive(Clone, Debug, Default, Args)]
pub struct CoverageArgs {
    /// How it is printed.
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub format: Format,
    /// Write a layer for MITRE's ATT&CK Navigator (format 4.5) to this file.
    #[arg(long, value_name = "FILE")]
    pub navigator: Option<PathBuf>,
}

/// Formats of the coverage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Table,
    /// One JSON object.
    Json,
}

pub(super) fn run(args: &CoverageArgs, config: &DetectConfig, data_dir: &DataDir, out: &mut Output<'_>) -> anyhow::Result<Exit> {
    let engine = engine(config, data_dir)?;
    let coverage = coverage(engine.rules(), data_dir)?;
    if let Some(path) = &args.navigator {
        let layer = serde_json::to_string_pretty(&coverage.layer())?;
        std::fs::write(path, layer + "\n").with_context(|| format!("cannot write {}", path.display()))?;
        out.note(format!("wrote {}", path.display()))?;
    }
    match args.format {
        Format::Json => writeln!(out, "{}", serde_json::to_string_pretty(&coverage)?)?,
        Format::Table => print(&coverage, out)?,
    }
    Ok(Exit::Done)
}

fn print(coverage: &Coverage, out: &mut Output<'_>) -> anyhow::Result<()> {
    let palette = out.palette();
    writeln!(out, "ATT&CK v{}, {} rules", coverage.attack_version, coverage.rules)?;
    for tactic in &coverage.tactics {
        let covered = tactic.covered.iter().filter(|technique| technique.rules > 0).count();
        let seen = tactic.covered.iter().filter(|technique| technique.seen > 0).count();
        writeln!(out)?;
        let heading = format!("{}: {covered} of {} techniques covered, {seen} seen", tactic.title, tactic.techniques);
        writeln!(out, "{}", palette.bold(heading))?;
        for technique in &tactic.covered {
            let (rules, seen) = (technique.rules, technique.seen);
            let line = format!("  {:<10}  {rules:>4} rules  {seen:>7} seen  {}", technique.technique, technique.name);
            writeln!(out, "{}", if seen > 0 { palette.yellow(line) } else { palette.plain(line) })?;
        }
    }
    Ok(())
}
