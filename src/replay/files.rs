//! What became of files, as of any moment. Kept is a file's change of state; ten writes are one.

use std::collections::{BTreeMap, VecDeque};

use super::error::ReplayError;
use super::source::typed;
use crate::event::{Kind, Payload};
use crate::journal::JournalRow;

/// Files that are kept; what goes beyond is counted.
const MOST: usize = 200_000;

/// Operations that a failure, which comes later, is looked up among.
const RECENT: usize = 1_024;

/// What became of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileState {
    /// It is there and was not before.
    Created,
    /// Its content changed.
    Modified,
    /// It has another name; this was the one before.
    Renamed(String),
    /// Its mode, owner, times or attributes changed.
    Metadata,
    /// It is gone.
    Deleted,
    /// As when the session began: an operation on it was undone, or it was made and removed again.
    Unchanged,
}

#[derive(Debug, Default)]
struct History {
    steps: Vec<(usize, FileState)>,
}

impl History {
    fn at(&self, at: usize) -> &FileState {
        let until = self.steps.partition_point(|(place, _)| *place <= at);
        until.checked_sub(1).and_then(|last| self.steps.get(last)).map_or(&FileState::Unchanged, |(_, state)| state)
    }
}

/// The steps of one operation: path and state.
type Steps = Vec<(String, FileState)>;

/// The files of a session.
#[derive(Debug, Default)]
pub struct Files {
    histories: BTreeMap<String, History>,
    /// The last operation, until it is known whether it was refused.
    pending: Option<(usize, Vec<u8>, Steps)>,
    recent: VecDeque<(Vec<u8>, usize, Vec<String>)>,
    left_out: u64,
}

impl Files {
    /// Files that differ from when the session began, as of an event, by path; the first `most` of them behind `skip`, and how many.
    #[must_use]
    pub fn as_of(&self, at: usize, skip: usize, most: usize) -> (Vec<(&str, &FileState)>, usize) {
        let changed = self.histories.iter().map(|(path, history)| (path.as_str(), history.at(at)));
        let changed = changed.filter(|(_, state)| **state != FileState::Unchanged);
        let mut shown = Vec::new();
        let mut count = 0;
        for change in changed {
            if count >= skip && shown.len() < most {
                shown.push(change);
            }
            count += 1;
        }
        (shown, count)
    }

    /// Files beyond the bound, of which nothing is kept.
    #[must_use]
    pub const fn left_out(&self) -> u64 {
        self.left_out
    }

    pub(super) fn take(&mut self, at: usize, kind: Kind, row: &JournalRow<'_>) -> Result<(), ReplayError> {
        self.settle();
        if kind == Kind::OperationFailed {
            let cause = row.columns.cause.unwrap_or_default();
            if let Some((_, place, paths)) = self.recent.iter().rev().find(|(id, ..)| id == cause) {
                for path in paths {
                    if let Some(history) = self.histories.get_mut(path) {
                        history.steps.retain(|(step, _)| step != place);
                    }
                }
            }
            return Ok(());
        }
        if !changes(kind) {
            return Ok(());
        }
        let subject = || row.columns.subject.unwrap_or_default().to_owned();
        let steps = if matches!(kind, Kind::FileCreate | Kind::FileSymlink | Kind::DirCreate) {
            vec![(subject(), FileState::Created)]
        } else if matches!(kind, Kind::FileDelete | Kind::DirDelete) {
            vec![(subject(), FileState::Deleted)]
        } else if matches!(kind, Kind::FileWrite | Kind::FileTruncate) {
            vec![(subject(), FileState::Modified)]
        } else if matches!(kind, Kind::FileChmod | Kind::FileChown) {
            vec![(subject(), FileState::Metadata)]
        } else {
            self.of_payload(&typed(row)?.event.payload)
        };
        if !steps.is_empty() {
            self.pending = Some((at, row.columns.id.to_vec(), steps));
        }
        Ok(())
    }

