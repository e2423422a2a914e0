//! `agentsh detect test`: rules over events of a file, for whoever writes rules.

use std::fs::File;
use std::io::{BufRead, BufReader, Write as _};
use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;

use super::rules::only;
use crate::app::detect::{DetectConfig, engine, trial};
use crate::cli::output::{Exit, Output, printable};
use crate::event::Payload;
use crate::query::DataDir;

/// `agentsh detect test`.
#[derive(Clone, Debug, Default, Args)]
pub struct TestArgs {
    /// Events as `agentsh events --format jsonl` prints them; `-` is standard input.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Use the rules of this file or folder alone; may be given several times.
    #[arg(long, value_name = "PATH")]
    pub rules: Vec<PathBuf>,
    /// Print each detection as one JSON object a line.
    #[arg(long)]
    pub json: bool,
}

pub(super) fn run(args: &TestArgs, config: &DetectConfig, data_dir: &DataDir, out: &mut Output<'_>) -> anyhow::Result<Exit> {
    let mut engine = if args.rules.is_empty() { engine(config, data_dir)? } else { only(&args.rules)? };
    for fault in engine.faults() {
        out.note(printable(&fault.to_string()))?;
    }
    let lines: Box<dyn BufRead> = if args.file.as_os_str() == "-" {
        Box::new(BufReader::new(std::io::stdin()))
    } else {
        Box::new(BufReader::new(File::open(&args.file).with_context(|| format!("cannot read {}", args.file.display()))?))
    };
    let mut fired = 0;
    let events = trial::<anyhow::Error>(&mut engine, lines, |found| {
        fired += 1;
        if args.json {
            writeln!(out, "{}", serde_json::to_string(&found.detection)?)?;
        } else if let Payload::Detection(detection) = &found.detection.payload {
            let techniques: Vec<&str> = detection.techniques.iter().map(|technique| technique.as_str()).collect();
            let subject = found.on.event.subject().unwrap_or_default().into_owned();
            writeln!(
                out,
                "line {}  {}  {}  [{}]  {} {}",
                found.line,
                detection.level,
                printable(&detection.title),
                techniques.join(" "),
                found.on.kind.as_str(),
                printable(&subject)
            )?;
        }
        Ok(())
    })
    .with_context(|| args.file.display().to_string())?;
    out.note(format!("{events} events, {fired} detections"))?;
    Ok(Exit::Done)
}
