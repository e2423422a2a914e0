//! What a user can set about the workspace: `sandbox.fuse` and `audit.file_io`.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How much of reading and writing is on record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileIo {
    /// `file_close` sums up each handle: writes exactly, reads as far as they reach the file system and not the kernel's page cache.
    #[default]
    Summary,
    /// Also a `file_read` or `file_write` for each operation, exactly, at the price of the page cache (direct I/O). Before
    /// Linux 6.6 such a file cannot be mapped shared, as SQLite's write-ahead log needs it.
    EveryOp,
}

/// Section `audit`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AuditConfig {
    /// How much of reading and writing is on record: `summary` or `every_op`.
    pub file_io: FileIo,
}

/// The workspace's file system.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FuseConfig {
    /// Whether the workspace is mounted at all. Without it, files are not seen and `file_rules` are not enforced.
    pub enabled: bool,
    /// How much of reading and writing is on record: `audit.file_io`.
    #[serde(skip)]
    pub file_io: FileIo,
    /// Threads that answer the kernel, at least 1. More serve more processes at once; each holds a request buffer that grows to
    /// 1 MiB with the largest write.
    pub threads: usize,
    /// How long the kernel may answer `stat(2)` and name lookups by itself, in milliseconds. Longer is faster; changes that are made
    /// outside the session are seen that much later. Opens, and all that policy decides, are never answered from this cache.
    pub attribute_timeout_ms: u64,
    /// How many inodes the kernel may hold before it is asked to forget those that nobody has open, at least 1; each costs a descriptor
    /// of the recorder. Absent: three quarters of the recorder's limit of open files. Fewer make for more lookups.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_inodes: Option<usize>,
    /// Whether `file_close` has the BLAKE3 of the content where the handle wrote. Closing then reads the whole file.
    pub hash_written: bool,
}

impl Default for FuseConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            file_io: FileIo::Summary,
            threads: 2,
            attribute_timeout_ms: 1_000,
            max_inodes: None,
            hash_written: false,
        }
    }
}

impl FuseConfig {
    /// How long the kernel may answer by itself.
    pub(super) const fn attribute_timeout(&self) -> Duration {
        Duration::from_millis(self.attribute_timeout_ms)
    }
}
