//! `Keys`: the file of keys as the server sees it, read again when it changes.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::access::Access;
use super::error::{KeyFileError, Unauthorized};
use super::file::{KeyEntry, KeyFile};
use super::identity::{Credentials, Identity, Peer};
use super::key::{ApiKey, KeyProof, equal_in_constant_time};
use super::role::{Role, Roles};
use crate::event::Timestamp;
use crate::runtime::clock;

/// How old what is known of the file may be: a key that is revoked is refused after so long at most.
const LOOK: Duration = Duration::from_secs(1);

/// Who is let in.
pub struct Keys {
    file: KeyFile,
    known: Mutex<Known>,
}

struct Known {
    /// `None` while there was never a file: then anybody on this machine is let in.
    entries: Option<Vec<KeyEntry>>,
    /// Inode, size and time of the file that was read.
    stamp: Option<Stamp>,
    looked: Instant,
}

type Stamp = (u64, u64, i64, i64);

impl Keys {
    /// Reads the file, if there is one.
    ///
    /// # Errors
    /// [`KeyFileError`] when there is one and it cannot be used.
    pub fn open(file: KeyFile) -> Result<Self, KeyFileError> {
        let stamp = stamp(&file);
        let entries = file.read()?;
        Ok(Self { file, known: Mutex::new(Known { entries, stamp, looked: clock::instant() }) })
    }

    /// No keys: anybody on this machine is let in.
    #[must_use]
    pub fn none() -> Self {
        let known = Known { entries: None, stamp: None, looked: clock::instant() };
        Self { file: KeyFile::at("/nonexistent/agentsh-keys"), known: Mutex::new(known) }
    }

    /// Whether keys are asked for.
    #[must_use]
    pub fn are_required(&self) -> bool {
        self.with_entries(|entries| entries.is_some())
    }

    /// Who calls, if that is known.
    ///
    /// # Errors
    /// [`Unauthorized`], never [`Unauthorized::WrongRole`].
    pub fn authenticate(&self, shown: &Credentials<'_>, now: Timestamp) -> Result<Identity, Unauthorized> {
        self.with_entries(|entries| match entries {
            None if shown.api_key.is_some() => Err(Unauthorized::UnknownKey),
            None => Ok(Identity::local()),
            Some(entries) => find(entries, shown, now),
        })
    }

    /// Lets a call through, or says why not.
    ///
    /// # Errors
    /// [`Unauthorized`].
    pub fn admit(&self, access: Access, shown: &Credentials<'_>, now: Timestamp) -> Result<Identity, Unauthorized> {
        self.admit_as(access, shown.peer, || self.authenticate(shown, now))
    }

    /// Lets a call through that a browser makes for somebody who has signed in with a key; `None` is one whose sign-in is over.
    ///
    /// # Errors
    /// [`Unauthorized`], also when the key was revoked since.
    pub fn admit_signed_in(
        &self,
        access: Access,
        peer: &Peer,
        key: Option<&KeyProof>,
        now: Timestamp,
    ) -> Result<Identity, Unauthorized> {
        let recognize = || {
            self.with_entries(|entries| match (entries, key) {
                (None, _) => Ok(Identity::local()),
                (Some(_), None) => Err(Unauthorized::SignedOut),
                (Some(entries), Some(key)) => identity(of_key(entries, key)?, now),
            })
        };
        self.admit_as(access, peer, recognize)
    }

    fn admit_as(
        &self,
        access: Access,
        peer: &Peer,
        who: impl FnOnce() -> Result<Identity, Unauthorized>,
    ) -> Result<Identity, Unauthorized> {
        match access {
            Access::Public => return Ok(Identity::nobody()),
            Access::Local(_) if peer.is_local() => return Ok(Identity::nobody()),
            Access::Local(_) | Access::AnyKey | Access::Role(_) | Access::Named(_) => {}
        }
        let identity = who()?;
        if matches!(access, Access::Named(_)) && !identity.proven {
            return Err(Unauthorized::NoKey);
        }
        match access.roles() {
            Some(roles) if !identity.roles.contains(Role::Admin) && !identity.roles.meets(roles) => {
                let needed = roles.iter().chain([Role::Admin]).collect::<Roles>();
                Err(Unauthorized::WrongRole { name: identity.name, has: identity.roles, needed })
            }
            _ => Ok(identity),
        }
    }

    fn with_entries<T>(&self, look: impl FnOnce(Option<&[KeyEntry]>) -> T) -> T {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if clock::instant().saturating_duration_since(known.looked) >= LOOK {
            self.look_again(&mut known);
        }
        look(known.entries.as_deref())
    }

    /// A file that vanished or broke is no reason to let everybody in: then nobody new is, and what was known stays known.
    fn look_again(&self, known: &mut Known) {
        known.looked = clock::instant();
        let stamp = stamp(&self.file);
        if stamp == known.stamp {
            return;
        }
        match self.file.read() {
            Ok(Some(entries)) => known.entries = Some(entries),
            Ok(None) if known.entries.is_some() => {
                tracing::error!(path = %self.file.path().display(), "the file of keys is gone; nobody is let in until it is back");
                known.entries = Some(Vec::new());
            }
            Ok(None) => {}
            Err(error) => tracing::error!(%error, "the file of keys cannot be read; the keys that were known still count"),
        }
        known.stamp = stamp;
    }
}

fn stamp(file: &KeyFile) -> Option<Stamp> {
    let metadata = fs::metadata(file.path()).ok()?;
    Some((metadata.ino(), metadata.size(), metadata.mtime(), metadata.mtime_nsec()))
}

fn find(entries: &[KeyEntry], shown: &Credentials<'_>, now: Timestamp) -> Result<Identity, Unauthorized> {
    let entry = match shown.api_key {
        Some(text) => {
            let key = ApiKey::parse(text).ok_or(Unauthorized::UnknownKey)?;
            of_key(entries, &key.proof())?
        }
        None if shown.peer.certificate.is_empty() => return Err(Unauthorized::NoKey),
        None => {
            let named = |entry: &&KeyEntry| {
                entry.certificate.as_ref().is_some_and(|name| shown.peer.certificate.iter().any(|shown| shown == name))
            };
            let mut found = entries.iter().filter(named);
            let first = found.next().ok_or(Unauthorized::UnknownCertificate)?;
            // A newer entry of the same name replaces one that has expired.
            if first.has_expired(now) { found.find(|entry| !entry.has_expired(now)).unwrap_or(first) } else { first }
        }
    };
    identity(entry, now)
}

fn of_key<'e>(entries: &'e [KeyEntry], key: &KeyProof) -> Result<&'e KeyEntry, Unauthorized> {
    let good = |entry: &&KeyEntry| {
        entry.id == key.id && entry.sha256.as_deref().is_some_and(|known| equal_in_constant_time(known, &key.digest))
    };
    entries.iter().find(good).ok_or(Unauthorized::UnknownKey)
}

fn identity(entry: &KeyEntry, now: Timestamp) -> Result<Identity, Unauthorized> {
    if entry.has_expired(now) {
        return Err(Unauthorized::Expired { name: entry.name.clone() });
    }
    Ok(Identity { name: entry.name.clone(), roles: entry.roles(), proven: true })
}
