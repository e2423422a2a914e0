//! The directory that a session watches: what may be one, and how the recorder keeps hold of it.

use std::ffi::{OsStr, OsString};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::fcntl::{OFlag, open};
use nix::sys::stat::Mode;

use super::error::{RunError, WorkspaceProblem};

/// Type under which our mounts show in `/proc/self/mountinfo`.
const FSTYPE: &str = "fuse.agentsh";

/// A directory that can be watched.
#[derive(Debug)]
pub struct Workspace {
    /// The directory, absolute, with links resolved.
    pub path: PathBuf,
    /// The directory itself, whatever is mounted over its path later.
    pub root: OwnedFd,
    /// Device and inode of the data directory, if that lies within the workspace: it is hidden there (G-9).
    pub hidden: Vec<(u64, u64)>,
}

impl Workspace {
    /// Checks and opens a workspace.
    ///
    /// # Errors
    /// [`RunError::Workspace`] with the reason and the way out.
    pub fn open(given: &Path, data_dir: &Path) -> Result<Self, RunError> {
        let refuse = |problem| RunError::Workspace { path: given.to_owned(), problem };
        let path = std::fs::canonicalize(given).map_err(|error| refuse(WorkspaceProblem::Unreachable(error)))?;
        let metadata = std::fs::metadata(&path).map_err(|error| refuse(WorkspaceProblem::Unreachable(error)))?;
        if !metadata.is_dir() {
            return Err(refuse(WorkspaceProblem::NotADirectory));
        }
        if path == Path::new("/") {
            return Err(refuse(WorkspaceProblem::Root));
        }
        let mounts = std::fs::read("/proc/self/mountinfo").unwrap_or_default();
        if let Some(mount) = innermost_mount(&mounts, &path).filter(|mount| mount.fstype == FSTYPE) {
            return Err(refuse(WorkspaceProblem::Nested(mount.point)));
        }
        if path.starts_with(data_dir) {
            return Err(refuse(WorkspaceProblem::InDataDirectory(data_dir.to_owned())));
        }
        let root = open(&path, OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty())
            .map_err(|errno| refuse(WorkspaceProblem::Unreachable(errno.into())))?;
        let hidden = match std::fs::metadata(data_dir) {
            Ok(inside) if data_dir.starts_with(&path) => vec![(inside.dev(), inside.ino())],
            Ok(_) | Err(_) => Vec::new(),
        };
        Ok(Self { path, root, hidden })
    }
}

/// One line of `mountinfo` (`proc_pid_mountinfo(5)`).
#[derive(Debug, PartialEq, Eq)]
struct Mount {
    point: PathBuf,
    fstype: String,
}

/// The mount that `path` lies in: the last one whose mount point is a prefix of it and is not covered by a shorter later one.
fn innermost_mount(mountinfo: &[u8], path: &Path) -> Option<Mount> {
    let mut innermost: Option<Mount> = None;
    for line in mountinfo.split(|byte| *byte == b'\n') {
        let Some(mount) = parse_mount(line).filter(|mount| path.starts_with(&mount.point)) else { continue };
        let covers = innermost.as_ref().is_none_or(|known| mount.point.as_os_str().len() >= known.point.as_os_str().len());
        if covers {
            innermost = Some(mount);
        }
    }
    innermost
}

fn parse_mount(line: &[u8]) -> Option<Mount> {
    let mut fields = line.split(|byte| *byte == b' ');
    let point = PathBuf::from(OsString::from_vec(unescape(fields.nth(4)?)));
    let mut after = fields.skip_while(|field| *field != b"-");
    after.next()?;
    let fstype = OsStr::from_bytes(after.next()?).to_str()?.to_owned();
    Some(Mount { point, fstype })
}

/// Space, tab, newline and backslash stand as three octal digits behind a backslash.
fn unescape(field: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((&byte, tail)) = rest.split_first() {
        if byte == b'\\'
            && let Some((digits, after)) = tail.split_at_checked(3)
            && let Some(value) = std::str::from_utf8(digits).ok().and_then(|digits| u8::from_str_radix(digits, 8).ok())
        {
            bytes.push(value);
            rest = after;
        } else {
            bytes.push(byte);
            rest = tail;
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTS: &[u8] = b"22 1 254:0 / / rw - ext4 /dev/vda rw\n\
        30 22 0:40 / /home/dev/my\\040project rw,nosuid - fuse.agentsh agentsh rw\n\
        31 22 0:41 / /home rw shared:3 - tmpfs tmpfs rw\n";

    fn check(path: &str, expected: (&str, &str)) {
        let expected = Mount { point: expected.0.into(), fstype: expected.1.to_owned() };
        assert_eq!(innermost_mount(MOUNTS, Path::new(path)), Some(expected), "{path}");
    }

    #[test]
    fn the_innermost_mount_of_a_path_is_found() {
        check("/home/dev/my project/src", ("/home/dev/my project", "fuse.agentsh"));
        check("/home/dev/my projects", ("/home", "tmpfs"));
        check("/etc", ("/", "ext4"));
    }
}
