//! Metrics: declared once in one table, counted without locks or allocation, shown in the Prometheus text format.
//!
//! Guarantee: a name, its unit and its help stand in `table.rs` and nowhere else; docs/metrics.md is made from it.
//! Never: a label whose values come from a session (a path, a host), which would grow without bound.
//!
//! The text format is written here by hand: it is a page of code, and the client crates bring a registry behind locks.

mod exposition;
mod instruments;
mod labels;
mod table;

pub use exposition::CONTENT_TYPE;
pub use instruments::{By, ByName, ByWord, Counter, Gauge, Histogram, Label};
pub use labels::{FuseRequest, ProxyStep};
pub use table::{Description, Metrics, TABLE, metrics};
