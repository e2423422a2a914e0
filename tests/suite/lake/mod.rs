//! Tests: the Parquet lake: columns, sealing, exactly once under kills, compaction, verification of files alone.

mod columns;
mod compaction;
mod exactly_once;
mod refusals;
pub mod rig;
mod round_trip;
mod sealing;
mod size;
mod verification;
