//! How long a peer asks to be left alone.

use std::time::Duration;

use crate::encode::utc::http_date;
use crate::runtime::clock;

/// `Retry-After` (RFC 9110 §10.2.3): seconds, or a date.
pub(super) fn wait(text: &str) -> Option<Duration> {
    if let Ok(seconds) = text.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let until = http_date(text)?.checked_mul(1_000_000)?;
    Some(Duration::from_micros(u64::try_from(until.saturating_sub(clock::now().as_micros())).unwrap_or(0)))
}