    fn of_payload(&self, payload: &Payload) -> Steps {
        if let Payload::FileClose(p) = payload {
            if p.writes > 0 { vec![(p.path.as_text().into_owned(), FileState::Modified)] } else { Vec::new() }
        } else if let Payload::FileLink(p) = payload {
            vec![(p.to.as_text().into_owned(), FileState::Created)]
        } else if let Payload::FileRename(p) = payload {
            let (from, to) = (p.path.as_text().into_owned(), p.to.as_text().into_owned());
            let beneath = format!("{from}/");
            let moved = self.histories.range(beneath.clone()..).take_while(|(path, _)| path.starts_with(&beneath));
            let moved = moved.filter(|(_, history)| !matches!(history.at(usize::MAX), FileState::Deleted | FileState::Unchanged));
            let moved: Vec<String> = moved.map(|(path, _)| path.clone()).collect();
            let mut steps = vec![(from.clone(), FileState::Deleted), (to.clone(), FileState::Renamed(from.clone()))];
            for path in moved {
                let now = format!("{to}{}", path.strip_prefix(&from).unwrap_or_default());
                steps.push((path.clone(), FileState::Deleted));
                steps.push((now, FileState::Renamed(path)));
            }
            steps
        } else {
            Vec::new()
        }
    }

    /// The last operation was refused: nothing became of its files.
    pub(super) fn refused(&mut self) {
        self.pending = None;
    }

    /// The last operation was not refused.
    pub(super) fn settle(&mut self) {
        let Some((at, id, steps)) = self.pending.take() else { return };
        let mut paths = Vec::new();
        // Where a file came from is looked up before its old name is seen to be gone.
        let origins: BTreeMap<String, FileState> =
            steps.iter().filter_map(|(path, _)| Some((path.clone(), self.histories.get(path)?.at(usize::MAX).clone()))).collect();
        for (path, state) in steps {
            let before = origins.get(&path).cloned().unwrap_or(FileState::Unchanged);
            let after = match (before, state) {
                (before @ (FileState::Created | FileState::Modified | FileState::Renamed(_)), FileState::Metadata) => before,
                (before @ (FileState::Created | FileState::Renamed(_)), FileState::Modified) => before,
                // Made by the session and gone again, or gone under a name that it got in the session.
                (FileState::Created | FileState::Renamed(_), FileState::Deleted) => FileState::Unchanged,
                // There was one before: it has other content now.
                (FileState::Deleted | FileState::Modified | FileState::Metadata, FileState::Created | FileState::Renamed(_)) => {
                    FileState::Modified
                }
                (_, FileState::Renamed(from)) => match origins.get(&from) {
                    Some(FileState::Created) => FileState::Created,
                    Some(FileState::Renamed(first)) if *first == path => FileState::Unchanged,
                    Some(FileState::Renamed(first)) => FileState::Renamed(first.clone()),
                    Some(FileState::Modified | FileState::Metadata | FileState::Deleted | FileState::Unchanged) | None => {
                        FileState::Renamed(from)
                    }
                },
                (_, state) => state,
            };
            if !self.histories.contains_key(&path) && self.histories.len() >= MOST {
                self.left_out += 1;
                continue;
            }
            let history = self.histories.entry(path.clone()).or_default();
            if *history.at(usize::MAX) != after {
                history.steps.push((at, after));
                paths.push(path);
            }
        }
        if self.recent.len() == RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back((id, at, paths));
    }
}

/// Whether operations of the kind change files.
const fn changes(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::FileCreate
            | Kind::FileWrite
            | Kind::FileClose
            | Kind::FileDelete
            | Kind::FileRename
            | Kind::FileLink
            | Kind::FileSymlink
            | Kind::FileTruncate
            | Kind::FileChmod
            | Kind::FileChown
            | Kind::DirCreate
            | Kind::DirDelete
    )
}
