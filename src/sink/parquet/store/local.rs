//! A lake in a folder. A file is written beside its place, synced, renamed into it, and the folder is synced.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use bytes::Bytes;

use super::select::Listing;
use crate::encode::lake::{FileName, Sealed, is_leftover};
use crate::sink::parquet::error::LakeError;
use crate::sink::parquet::step::{Step, Steps};

/// The folder, locked against a second writer for as long as it is open.
pub(in crate::sink::parquet) struct LocalStore {
    root: PathBuf,
    _lock: File,
}

impl LocalStore {
    pub(super) fn open(root: &Path) -> Result<Self, LakeError> {
        make_folder(root)?;
        let path = root.join(".agentsh.lock");
        let lock = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&path);
        let lock = lock.map_err(|source| local("cannot lock the lake:", &path, source))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { root: root.to_owned(), _lock: lock }),
            Err(fs::TryLockError::WouldBlock) => Err(LakeError::Locked { path: root.to_owned() }),
            Err(fs::TryLockError::Error(source)) => Err(local("cannot lock the lake:", &path, source)),
        }
    }

    fn path(&self, name: FileName) -> PathBuf {
        self.root.join(name.to_string())
    }

    pub(super) fn list(&self) -> Result<Listing, LakeError> {
        let mut listing = Listing::default();
        for folder in entries(&self.root)? {
            let Some(date) = folder.file_name().to_str().map(str::to_owned).filter(|name| name.starts_with("date=")) else {
                continue;
            };
            for entry in entries(&folder.path())? {
                let path = entry.path();
                let name = entry.file_name();
                let Some(name) = name.to_str() else { continue };
                if is_leftover(name) {
                    fs::remove_file(&path).map_err(|source| local("cannot remove the leftover", &path, source))?;
                } else if let Some(name) = FileName::parse(&format!("{date}/{name}")) {
                    let bytes = entry.metadata().map_err(|source| local("cannot look at", &path, source))?.len();
                    listing.sealed.push(Sealed { name, bytes });
                }
            }
        }
        Ok(listing)
    }

    pub(super) fn put(&self, name: FileName, bytes: &Bytes, steps: &mut Steps) -> Result<(), LakeError> {
        let folder = self.root.join(name.folder());
        make_folder(&folder)?;
        steps(Step::Folder);
        let temporary = folder.join(name.temporary());
        let written =
            OpenOptions::new().create(true).truncate(true).write(true).mode(0o640).open(&temporary).and_then(|mut file| {
                file.write_all(bytes)?;
                steps(Step::Written);
                file.sync_all()
            });
        if let Err(source) = written {
            // What was written of it takes room on a disk that may be full. It is removed at the next start otherwise.
            let _it_may_not_be_there = fs::remove_file(&temporary);
            return Err(local("cannot write", &temporary, source));
        }
        steps(Step::Synced);
        let path = self.path(name);
        fs::rename(&temporary, &path).map_err(|source| local("cannot rename a file to", &path, source))?;
        steps(Step::Renamed);
        sync_folder(&folder)?;
        steps(Step::Sealed);
        Ok(())
    }

    pub(super) fn read(&self, name: FileName) -> Result<Bytes, LakeError> {
        let path = self.path(name);
        fs::read(&path).map(Bytes::from).map_err(|source| local("cannot read", &path, source))
    }

    pub(super) fn remove(&self, name: FileName, steps: &mut Steps) -> Result<(), LakeError> {
        let path = self.path(name);
        match fs::remove_file(&path) {
            Ok(()) => steps(Step::Removed),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(source) => return Err(local("cannot remove", &path, source)),
        }
        Ok(())
    }
}

fn entries(folder: &Path) -> Result<Vec<fs::DirEntry>, LakeError> {
    match fs::read_dir(folder).and_then(Iterator::collect) {
        Ok(entries) => Ok(entries),
        // Files that lie in the lake are none of its folders.
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => Ok(Vec::new()),
        Err(source) => Err(local("cannot list", folder, source)),
    }
}

/// Makes a folder that stays: its name is on the disk too.
fn make_folder(folder: &Path) -> Result<(), LakeError> {
    let new = !folder.is_dir();
    let made = DirBuilder::new().recursive(true).mode(0o750).create(folder);
    made.map_err(|source| local("cannot make the folder", folder, source))?;
    match folder.parent() {
        Some(parent) if new && !parent.as_os_str().is_empty() => sync_folder(parent),
        _ => Ok(()),
    }
}

fn sync_folder(folder: &Path) -> Result<(), LakeError> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(|source| local("cannot sync", folder, source))
}

fn local(what: &'static str, path: &Path, source: io::Error) -> LakeError {
    LakeError::Local { what, path: path.to_owned(), source }
}
