//! One flat typed row for an event, as Arrow: the shape of Parquet files and of whatever else wants columns.
//!
//! Guarantee: the row holds the stored frame whole, so that the frame, the leaf and the typed event come back from it byte for byte.
//! Which columns a kind fills is an exhaustive match on [`crate::event::Kind`]. Never: a JSON tree for an event; the stored payload
//! is scanned once.

mod build;
mod column;
mod fields;
mod read;
mod rows;
mod scan;

pub use column::{Column, Data, schema};
pub use fields::{Field, Target, actor_fields, fields, imported_fields, sensor_fields};
pub use read::{RowError, StoredRow, StoredRows};
pub use rows::Rows;
