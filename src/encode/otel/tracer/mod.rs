//! Events become spans: session → command → process → operation.
//!
//! A span is over when the event that ends it comes, so what has begun is kept until then. What is kept is bounded ([`Bounds`]); when
//! it is full, the oldest is given up: its span is sent with what is known, marked `agentsh.span.incomplete`. Ids and parents follow
//! from events alone: a tracer that is fed the same events again makes the same spans.

mod operations;
mod processes;
mod role;
mod session;
mod take;

pub use take::{Bounds, Tracer};
