//! `agentsh import`: evidence of other systems into the journal, or a bundle beside it, then a summary.

mod bundle;

use std::fmt::Write as _;
use std::io::{IsTerminal as _, Write};
use std::path::PathBuf;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::output::{Exit, Output};
use crate::app::import::{ImportProgress, ImportReport, ImportRequest, import};
use crate::config::{Config, Environment, PolicyChoice};
use crate::event::ImportSource;
use crate::query::DataDir;
use crate::runtime::clock;

/// `agentsh import SOURCE FILE…`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit code: 0 all is in the journal; 1 records could not be read (they are kept raw); 125 an import stopped.\n\n\
    Examples:\n  agentsh import evtx Security.evtx Sysmon.evtx\n  eslogger exec open unlink | agentsh import eslogger -\n  \
    agentsh import auditd /var/log/audit/audit.log\n  agentsh import jsonl events.jsonl.gz\n  agentsh import bundle session.bundle --key recorder.pub\n\n\
    A bundle is kept beside the journal and never becomes part of it: report, replay, tree and files find it by the name of its session."
)]
pub(super) struct ImportArguments {
    /// What the files are
    #[arg(value_enum)]
    source: Source,
    /// The files; `-` is standard input. Text may be compressed (gzip)
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Policy that says what would have been decided [default: policies.default of the configuration, else the built-in one]
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// Of a bundle: the public key, or a file that holds it (`agentsh journal key > FILE` where it was recorded), that it must be signed with
    #[arg(long, value_name = "KEY|FILE")]
    key: Option<String>,
    /// Print the summary as one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Source {
    /// Windows event logs: Sysmon and Security
    Evtx,
    /// JSON lines of macOS' eslogger
    Eslogger,
    /// The raw log of Linux' audit daemon
    Auditd,
    /// JSON lines of `agentsh events --format jsonl`, or of Sysmon's events
    Jsonl,
    /// A session of another machine (`agentsh export bundle`), verified before anything of it is kept
    Bundle,
}

/// How long an import takes before it shows how far it is.
const SHOWN_AFTER: Duration = Duration::from_secs(2);

pub(super) fn run(
    arguments: ImportArguments,
    config: &Config,
    environment: &Environment,
    out: &mut Output<'_>,
) -> anyhow::Result<Exit> {
    let source = match arguments.source {
        Source::Evtx => ImportSource::Evtx,
        Source::Eslogger => ImportSource::Eslogger,
        Source::Auditd => ImportSource::Auditd,
        Source::Jsonl => ImportSource::Jsonl,
        Source::Bundle => {
            if arguments.policy.is_some() {
                anyhow::bail!("--policy judges what other systems recorded: a bundle has its own decisions (`agentsh replay`)");
            }
            let data_dir = DataDir::at(&config.data_dir);
            return bundle::run(&arguments.files, arguments.key.as_deref(), arguments.json, &data_dir, out);
        }
    };
    if arguments.key.is_some() {
        anyhow::bail!("--key belongs to `import bundle`: the files of other systems are not signed");
    }
    let request = ImportRequest {
        source,
        files: arguments.files,
        policy: arguments.policy.map_or_else(|| config.policies.choice(), PolicyChoice::File),
        workspace: std::env::current_dir()?,
    };
    let began = clock::instant();
    let mut bar: Option<ProgressBar> = None;
    let is_terminal = std::io::stderr().is_terminal();
    let imported = import(&request, config, environment, |progress| {
        if is_terminal && (bar.is_some() || clock::instant().saturating_duration_since(began) > SHOWN_AFTER) {
            show(bar.get_or_insert_with(|| start(progress.size)), progress);
        }
    });
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    let (reports, failure) = match imported {
        Ok(reports) => (reports, None),
        Err((reports, failure)) => (reports, Some(failure)),
    };
    if arguments.json {
        serde_json::to_writer(&mut *out, &serde_json::json!({ "files": reports }))?;
        writeln!(out)?;
    } else {
        for report in &reports {
            out.write_all(summary(report).as_bytes())?;
        }
    }
    if let Some(failure) = failure {
        return Err(failure.into());
    }
    Ok(if reports.iter().any(|report| report.unread > 0) { Exit::NotInOrder } else { Exit::Done })
}

fn start(size: Option<u64>) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(size, ProgressDrawTarget::stderr());
    let template = if size.is_some() { "{msg} {wide_bar} {bytes}/{total_bytes} {eta}" } else { "{msg} {bytes} {elapsed}" };
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

fn show(bar: &ProgressBar, progress: ImportProgress<'_>) {
    if let Some(size) = progress.size {
        bar.set_length(size);
    }
    bar.set_message(format!("{}: {} records", progress.file.display(), progress.records));
    bar.set_position(progress.bytes);
}

/// What became of one file, in a few lines.
fn summary(report: &ImportReport) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let mut line = |name: &str, value: String| {
        let _ = writeln!(text, "  {name:<9} {value}");
    };
    let added: u64 = report.events.values().sum();
    line("records", format!("{}, {} of them known already", report.records, report.known));
    if let Some(session) = &report.session {
        line("session", session.clone());
    }
    line("sha256", report.digest.clone());
    line("events", format!("{added} added{}", counts(report.events.iter().map(|(kind, count)| (*kind, *count)))));
    if !report.verdicts.is_empty() {
        line(
            "policy",
            format!("would not have let through{}", counts(report.verdicts.iter().map(|(word, count)| (*word, *count)))),
        );
    }
    if !report.detections.is_empty() {
        line(
            "detected",
            format!(
                "{} times{}",
                report.detections.values().sum::<u64>(),
                counts(report.detections.iter().map(|(rule, count)| (rule.as_str(), *count)))
            ),
        );
    }
    if !report.unmapped.is_empty() {
        let all: u64 = report.unmapped.values().sum();
        line("no kind", format!("{all} records{}", counts(report.unmapped.iter().map(|(name, count)| (name.as_str(), *count)))));
    }
    if report.unread > 0 {
        line("unread", format!("{} records, kept as record_unread", report.unread));
        for reason in &report.reasons {
            line("", super::output::printable(reason).into_owned());
        }
    }
    format!("{}\n{text}", super::output::printable(&report.file))
}

/// ` (a 3, b 1)`, the most frequent first, at most twelve.
fn counts<'a>(counts: impl Iterator<Item = (&'a str, u64)>) -> String {
    let mut counts: Vec<_> = counts.filter(|(_, count)| *count > 0).collect();
    counts.sort_by_key(|(name, count)| (std::cmp::Reverse(*count), *name));
    let more = counts.len().saturating_sub(12);
    let mut parts: Vec<String> =
        counts.iter().take(12).map(|(name, count)| format!("{} {count}", super::output::printable(name))).collect();
    if more > 0 {
        parts.push(format!("{more} more"));
    }
    if parts.is_empty() { String::new() } else { format!(" ({})", parts.join(", ")) }
}
