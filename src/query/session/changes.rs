//! What became of a session's files, net of intermediate steps: what is made and removed again, or written ten times, counts once or not
//! at all.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::Serialize;

use super::undone::Undone;
use crate::event::{Event, FileType, JournaledEvent, OsText, Payload, XattrOperation};

/// `RENAME_EXCHANGE` of `renameat2(2)`.
const EXCHANGE: u32 = 2;

/// Processes that are named at a change; the first ones.
const NAMED: usize = 8;

/// What became of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// It is there now and was not before.
    Created,
    /// It has other content than before.
    Modified,
    /// It has another name than before, and the same content.
    Renamed,
    /// Its content is as before; mode, owner, times or extended attributes are not.
    Metadata,
    /// It is not there any more.
    Deleted,
}

impl ChangeKind {
    /// The stable name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            ChangeKind::Created => "created",
            ChangeKind::Modified => "modified",
            ChangeKind::Renamed => "renamed",
            ChangeKind::Metadata => "metadata",
            ChangeKind::Deleted => "deleted",
        }
    }
}

/// What became of one file or directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Change {
    /// What became of it.
    pub change: ChangeKind,
    /// Its name now, or the one that it had when it was deleted.
    pub path: OsText,
    /// The name that it had when the session began, where that was another.
    pub from: Option<OsText>,
    /// What it is, where that was seen.
    pub file_type: Option<FileType>,
    /// Size before its first change, in bytes.
    pub size_before: Option<u64>,
    /// Size after its last change, in bytes.
    pub size_after: Option<u64>,
    /// BLAKE3 of its content after its last change, in hex, where that is kept.
    pub blake3: Option<String>,
    /// Positions of the first and the last event that changed it.
    pub seqs: (u64, u64),
    /// Events that changed it.
    pub steps: u64,
    /// The programs that changed it, in order of their first change; at most eight.
    pub programs: Vec<OsText>,
}

/// What became of a session's files.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Changes {
    /// By path.
    pub changes: Vec<Change>,
    /// Files that were made and removed again.
    pub transient: u64,
}

impl Changes {
    /// How many of a kind.
    #[must_use]
    pub fn count(&self, kind: ChangeKind) -> usize {
        self.changes.iter().filter(|change| change.change == kind).count()
    }
}

/// A file that is there, or that is not any more.
#[derive(Clone, Debug, Default)]
struct Known {
    /// The name that it had when the session began; `None` when it was made since.
    origin: Option<OsText>,
    written: bool,
    file_type: Option<FileType>,
    size_before: Option<u64>,
    size_after: Option<u64>,
    blake3: Option<String>,
    seqs: (u64, u64),
    steps: u64,
    programs: Vec<OsText>,
}

impl Known {
    fn step(&mut self, seq: u64, event: &Event) {
        if self.steps == 0 {
            self.seqs.0 = seq;
        }
        self.seqs.1 = seq;
        self.steps += 1;
        let actor = event.actor.as_ref();
        let program = actor.and_then(|actor| actor.exe.as_ref().or(actor.comm.as_ref()));
        if let Some(program) = program.filter(|program| self.programs.len() < NAMED && !self.programs.contains(program)) {
            self.programs.push(program.clone());
        }
    }

    fn change(self, change: ChangeKind, path: OsText, from: Option<OsText>) -> Change {
        let Self { file_type, size_before, size_after, blake3, seqs, steps, programs, .. } = self;
        let size_after = if change == ChangeKind::Deleted { None } else { size_after };
        let blake3 = if change == ChangeKind::Deleted { None } else { blake3 };
        Change { change, path, from, file_type, size_before, size_after, blake3, seqs, steps, programs }
    }
}

/// Follows the files of one session. Events are to come in order, with what did not happen known before.
#[derive(Default)]
pub struct FileChanges {
    undone: Undone,
    /// What is there and was touched.
    here: BTreeMap<OsText, Known>,
    /// What was there when the session began and was removed or replaced.
    gone: BTreeMap<OsText, Known>,
    /// Names that were opened and not made before: they were there when the session began.
    opened: BTreeSet<OsText>,
    transient: u64,
}

impl FileChanges {
    /// Follows files; what is in `undone` did not happen.
    #[must_use]
    pub fn new(undone: Undone) -> Self {
        Self { undone, ..Self::default() }
    }

