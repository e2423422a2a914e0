//! Times of the protocols: RFC 3339 for syslog, and the date of HTTP's `Retry-After`.

use crate::event::Timestamp;

/// Days from 1970-01-01 to a day of the Gregorian calendar, by counting from a March so that the leap day comes last.
#[must_use]
pub fn days(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * month + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// The year, month and day that lie so many days after 1970-01-01; the inverse of [`days`].
#[must_use]
pub fn date(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let (era, of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let (year, month) = if month < 10 { (year, month + 3) } else { (year + 1, month - 9) };
    (era * 400 + year, month, day)
}

/// A time as RFC 3339 writes it, with microseconds: `2026-11-24T20:15:00.000123Z`.
#[must_use]
pub fn rfc3339(time: Timestamp) -> String {
    let micros = time.as_micros();
    let (seconds, fraction) = (micros.div_euclid(1_000_000), micros.rem_euclid(1_000_000));
    let (year, month, day) = date(seconds.div_euclid(86_400));
    let of_day = seconds.rem_euclid(86_400);
    let (hour, minute, second) = (of_day / 3_600, of_day / 60 % 60, of_day % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{fraction:06}Z")
}

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Seconds since 1970 of HTTP's preferred date (RFC 9110 §5.6.7): `Tue, 24 Nov 2026 20:15:00 GMT`.
#[must_use]
pub fn http_date(text: &str) -> Option<i64> {
    let mut parts = text.trim().split(' ').skip(1);
    let day: i64 = parts.next()?.parse().ok()?;
    let name = parts.next()?;
    let month = MONTHS.iter().position(|month| *month == name).and_then(|at| i64::try_from(at + 1).ok())?;
    let year: i64 = parts.next()?.parse().ok()?;
    let mut clock = parts.next()?.split(':').map(|part| part.parse::<i64>().ok());
    let (hour, minute, second) = (clock.next()??, clock.next()??, clock.next()??);
    if parts.next() != Some("GMT") || !(1..=31).contains(&day) || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    Some(days(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second)
}

#[cfg(test)]
mod tests {
    use super::{http_date, rfc3339};
    use crate::event::Timestamp;

    #[test]
    fn times_are_written_and_read_as_the_protocols_do() {
        let written = |seconds: i64, micros: i64| rfc3339(Timestamp::from_micros(seconds * 1_000_000 + micros));
        assert_eq!(written(0, 0), "1970-01-01T00:00:00.000000Z");
        assert_eq!(written(-1, 5), "1969-12-31T23:59:59.000005Z");
        assert_eq!(written(951_782_400, 0), "2000-02-29T00:00:00.000000Z");
        assert_eq!(written(1_795_551_300, 123), "2026-11-24T20:15:00.000123Z");
        assert_eq!(http_date("Tue, 24 Nov 2026 20:15:00 GMT"), Some(1_795_551_300));
        assert_eq!(http_date("Sun, 06 Nov 1994 08:49:37 GMT"), Some(784_111_777));
        for wrong in ["", "soon", "Sun, 06 Nov 1994 08:49:37", "Sun, 06 Foo 1994 08:49:37 GMT", "Sun, 06 Nov 1994 25:00:00 GMT"] {
            assert_eq!(http_date(wrong), None, "{wrong}");
        }
    }
}
