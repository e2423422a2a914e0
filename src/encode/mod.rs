//! SHAPES: pure functions from an event to each form that is stored or sent.
//!
//! Guarantee: a form follows from the event alone, byte for byte (G-6). Never: I/O, a clock, or a form that loses a field.

pub mod arrow;
pub mod asciicast;
pub mod document;
pub mod json;
pub mod lake;
pub mod ocsf;
pub mod otel;
pub mod proto;
pub mod stored;
pub mod utc;
