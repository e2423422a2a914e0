//! Why a file cannot be imported.

use std::io;
use std::path::PathBuf;

use crate::event::ImportSource;

/// Why reading a file stopped. What was imported before is in the journal; the same command goes on behind it.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The file cannot be opened or read.
    #[error("{} cannot be read: {source}: check the path and its permissions", file.display())]
    File {
        /// The file.
        file: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file is of another type.
    #[error("{} is not {}: it {found}: {remedy}", file.display(), wanted(*.expected))]
    WrongType {
        /// The file.
        file: PathBuf,
        /// What it was to be.
        expected: ImportSource,
        /// What it looks like.
        found: &'static str,
        /// What to do.
        remedy: &'static str,
    },
    /// The file changed between its two readings.
    #[error("{} changed while it was imported: import a copy of it", file.display())]
    Changed {
        /// The file.
        file: PathBuf,
    },
    /// The compressed file grows beyond all reason.
    #[error("{} grows to more than {} times its size: expand it with gzip, look at it, and import what is sound", file.display(), super::MAX_EXPANSION)]
    Expands {
        /// The file.
        file: PathBuf,
    },
    /// There is no thread to read it on.
    #[error("no thread can be started to read the file: {source}: let this user have more of them (ulimit -u)")]
    Thread {
        /// What the system said.
        source: io::Error,
    },
}

const fn wanted(source: ImportSource) -> &'static str {
    match source {
        ImportSource::Evtx => "a Windows event log",
        ImportSource::Eslogger => "JSON lines of eslogger",
        ImportSource::Auditd => "a log of auditd",
        ImportSource::Jsonl => "JSON lines of agentsh or Sysmon",
    }
}
