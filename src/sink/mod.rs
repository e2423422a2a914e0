//! DELIVER: one loop that carries the journal to places outside, and the places.
//!
//! Guarantees: a sink goes on where it was, without gap (G-5); what a peer refuses is kept as a dead letter, and a peer that cannot be
//! reached is an event. Never: a wait that reaches an interceptor, or a cursor ahead of what the peer has.

mod batch;
mod config;
mod deliver;
mod destination;
pub mod jsonl;
pub mod nats;
pub mod otlp;
pub mod parquet;
mod retry_after;
mod secret;
mod shape;
pub mod syslog;
mod tls;
pub mod webhook;

pub use batch::{Answer, Readable, by_halves, readable};
pub use config::{DeliveryConfig, NAMES, Range, SelectionConfig, SinksConfig, Start};
pub use deliver::{DeliverStartError, Deliverer, Delivery, Report, Step};
pub use destination::{DeliverError, Destination, Flush, Refused};
pub use secret::{Secret, secret};
pub use shape::{Shape, Shaper};
pub use tls::{install_crypto, system_authorities};
