//! The clocks: wall time for events, monotonic time for durations.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::event::Timestamp;

/// Wall-clock time in microseconds since 1970; 0 if the machine's clock stands before 1970.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the one place that reads the wall clock")]
pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

/// A point on the monotonic clock, from which durations are measured.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the one place that reads the monotonic clock")]
pub fn instant() -> Instant {
    Instant::now()
}

/// Microseconds since `start`, saturating.
#[must_use]
pub fn micros_since(start: Instant) -> u64 {
    u64::try_from(instant().saturating_duration_since(start).as_micros()).unwrap_or(u64::MAX)
}
