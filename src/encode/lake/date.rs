//! The day of a time, in UTC and the proleptic Gregorian calendar.

use std::fmt;

use crate::encode::utc;

const DAY_US: i64 = 86_400_000_000;

/// A day, counted from 1970-01-01.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date(i64);

impl Date {
    /// The day of a time in microseconds since 1970.
    #[must_use]
    pub const fn of(time_us: i64) -> Self {
        Self(time_us.div_euclid(DAY_US))
    }

    /// Reads `YYYY-MM-DD`, in exactly that form.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, '-');
        let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
        let (year, month, day): (i64, i64, i64) = (year.parse().ok()?, month.parse().ok()?, day.parse().ok()?);
        let date = Self(utc::days(year, month, day));
        (date.to_string() == text).then_some(date)
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = utc::date(self.0);
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}
