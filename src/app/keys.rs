//! The keys of the server: where their file is, and what the command line does with it.

use crate::config::Config;
use crate::event::Timestamp;
use crate::journal::DataDir;
use crate::runtime::{clock, ids};

pub use crate::serve::auth::{ApiKey, KeyEntry, KeyFile, KeyFileError, Role, Roles};

/// The file of keys: `auth.keys_file`, or `keys/api.json` in the data directory.
#[must_use]
pub fn key_file(config: &Config) -> KeyFile {
    match &config.auth.keys_file {
        Some(path) => KeyFile::at(path),
        None => KeyFile::at(DataDir::at(&config.data_dir).api_keys()),
    }
}

/// What a new key is for.
#[derive(Clone, Debug)]
pub struct NewKey {
    /// Who it is for.
    pub name: String,
    /// What it may do.
    pub roles: Vec<Role>,
    /// How long it is good, in microseconds; for ever, if absent.
    pub lifetime_us: Option<i64>,
    /// A name in client certificates that stands for it; then there is no key.
    pub certificate: Option<String>,
}

/// Makes a key; returns its entry, and the key itself, which is kept nowhere.
///
/// # Errors
/// [`KeyFileError`]; the file is as it was then.
pub fn create(file: &KeyFile, new: &NewKey) -> Result<(KeyEntry, Option<ApiKey>), KeyFileError> {
    let now = clock::now();
    let expires = new.lifetime_us.map(|lifetime| Timestamp::from_micros(now.as_micros().saturating_add(lifetime)));
    let key = ApiKey::new(ids::random());
    let mut entry = KeyEntry::of_key(&key, &new.name, &new.roles, now, expires);
    let shown = match &new.certificate {
        Some(certificate) => {
            entry.sha256 = None;
            entry.certificate = Some(certificate.clone());
            None
        }
        None => Some(key),
    };
    file.add(entry.clone())?;
    Ok((entry, shown))
}

/// The keys there are, oldest first.
///
/// # Errors
/// [`KeyFileError`].
pub fn list(file: &KeyFile) -> Result<Vec<KeyEntry>, KeyFileError> {
    file.read().map(Option::unwrap_or_default)
}
