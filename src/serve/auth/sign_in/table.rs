//! `SignIns`: cookies that are good, each with the key that it stands for.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use sha2::{Digest as _, Sha256};

use crate::runtime::ids;
use crate::serve::auth::key::{KeyProof, hex};

/// How long a sign-in is good: a working day, whatever is done meanwhile.
pub const LIFETIME: Duration = Duration::from_secs(12 * 60 * 60);

/// Sign-ins at once. For a further one the oldest ends.
const MOST: usize = 1024;

/// Sign-ins with one key at once. For a further one the oldest of that key ends, so that one key cannot end those of others.
const MOST_OF_ONE_KEY: usize = 32;

/// Bytes of a cookie.
const TOKEN: usize = 32;

/// The sign-ins of a server. They end with it.
#[derive(Debug, Default)]
pub struct SignIns {
    /// By the SHA-256 of the cookie: what is in memory opens nothing, and how long a look takes says nothing of a cookie.
    table: Mutex<BTreeMap<[u8; 32], SignIn>>,
}

#[derive(Debug)]
struct SignIn {
    key: KeyProof,
    since: Instant,
}

impl SignIn {
    fn is_over(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.since) >= LIFETIME
    }
}

impl SignIns {
    /// Signs in with a key that was found to be good; the text is for the cookie.
    pub fn begin(&self, key: KeyProof, now: Instant) -> String {
        let token: [u8; TOKEN] = ids::random();
        let text = hex(&token);
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        table.retain(|_, other| !other.is_over(now));
        if table.values().filter(|other| other.key == key).count() >= MOST_OF_ONE_KEY {
            end_oldest(&mut table, |other| other.key == key);
        } else if table.len() >= MOST {
            end_oldest(&mut table, |_| true);
        }
        table.insert(digest(&text), SignIn { key, since: now });
        text
    }

    /// The key that a cookie stands for; `None` for one that is none or is over.
    #[must_use]
    pub fn find(&self, cookie: &str, now: Instant) -> Option<KeyProof> {
        let table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        table.get(&digest(cookie)).filter(|found| !found.is_over(now)).map(|found| found.key.clone())
    }

    /// Ends the sign-in that a cookie stands for, if there is one.
    pub fn end(&self, cookie: &str) {
        self.table.lock().unwrap_or_else(PoisonError::into_inner).remove(&digest(cookie));
    }
}

fn end_oldest(table: &mut BTreeMap<[u8; 32], SignIn>, of: impl Fn(&SignIn) -> bool) {
    let oldest = table.iter().filter(|(_, other)| of(other)).min_by_key(|(_, other)| other.since).map(|(digest, _)| *digest);
    if let Some(oldest) = oldest {
        table.remove(&oldest);
    }
}

fn digest(cookie: &str) -> [u8; 32] {
    Sha256::digest(cookie.as_bytes()).into()
}
