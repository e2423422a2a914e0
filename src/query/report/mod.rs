//! What a session was: a report over all of its events.
//!
//! Guarantees: it is a fold over the session's events, in order, and over what the journal signed; the same journal gives the same bytes. It says
//! how many events it has read, and whether what it read is what was written. Never: a clock, a sample, a claim that was not checked.

mod document;
mod fold;
mod model;
mod read;

pub use document::document;
pub use model::{
    CommandReport, Counted, DetectionReport, HostReport, Integrity, LayerLine, Listed, LossReport, ProgramReport, RefusalReport,
    Report, report_schema,
};
pub use read::{ReportError, report};
