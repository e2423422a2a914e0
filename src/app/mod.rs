//! COMPOSITION ROOT: build, pipeline, shutdown; the machine's and the journal's health.
//!
//! Guarantee: parts are put together here and nowhere else. Never: a rule about events, policy or storage.

pub mod health;
pub mod journal;
