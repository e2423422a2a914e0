//! `Trouble`: how long a destination has failed, how long to wait, and whether that is a stall by now.

use std::time::{Duration, Instant};

use crate::runtime::{clock, ids};
use crate::sink::config::DeliveryConfig;

/// No wait that a peer asks for is longer.
const LONGEST: Duration = Duration::from_secs(3_600);

/// A destination that fails, since its first failure.
#[derive(Debug)]
pub(super) struct Trouble {
    since: Instant,
    /// How long it had lasted before this process began.
    before: Duration,
    /// Attempts that failed.
    pub(super) attempts: u32,
    /// Whether the stall was told.
    pub(super) stalled: bool,
}

impl Trouble {
    pub(super) fn new() -> Self {
        Self { since: clock::instant(), before: Duration::ZERO, attempts: 0, stalled: false }
    }

    /// A stall that was told by a process before this one, so long ago.
    pub(super) fn told(before: Duration) -> Self {
        Self { before, stalled: true, ..Self::new() }
    }

    /// How long it has lasted.
    pub(super) fn lasted(&self) -> Duration {
        self.before.saturating_add(clock::instant().saturating_duration_since(self.since))
    }

    /// The wait before the next attempt: a random part of what doubles with each failure, and no less than the peer asked for.
    pub(super) fn delay(&self, config: &DeliveryConfig, asked: Option<Duration>) -> Duration {
        let doublings = self.attempts.saturating_sub(1).min(20);
        let longest = config.retry_initial.duration().saturating_mul(1 << doublings).min(config.retry_max.duration());
        part_of(longest).max(asked.unwrap_or(Duration::ZERO).min(LONGEST))
    }
}

/// A random part of a duration ("full jitter").
pub(super) fn part_of(longest: Duration) -> Duration {
    let random = u32::from_be_bytes(ids::random());
    longest.mul_f64(f64::from(random) / f64::from(u32::MAX))
}
