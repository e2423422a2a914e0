//! The folds over a session of the journal.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use super::changes::{Changes, FileChanges};
use super::error::StoryError;
use super::network::{Host, NetworkUse};
use super::tree::{ProcessTree, Tree};
use super::undone::Undone;
use super::why::{Touch, Why, is_at_or_beneath};
use crate::event::{Family, JournaledEvent, Kind, OsText, Payload};
use crate::journal::{Condition, JournalRow, ReaderStore};
use crate::query::Reader;

/// Kinds that say what did not happen.
const UNDOING: [Kind; 3] = [Kind::PolicyDecision, Kind::ApprovalResolved, Kind::OperationFailed];

/// The processes of a session, by its full name.
///
/// # Errors
/// [`StoryError`].
pub fn tree(reader: &Reader, session: &str) -> Result<Tree, StoryError> {
    let mut tree = ProcessTree::default();
    each(reader.store(), session, &[], |event| tree.take(event))?;
    Ok(tree.finish())
}

/// What became of the files of a session, by its full name.
///
/// # Errors
/// [`StoryError`].
pub fn changes(reader: &Reader, session: &str) -> Result<Changes, StoryError> {
    let mut files = FileChanges::new(undone(reader, session)?);
    each(reader.store(), session, &kinds_of(Family::File), |event| files.take(event))?;
    Ok(files.finish())
}

/// The hosts that a session, by its full name, had to do with.
///
/// # Errors
/// [`StoryError`].
pub fn network(reader: &Reader, session: &str) -> Result<Vec<Host>, StoryError> {
    let mut network = NetworkUse::default();
    let mut kinds = kinds_of(Family::Network);
    kinds.push(Kind::PolicyDecision);
    each(reader.store(), session, &kinds, |event| network.take(event))?;
    Ok(network.finish())
}

/// What changed a file, the oldest first: in one session, by its full name, or in all.
///
/// # Errors
/// [`StoryError`].
pub fn why(reader: &Reader, session: Option<&str>, path: &OsText) -> Result<Vec<Touch>, StoryError> {
    let store = reader.store();
    let sessions = match session {
        Some(session) => vec![session.to_owned()],
        None => sessions_with(store, path)?,
    };
    let mut touches = Vec::new();
    for session in sessions {
        let undone = undone(reader, &session)?;
        let mut why = Why::default();
        each(store, &session, &[Kind::FileRename, Kind::FileLink], |event| why.rename(event, &undone))?;
        why.about(path);
        let mut tree = ProcessTree::default();
        each(store, &session, &[], |event| {
            tree.take(event);
            touches.extend(why.touch(event, &undone, &tree));
        })?;
    }
    touches.sort_by_key(|touch| touch.seq);
    Ok(touches)
}

/// The sessions that have to do with a path: an event names it, or gave a directory above it its name.
fn sessions_with(store: &ReaderStore, path: &OsText) -> Result<Vec<String>, StoryError> {
    let mut sessions = BTreeSet::new();
    let named = [Condition::Kinds(kinds_of(Family::File)), Condition::Text(path.as_text().into_owned())];
    store.rows::<StoryError>(0, &named, None, |row| {
        sessions.extend(row.columns.session_id.map(str::to_owned));
        Ok(ControlFlow::Continue(()))
    })?;
    store.rows::<StoryError>(0, &[Condition::Kinds(vec![Kind::FileRename])], None, |row| {
        let known = row.columns.session_id.is_none_or(|session| sessions.contains(session));
        if !known
            && let Payload::FileRename(rename) = event_of(row)?.event.payload
            && is_at_or_beneath(path, &rename.to)
        {
            sessions.extend(row.columns.session_id.map(str::to_owned));
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(sessions.into_iter().collect())
}

/// The operations of a session that did not happen, by its full name.
///
/// # Errors
/// [`StoryError`].
pub fn undone(reader: &Reader, session: &str) -> Result<Undone, StoryError> {
    let mut undone = Undone::default();
    each(reader.store(), session, &UNDOING, |event| undone.take(&event.event))?;
    Ok(undone)
}

fn kinds_of(family: Family) -> Vec<Kind> {
    Kind::ALL.iter().copied().filter(|kind| kind.family() == family).collect()
}

/// Calls `take` for the events of a session, in order; of all kinds if none is given.
pub(super) fn each(
    store: &ReaderStore,
    session: &str,
    kinds: &[Kind],
    mut take: impl FnMut(&JournaledEvent),
) -> Result<(), StoryError> {
    let mut conditions = vec![Condition::Session(session.to_owned())];
    if !kinds.is_empty() {
        conditions.push(Condition::Kinds(kinds.to_vec()));
    }
    store.rows::<StoryError>(0, &conditions, None, |row: &JournalRow<'_>| {
        take(&event_of(row)?);
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(())
}

fn event_of(row: &JournalRow<'_>) -> Result<JournaledEvent, StoryError> {
    row.to_event().map_err(|error| StoryError::Event { seq: row.seq, what: error.to_string() })
}
