//! Durations as people write them in a configuration: `100ms`, `2s`, `5m`, `1h`.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Deserializer};

/// A duration in whole milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Millis(u64);

impl Millis {
    /// So many milliseconds.
    #[must_use]
    pub const fn new(millis: u64) -> Self {
        Self(millis)
    }

    /// As a `Duration`.
    #[must_use]
    pub const fn duration(self) -> Duration {
        Duration::from_millis(self.0)
    }

    /// Reads `100ms`, `2s`, `5m` or `1h`; `None` for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at_checked(digits)?;
        let factor = match unit.trim_start() {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            _ => return None,
        };
        number.parse::<u64>().ok()?.checked_mul(factor).map(Self)
    }
}

impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 >= 1_000 && self.0.is_multiple_of(1_000) { write!(f, "{}s", self.0 / 1_000) } else { write!(f, "{}ms", self.0) }
    }
}

impl<'de> Deserialize<'de> for Millis {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text)
            .ok_or_else(|| serde::de::Error::custom(format!("`{text}` is not a duration such as `100ms`, `2s`, `5m` or `1h`")))
    }
}

/// A number of bytes, shown to three digits in powers of 1,024.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bytes(pub u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut whole = self.0;
        let mut tenths = 0;
        for unit in ["B", "KiB", "MiB", "GiB", "TiB", "PiB"] {
            if whole < 1_024 {
                return if unit == "B" || whole >= 100 {
                    write!(f, "{whole} {unit}")
                } else {
                    write!(f, "{whole}.{tenths} {unit}")
                };
            }
            tenths = (whole % 1_024) * 10 / 1_024;
            whole /= 1_024;
        }
        write!(f, "{whole} EiB")
    }
}

/// A count, shown with a comma at each thousand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count(pub u64);

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.0.to_string();
        let mut text = String::with_capacity(digits.len() + digits.len() / 3);
        for (at, digit) in digits.chars().enumerate() {
            if at > 0 && (digits.len() - at).is_multiple_of(3) {
                text.push(',');
            }
            text.push(digit);
        }
        f.pad(&text)
    }
}

/// How long something took or is ago, shown in one unit: `850 µs`, `12 ms`, `3.2 s`, `5 min`, `2 h`, `9 days`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Age(pub u64);

impl Age {
    /// From one time to a later one, in microseconds since 1970; none if the clock was set back.
    #[must_use]
    pub fn between(from_us: i64, to_us: i64) -> Self {
        Self(u64::try_from(to_us.saturating_sub(from_us)).unwrap_or(0))
    }
}

impl fmt::Display for Age {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SECOND: u64 = 1_000_000;
        match self.0 {
            micros @ ..1_000 => write!(f, "{micros} µs"),
            micros @ ..SECOND => write!(f, "{} ms", micros / 1_000),
            micros if micros < 100 * SECOND => write!(f, "{}.{} s", micros / SECOND, micros / (SECOND / 10) % 10),
            micros if micros < 7_200 * SECOND => write!(f, "{} min", micros / (60 * SECOND)),
            micros if micros < 172_800 * SECOND => write!(f, "{} h", micros / (3_600 * SECOND)),
            micros => write!(f, "{} days", micros / (86_400 * SECOND)),
        }
    }
}
