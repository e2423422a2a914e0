//! The shape for OpenTelemetry: log records, spans and metrics as messages of OTLP 1.x.
//!
//! Guarantees: every kind is a log record that holds the whole payload; what has a name in the semantic conventions
//! (<https://opentelemetry.io/docs/specs/semconv/>) has that name and everything else begins with `agentsh.`; ids follow from the
//! journal, so that what is sent twice can be told apart from what happened twice (G-6). Never: a clock, or memory without a bound.

mod attributes;
mod operation;
mod record;
mod resource;
mod span;
mod totals;
mod tracer;

pub use record::log_record;
pub use resource::{SCHEMA_URL, resource, scope};
pub use span::TimedSpan;
pub use totals::Totals;
pub use tracer::{Bounds, Tracer};
