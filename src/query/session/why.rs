//! Why a file is as it is: everything that changed it, under whatever names it had, and the processes that led to each change.

use serde::Serialize;

use super::tree::{Ancestor, ProcessTree};
use super::undone::Undone;
use crate::event::{Event, FileAccess, JournaledEvent, Kind, OsText, Payload, SessionId, XattrOperation};

/// Something that was done to the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Touch {
    /// Position of the event.
    pub seq: u64,
    /// When, in microseconds since 1970.
    pub time_us: i64,
    /// The session.
    pub session_id: Option<SessionId>,
    /// What was done.
    pub kind: Kind,
    /// The name that the file had then.
    pub path: OsText,
    /// The name that it got.
    pub to: Option<OsText>,
    /// Whether it was refused or failed.
    pub undone: bool,
    /// Bytes written.
    pub bytes_written: Option<u64>,
    /// Size afterwards, in bytes.
    pub size_after: Option<u64>,
    /// The processes that led to it, from the session's command to the one that did it.
    pub chain: Vec<Ancestor>,
}

/// The names that a file has had, the latest first: each up to the position at which it got another.
#[derive(Debug, Default)]
pub struct Why {
    renames: Vec<(u64, OsText, OsText)>,
    names: Vec<(OsText, u64)>,
}

impl Why {
    /// First pass: takes the names that files got.
    pub fn rename(&mut self, event: &JournaledEvent, undone: &Undone) {
        if undone.contains(event.event.id) {
            return;
        }
        if let Payload::FileRename(rename) = &event.event.payload {
            self.renames.push((event.seq.get(), rename.path.clone(), rename.to.clone()));
        } else if let Payload::FileLink(link) = &event.event.payload {
            self.renames.push((event.seq.get(), link.path.clone(), link.to.clone()));
        }
    }

    /// Between the passes: which file it is about, by its last name.
    pub fn about(&mut self, path: &OsText) {
        self.names = vec![(path.clone(), u64::MAX)];
        let mut name = path.clone();
        for (seq, from, to) in self.renames.drain(..).rev() {
            if let Some(before) = before(&name, &from, &to) {
                name = before;
                self.names.push((name.clone(), seq));
            }
        }
    }

    /// Second pass: what the event did to the file, if anything. `tree` has just taken it.
    #[must_use]
    pub fn touch(&self, event: &JournaledEvent, undone: &Undone, tree: &ProcessTree) -> Option<Touch> {
        let JournaledEvent { seq, kind, event } = event;
        let seq = seq.get();
        let done = Done::of(event)?;
        let here = |path: &OsText| self.names.iter().any(|(name, until)| name == path && seq <= *until);
        let above = |path: &OsText| {
            self.names
                .iter()
                .any(|(name, until)| seq <= *until && is_beneath(name, path) && matches!(event.payload, Payload::FileRename(_)))
        };
        let to_here = done.to.is_some_and(|to| here(to) || above(to));
        if !(here(done.path) || above(done.path) || to_here) {
            return None;
        }
        Some(Touch {
            seq,
            time_us: event.time.as_micros(),
            session_id: event.session_id.clone(),
            kind: *kind,
            path: done.path.clone(),
            to: done.to.cloned(),
            undone: undone.contains(event.id),
            bytes_written: done.bytes_written,
            size_after: done.size_after,
            chain: tree.chain(event),
        })
    }
}

/// What an event changes.
struct Done<'e> {
    path: &'e OsText,
    to: Option<&'e OsText>,
    bytes_written: Option<u64>,
    size_after: Option<u64>,
}

impl<'e> Done<'e> {
    /// `None` when it changes no file.
    fn of(event: &'e Event) -> Option<Self> {
        let payload = &event.payload;
        let at = |path| Some(Self { path, to: None, bytes_written: None, size_after: None });
        if let Payload::FileCreate(p) = payload {
            at(&p.path)
        } else if let Payload::FileOpen(p) = payload {
            // An attempt to write that was refused says why the file is not changed; one that was let through ends with a close.
            if p.access == FileAccess::Read { None } else { at(&p.path) }
        } else if let Payload::DirCreate(p) = payload {
            at(&p.path)
        } else if let Payload::FileSymlink(p) = payload {
            at(&p.path)
        } else if let Payload::FileLink(p) = payload {
            Some(Self { path: &p.path, to: Some(&p.to), bytes_written: None, size_after: None })
        } else if let Payload::FileRename(p) = payload {
            Some(Self { path: &p.path, to: Some(&p.to), bytes_written: None, size_after: None })
        } else if let Payload::FileWrite(p) = payload {
            Some(Self { path: &p.path, to: None, bytes_written: p.size, size_after: None })
        } else if let Payload::FileClose(p) = payload {
            let changed = p.writes > 0 || p.size_before != p.size_after;
            let done = Self { path: &p.path, to: None, bytes_written: Some(p.bytes_written), size_after: p.size_after };
            changed.then_some(done)
        } else if let Payload::FileTruncate(p) = payload {
            Some(Self { path: &p.path, to: None, bytes_written: None, size_after: Some(p.size) })
        } else if let Payload::FileDelete(p) = payload {
            at(&p.path)
        } else if let Payload::DirDelete(p) = payload {
            at(&p.path)
        } else if let Payload::FileChmod(p) = payload {
            at(&p.path)
        } else if let Payload::FileChown(p) = payload {
            at(&p.path)
        } else if let Payload::FileUtimens(p) = payload {
            at(&p.path)
        } else if let Payload::FileXattr(p) = payload {
            if matches!(p.operation, XattrOperation::Set | XattrOperation::Remove) { at(&p.path) } else { None }
        } else {
            None
        }
    }
}

fn is_beneath(path: &OsText, directory: &OsText) -> bool {
    path.as_bytes().strip_prefix(directory.as_bytes()).is_some_and(|rest| rest.first() == Some(&b'/'))
}

/// Whether a path is that one or beneath it.
pub(super) fn is_at_or_beneath(path: &OsText, other: &OsText) -> bool {
    path == other || is_beneath(path, other)
}

/// The name that `name` had before `from` got the name `to`, if that changed it.
fn before(name: &OsText, from: &OsText, to: &OsText) -> Option<OsText> {
    let rest = name.as_bytes().strip_prefix(to.as_bytes())?;
    (rest.is_empty() || rest.first() == Some(&b'/')).then(|| OsText::from_bytes([from.as_bytes(), rest].concat()))
}
