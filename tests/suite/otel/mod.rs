//! OpenTelemetry: log records, spans, collectors that misbehave.

pub mod collector;
mod context;
mod conventions;
pub mod delivery;
mod faults;
mod golden;
mod injection;
mod killing;
mod own;
mod recorded;
pub mod rig;
mod spans;
