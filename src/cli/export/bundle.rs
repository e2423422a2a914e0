//! `agentsh export bundle`: a session into one file that proves itself.

use std::fs::{self, OpenOptions};
use std::io::{BufWriter, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget};

use crate::app::evidence::export_bundle;
use crate::cli::output::{Exit, Output};
use crate::query::{DataDir, Reader};
use crate::runtime::clock;
use crate::runtime::units::Count;

/// How long it takes before it shows how far it is.
const SHOWN_AFTER: Duration = Duration::from_secs(2);

/// `agentsh export bundle`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "Examples:\n  agentsh export bundle last -o session.bundle\n  \
    agentsh report --from session.bundle           on another machine, without a journal\n  \
    agentsh import bundle session.bundle --key KEY  keeps it there under its name")]
pub struct BundleArgs {
    /// Session: its name, the start of its name, or `last`
    #[arg(value_name = "SESSION", default_value = "last")]
    session: String,
    /// Write it into this file, which must not exist [default: SESSION.bundle]
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub(super) fn run(args: &BundleArgs, data_dir: &DataDir, out: &mut Output<'_>) -> anyhow::Result<Exit> {
    let session = Reader::open(data_dir)?.session(&args.session)?;
    let path = args.output.clone().unwrap_or_else(|| PathBuf::from(format!("{session}.bundle")));
    let unfinished = super::unfinished(&path);
    let cannot = |path: &Path| format!("{} cannot be written", path.display());
    if path.exists() {
        anyhow::bail!("{} is there already: remove it, or name another file with -o", path.display());
    }
    let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&unfinished);
    let file = file.with_context(|| cannot(&path))?;
    let (began, attended, mut bar) = (clock::instant(), out.is_attended(), None::<ProgressBar>);
    let exported = export_bundle(data_dir, &session, BufWriter::new(&file), |done, all| {
        if attended && clock::instant().saturating_duration_since(began) > SHOWN_AFTER {
            let start = || ProgressBar::with_draw_target(Some(all), ProgressDrawTarget::stderr());
            bar.get_or_insert_with(start).set_position(done);
        }
    });
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    // It gets its name once it is whole.
    let named = exported.map_err(anyhow::Error::from).and_then(|exported| {
        file.sync_all().and_then(|()| fs::rename(&unfinished, &path)).with_context(|| cannot(&path))?;
        Ok(exported)
    });
    let exported = match named {
        Ok(exported) => exported,
        Err(error) => {
            let _not_there = fs::remove_file(&unfinished);
            return Err(error);
        }
    };
    let bytes = file.metadata().map_or(0, |metadata| metadata.len());
    writeln!(out, "session      {session}")?;
    writeln!(out, "file         {} ({})", path.display(), crate::runtime::units::Bytes(bytes))?;
    let besides = match exported.besides {
        0 => String::new(),
        1 => ", 1 of them its policy or a loss".to_owned(),
        besides => format!(", {} of them its policy and losses", Count(besides)),
    };
    writeln!(out, "events       {}{besides}", Count(exported.events))?;
    writeln!(out, "checkpoint   covers {} events", Count(exported.tree_size))?;
    writeln!(out, "key          {}", exported.key)?;
    Ok(Exit::Done)
}
