//! The folder that a copy is made in.

use super::error::EvidenceError;
use crate::runtime::temporary::TemporaryFolder;

/// A folder for the time of the command.
pub(super) fn make_place() -> Result<TemporaryFolder, EvidenceError> {
    TemporaryFolder::make().map_err(|source| EvidenceError::Io {
        what: "cannot make a folder in",
        path: std::env::temp_dir(),
        source,
    })
}
