//! HAND OVER: `EventChannel`, the gate and the overload rules, over a memory-mapped intake.
//!
//! Guarantees: a gated operation proceeds only once its event and its decision are in the intake at the configured durability
//! (G-1); what cannot be recorded is counted there (G-2); when the journal cannot write, gated operations are refused unless the
//! policy says otherwise (G-8). Bound: the intake's size; when it is full `on_overload` decides.
//! Never: a thread or a system call between an operation and its record, or a sink that slows an interceptor.

mod config;
mod event_channel;
pub mod intake;
mod session;
mod take_in;

pub use config::{ChannelConfig, Durability, DurabilityConfig, OnOverload};
pub use event_channel::{EventChannel, GateError, decision_event};
pub use session::{Gatekeeper, Outcome, Refusal, RefusedBy, SessionChannel, Verdict};
pub use take_in::TakeInError;
