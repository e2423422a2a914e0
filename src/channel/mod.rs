//! HAND OVER: `EventChannel`, the gate and the overload rules, over a memory-mapped intake.

mod event_channel;
mod session;

pub use event_channel::*;
pub use session::*;
