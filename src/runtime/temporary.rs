//! A folder for the time of a command, for the owner only.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use super::ids;

/// What the names of these folders begin with.
const PREFIX: &str = "agentsh-reading-";

/// Removed with all that is in it when this is dropped. What a process left that was killed is removed by the next one of its user.
#[derive(Debug)]
pub struct TemporaryFolder {
    path: PathBuf,
    /// Locked as long as the folder is in use.
    _lock: File,
}

impl TemporaryFolder {
    /// Makes one in the system's folder for temporary files (`TMPDIR`, else `/tmp`).
    ///
    /// # Errors
    /// When none can be made there.
    pub fn make() -> io::Result<Self> {
        let above = std::env::temp_dir();
        remove_leftovers(&above);
        let name: String = ids::random::<8>().iter().map(|byte| format!("{byte:02x}")).collect();
        let path = above.join(format!("{PREFIX}{name}"));
        DirBuilder::new().mode(0o700).create(&path)?;
        let lock = File::create(path.join("lock")).and_then(|lock| lock.lock().map(|()| lock));
        match lock {
            Ok(lock) => Ok(Self { path, _lock: lock }),
            Err(error) => {
                let _nothing_in_it = fs::remove_dir_all(&path);
                Err(error)
            }
        }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for TemporaryFolder {
    fn drop(&mut self) {
        // What cannot be removed now is removed by the next one.
        let _left = fs::remove_dir_all(&self.path);
    }
}

/// Folders that nobody has locked. Another user's cannot be opened, and one that is just being made has no lock yet.
fn remove_leftovers(above: &Path) {
    for entry in fs::read_dir(above).into_iter().flatten().flatten() {
        let is_ours = entry.file_name().to_str().is_some_and(|name| name.starts_with(PREFIX));
        let is_folder = entry.file_type().is_ok_and(|file_type| file_type.is_dir());
        if is_ours
            && is_folder
            && let Ok(lock) = File::options().write(true).open(entry.path().join("lock"))
            && lock.try_lock().is_ok()
        {
            let _left = fs::remove_dir_all(entry.path());
        }
    }
}