    /// Takes an event in.
    pub fn take(&mut self, event: &JournaledEvent) {
        let JournaledEvent { seq, event, .. } = event;
        let seq = seq.get();
        if self.undone.contains(event.id) {
            return;
        }
        let payload = &event.payload;
        if let Payload::FileOpen(open) = payload {
            if !self.here.contains_key(&open.path) && !self.gone.contains_key(&open.path) {
                self.opened.insert(open.path.clone());
            }
        } else if let Payload::FileCreate(create) = payload {
            self.create(&create.path, create.file_type, seq, event);
        } else if let Payload::DirCreate(create) = payload {
            self.create(&create.path, FileType::Directory, seq, event);
        } else if let Payload::FileSymlink(link) = payload {
            self.create(&link.path, FileType::Symlink, seq, event);
        } else if let Payload::FileLink(link) = payload {
            self.create(&link.to, FileType::Regular, seq, event);
        } else if let Payload::FileWrite(write) = payload {
            let known = self.known(&write.path, seq, event);
            known.written |= write.size != Some(0);
        } else if let Payload::FileTruncate(truncate) = payload {
            let known = self.known(&truncate.path, seq, event);
            known.written = true;
            known.size_after = Some(truncate.size);
        } else if let Payload::FileClose(close) = payload {
            let resized = close.size_before.is_some() && close.size_after.is_some() && close.size_before != close.size_after;
            if close.writes > 0 || resized {
                let known = self.known(&close.path, seq, event);
                known.written = true;
                if known.origin.is_some() && known.size_before.is_none() {
                    known.size_before = close.size_before;
                }
                known.size_after = close.size_after.or(known.size_after);
                known.blake3.clone_from(&close.blake3);
            }
        } else if let Payload::FileDelete(delete) = payload {
            self.delete(&delete.path, seq, event);
        } else if let Payload::DirDelete(delete) = payload {
            self.delete(&delete.path, seq, event);
        } else if let Payload::FileRename(rename) = payload {
            self.rename(&rename.path, &rename.to, rename.flags, seq, event);
        } else if let Payload::FileXattr(xattr) = payload {
            if matches!(xattr.operation, XattrOperation::Set | XattrOperation::Remove) {
                self.known(&xattr.path, seq, event);
            }
        } else if let Payload::FileChmod(chmod) = payload {
            self.known(&chmod.path, seq, event);
        } else if let Payload::FileChown(chown) = payload {
            self.known(&chown.path, seq, event);
        } else if let Payload::FileUtimens(times) = payload {
            self.known(&times.path, seq, event);
        }
    }

    /// What became of the files.
    #[must_use]
    pub fn finish(mut self) -> Changes {
        let moved: BTreeMap<OsText, OsText> = self
            .here
            .iter()
            .filter_map(|(path, known)| {
                known.origin.as_ref().filter(|origin| *origin != path).map(|origin| (path.clone(), origin.clone()))
            })
            .collect();
        let mut changes = Vec::new();
        for (path, known) in std::mem::take(&mut self.here) {
            match &known.origin {
                None => {
                    // Something else was there before, as when a new file is put in the place of an old one.
                    let replaced = self.gone.remove(&path);
                    let kind = if replaced.is_some() { ChangeKind::Modified } else { ChangeKind::Created };
                    let mut change = known.change(kind, path, None);
                    if let Some(replaced) = replaced {
                        change.size_before = replaced.size_before.or(replaced.size_after);
                        change.seqs.0 = change.seqs.0.min(replaced.seqs.0);
                        change.steps += replaced.steps;
                    }
                    changes.push(change);
                }
                Some(origin) if *origin == path => {
                    let kind = if known.written { ChangeKind::Modified } else { ChangeKind::Metadata };
                    changes.push(known.change(kind, path, None));
                }
                Some(origin) => {
                    self.gone.remove(&path);
                    let follows = carried(&moved, &path).is_some_and(|carried| carried == *origin);
                    let from = Some(origin.clone());
                    if known.written {
                        changes.push(known.change(ChangeKind::Modified, path, from));
                    } else if !follows {
                        // What only went along with its directory is told of there.
                        changes.push(known.change(ChangeKind::Renamed, path, from));
                    }
                }
            }
        }
        let gone = std::mem::take(&mut self.gone);
        changes.extend(gone.into_iter().map(|(path, known)| known.change(ChangeKind::Deleted, path, None)));
        changes.sort_by(|a, b| a.path.cmp(&b.path).then(a.seqs.cmp(&b.seqs)));
        Changes { changes, transient: self.transient }
    }

