//! What the rest of the crate may not reach for itself: clock, randomness, locks, metrics, and every `unsafe` outside the kernel shims.
//!
//! Guarantee: a test can replace the clock and the ids. Never: a rule about events, policy or storage.

pub mod clock;
pub mod ids;
pub mod interrupts;
pub mod lock;
pub mod mapped_file;
pub mod metrics;
pub mod sync;
pub mod sys;
pub mod temporary;
pub mod trial;
pub mod units;
