//! The Parquet lake: sealed ranges of the journal as files that DuckDB, pyarrow, polars, Spark or ClickHouse read.
//!
//! ```text
//! <lake>/date=2026-11-24/seq=00000000000000000001-00000000000000004242.parquet
//! <lake>/date=2026-11-24/.seq=00000000000000004243.tmp     being written; no reader looks at it
//! <lake>/.agentsh.lock                                     held by the one that writes (local folders)
//! ```
//!
//! A file holds a range of `seq` without a hole, and its name says which. It is written beside its place, synced, renamed into it, and
//! the folder is synced; only then does the cursor move. A kill in between leaves a leftover that the next start removes, or a file
//! that it adopts: the files say what is delivered, the cursor only where to look. In S3 an object appears whole or not at all, and the
//! range that is sent is on this machine's disk before, so that what arrives late is nothing new (`sealing`).
//!
//! Guarantees: every event is in exactly one file (G-5), after a kill between any two steps; a file alone can be verified (G-4): the
//! rows hold the stored frames, the footer the tree before and behind them. Never: a file that is changed in place, or one that is
//! removed before what covers it is safe.

mod builder;
mod compact;
mod config;
mod destination;
mod encoder;
mod error;
mod export;
mod footer;
mod format;
mod frames;
mod reader;
mod sealing;
mod step;
mod store;
mod stored;
mod verify;

pub use crate::encode::lake::{FileName, Sealed};
pub use config::{ParquetConfig, S3Config};
pub use destination::ParquetDestination;
pub use error::LakeError;
pub use export::ParquetExport;
pub use footer::Footer;
pub use reader::LakeFile;
pub use step::Step;
pub use stored::{each_row, files_of};
pub use verify::{FileFinding, FileReport, LakeVerifier, verify_file};
