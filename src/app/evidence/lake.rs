//! Files of a lake, read into a database.

use std::path::Path;

use super::error::EvidenceError;
use crate::encode::stored::{Columns, leaf_hash};
use crate::event::{Kind, Payload, Seq};
use crate::journal::{CheckpointRow, CopyStore, DataDir, Hash, PublicKey};
use crate::sink::parquet::{each_row, files_of};

/// Which sessions are copied.
#[derive(Clone, Copy, Debug)]
pub(super) enum Sessions<'n> {
    /// All, and what belongs to none.
    All,
    /// The one of this name, or those whose names start so; `last` is the one that began last.
    Named(&'n str),
}

/// Copies the events of sessions, what was lost, policies and checkpoints.
pub(super) fn copy(
    from: &Path,
    sessions: Sessions<'_>,
    key: Option<&PublicKey>,
    folder: &Path,
) -> Result<DataDir, EvidenceError> {
    let files = files_of(from)?;
    if files.is_empty() {
        return Err(EvidenceError::NoFiles { path: from.to_owned() });
    }
    let name = match sessions {
        Sessions::All => None,
        Sessions::Named("last") => Some(last_session(&files)?),
        Sessions::Named(name) => Some(name.to_owned()),
    };
    let data_dir = DataDir::create(folder)?;
    let mut store = CopyStore::create(&data_dir)?;
    let mut checkpoints = Vec::new();
    let mut frame = Vec::new();
    for file in &files {
        each_row::<EvidenceError>(file, |row| {
            let columns = row.columns();
            if columns.kind == Kind::JournalCheckpoint.as_str() {
                checkpoints.extend(checkpoint(&columns));
            }
            if !is_wanted(&columns, name.as_deref()) {
                return Ok(());
            }
            // Files may be written without leaves; then the leaf is what the row gives.
            let leaf = row.leaf.and_then(|leaf| Hash::try_from(leaf).ok()).or_else(|| {
                frame.clear();
                columns.write(&mut frame);
                Some(leaf_hash(Seq::new(row.seq)?, &frame))
            });
            Ok(store.append(row.seq, &columns, &leaf.unwrap_or_default())?)
        })?;
    }
    store.finish(&checkpoints)?;
    if let Some(key) = key {
        let public = data_dir.public_key();
        std::fs::write(&public, key.to_text() + "\n").map_err(|source| EvidenceError::Io {
            what: "cannot write",
            path: public,
            source,
        })?;
    }
    Ok(data_dir)
}

/// An event of the sessions, or one that a reader of any session needs.
fn is_wanted(columns: &Columns<'_>, name: Option<&str>) -> bool {
    let Some(name) = name else { return true };
    let beside = [Kind::EventsLost, Kind::PolicyLoaded].iter().any(|kind| kind.as_str() == columns.kind);
    beside || columns.session_id.is_some_and(|session| session.starts_with(name))
}

fn checkpoint(columns: &Columns<'_>) -> Option<CheckpointRow> {
    let event = columns.to_event().ok()?;
    let Payload::JournalCheckpoint(checkpoint) = event.payload else { return None };
    let digits = checkpoint.root_hash.as_bytes().as_chunks::<2>().0;
    let root = digits.iter().map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect::<Option<_>>()?;
    Some(CheckpointRow { tree_size: checkpoint.tree_size, root, time_us: event.time.as_micros(), note: checkpoint.note })
}

fn last_session(files: &[std::path::PathBuf]) -> Result<String, EvidenceError> {
    let mut last = None;
    for file in files {
        each_row::<EvidenceError>(file, |row| {
            let columns = row.columns();
            if columns.kind == Kind::SessionCreated.as_str() {
                last = columns.session_id.map(str::to_owned);
            }
            Ok(())
        })?;
    }
    last.ok_or_else(|| crate::query::SessionError::Unknown { name: "last".to_owned() }.into())
}
