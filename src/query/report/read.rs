//! The report of a session of the journal.

use std::ops::ControlFlow;

use super::fold::Fold;
use super::model::{Integrity, Listed, LossReport, Report};
use crate::encode::stored::leaf_hash;
use crate::event::{Kind, Payload, Seq};
use crate::journal::{Condition, DataDir, JournalError, PublicKey, StoreError, Verification, verify};
use crate::query::Reader;
use crate::query::session::{StoryError, changes, undone};

/// Things found wrong that a report names.
const NAMED: usize = 20;

/// Changes of files that a report names.
const CHANGES: usize = 200;

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The journal cannot be opened.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// An event cannot be read.
    #[error(transparent)]
    Story(#[from] StoryError),
    /// The journal cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The report of a session, by its full name. Each of its leaves is computed anew; with `whole`, the whole journal is verified too, and `progress` is
/// told how far that is.
///
/// # Errors
/// [`ReportError`].
pub fn report(data_dir: &DataDir, session: &str, whole: bool, progress: impl FnMut(u64, u64)) -> Result<Report, ReportError> {
    let reader = Reader::open(data_dir)?;
    let mut fold = Fold::new(session, undone(&reader, session)?);
    let mut integrity = Integrity::default();
    let of_session = [Condition::Session(session.to_owned())];
    reader.rows::<StoryError>(0, &of_session, |row| {
        let computed = Seq::new(row.seq).map(|seq| leaf_hash(seq, row.frame));
        if computed.is_some_and(|leaf| leaf == row.leaf) {
            integrity.leaves_right += 1;
        } else if integrity.leaves_wrong.len() < NAMED {
            integrity.leaves_wrong.push(row.seq);
        }
        let event = row.to_event().map_err(|error| StoryError::Event { seq: row.seq, what: error.to_string() })?;
        fold.take(&event);
        Ok(ControlFlow::Continue(()))
    })?;
    let mut report = fold.finish();
    let changed = changes(&reader, session)?;
    for change in &changed.changes {
        *report.change_counts.entry(change.change.as_str().to_owned()).or_default() += 1;
    }
    report.transient = changed.transient;
    report.changes = Listed::of(changed.changes, CHANGES);
    report.losses = losses(&reader, report.seqs)?;
    sign(&reader, data_dir, report.seqs.1, &mut integrity)?;
    if whole {
        judge(&verify(data_dir, None, &[], progress)?, &mut integrity);
    }
    report.integrity = integrity;
    Ok(report)
}

/// Losses between the session's first and last event: they are the recorder's, and of no session.
fn losses(reader: &Reader, seqs: (u64, u64)) -> Result<Vec<LossReport>, ReportError> {
    let mut losses = Vec::new();
    let lost = [Condition::Kinds(vec![Kind::EventsLost])];
    reader.rows::<StoryError>(seqs.0.saturating_sub(1), &lost, |row| {
        if row.seq > seqs.1 {
            return Ok(ControlFlow::Break(()));
        }
        let event = row.to_event().map_err(|error| StoryError::Event { seq: row.seq, what: error.to_string() })?;
        if let Payload::EventsLost(lost) = event.event.payload {
            losses.push(LossReport { seq: row.seq, hop: lost.hop, reason: lost.reason, count: lost.count });
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(losses)
}

/// The first checkpoint that covers the session.
fn sign(reader: &Reader, data_dir: &DataDir, last: u64, integrity: &mut Integrity) -> Result<(), ReportError> {
    let checkpoints = reader.checkpoints()?;
    let Some(covering) = checkpoints.into_iter().filter(|row| row.tree_size >= last).min_by_key(|row| row.tree_size) else {
        return Ok(());
    };
    integrity.tree_size = Some(covering.tree_size);
    integrity.root = Some(covering.root.iter().map(|byte| format!("{byte:02x}")).collect());
    let key = std::fs::read_to_string(data_dir.public_key()).map_err(|error| error.to_string());
    let key = key.and_then(|text| PublicKey::parse(&text).map_err(|error| error.to_string()));
    let signed = key.and_then(|key| {
        integrity.key = Some(key.to_text());
        key.verify(&covering.note).map_err(|error| error.to_string())
    });
    integrity.signature_error = match signed {
        Ok(checkpoint) if checkpoint.tree_size == covering.tree_size && checkpoint.root[..] == covering.root[..] => None,
        Ok(_) => Some("the signed checkpoint names another size or root than the journal's table".to_owned()),
        Err(what) => Some(what),
    };
    Ok(())
}

fn judge(verification: &Verification, integrity: &mut Integrity) {
    integrity.journal_whole = Some(verification.is_whole());
    integrity.findings = verification.findings.iter().take(NAMED).map(ToString::to_string).collect();
}
