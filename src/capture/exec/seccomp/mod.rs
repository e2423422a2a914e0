//! The seccomp side of exec capture: the filter that makes calls wait, and where a session's filter is installed.

mod filter;
mod install;

pub use filter::{Trapped, probe, program};
pub(super) use install::{install, probe_listener};
