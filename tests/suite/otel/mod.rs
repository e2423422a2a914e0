//! OpenTelemetry: log records, spans, collectors that misbehave.

mod collector;
mod context;
mod conventions;
mod delivery;
mod faults;
mod golden;
mod injection;
mod recorded;
mod rig;
mod spans;
