//! DELIVER: one loop that carries the journal to places outside, and the places.
//!
//! Guarantees: a sink goes on where it was, without gap (G-5); what a peer refuses is kept as a dead letter, and a peer that cannot be
//! reached is an event. Never: a wait that reaches an interceptor, or a cursor ahead of what the peer has.

mod destination;
pub mod jsonl;
pub mod nats;
pub mod otlp;
pub mod parquet;
pub mod syslog;
pub mod webhook;

pub use destination::{DeliverError, Destination, Flush, Refused};
