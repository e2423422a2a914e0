//! Points in time as people write them: `2026-11-24T14:03:00Z`, `14:03`, `2h`, `2h ago`, `yesterday`.

use jiff::civil;
use jiff::tz::TimeZone;
use jiff::{Span, Zoned};

use crate::event::Timestamp;

/// A text that is no point in time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is no time: write e.g. `2h` or `30m` (ago), `yesterday`, `today`, `14:03`, `2026-11-24`, `2026-11-24 14:03` or \
     `2026-11-24T14:03:00Z`"
)]
pub struct TimeError {
    /// The text as it was given.
    pub text: String,
}

/// Reads a point in time. `now` is what `2h` counts back from; a time without an offset is local to `zone`, and `yesterday`, `today`
/// and a date mean the start of that day there.
///
/// # Errors
/// [`TimeError`].
pub fn parse_time(text: &str, now: Timestamp, zone: &TimeZone) -> Result<Timestamp, TimeError> {
    let error = || TimeError { text: text.to_owned() };
    let word = text.trim();
    if let Ok(timestamp) = word.parse::<jiff::Timestamp>() {
        return Ok(Timestamp::from_micros(timestamp.as_microsecond()));
    }
    let now = jiff::Timestamp::from_microsecond(now.as_micros()).map_err(|_| error())?.to_zoned(zone.clone());
    local(word, &now).map(|zoned| Timestamp::from_micros(zoned.timestamp().as_microsecond())).ok_or_else(error)
}

/// As [`parse_time`], where no place is known whose days are meant: those of UTC.
///
/// # Errors
/// [`TimeError`].
pub fn parse_time_utc(text: &str, now: Timestamp) -> Result<Timestamp, TimeError> {
    parse_time(text, now, &TimeZone::UTC)
}

fn local(word: &str, now: &Zoned) -> Option<Zoned> {
    let midnight = || now.start_of_day().ok();
    match word.to_lowercase().as_str() {
        "now" => return Some(now.clone()),
        "today" => return midnight(),
        "yesterday" => return now.yesterday().ok()?.start_of_day().ok(),
        _ => {}
    }
    if let Ok(moment) = word.parse::<civil::DateTime>() {
        return moment.to_zoned(now.time_zone().clone()).ok();
    }
    // A bare number is a count without a unit, not an hour.
    if word.contains(':') {
        return now.date().to_datetime(word.parse().ok()?).to_zoned(now.time_zone().clone()).ok();
    }
    // `2h` and `2h ago` are the same: nothing that is recorded lies ahead.
    now.checked_sub(word.parse::<Span>().ok()?.abs()).ok()
}
