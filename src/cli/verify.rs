//! `agentsh verify`: says whether every event is the one that was written, and where it is not.

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::json;

use super::output::{Exit, Output, printable};
use crate::app::evidence::{Compared, compare};
use crate::query::{DataDir, Finding, PublicKey, Verification, verify};
use crate::runtime::clock;
use crate::runtime::units::Count;

/// A verification that takes longer shows its progress.
const SILENT: Duration = Duration::from_secs(2);

/// Events between two looks at the clock.
const LOOK: u64 = 4_096;

/// `agentsh verify`: check every event, the tree over them and the signatures.
#[derive(Clone, Debug, Default, Args)]
pub struct VerifyArgs {
    /// A signed checkpoint that was kept elsewhere (`agentsh journal checkpoint > FILE`); `-` reads standard input. Repeatable.
    #[arg(long, value_name = "FILE")]
    pub checkpoint: Vec<PathBuf>,
    /// The public key, or a file that holds it (`agentsh journal key > FILE`); else the one in the data directory.
    #[arg(long, value_name = "KEY|FILE")]
    pub key: Option<String>,
    /// Compare every row of this Parquet file, or of a lake's folder, with the journal too. Repeatable.
    #[arg(long, value_name = "FILE")]
    pub against: Vec<PathBuf>,
    /// Print one JSON object.
    #[arg(long)]
    pub json: bool,
}

/// Verifies the journal and prints what was found.
///
/// # Errors
/// When the journal, a checkpoint or the key cannot be read. What is wrong with the journal's content is no error but
/// [`Exit::NotInOrder`].
pub fn run(args: &VerifyArgs, data_dir: &DataDir, out: &mut Output<'_>) -> anyhow::Result<Exit> {
    let key = args.key.as_deref().map(read_key).transpose()?;
    let checkpoints = args.checkpoint.iter().map(|path| read_checkpoint(path)).collect::<anyhow::Result<Vec<String>>>()?;
    let mut progress = Progress::new(out.is_attended());
    let report = verify(data_dir, key, &checkpoints, |read, all| progress.reached(read, all))?;
    progress.end();
    let against = args.against.iter().map(|path| Ok((path, compare(data_dir, path)?)));
    let against = against.collect::<anyhow::Result<Vec<(&PathBuf, Compared)>>>()?;
    if args.json {
        let mut object = as_json(&report);
        if let (Some(object), false) = (object.as_object_mut(), against.is_empty()) {
            object.insert("against".to_owned(), against.iter().map(|(path, compared)| compared_json(path, compared)).collect());
        }
        writeln!(out, "{object}")?;
    } else {
        print(&report, data_dir, !checkpoints.is_empty(), out)?;
        for (path, compared) in &against {
            print_compared(path, compared, out)?;
        }
    }
    let agrees = against.iter().all(|(_, compared)| compared.difference_count == 0);
    Ok(if report.is_whole() && agrees { Exit::Done } else { Exit::NotInOrder })
}

pub(super) fn read_key(text: &str) -> anyhow::Result<PublicKey> {
    let parsed = PublicKey::parse(text);
    if parsed.is_ok() || !Path::new(text).exists() {
        return parsed.context("--key is neither a file nor a key (`agentsh journal key` prints it)");
    }
    let content = std::fs::read_to_string(text).with_context(|| format!("cannot read the key in {text}"))?;
    PublicKey::parse(&content).with_context(|| format!("{text} holds no public key (`agentsh journal key` prints it)"))
}

fn read_checkpoint(path: &Path) -> anyhow::Result<String> {
    if path == Path::new("-") {
        let mut note = String::new();
        std::io::stdin().read_to_string(&mut note).context("cannot read the checkpoint on standard input")?;
        return Ok(note);
    }
    std::fs::read_to_string(path).with_context(|| format!("cannot read the checkpoint in {}", path.display()))
}

