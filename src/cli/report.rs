//! `agentsh report`: what a session was, over all of its events.

use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget};

use super::evidence::EvidenceArgs;
use super::output::{Exit, Output};
use crate::app;
use crate::encode::document::{html, markdown, text};
use crate::query::DataDir;
use crate::query::report::{document, report};
use crate::runtime::clock;

/// How long a verification takes before it shows how far it is.
const SHOWN_AFTER: Duration = Duration::from_secs(2);

/// `agentsh report`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "Exit code: 0; 1 if events are not what was written, or were lost.\n\n\
    Examples:\n  agentsh report\n  agentsh report s06dq4h0 --format html -o report.html\n  agentsh report last --format json | jq .refused")]
pub struct ReportArgs {
    /// Session: its name, the start of its name, or `last`
    #[arg(value_name = "SESSION", default_value = "last")]
    session: String,
    /// Where it is read from
    #[command(flatten)]
    evidence: EvidenceArgs,
    /// The form
    #[arg(long, value_enum, default_value_t = Form::Text)]
    format: Form,
    /// Write it into a file
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Verify the whole journal too, not only the session's events and the checkpoint's signature
    #[arg(long)]
    verify: bool,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Form {
    /// Plain text
    Text,
    /// Markdown
    Md,
    /// One HTML file that needs nothing else
    Html,
    /// One JSON object
    Json,
}

/// Prints the report.
///
/// # Errors
/// When there is no such session, the journal cannot be read, or the output cannot be written.
pub fn run(args: &ReportArgs, data_dir: &DataDir, out: &mut Output<'_>) -> anyhow::Result<Exit> {
    let evidence = args.evidence.session(data_dir, &args.session)?;
    if args.verify && evidence.is_copy() {
        anyhow::bail!(
            "--verify is for a whole journal: of a bundle everything was verified when it was opened, of a lake's files `agentsh verify --against` says it"
        );
    }
    let (data_dir, session) = (evidence.data_dir(), evidence.session());
    let (began, attended, mut bar) = (clock::instant(), out.is_attended(), None::<ProgressBar>);
    let made = report(data_dir, session, args.verify, |done, all| {
        if attended && clock::instant().saturating_duration_since(began) > SHOWN_AFTER {
            let start = || ProgressBar::with_draw_target(Some(all), ProgressDrawTarget::stderr());
            bar.get_or_insert_with(start).set_position(done);
        }
    })?;
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    let written = match args.format {
        Form::Json => serde_json::to_string_pretty(&made)? + "\n",
        Form::Text => text(&document(&made, &app::attack::technique_name, &app::attack::tactic_name)),
        Form::Md => markdown(&document(&made, &app::attack::technique_name, &app::attack::tactic_name)),
        Form::Html => html(&document(&made, &app::attack::technique_name, &app::attack::tactic_name)),
    };
    match &args.output {
        Some(path) => std::fs::write(path, written).with_context(|| format!("{} cannot be written", path.display()))?,
        None => out.write_all(written.as_bytes())?,
    }
    let integrity = &made.integrity;
    let in_order = integrity.leaves_wrong.is_empty()
        && integrity.signature_error.is_none()
        && integrity.journal_whole != Some(false)
        && made.losses.is_empty();
    Ok(if in_order { Exit::Done } else { Exit::NotInOrder })
}
