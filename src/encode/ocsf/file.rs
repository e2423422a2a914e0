//! The file family: 1001 File System Activity.

use super::class::Class;
use super::entities::{FileKind, file, owner, text};
use super::object::{Object, long};
use super::process::hashed;
use super::record::{Body, Status};
use crate::event::{
    FileChown, FileClose, FileCreate, FileDelete, FileLink, FileRename, FileSymlink, FileTruncate, FileUtimens, FileXattr,
    OsText, XattrOperation,
};

fn body(activity: u8, file: Object) -> Body {
    Body::new(Class::File, activity).fields(Object::new().with("file", file))
}

/// What has nothing to tell but its path.
pub(super) fn plain(activity: u8, path: &OsText, kind: FileKind) -> Body {
    body(activity, file(&text(path), kind))
}

pub(super) fn created(p: &FileCreate) -> Body {
    body(1, hashed(file(&text(&p.path), FileKind::of(p.file_type)), &p.hashes))
}

pub(super) fn deleted(p: &FileDelete) -> Body {
    body(4, hashed(file(&text(&p.path), FileKind::UNKNOWN), &p.hashes))
}

pub(super) fn closed(p: &FileClose) -> Body {
    // OCSF's list of algorithms has no BLAKE3: 99 is Other.
    let hash =
        p.blake3.as_deref().map(|value| Object::new().with("algorithm_id", 99).with("algorithm", "BLAKE3").with("value", value));
    let file = file(&text(&p.path), FileKind::REGULAR).maybe("size", p.size_after.map(long)).list("hashes", hash);
    body(99, file).called("Close").status(Status::Success)
}

fn resulting(activity: u8, path: &OsText, result: &OsText, result_kind: FileKind) -> Body {
    plain(activity, path, FileKind::UNKNOWN).fields(Object::new().with("file_result", file(&text(result), result_kind)))
}

pub(super) fn renamed(p: &FileRename) -> Body {
    resulting(5, &p.path, &p.to, FileKind::UNKNOWN)
}

pub(super) fn linked(p: &FileLink) -> Body {
    resulting(1, &p.path, &p.to, FileKind::UNKNOWN)
}

pub(super) fn symlinked(p: &FileSymlink) -> Body {
    plain(1, &p.path, FileKind::SYMLINK)
}

pub(super) fn truncated(p: &FileTruncate) -> Body {
    body(3, file(&text(&p.path), FileKind::REGULAR).with("size", long(p.size)))
}

pub(super) fn chowned(p: &FileChown) -> Body {
    body(7, file(&text(&p.path), FileKind::UNKNOWN).maybe("owner", owner(p.uid, p.gid)))
}

pub(super) fn timed(p: &FileUtimens) -> Body {
    let millis = |ns: i64| ns.div_euclid(1_000_000);
    let file = file(&text(&p.path), FileKind::UNKNOWN)
        .maybe("accessed_time", p.atime_ns.map(millis))
        .maybe("modified_time", p.mtime_ns.map(millis));
    body(6, file)
}

pub(super) fn attributed(p: &FileXattr) -> Body {
    let activity = match p.operation {
        XattrOperation::Set | XattrOperation::Remove => 6,
        XattrOperation::Get | XattrOperation::List => 8,
    };
    plain(activity, &p.path, FileKind::UNKNOWN)
}
