//! `agentsh files`: what became of a session's files.

use std::io::Write as _;

use clap::Args;

use super::{SessionName, base_name};
use crate::cli::output::{Exit, Output, middle, printable};
use crate::event::FileType;
use crate::query::session::{self, Change, ChangeKind, Changes};
use crate::query::{DataDir, Reader};
use crate::runtime::units::{Bytes, Count};

/// No path is cut to less.
const LEAST: usize = 24;

/// `agentsh files`: the files that a session created, changed, renamed and deleted, net of intermediate steps.
#[derive(Clone, Debug, Args)]
pub struct FilesArgs {
    /// Which session.
    #[command(flatten)]
    pub session: SessionName,
    /// Print one JSON object.
    #[arg(long)]
    pub json: bool,
}

/// Prints what became of the files of a session.
///
/// # Errors
/// When there is no such session, the journal cannot be read, or the output cannot be written.
pub fn run(args: &FilesArgs, data_dir: &DataDir, out: &mut Output<'_>) -> anyhow::Result<Exit> {
    let evidence = args.session.evidence.session(data_dir, &args.session.session)?;
    let (reader, name) = (Reader::open(evidence.data_dir())?, evidence.session());
    let changes = session::changes(&reader, name)?;
    if args.json {
        writeln!(out, "{}", serde_json::json!({"session": name, "changes": changes.changes, "transient": changes.transient}))?;
        return Ok(Exit::Done);
    }
    print(name, &changes, out)?;
    Ok(Exit::Done)
}

fn print(name: &str, changes: &Changes, out: &mut Output<'_>) -> anyhow::Result<()> {
    let palette = out.palette();
    let count = |kind| Count(u64::try_from(changes.count(kind)).unwrap_or(u64::MAX));
    let kinds = [ChangeKind::Created, ChangeKind::Modified, ChangeKind::Renamed, ChangeKind::Metadata, ChangeKind::Deleted];
    let counts: Vec<String> = kinds.iter().map(|kind| format!("{} {}", count(*kind), kind.as_str())).collect();
    writeln!(out, "{}", palette.bold(format!("{name}: {}", counts.join(", "))))?;
    for change in &changes.changes {
        let sign = match change.change {
            ChangeKind::Created => palette.green("+"),
            ChangeKind::Modified => palette.yellow("~"),
            ChangeKind::Renamed => palette.yellow(">"),
            ChangeKind::Metadata => palette.dim("="),
            ChangeKind::Deleted => palette.red("-"),
        };
        let detail = detail(change);
        let by: Vec<String> = change.programs.iter().map(|program| printable(&base_name(program)).into_owned()).collect();
        let by = by.join(", ");
        let used = 4 + detail.chars().count() + by.chars().count();
        let room = out.width().map_or(usize::MAX, |width| width.saturating_sub(used).max(LEAST));
        let path = path_of(change);
        writeln!(out, "{sign} {}  {}  {}", middle(&printable(&path), room), palette.dim(detail), palette.dim(by))?;
    }
    if changes.transient > 0 {
        let files = if changes.transient == 1 { "file was" } else { "files were" };
        writeln!(out, "{}", palette.dim(format!("{} {files} made and removed again", Count(changes.transient))))?;
    }
    Ok(())
}

fn path_of(change: &Change) -> String {
    let slash = if change.file_type == Some(FileType::Directory) { "/" } else { "" };
    match &change.from {
        Some(from) => format!("{from}{slash} → {}{slash}", change.path),
        None => format!("{}{slash}", change.path),
    }
}

fn detail(change: &Change) -> String {
    match (change.size_before, change.size_after) {
        (Some(before), Some(after)) if before != after => format!("{} → {}", Bytes(before), Bytes(after)),
        (_, Some(after)) => Bytes(after).to_string(),
        (Some(before), None) => Bytes(before).to_string(),
        (None, None) => String::new(),
    }
}
