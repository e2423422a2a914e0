//! The journal's own configuration, the channel's with it: section `journal`.

use std::time::Duration;

use serde::Deserialize;

use crate::channel::{ChannelConfig, DurabilityConfig, OnOverload};
use crate::runtime::units::Millis;

/// Section `journal` of the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct JournalConfig {
    /// What it takes before an operation counts as on record: one word (`buffered`, `crash_safe`, `durable`), or one for each
    /// family. Stronger costs latency: see docs/performance.md.
    pub durability: DurabilityConfig,
    /// What happens when the intake is full: `block` (the operation waits), `deny` (it is refused), `shed` (it is counted out).
    pub on_overload: OnOverload,
    /// Within this time what is on record is also on the disk. Shorter loses less to a power failure and costs more syncs.
    pub sync_interval: Millis,
    /// How long the writer lets events gather before it commits. Longer makes larger commits; readers see events later.
    pub commit_interval: Millis,
    /// Bytes of each recorder's intake, allocated on disk. Larger rides out longer stalls.
    pub intake_bytes: u64,
    /// The tree is signed at least this often while events come.
    pub checkpoint_interval: Millis,
    /// The tree is signed at least after so many events.
    pub checkpoint_events: u64,
}

impl Default for JournalConfig {
    fn default() -> Self {
        Self {
            durability: DurabilityConfig::default(),
            on_overload: OnOverload::Block,
            sync_interval: Millis::new(100),
            commit_interval: Millis::new(2),
            intake_bytes: 8 << 20,
            checkpoint_interval: Millis::new(60_000),
            checkpoint_events: 100_000,
        }
    }
}

impl JournalConfig {
    /// The channel's part.
    #[must_use]
    pub const fn channel(&self) -> ChannelConfig {
        ChannelConfig { intake_bytes: self.intake_bytes, durability: self.durability, on_overload: self.on_overload }
    }

    pub(super) const fn commit_interval(&self) -> Duration {
        self.commit_interval.duration()
    }

    pub(super) const fn sync_interval(&self) -> Duration {
        self.sync_interval.duration()
    }
}
