//! Tests: OCSF 1.8.0: every kind against the strict JSON Schemas of its class, golden records, the page.

mod command_line;
mod golden_records;
mod page;
mod properties;
pub mod records;
pub mod schemas;
mod validation;
