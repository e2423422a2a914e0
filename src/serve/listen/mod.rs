//! Whom both services listen to: loopback without keys, under a local name, and nothing that a session runs.

mod admission;
mod guard;
mod names;

pub use admission::Admission;
pub use guard::SessionGuard;
pub use names::NotLoopback;
pub(super) use names::{checked, names_loopback};