    /// A file that is there and is changed now.
    fn known(&mut self, path: &OsText, seq: u64, event: &Event) -> &mut Known {
        let known = self.here.entry(path.clone()).or_insert_with(|| Known { origin: Some(path.clone()), ..Known::default() });
        known.step(seq, event);
        known
    }

    fn create(&mut self, path: &OsText, file_type: FileType, seq: u64, event: &Event) {
        self.replace(path);
        let mut known = Known { file_type: Some(file_type), ..Known::default() };
        known.step(seq, event);
        self.here.insert(path.clone(), known);
    }

    /// What stands at `path` is about to be replaced.
    fn replace(&mut self, path: &OsText) {
        match self.here.remove(path) {
            Some(Known { origin: None, .. }) => {}
            Some(known) => self.lose(known),
            None if self.opened.contains(path) && !self.gone.contains_key(path) => {
                self.gone.insert(path.clone(), Known::default());
            }
            None => {}
        }
    }

    /// A file that was there when the session began is there no more.
    fn lose(&mut self, known: Known) {
        if let Some(origin) = known.origin.clone() {
            self.gone.insert(origin, known);
        }
    }

    fn delete(&mut self, path: &OsText, seq: u64, event: &Event) {
        match self.here.remove(path) {
            Some(Known { origin: None, .. }) => self.transient += 1,
            Some(mut known) => {
                known.step(seq, event);
                self.lose(known);
            }
            None => {
                let mut known = Known { origin: Some(path.clone()), ..Known::default() };
                known.step(seq, event);
                self.lose(known);
            }
        }
    }

    fn rename(&mut self, from: &OsText, to: &OsText, flags: u32, seq: u64, event: &Event) {
        if flags & EXCHANGE != 0 {
            let (mut one, mut other) = (self.cut(from), self.cut(to));
            one.step(seq, event);
            other.step(seq, event);
            let (beneath_one, beneath_other) = (self.cut_beneath(from), self.cut_beneath(to));
            self.put(to, one, beneath_one);
            self.put(from, other, beneath_other);
            return;
        }
        let mut known = self.cut(from);
        known.step(seq, event);
        let beneath = self.cut_beneath(from);
        self.replace(to);
        self.put(to, known, beneath);
    }

    /// Takes a file out of its place.
    fn cut(&mut self, path: &OsText) -> Known {
        self.here.remove(path).unwrap_or_else(|| Known { origin: Some(path.clone()), ..Known::default() })
    }

    /// Takes out what is beneath a directory, by the rest of its path.
    fn cut_beneath(&mut self, directory: &OsText) -> Vec<(Vec<u8>, Known)> {
        let start = [directory.as_bytes(), b"/"].concat();
        let first = OsText::from_bytes(start.clone());
        let paths: Vec<OsText> = self
            .here
            .range(first..)
            .map(|(path, _)| path)
            .take_while(|path| path.as_bytes().starts_with(&start))
            .cloned()
            .collect();
        paths
            .into_iter()
            .filter_map(|path| {
                let rest = path.as_bytes().get(directory.as_bytes().len()..)?.to_vec();
                self.here.remove(&path).map(|known| (rest, known))
            })
            .collect()
    }

    fn put(&mut self, path: &OsText, known: Known, beneath: Vec<(Vec<u8>, Known)>) {
        for (rest, known) in beneath {
            self.here.insert(OsText::from_bytes([path.as_bytes(), &rest].concat()), known);
        }
        self.here.insert(path.clone(), known);
    }
}

/// Where something at `path` was when the session began if all that happened to it is that a directory above it was moved.
fn carried(moved: &BTreeMap<OsText, OsText>, path: &OsText) -> Option<OsText> {
    let bytes = path.as_bytes();
    let cuts = bytes.iter().enumerate().rev().filter(|(_, byte)| **byte == b'/').map(|(at, _)| at);
    for at in cuts {
        let (above, rest) = bytes.split_at_checked(at)?;
        if let Some(origin) = moved.get(&OsText::from_bytes(above)) {
            return Some(OsText::from_bytes([origin.as_bytes(), rest].concat()));
        }
    }
    None
}