fn print(report: &Verification, data_dir: &DataDir, given: bool, out: &mut Output<'_>) -> anyhow::Result<()> {
    let palette = out.palette();
    let unsigned = match report.events.saturating_sub(report.signed_to) {
        0 => String::new(),
        // The event that records a checkpoint always comes behind what the checkpoint covers.
        1 if report.signed_to > 0 => ": all but the event that records this".to_owned(),
        unsigned => format!(": the last {} are not signed yet", Count(unsigned)),
    };
    writeln!(out, "journal      {}", data_dir.journal().display())?;
    writeln!(out, "events       {}", Count(report.events))?;
    writeln!(out, "root         {}", hex(&report.root))?;
    writeln!(out, "signed up to {}{unsigned}", Count(report.signed_to))?;
    let from = if given { ", those given among them" } else { "" };
    writeln!(out, "checkpoints  {} agree{from}", Count(report.checkpoints))?;
    writeln!(out)?;
    if report.is_whole() {
        writeln!(out, "{} every event is the one that was written", palette.green("whole:"))?;
        return Ok(());
    }
    let findings = if report.finding_count == 1 { "finding" } else { "findings" };
    writeln!(out, "{} {} {findings}", palette.red("not whole:"), Count(report.finding_count))?;
    for finding in &report.findings {
        writeln!(out, "  {}", printable(&in_words(finding)))?;
    }
    let more = report.finding_count.saturating_sub(u64::try_from(report.findings.len()).unwrap_or(u64::MAX));
    if more > 0 {
        writeln!(out, "  and {} more", Count(more))?;
    }
    Ok(())
}

/// A finding at 0 concerns the journal and no event of it.
fn in_words(finding: &Finding) -> String {
    if finding.seqs == (0, 0) { finding.what.clone() } else { finding.to_string() }
}

fn as_json(report: &Verification) -> serde_json::Value {
    let finding = |finding: &Finding| {
        let (first, last) = finding.seqs;
        let seq = |number: u64| if number == 0 { None } else { Some(number) };
        json!({ "first_seq": seq(first), "last_seq": seq(last), "what": finding.what })
    };
    json!({
        "whole": report.is_whole(),
        "events": report.events,
        "root": hex(&report.root),
        "signed_to": report.signed_to,
        "checkpoints": report.checkpoints,
        "finding_count": report.finding_count,
        "findings": report.findings.iter().map(finding).collect::<Vec<_>>(),
    })
}

fn print_compared(path: &Path, compared: &Compared, out: &mut Output<'_>) -> anyhow::Result<()> {
    let palette = out.palette();
    let Compared { files, rows, not_kept, differences, difference_count } = compared;
    let not_kept =
        if *not_kept == 0 { String::new() } else { format!(", {} of them not in the journal any more", Count(*not_kept)) };
    writeln!(out)?;
    let shown = printable(&path.display().to_string()).into_owned();
    writeln!(out, "against      {shown}: {} rows of {} files{not_kept}", Count(*rows), Count(*files))?;
    if *difference_count == 0 {
        writeln!(out, "{} every row is the event that the journal has there", palette.green("agrees:"))?;
        return Ok(());
    }
    writeln!(out, "{} {} rows", palette.red("differs:"), Count(*difference_count))?;
    for (seq, what) in differences {
        writeln!(out, "  seq {seq}: {what}")?;
    }
    let more = difference_count.saturating_sub(u64::try_from(differences.len()).unwrap_or(u64::MAX));
    if more > 0 {
        writeln!(out, "  and {} more", Count(more))?;
    }
    Ok(())
}

fn compared_json(path: &Path, compared: &Compared) -> serde_json::Value {
    json!({
        "path": path.display().to_string(),
        "files": compared.files,
        "rows": compared.rows,
        "not_kept": compared.not_kept,
        "difference_count": compared.difference_count,
        "differences": compared.differences.iter().map(|(seq, what)| json!({"seq": seq, "what": what})).collect::<Vec<_>>(),
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A bar on standard error, if a person is there and it takes long.
struct Progress {
    started: std::time::Instant,
    attended: bool,
    bar: Option<ProgressBar>,
}

impl Progress {
    fn new(attended: bool) -> Self {
        Self { started: clock::instant(), attended, bar: None }
    }

    fn reached(&mut self, read: u64, all: u64) {
        if !self.attended || !read.is_multiple_of(LOOK) {
            return;
        }
        if self.bar.is_none() && clock::instant().saturating_duration_since(self.started) > SILENT {
            let style = ProgressStyle::with_template("verifying {wide_bar} {human_pos} of {human_len} events, {eta} left");
            let bar = ProgressBar::with_draw_target(Some(all), ProgressDrawTarget::stderr());
            self.bar = Some(bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar())));
        }
        if let Some(bar) = &self.bar {
            bar.set_position(read);
        }
    }

    fn end(self) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
    }
}
