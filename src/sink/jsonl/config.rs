//! Section `sinks.jsonl` of the configuration.

use std::path::PathBuf;

use serde::Deserialize;

use crate::runtime::units::Millis;
use crate::sink::config::{Range, SelectionConfig};
use crate::sink::shape::Shape;

/// Section `sinks.jsonl`: events as JSON lines in a file.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct JsonlConfig {
    /// Whether it runs within `agentsh server`.
    pub enabled: bool,
    /// The file that is appended to. With compression its name gets `.gz` or `.zst` behind it, unless it ends so.
    pub path: Option<PathBuf>,
    /// The form of a line.
    pub format: Shape,
    /// Bytes from which a new file is begun; 0 for never.
    pub rotate_bytes: u64,
    /// Age from which a new file is begun; `0s` for never.
    pub rotate_age: Millis,
    /// Full files that are kept, the newest; 0 keeps all.
    pub keep_files: u64,
    /// How files are compressed. What is compressed is written at most once a second, so that it compresses well.
    pub compression: Compression,
    /// When what was written is brought to the disk. Against a kill no sync is needed; against power loss it is.
    pub fsync: Fsync,
    /// Which events.
    pub events: SelectionConfig,
}

impl Default for JsonlConfig {
    fn default() -> Self {
        Self {
            enabled: false,
            path: None,
            format: Shape::Agentsh,
            rotate_bytes: 256 << 20,
            rotate_age: Millis::new(24 * 3_600_000),
            keep_files: 0,
            compression: Compression::None,
            fsync: Fsync::Rotate,
            events: SelectionConfig::default(),
        }
    }
}

/// How a file is compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Compression {
    /// Not.
    #[default]
    None,
    /// As gzip members.
    Gzip,
    /// As zstd frames.
    Zstd,
}

/// When a file is synced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fsync {
    /// By the system, when it likes.
    Never,
    /// When a file is full, and at the end.
    #[default]
    Rotate,
    /// Before a batch counts as delivered.
    Batch,
}

impl JsonlConfig {
    pub(in crate::sink) fn ranges(&self) -> Vec<Range> {
        // Smaller files than a page would make a file for each event.
        vec![("sinks.jsonl.rotate_bytes", if self.rotate_bytes == 0 { u64::MAX } else { self.rotate_bytes }, 4_096, u64::MAX)]
    }

    pub(in crate::sink) fn paths(&mut self) -> impl Iterator<Item = (&'static str, &mut PathBuf)> {
        self.path.iter_mut().map(|path| ("sinks.jsonl.path", path))
    }

    pub(in crate::sink) fn fault(&self) -> Option<(&'static str, String)> {
        let missing = self.enabled && self.path.is_none();
        missing.then(|| ("sinks.jsonl.path", "the file to write is not set; write its path from the root".to_owned()))
    }
}
