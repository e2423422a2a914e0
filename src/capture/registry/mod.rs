//! The Windows registry, where it can be seen from here: through Wine.
//!
//! Sensors on Windows bring their operations in through `EventService.Ingest`, and imports through theirs; what they have in common with
//! this folder is the vocabulary (`event::registry_key`) and the policy.
//!
//! Guarantee: an operation that is recorded has happened, or failed as the record says, and is recorded once. Never: a change of what the
//! program reads or writes; a claim that an operation was kept from happening.

mod config;
pub mod wine;

pub use config::RegistryConfig;
