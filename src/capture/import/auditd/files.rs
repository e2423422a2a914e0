//! System calls about names of files.

use super::event::{AuditEvent, NamedPath};
use super::line::AuditLine;
use crate::event::{
    DirCreate, DirDelete, FileAccess, FileChmod, FileChown, FileCreate, FileDelete, FileLink, FileOpen, FileRename, FileSymlink,
    FileTruncate, FileType, FileUtimens, FileXattr, OsText, Payload, XattrOperation,
};

/// `O_ACCMODE` (fcntl.h).
const ACCESS_MODE: u64 = 3;

/// What a system call does to a file; `None` for another call, or where no name is recorded.
pub(super) fn translate(call: &str, line: &AuditLine, event: &AuditEvent) -> Option<Payload> {
    let paths = event.paths();
    let of = |nametype: &str| paths.iter().find(|path| path.nametype == nametype).map(|path| path.path.clone());
    let named = || paths.iter().find(|path| path.nametype != "PARENT").map(|path| path.path.clone());
    // An argument by its place; that of the calls ending in `at` come one later.
    let argument = |place: usize| line.hex(["a0", "a1", "a2", "a3"].get(place).copied().unwrap_or("a3"));
    let mode = |place: usize| argument(place).and_then(|mode| u32::try_from(mode & 0o7777).ok()).unwrap_or(0);
    Some(match call {
        "open" => opened(argument(1), &paths, mode(2))?,
        "openat" => opened(argument(2), &paths, mode(3))?,
        "openat2" => {
            let how = event
                .line("OPENAT2")
                .and_then(|line| line.word("oflag"))
                .and_then(|flags| u64::from_str_radix(flags.trim_start_matches("0"), 8).ok());
            opened(how, &paths, 0)?
        }
        "creat" => opened(Some(1), &paths, mode(1))?,
        "mknod" | "mknodat" => {
            let made = paths.iter().find(|path| path.nametype == "CREATE")?;
            FileCreate {
                path: made.path.clone(),
                file_type: file_type(made.mode),
                mode: made.mode & 0o7777,
                ..FileCreate::default()
            }
            .into()
        }
        "unlink" | "unlinkat" | "rmdir" => {
            let gone = paths.iter().find(|path| path.nametype == "DELETE")?;
            if call == "rmdir" || gone.mode & 0o170_000 == 0o040_000 {
                DirDelete { path: gone.path.clone() }.into()
            } else {
                FileDelete { path: gone.path.clone(), ..FileDelete::default() }.into()
            }
        }
        "rename" | "renameat" | "renameat2" => FileRename { path: of("DELETE")?, to: of("CREATE")?, flags: 0 }.into(),
        "link" | "linkat" => FileLink { path: of("NORMAL")?, to: of("CREATE")? }.into(),
        "symlink" | "symlinkat" => {
            // What it points to has no type of a name that is there.
            let target = of("UNKNOWN").or_else(|| of("NORMAL")).unwrap_or_default();
            FileSymlink { path: of("CREATE")?, target }.into()
        }
        "mkdir" => DirCreate { path: of("CREATE")?, mode: mode(1) }.into(),
        "mkdirat" => DirCreate { path: of("CREATE")?, mode: mode(2) }.into(),
        "truncate" | "ftruncate" => FileTruncate { path: named()?, size: argument(1).unwrap_or(0) }.into(),
        "chmod" | "fchmod" => FileChmod { path: named()?, mode: mode(1) }.into(),
        "fchmodat" | "fchmodat2" => FileChmod { path: named()?, mode: mode(2) }.into(),
        "chown" | "fchown" | "lchown" => FileChown { path: named()?, uid: owner(argument(1)), gid: owner(argument(2)) }.into(),
        "fchownat" => FileChown { path: named()?, uid: owner(argument(2)), gid: owner(argument(3)) }.into(),
        "utime" | "utimes" | "futimesat" | "utimensat" => FileUtimens { path: named()?, ..FileUtimens::default() }.into(),
        "setxattr" | "lsetxattr" | "fsetxattr" => attribute(named()?, XattrOperation::Set),
        "removexattr" | "lremovexattr" | "fremovexattr" => attribute(named()?, XattrOperation::Remove),
        _ => return None,
    })
}

/// A file that was made has a name of that type.
fn opened(flags: Option<u64>, paths: &[NamedPath], mode: u32) -> Option<Payload> {
    let access = match flags.unwrap_or(0) & ACCESS_MODE {
        0 => FileAccess::Read,
        1 => FileAccess::Write,
        _ => FileAccess::ReadWrite,
    };
    let flags = flags.and_then(|flags| u32::try_from(flags).ok()).unwrap_or(0);
    if let Some(made) = paths.iter().find(|path| path.nametype == "CREATE") {
        let mode = if made.mode == 0 { mode } else { made.mode & 0o7777 };
        let file_type = file_type(made.mode);
        return Some(
            FileCreate { path: made.path.clone(), file_type, mode, access: Some(access), flags, ..FileCreate::default() }.into(),
        );
    }
    let path = paths.iter().find(|path| path.nametype != "PARENT").or_else(|| paths.first())?.path.clone();
    Some(FileOpen { path, access, flags, rights: None }.into())
}

const fn file_type(mode: u32) -> FileType {
    match mode & 0o170_000 {
        0o040_000 => FileType::Directory,
        0o120_000 => FileType::Symlink,
        0o010_000 => FileType::Fifo,
        0o140_000 => FileType::Socket,
        0o020_000 => FileType::CharDevice,
        0o060_000 => FileType::BlockDevice,
        _ => FileType::Regular,
    }
}

/// -1 leaves the owner as it is.
fn owner(argument: Option<u64>) -> Option<u32> {
    argument.map(|id| id & 0xffff_ffff).and_then(|id| u32::try_from(id).ok()).filter(|id| *id != u32::MAX)
}

/// The audit does not record which one.
fn attribute(path: OsText, operation: XattrOperation) -> Payload {
    FileXattr { path, operation, ..FileXattr::default() }.into()
}
