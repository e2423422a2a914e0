//! Section `query` of the configuration.

use serde::Deserialize;

use super::limits::Limits;
use crate::runtime::units::Millis;

/// What questions in SQL may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct QueryConfig {
    /// Rows of an answer. More of them are more to send, and to write in one piece of Parquet.
    pub rows: u64,
    /// How long a question may take, from asking until its last row is taken.
    pub timeout: Millis,
    /// Bytes of memory that a question may take for sorting, grouping and joining.
    pub memory_bytes: u64,
    /// Questions that the server works on at once; together they may take so many times `memory_bytes`. A further one waits two seconds and is then refused.
    pub concurrent: u64,
}

impl Default for QueryConfig {
    fn default() -> Self {
        let Limits { rows, time: _, memory } = Limits::default();
        Self { rows, timeout: Millis::new(60_000), memory_bytes: u64::try_from(memory).unwrap_or(u64::MAX), concurrent: 4 }
    }
}

impl QueryConfig {
    /// What one question may take.
    #[must_use]
    pub fn limits(&self) -> Limits {
        let memory = usize::try_from(self.memory_bytes).unwrap_or(usize::MAX);
        Limits { rows: self.rows, time: self.timeout.duration(), memory }
    }

    /// Numbers that do harm outside of a range: key, value, least, most; times in milliseconds. With less than a MiB hardly anything can be sorted.
    #[must_use]
    pub fn ranges(&self) -> [(&'static str, u64, u64, u64); 4] {
        let millis = u64::try_from(self.timeout.duration().as_millis()).unwrap_or(u64::MAX);
        [
            ("query.rows", self.rows, 1, 1_000_000_000),
            ("query.timeout", millis, 1, 86_400_000),
            ("query.memory_bytes", self.memory_bytes, 1 << 20, 1 << 40),
            ("query.concurrent", self.concurrent, 1, 64),
        ]
    }
}
