//! The arguments of `agentsh events`, and the filter that they are.

use std::ffi::OsString;

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use jiff::tz::TimeZone;

use crate::app::detect::techniques_asked;
use crate::event::{OsText, Seq, Severity, Timestamp};
use crate::query::{self, Filter, Limit, parse_time};

/// How events are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A line for each operation, for people.
    #[default]
    Table,
    /// One array.
    Json,
    /// One object on each line.
    Jsonl,
    /// RFC 4180 with a header; lines end with a line feed alone.
    Csv,
    /// One OCSF 1.8.0 record on each line (docs/ocsf.md).
    Ocsf,
}

/// `agentsh events`: print what was recorded.
#[derive(Clone, Debug, Default, Args)]
pub struct EventsArgs {
    /// Which events.
    #[command(flatten)]
    pub filter: FilterArgs,
    /// Those for which this CEL expression holds: `payload.size > 4096 && actor.comm == "cc"` (docs/events.md names the fields).
    #[arg(long = "where", value_name = "CEL")]
    pub expression: Option<String>,
    /// Print what is there, then what comes, until interrupted.
    #[arg(long, short)]
    pub follow: bool,
    /// Go on where the reader of this name ended, and keep its place: each run, with `--follow` or without, prints what came since.
    /// `--after SEQ` begins anew behind that.
    #[arg(long, value_name = "NAME", conflicts_with = "tail")]
    pub consumer: Option<String>,
    /// How to print.
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
    /// Table: print each decision on a line of its own instead of with its operation.
    #[arg(long)]
    pub raw: bool,
}

/// Which events. All that is given must be met.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Filters (all that are given must be met)")]
pub struct FilterArgs {
    /// Session: its name, the start of its name, or `last`.
    #[arg(long, short, value_name = "NAME")]
    pub session: Option<String>,
    /// Event kinds (file_open, http_request …); repeat or separate with commas. Kinds and families are alternatives.
    #[arg(long, value_name = "KIND", value_delimiter = ',')]
    pub kind: Vec<String>,
    /// Families: file, network, process, ipc, registry, command, session, derived, outcome, pipeline.
    #[arg(long, value_name = "FAMILY", value_delimiter = ',')]
    pub family: Vec<String>,
    /// Operations that one of these policy rules decided.
    #[arg(long, value_name = "RULE", value_delimiter = ',')]
    pub rule: Vec<String>,
    /// At least this severe: informational, low, medium, high, critical, fatal.
    #[arg(long, value_name = "SEVERITY", value_parser = severity)]
    pub severity: Option<Severity>,
    /// Verdicts: allow, audit, redirect, soft_delete, approve, deny.
    #[arg(long, value_name = "DECISION", value_delimiter = ',')]
    pub decision: Vec<String>,
    /// Seen at this time or later: `2h` or `30m` (ago), `yesterday`, `14:03`, `2026-11-24`, `2026-11-24T14:03:00Z`.
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,
    /// Seen before this time.
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,
    /// Path, with all that is beneath it, or glob (`*.pem`; `*` also matches `/`). A relative one is taken from here.
    #[arg(long, value_name = "PATH")]
    pub path: Option<OsString>,
    /// Network events of this host and of names beneath it.
    #[arg(long, value_name = "NAME")]
    pub host: Option<String>,
    /// Done by, or starting, the program of this name or path; or of the command with this id.
    #[arg(long, value_name = "PROGRAM")]
    pub command: Option<String>,
    /// Done by this process.
    #[arg(long, value_name = "PID")]
    pub pid: Option<u32>,
    /// Detections of this ATT&CK technique and of its sub-techniques (T1552). An id that ATT&CK has retired stands for its successors.
    #[arg(long, value_name = "ID")]
    pub technique: Option<String>,
    /// With this text anywhere in the event, whatever its case.
    #[arg(long, value_name = "TEXT")]
    pub text: Option<String>,
    /// Behind this position: the last `seq` that was seen.
    #[arg(long, value_name = "SEQ")]
    pub after: Option<u64>,
    /// The first N that match.
    #[arg(long, short = 'n', value_name = "N")]
    pub limit: Option<u64>,
    /// The last N that match.
    #[arg(long, value_name = "N", conflicts_with = "limit")]
    pub tail: Option<u64>,
}

impl FilterArgs {
    /// The filter that the arguments are. Its session is the name as it was given.
    ///
    /// # Errors
    /// When a word or a time is not valid; the message names the nearest word.
    pub fn to_filter(&self, now: Timestamp, zone: &TimeZone) -> anyhow::Result<Filter> {
        let time = |text: &Option<String>, option: &'static str| {
            text.as_deref().map(|text| parse_time(text, now, zone)).transpose().context(option)
        };
        let path = match &self.path {
            Some(path) => {
                let directory = std::env::current_dir().unwrap_or_default();
                Some(Filter::path_text(&OsText::from(path.as_os_str()), &OsText::from(directory.as_path())))
            }
            None => None,
        };
        Ok(Filter {
            sessions: self.session.iter().cloned().collect(),
            kinds: self.kind.iter().map(|word| query::kind(word)).collect::<Result<_, _>>().context("--kind")?,
            families: self.family.iter().map(|word| query::family(word)).collect::<Result<_, _>>().context("--family")?,
            decisions: self.decision.iter().map(|word| query::decision(word)).collect::<Result<_, _>>().context("--decision")?,
            rules: self.rule.clone(),
            min_severity: self.severity,
            since: time(&self.since, "--since")?,
            until: time(&self.until, "--until")?,
            paths: path.into_iter().collect(),
            hosts: self.host.iter().cloned().collect(),
            command: self.command.clone(),
            pids: self.pid.into_iter().collect(),
            techniques: techniques_asked(&self.technique).context("--technique")?,
            text: self.text.clone(),
            after: self.after.and_then(Seq::new),
            limit: self.limit.map(Limit::First).or(self.tail.map(Limit::Last)),
            ..Filter::default()
        })
    }
}

fn severity(word: &str) -> Result<Severity, String> {
    let known = |severity: &Severity| format!("{severity:?}").to_ascii_lowercase();
    let found = Severity::ALL.into_iter().find(|severity| known(severity) == word.to_ascii_lowercase());
    found.ok_or_else(|| format!("there are {}", Severity::ALL.iter().map(known).collect::<Vec<_>>().join(", ")))
}
