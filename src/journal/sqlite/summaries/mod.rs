//! What blocks of events hold, so that readers pass over those in which nothing meets their conditions.
//!
//! A block is 4,096 positions; its summary is a row of `summaries`: first and last time, the words that its events have, and the runs
//! of three bytes in their text. Guarantee: a block is passed over only when none of its events can meet the conditions. Never: a reader
//! that depends on it. The table can be emptied at any time, and `agentsh journal rebuild` makes it anew.

mod bits;
mod build;
mod need;
mod plan;

pub(super) use plan::{Plan, Range, Way};

/// Positions of a block: `block * BLOCK + 1` to `(block + 1) * BLOCK`.
pub(crate) const BLOCK: u64 = 4_096;
