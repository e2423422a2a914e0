//! `agentsh detect backfill`: rules over events that are in the journal already.

use std::io::Write as _;
use std::time::Duration;

use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use jiff::tz::TimeZone;

use crate::app;
use crate::app::detect::{Backfill, Backfilled};
use crate::cli::output::{Exit, Output};
use crate::config::Config;
use crate::query::{DataDir, Reader, parse_time};
use crate::runtime::clock;
use crate::runtime::units::Count;

/// How long it works before it shows how far it is.
const SILENT: Duration = Duration::from_secs(2);

/// `agentsh detect backfill`.
#[derive(Clone, Debug, Default, Args)]
pub struct BackfillArgs {
    /// Events seen at this time or later: `2h` or `30m` (ago), `yesterday`, `14:03`, `2026-11-24`, `2026-11-24T14:03:00Z`.
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,
    /// Events seen before this time.
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,
    /// Events of this session: its name, the start of its name, or `last`.
    #[arg(long, value_name = "SESSION")]
    pub session: Option<String>,
    /// Only this rule, by id or title; may be given several times.
    #[arg(long, value_name = "RULE")]
    pub rule: Vec<String>,
    /// Print one JSON object.
    #[arg(long)]
    pub json: bool,
}

pub(super) fn run(args: &BackfillArgs, config: &Config, data_dir: &DataDir, out: &mut Output<'_>) -> anyhow::Result<Exit> {
    let (now, zone) = (clock::now(), TimeZone::system());
    let time = |text: &Option<String>| text.as_deref().map(|text| parse_time(text, now, &zone)).transpose();
    let reader = Reader::open(data_dir)?;
    let which = Backfill {
        since: time(&args.since)?,
        until: time(&args.until)?,
        session: args.session.as_deref().map(|name| reader.session(name)).transpose()?,
        rules: args.rule.clone(),
    };
    drop(reader);
    let (started, attended, mut bar) = (clock::instant(), out.is_attended(), None::<ProgressBar>);
    let done = app::detect::backfill_opened(config, &which, |seq, head| {
        if attended && bar.is_none() && clock::instant().saturating_duration_since(started) > SILENT {
            let style = ProgressStyle::with_template("looking {wide_bar} {human_pos} of {human_len} events, {eta} left");
            let new = ProgressBar::with_draw_target(Some(head), ProgressDrawTarget::stderr());
            bar = Some(new.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar())));
        }
        if let Some(bar) = &bar {
            bar.set_position(seq);
        }
    });
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    let Backfilled { events, found, appended } = done?;
    if args.json {
        writeln!(out, "{}", serde_json::json!({"events": events, "found": found, "appended": appended}))?;
    } else {
        let known = found.saturating_sub(appended);
        writeln!(
            out,
            "{} events, {} detections: {} appended, {} known before",
            Count(events),
            Count(found),
            Count(appended),
            Count(known)
        )?;
    }
    Ok(Exit::Done)
}
