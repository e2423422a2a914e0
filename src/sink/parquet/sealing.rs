//! The range that is about to be sealed in a bucket, written down before it is sent.
//!
//! A request may outlive its sender: what a killed process had sent can reach the bucket after the next one has looked. If that one
//! sealed another range with the same first event, both objects would be there, and events twice. So the range is on this machine's disk
//! before its first byte leaves, and whoever goes on at its first event seals the same range, under the same name, with the same content:
//! the late one finds its object there, or is it.

use serde::{Deserialize, Serialize};

use super::error::LakeError;
use crate::encode::lake::FileName;
use crate::journal::{DataDir, JournalError};

/// A range of a bucket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Sealing {
    /// Bucket and prefix.
    place: String,
    pub(super) first: u64,
    pub(super) last: u64,
}

impl Sealing {
    pub(super) fn of(place: &str, name: FileName) -> Self {
        Self { place: place.to_owned(), first: name.first, last: name.last }
    }

    /// Writes it down for good.
    ///
    /// # Errors
    /// [`LakeError::Local`]; nothing may be sent then.
    pub(super) fn write(&self, data_dir: &DataDir) -> Result<(), LakeError> {
        let path = data_dir.lake_sealing();
        let written = serde_json::to_string(self).map_err(std::io::Error::from).and_then(|text| DataDir::replace(&path, &text));
        written.map_err(|source| LakeError::Local { what: "cannot write", path, source })
    }

    /// The last event of the range that begins at `first`, if one was about to be sealed there.
    ///
    /// # Errors
    /// [`LakeError::Journal`] when it cannot be read. Text that is none of ours is no range: it was never sent.
    pub(super) fn last_of(data_dir: &DataDir, place: &str, first: u64) -> Result<Option<u64>, LakeError> {
        let path = data_dir.lake_sealing();
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(JournalError::Io { what: "cannot read", path, source }.into()),
        };
        let known = serde_json::from_str::<Self>(&text).ok().filter(|known| known.place == place && known.first == first);
        Ok(known.map(|known| known.last).filter(|last| *last >= first))
    }
}
