//! Files of the system that say how names are resolved, read again when they change.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use crate::runtime::lock::lock;

/// What a file says, and which version of the file said it.
pub(super) struct Watched<T> {
    path: PathBuf,
    read: fn(&[u8]) -> T,
    current: Mutex<Option<(Version, Arc<T>)>>,
}

/// Length and time of the last change; absent while the file cannot be read.
type Version = Option<(u64, Option<SystemTime>)>;

impl<T> Watched<T> {
    /// A file and the function that reads it. An absent file is read as an empty one.
    pub(super) fn new(path: PathBuf, read: fn(&[u8]) -> T) -> Self {
        Self { path, read, current: Mutex::new(None) }
    }

    /// What the file says now.
    pub(super) fn get(&self) -> Arc<T> {
        let version = std::fs::metadata(&self.path).ok().map(|file| (file.len(), file.modified().ok()));
        let mut current = lock(&self.current);
        if let Some((known, value)) = &*current
            && *known == version
        {
            return Arc::clone(value);
        }
        let value = Arc::new((self.read)(&std::fs::read(&self.path).unwrap_or_default()));
        *current = Some((version, Arc::clone(&value)));
        value
    }
}
