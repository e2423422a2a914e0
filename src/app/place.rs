//! `Place`: how far a named reader of the journal has come, kept between its runs.

use std::fs::File;
use std::time::{Duration, Instant};

use crate::journal::{CursorStore, DataDir, JournalError, StoreError};
use crate::runtime::clock;

/// What the names of these cursors begin with: sinks and detectors keep theirs in the same table.
const PREFIX: &str = "reader/";

/// Characters of a name.
const LONGEST: usize = 64;

/// While events come, a place is written this often; a reader that is killed repeats what it read since.
const WRITTEN_EVERY: Duration = Duration::from_secs(1);

/// Why a place cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    /// The name has other characters, none, or too many.
    #[error(
        "`{name}` cannot name a reader: take 1 to {LONGEST} letters, digits, `.`, `_` and `-`, the first a letter or a digit"
    )]
    Name {
        /// The name as it was given.
        name: String,
    },
    /// Some process reads under this name.
    #[error("another process reads as `{name}`: two would share one place: end it, or take another name")]
    Taken {
        /// The name.
        name: String,
    },
    /// The journal cannot be opened, or the place cannot be claimed.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The place cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The place of one reader. While this lives no other process reads under the name.
pub struct Place {
    cursors: CursorStore,
    cursor: String,
    seen: u64,
    written: u64,
    written_at: Instant,
    _claim: File,
}

impl Place {
    /// Takes the place of the reader `name`: where it was left, or before the first event.
    ///
    /// # Errors
    /// [`PlaceError`].
    pub fn take(data_dir: &DataDir, name: &str) -> Result<Self, PlaceError> {
        let fits = |ch: char| ch.is_ascii_alphanumeric() || "._-".contains(ch);
        if name.len() > LONGEST || !name.starts_with(|ch: char| ch.is_ascii_alphanumeric()) || !name.chars().all(fits) {
            return Err(PlaceError::Name { name: name.to_owned() });
        }
        let cursors = CursorStore::open(data_dir)?;
        let claim = data_dir.claim_reader(&format!("place-{name}"))?;
        let claim = claim.ok_or_else(|| PlaceError::Taken { name: name.to_owned() })?;
        let cursor = format!("{PREFIX}{name}");
        let written = cursors.get(&cursor)?.unwrap_or(0);
        Ok(Self { cursors, cursor, seen: written, written, written_at: clock::instant(), _claim: claim })
    }

    /// Everything up to this `seq` was read.
    #[must_use]
    pub const fn seq(&self) -> u64 {
        self.seen
    }

    /// Begins anew behind `seq`, which may lie before where it stands.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn restart(&mut self, seq: u64) -> Result<(), PlaceError> {
        self.cursors.set(&self.cursor, seq)?;
        (self.seen, self.written) = (seq, seq);
        Ok(())
    }

    /// Everything up to `seq` was read. It is on disk within a second of the next call, or with [`Place::keep`].
    ///
    /// # Errors
    /// What SQLite says.
    pub fn read(&mut self, seq: u64) -> Result<(), PlaceError> {
        self.seen = self.seen.max(seq);
        if clock::instant().saturating_duration_since(self.written_at) >= WRITTEN_EVERY { self.keep() } else { Ok(()) }
    }

    /// Writes the place down.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn keep(&mut self) -> Result<(), PlaceError> {
        if self.seen > self.written {
            self.cursors.advance(&self.cursor, self.seen, &[])?;
            self.written = self.seen;
        }
        self.written_at = clock::instant();
        Ok(())
    }
}
