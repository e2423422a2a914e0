//! Making the file of an intake: locked, allocated, headed, and only then under the name that recovery looks at.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use super::format::{HEADER, Identity};
use crate::runtime::mapped_file::MappedFile;

/// Makes `path` through `temporary`, locks it and maps it. A file that was begun is removed when something fails.
pub(super) fn make(temporary: &Path, path: &Path, identity: Identity) -> io::Result<MappedFile> {
    let made = begin(temporary, identity).and_then(|map| {
        std::fs::rename(temporary, path)?;
        Ok(map)
    });
    if made.is_err() {
        let _already_gone = std::fs::remove_file(temporary);
    }
    made
}

fn begin(temporary: &Path, identity: Identity) -> io::Result<MappedFile> {
    let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(temporary)?;
    file.try_lock()?;
    let len = identity.capacity + HEADER as u64;
    allocate(&file, len)?;
    let map = MappedFile::map(file, usize::try_from(len).map_err(io::Error::other)?)?;
    map.write(0, &identity.to_bytes())?;
    Ok(map)
}

/// Brings a directory's entries to the disk: a file that is synced is still lost if its name is not.
pub(super) fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

fn allocate(file: &File, len: u64) -> io::Result<()> {
    let size = i64::try_from(len).map_err(io::Error::other)?;
    match nix::fcntl::fallocate(file, nix::fcntl::FallocateFlags::empty(), 0, size) {
        Ok(()) => Ok(()),
        Err(nix::errno::Errno::EOPNOTSUPP) => {
            // No fallocate here: write the zeros.
            let zeros = vec![0_u8; 1 << 20];
            let mut at = 0;
            while at < len {
                let part = usize::try_from(len - at).unwrap_or(usize::MAX).min(zeros.len());
                let written = file.write_at(zeros.get(..part).unwrap_or_default(), at)?;
                at += written as u64;
            }
            Ok(())
        }
        Err(errno) => Err(errno.into()),
    }
}
