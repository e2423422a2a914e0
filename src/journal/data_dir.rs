//! The data directory: which file is where, and who may see it.
//!
//! ```text
//! journal.db, -wal, -shm   the journal
//! journal.lock             held while a recorder opens the journal
//! keys/journal.key         the signing key, mode 0600; keys/journal.pub the printable public key
//! keys/api.json            digests of the keys that the server takes, mode 0600
//! checkpoints/latest       the newest signed checkpoint, as a witness outside of the database
//! intakes/<id>.intake      one for each recorder that lives, or died and was not drained yet
//! doorbell/<name>.sock     one for each reader that waits for commits
//! readers/<name>.lock      held by the one process that delivers to that sink
//! lake.sealing             the range that was last about to be sealed in a bucket
//! sessions/<id>            one for each session that is open, locked by its recorder; an unlocked one was left by a recorder that died
//! ```

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::error::JournalError;

/// Paths of a data directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataDir {
    root: PathBuf,
}

impl DataDir {
    /// Names a data directory; nothing is made.
    #[must_use]
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Makes the folders that are missing, for the owner only (mode 0700).
    ///
    /// # Errors
    /// [`JournalError::Io`].
    pub fn create(root: &Path) -> Result<Self, JournalError> {
        let made = |path: &Path| {
            let new = !path.is_dir();
            let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
            // A file that is synced is still lost with its directory.
            let made = made.and_then(|()| if new { sync_directory(path.parent().unwrap_or(path)) } else { Ok(()) });
            made.map_err(|source| JournalError::Io { what: "cannot make the data directory", path: path.to_owned(), source })
        };
        made(root)?;
        // The session may have another root or working directory than we have now: keep an absolute path.
        let root = fs::canonicalize(root).map_err(|source| JournalError::Io {
            what: "cannot read the data directory",
            path: root.to_owned(),
            source,
        })?;
        let data_dir = Self { root };
        for folder in [data_dir.keys(), data_dir.intakes(), data_dir.doorbell(), data_dir.checkpoints(), data_dir.sessions()] {
            made(&folder)?;
        }
        Ok(data_dir)
    }

    /// The directory itself.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The database.
    #[must_use]
    pub fn journal(&self) -> PathBuf {
        self.root.join("journal.db")
    }

    pub(super) fn write_ahead_log(&self) -> PathBuf {
        self.root.join("journal.db-wal")
    }

    pub(super) fn keys(&self) -> PathBuf {
        self.root.join("keys")
    }

    pub(super) fn key(&self) -> PathBuf {
        self.keys().join("journal.key")
    }

    /// The printable public key.
    #[must_use]
    pub fn public_key(&self) -> PathBuf {
        self.keys().join("journal.pub")
    }

    /// The file of the server's keys, unless it is configured elsewhere.
    #[must_use]
    pub fn api_keys(&self) -> PathBuf {
        self.keys().join("api.json")
    }

    /// Folder of the intakes.
    #[must_use]
    pub fn intakes(&self) -> PathBuf {
        self.root.join("intakes")
    }

    /// Folder of the readers' sockets.
    #[must_use]
    pub fn doorbell(&self) -> PathBuf {
        self.root.join("doorbell")
    }

    /// Folder of the open sessions' files.
    #[must_use]
    pub fn sessions(&self) -> PathBuf {
        self.root.join("sessions")
    }

    /// The lake's folder where the configuration names none.
    #[must_use]
    pub fn lake(&self) -> PathBuf {
        self.root.join("lake")
    }

    /// The range that was last about to be sealed in a bucket.
    pub(crate) fn lake_sealing(&self) -> PathBuf {
        self.root.join("lake.sealing")
    }

    fn checkpoints(&self) -> PathBuf {
        self.root.join("checkpoints")
    }

    /// The newest signed checkpoint.
    #[must_use]
    pub fn latest_checkpoint(&self) -> PathBuf {
        self.checkpoints().join("latest")
    }

    /// Takes the lock under which a recorder opens the journal; it is free again when the file is dropped.
    pub(super) fn lock(&self) -> Result<File, JournalError> {
        let path = self.root.join("journal.lock");
        let locked = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&path).and_then(|file| {
            file.lock()?;
            Ok(file)
        });
        locked.map_err(|source| JournalError::Io { what: "cannot lock", path, source })
    }

    /// Takes the place of the reader `name`, of which there may be one; `None` while another process has it. It is free again when the
    /// file is dropped, or its process dies.
    ///
    /// # Errors
    /// [`JournalError::Io`] when the lock's file cannot be made.
    pub fn claim_reader(&self, name: &str) -> Result<Option<File>, JournalError> {
        let folder = self.root.join("readers");
        let path = folder.join(format!("{name}.lock"));
        let io = |source| JournalError::Io { what: "cannot lock", path: path.clone(), source };
        DirBuilder::new().recursive(true).mode(0o700).create(&folder).map_err(io)?;
        let file = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&path).map_err(io)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(source)) => Err(io(source)),
        }
    }

    /// Takes the turn to replace the witness file; it is the next one's when the file is dropped.
    pub(super) fn lock_witness(&self) -> io::Result<File> {
        let folder = File::open(self.checkpoints())?;
        folder.lock()?;
        Ok(folder)
    }

    /// Replaces a small file in one step: a reader sees the old or the new content, never a part.
    pub(crate) fn replace(path: &Path, content: &str) -> io::Result<()> {
        let temporary = path.with_extension(format!("new-{}", std::process::id()));
        let mut file = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&temporary)?;
        file.write_all(content.as_bytes())?;
        file.sync_all()?;
        fs::rename(&temporary, path)?;
        sync_directory(path.parent().unwrap_or(path))
    }
}

/// Brings a directory's entries to the disk.
fn sync_directory(path: &Path) -> io::Result<()> {
    let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    File::open(path)?.sync_all()
}
