//! The recorder's own state: what the journal found, sealed, lost, loaded.

use super::payload;
use crate::event::OsText;

payload! {
    /// A recorder opened the journal.
    pub struct JournalOpened {
        /// Events that the journal held.
        pub events_before: u64,
        /// Events found in intakes of recorders that died, and appended now.
        pub events_recovered: u64,
        /// Intakes of dead recorders that were drained.
        pub intakes_drained: u64,
        /// Bytes of unfinished records at the ends of those intakes; none of them was answered.
        pub torn_bytes: u64,
        /// Whether the last checkpoint covers less than the journal held.
        pub checkpoint_missing: bool,
        /// Whether this recorder made the journal.
        pub created: bool,
        /// Version of agentsh.
        pub agentsh_version: String,
    }

    /// The tree was signed.
    pub struct JournalCheckpoint {
        /// Leaves that the checkpoint covers: events 1 to this `seq`.
        pub tree_size: u64,
        /// Root of the tree (RFC 6962 §2.1), in hex.
        pub root_hash: String,
        /// The signed note (C2SP `tlog-checkpoint`).
        pub note: String,
    }

    /// Something could not be recorded (G-2).
    pub struct EventsLost {
        /// Where (`intake`, `gate`, `buffer`, `fuse` …).
        pub hop: String,
        /// Why.
        pub reason: String,
        /// How many events or operations.
        pub count: u64,
        /// When the first was lost, in microseconds since 1970.
        pub from_us: i64,
        /// When the last was lost, in microseconds since 1970.
        pub to_us: i64,
        /// Name of the intake that the loss was counted in.
        pub intake: Option<String>,
    }

    /// A policy came into force.
    pub struct PolicyLoaded {
        /// Its name.
        pub name: String,
        /// SHA-256 of its text, in hex.
        pub digest: String,
        /// Where it was read, or `built-in`.
        pub source: String,
        /// Its text.
        pub text: String,
        /// Its rules, all families together.
        pub rules: u64,
    }

    /// A sink cannot deliver.
    pub struct SinkStalled {
        /// The sink.
        pub sink: String,
        /// The last `seq` that it delivered; 0 before the first.
        pub delivered: u64,
        /// Why.
        pub reason: String,
    }

    /// A sink delivers again.
    pub struct SinkRecovered {
        /// The sink.
        pub sink: String,
        /// The last `seq` that it delivered.
        pub delivered: u64,
        /// How long it could not, in microseconds.
        pub stalled_us: u64,
    }

    /// A record of an imported file could not be read. Which one, and of which file, stands in the envelope's `imported`.
    pub struct RecordUnread {
        /// The file, as it was named when it was imported; `-` for standard input.
        pub file: OsText,
        /// Where the record starts in the file, in bytes.
        pub offset: Option<u64>,
        /// Why it could not be read.
        pub reason: String,
        /// The record as it stands in the file, redacted; its beginning, where it is longer than 16 KiB.
        pub raw: OsText,
        /// Bytes of the whole record.
        pub raw_size: u64,
    }
}
