//! From a file and what it is said to be to its records.

use super::error::ImportError;
use super::input::Input;
use super::record::Record;
use super::{auditd, eslogger, evtx, jsonl};
use crate::event::ImportSource;

/// Gives the records of a file, in their order, in bounded memory.
pub trait Reader: Send {
    /// The next record; `None` at the end.
    ///
    /// # Errors
    /// [`ImportError`] when the file cannot be read any further. A record that is damaged is no error: it is
    /// [`Content::Unread`](super::Content::Unread).
    fn next(&mut self) -> Result<Option<Record>, ImportError>;

    /// Of a file without a hash of its own, the hash of what was read up to the end of the last record.
    fn rolling_digest(&self) -> Option<String>;

    /// Bytes of the file, expanded, that were read so far.
    fn position(&self) -> u64;

    /// The file.
    fn input(&self) -> &Input;
}

/// Starts to read a file.
///
/// # Errors
/// [`ImportError::WrongType`] when it is something else, [`ImportError::File`] when it cannot be read.
pub fn open(source: ImportSource, input: Input) -> Result<Box<dyn Reader>, ImportError> {
    Ok(match source {
        ImportSource::Evtx => Box::new(evtx::EvtxReader::open(input)?),
        ImportSource::Eslogger => Box::new(eslogger::EsloggerReader::open(input)),
        ImportSource::Auditd => Box::new(auditd::AuditdReader::open(input)),
        ImportSource::Jsonl => Box::new(jsonl::JsonlReader::open(input)),
    })
}
