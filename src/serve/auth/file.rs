//! The file of keys: JSON, mode 0600, replaced in one step. It holds digests and no key.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::error::KeyFileError;
use super::key::ApiKey;
use super::role::{Role, Roles};
use crate::event::Timestamp;

/// One key, or one name that client certificates are for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyEntry {
    /// The part of the key that may be shown; of a certificate's entry, a number of its own.
    pub id: String,
    /// Who it is for; what events and log lines name.
    pub name: String,
    /// What it may do.
    pub roles: Vec<Role>,
    /// SHA-256 of the key's secret, in hex.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// A name (DNS or URI) in client certificates that stands for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<String>,
    /// When it was made, µs since 1970.
    pub created_us: i64,
    /// When it ends, µs since 1970; never, if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_us: Option<i64>,
}

impl KeyEntry {
    /// What it may do, as a set.
    #[must_use]
    pub fn roles(&self) -> Roles {
        self.roles.iter().copied().collect()
    }

    /// Whether it has ended.
    #[must_use]
    pub fn has_expired(&self, now: Timestamp) -> bool {
        self.expires_us.is_some_and(|end| end <= now.as_micros())
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    version: u32,
    keys: Vec<KeyEntry>,
}

/// The file by its path.
#[derive(Clone, Debug)]
pub struct KeyFile {
    path: PathBuf,
}

impl KeyFile {
    /// Names the file; nothing is read or made.
    #[must_use]
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// The path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The keys; `None` when there is no file.
    ///
    /// # Errors
    /// [`KeyFileError`] when it cannot be read, is damaged, or is open to others.
    pub fn read(&self) -> Result<Option<Vec<KeyEntry>>, KeyFileError> {
        let failed = |source| KeyFileError::Io { what: "cannot read the keys in", path: self.path.clone(), source };
        let metadata = match fs::metadata(&self.path) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        let mode = metadata.mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(KeyFileError::Open { path: self.path.clone(), mode });
        }
        let text = fs::read_to_string(&self.path).map_err(failed)?;
        let content: Content =
            serde_json::from_str(&text).map_err(|source| KeyFileError::Damaged { path: self.path.clone(), source })?;
        Ok(Some(content.keys))
    }

    /// Adds an entry under a lock, so that two calls at once both count.
    ///
    /// # Errors
    /// [`KeyFileError`]; the file is as it was then.
    pub fn add(&self, entry: KeyEntry) -> Result<(), KeyFileError> {
        check_name(&entry.name)?;
        if entry.roles.is_empty() {
            return Err(KeyFileError::NoRole);
        }
        self.change(|keys| {
            // One name may have two keys, so that one can replace the other while both are good.
            if let Some(other) = keys.iter().find(|other| other.name == entry.name && other.roles() != entry.roles()) {
                return Err(KeyFileError::OtherRoles { name: entry.name.clone(), roles: other.roles() });
            }
            keys.push(entry);
            Ok(())
        })
    }

    /// Takes every key with this name or id out; returns them.
    ///
    /// # Errors
    /// [`KeyFileError`]; the file is as it was then.
    pub fn revoke(&self, name: &str) -> Result<Vec<KeyEntry>, KeyFileError> {
        self.change(|keys| {
            let (gone, kept): (Vec<_>, Vec<_>) =
                std::mem::take(keys).into_iter().partition(|entry| entry.name == name || entry.id == name);
            *keys = kept;
            if gone.is_empty() { Err(KeyFileError::Missing { name: name.to_owned() }) } else { Ok(gone) }
        })
    }

    fn change<T>(&self, change: impl FnOnce(&mut Vec<KeyEntry>) -> Result<T, KeyFileError>) -> Result<T, KeyFileError> {
        let failed = |source| KeyFileError::Io { what: "cannot write the keys to", path: self.path.clone(), source };
        let folder = self.path.parent().unwrap_or(Path::new("/"));
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
        let lock = File::open(folder).and_then(|folder| folder.lock().map(|()| folder)).map_err(failed)?;
        let mut keys = self.read()?.unwrap_or_default();
        let changed = change(&mut keys)?;
        self.replace(&Content { version: 1, keys }).map_err(failed)?;
        lock.sync_all().map_err(failed)?;
        Ok(changed)
    }

    fn replace(&self, content: &Content) -> io::Result<()> {
        let temporary = self.path.with_extension("new");
        let mut file = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&temporary)?;
        let text = serde_json::to_string_pretty(content).map_err(io::Error::other)?;
        file.write_all(text.as_bytes())?;
        file.write_all(b"\n")?;
        file.sync_all()?;
        fs::rename(&temporary, &self.path)
    }
}

impl KeyEntry {
    /// The entry of a key.
    #[must_use]
    pub fn of_key(key: &ApiKey, name: &str, roles: &[Role], now: Timestamp, expires: Option<Timestamp>) -> Self {
        Self {
            id: key.id().to_owned(),
            name: name.to_owned(),
            roles: roles.to_vec(),
            sha256: Some(key.digest()),
            certificate: None,
            created_us: now.as_micros(),
            expires_us: expires.map(Timestamp::as_micros),
        }
    }
}

/// The name becomes part of session ids of sensors and of log lines: nothing may stand in it that means something there.
fn check_name(name: &str) -> Result<(), KeyFileError> {
    let letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let good = name.len() <= 64
        && name.bytes().next().is_some_and(letter)
        && name.bytes().all(|byte| letter(byte) || matches!(byte, b'.' | b'_' | b'-'));
    if good { Ok(()) } else { Err(KeyFileError::Name { name: name.to_owned() }) }
}
