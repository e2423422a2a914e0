//! OTLP: events to an OpenTelemetry collector, over gRPC or HTTP, as log records, spans and metrics.
//!
//! Guarantees: no batcher stands between, so an event counts as delivered only once the collector has answered for it (at least once; a
//! record that comes twice has the same `log.record.uid`, a span the same id); what the collector refuses becomes a dead letter by
//! itself, found by halving; after a restart, spans that were open are made again from the journal. Never: an answer taken for a yes
//! that is not one.

mod answer;
mod client;
mod codec;
mod config;
mod destination;
mod grpc;
mod http;
mod outbox;
mod request;
mod restore;
mod tls;

pub use config::{Compression, OtlpConfig, OtlpConfigError, Signal, Transport};
pub use destination::OtlpDestination;
