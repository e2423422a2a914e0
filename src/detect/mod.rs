//! TAG: what rules recognise in events, and what ATT&CK calls it.
//!
//! Guarantees: the same events under the same rules derive the same detections, with the same ids (G-6); a rule that cannot be used is
//! reported and stops no other; what is remembered of a session is bounded. Never: a verdict, a clock, a disk, or an import of another
//! module of this crate but `event`.

pub mod attack;
mod engine;
mod finding;
mod processes;
mod requests;
pub mod sigma;

pub use engine::{Engine, SessionState};
pub use finding::{DetectConfig, Finding, RuleInfo};
pub use processes::Processes;
pub use requests::Requests;

/// The rules that are part of the program: file name and text, from `schemas/rules/`.
pub const BUILT_IN: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/rules.rs"));
