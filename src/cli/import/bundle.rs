//! `agentsh import bundle`: bundles of other machines into the data directory, each verified first.

use std::io::Write as _;
use std::path::PathBuf;

use crate::app::evidence::{Imported, Trust, import_bundle};
use crate::cli::output::{Exit, Output};
use crate::cli::verify::read_key;
use crate::query::DataDir;
use crate::runtime::units::Count;

pub(super) fn run(
    files: &[PathBuf],
    key: Option<&str>,
    json: bool,
    data_dir: &DataDir,
    out: &mut Output<'_>,
) -> anyhow::Result<Exit> {
    let key = key.map(read_key).transpose()?;
    for file in files {
        let imported = import_bundle(file, key.as_ref(), data_dir)?;
        if json {
            writeln!(out, "{}", as_json(&imported))?;
        } else {
            print(&imported, out)?;
        }
    }
    Ok(Exit::Done)
}

fn print(imported: &Imported, out: &mut Output<'_>) -> anyhow::Result<()> {
    let opened = &imported.opened;
    let (first, last) = opened.seqs;
    writeln!(out, "session      {}{}", opened.session, if imported.known { " (was here already)" } else { "" })?;
    writeln!(out, "events       {}, seq {first} to {last}", Count(opened.events))?;
    let between = match opened.between {
        0 => "none: the session's events follow each other".to_owned(),
        between => format!("{} between them, proven by their hashes alone", Count(between)),
    };
    writeln!(out, "left out     {between}")?;
    writeln!(out, "checkpoint   covers {} events of {}", Count(opened.checkpoint.tree_size), opened.checkpoint.origin)?;
    writeln!(out, "key          {}", opened.key.to_text())?;
    let palette = out.palette();
    let verified = match opened.trust {
        Trust::Given => palette.green("verified, with the key that was given"),
        Trust::FromTheFile => palette.yellow(
            "verified, with the key that came with it: compare it with `agentsh journal key` of where it was recorded, or give that with --key",
        ),
    };
    writeln!(out, "proof        {verified}")?;
    Ok(())
}

fn as_json(imported: &Imported) -> serde_json::Value {
    let opened = &imported.opened;
    serde_json::json!({
        "session": opened.session,
        "known": imported.known,
        "events": opened.events,
        "first_seq": opened.seqs.0,
        "last_seq": opened.seqs.1,
        "left_out": opened.between,
        "tree_size": opened.checkpoint.tree_size,
        "origin": opened.checkpoint.origin,
        "key": opened.key.to_text(),
        "key_given": opened.trust == Trust::Given,
    })
}
