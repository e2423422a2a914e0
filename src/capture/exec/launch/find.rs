//! Finding the command's program: what `execvp(3)` would try, as a pure list, and the look that is taken at each.

use std::ffi::CString;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use nix::errno::Errno;
use nix::unistd::{AccessFlags, eaccess};

/// Where programs are looked for when the environment has no `PATH` (`confstr(3)`, `_CS_PATH` of glibc).
const DEFAULT_PATH: &[u8] = b"/bin:/usr/bin";

/// The paths that a program's name may stand for, in the order of the search. A name with a slash stands for itself.
#[must_use]
pub fn candidates(program: &[u8], path: Option<&[u8]>) -> Vec<CString> {
    if program.is_empty() {
        return Vec::new();
    }
    if program.contains(&b'/') {
        return CString::new(program).into_iter().collect();
    }
    let directories = path.unwrap_or(DEFAULT_PATH).split(|byte| *byte == b':');
    let joined = directories.map(|directory| match directory {
        // POSIX: an empty entry is the working directory.
        b"" => [b"./", program].concat(),
        directory => [directory, b"/", program].concat(),
    });
    joined.filter_map(|candidate| CString::new(candidate).ok()).collect()
}

/// What a look at a candidate says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// It can be tried.
    Executable,
    /// There is nothing to run; the search goes on.
    Missing,
    /// There is something that may not be run; the search goes on, and says so if it finds nothing better.
    Forbidden,
}

/// Looks at a candidate before it is tried, so that what is not there is no attempt.
pub(super) fn look(candidate: &CString) -> Look {
    let path = Path::new(std::ffi::OsStr::from_bytes(candidate.as_bytes()));
    match std::fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => Look::Forbidden,
        Ok(_) => match eaccess(path, AccessFlags::X_OK) {
            Ok(()) => Look::Executable,
            Err(_) => Look::Forbidden,
        },
        Err(error) if error.raw_os_error() == Some(Errno::EACCES as i32) => Look::Forbidden,
        Err(_) => Look::Missing,
    }
}
