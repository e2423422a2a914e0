//! What a question may take.

use std::time::Duration;

/// What a question may take. Whatever it reaches first ends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Rows of the answer; what comes behind them is left out, and the answer says so.
    pub rows: u64,
    /// From asking to the last row.
    pub time: Duration,
    /// Bytes of memory for sorting, grouping and joining.
    pub memory: usize,
}

impl Default for Limits {
    /// 1,000,000 rows, a minute, 1 GiB.
    fn default() -> Self {
        Self { rows: 1_000_000, time: Duration::from_secs(60), memory: 1 << 30 }
    }
}
