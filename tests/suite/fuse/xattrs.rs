//! Extended attributes for tests: neither the standard library nor nix has them.

use std::ffi::CString;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

fn path_text(path: &Path) -> CString {
    CString::new(path.as_os_str().as_bytes()).unwrap()
}

#[expect(unsafe_code, reason = "nix has no extended attributes")]
pub fn set(path: &Path, name: &str, value: &[u8], flags: i32) -> io::Result<()> {
    let (path, name) = (path_text(path), CString::new(name)?);
    // SAFETY: both strings end in NUL, and the length is the value's own.
    let done = unsafe { libc::lsetxattr(path.as_ptr(), name.as_ptr(), value.as_ptr().cast(), value.len(), flags) };
    if done < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

#[expect(unsafe_code, reason = "nix has no extended attributes")]
pub fn remove(path: &Path, name: &str) -> io::Result<()> {
    let (path, name) = (path_text(path), CString::new(name)?);
    // SAFETY: both strings end in NUL.
    let done = unsafe { libc::lremovexattr(path.as_ptr(), name.as_ptr()) };
    if done < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// The value, read into a buffer of `room` bytes; with none, its size is what counts.
#[expect(unsafe_code, reason = "nix has no extended attributes")]
pub fn get(path: &Path, name: &str, room: usize) -> io::Result<(usize, Vec<u8>)> {
    let (path, name) = (path_text(path), CString::new(name)?);
    let mut value = vec![0; room];
    // SAFETY: both strings end in NUL, and the kernel writes at most `room` bytes.
    let size = unsafe { libc::lgetxattr(path.as_ptr(), name.as_ptr(), value.as_mut_ptr().cast(), room) };
    match usize::try_from(size) {
        Err(_) => Err(io::Error::last_os_error()),
        Ok(size) => {
            value.truncate(size);
            Ok((size, value))
        }
    }
}

/// The names, each ended by NUL.
#[expect(unsafe_code, reason = "nix has no extended attributes")]
pub fn list(path: &Path, room: usize) -> io::Result<(usize, Vec<u8>)> {
    let path = path_text(path);
    let mut names = vec![0_u8; room];
    // SAFETY: the path ends in NUL, and the kernel writes at most `room` bytes.
    let size = unsafe { libc::llistxattr(path.as_ptr(), names.as_mut_ptr().cast(), room) };
    match usize::try_from(size) {
        Err(_) => Err(io::Error::last_os_error()),
        Ok(size) => {
            names.truncate(size);
            Ok((size, names))
        }
    }
}
