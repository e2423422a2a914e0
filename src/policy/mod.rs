//! DECIDE: from a policy's text to a verdict on an operation.
//!
//! A text becomes a document (`document`), every part of it is checked and compiled (`compile`, and one file for each family of rules), and
//! an event is judged (`evaluate`). What is wrong with a text is an `error` that points into it.
//!
//! Guarantee: evaluation is a pure function of event and policy; a text that could be misread is refused with the place and the nearest
//! valid word. Never: a clock, a disk, the environment, an order that depends on hashing, or waiting on the way to a verdict.

mod command_rules;
mod compile;
mod document;
mod error;
mod evaluate;
mod file_rules;
mod flaw;
mod host;
mod judgement;
mod network;
mod network_rules;
mod operations;
mod pattern;
mod pattern_set;
mod registry;
mod variables;

pub use compile::{Policy, RuleCounts};
pub use document::{MAX_TEXT_BYTES, OnAuditFailure};
pub use error::{Explained, Place, PolicyError, Problem};
pub use evaluate::is_gated;
pub use flaw::{HostFlaw, NetworkFlaw, PatternFlaw, PortFlaw};
pub use judgement::Judgement;
pub use registry::{HighRiskPath, KeyFlaw, fold as fold_registry_key, high_risk_paths};
pub use variables::Variables;
