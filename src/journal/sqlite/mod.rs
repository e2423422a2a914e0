//! Everything that speaks to SQLite: schema, appending, reading.
//!
//! Guarantee: what belongs together is one transaction. Never: SQL outside of this folder and `migrations/`.

mod append;
mod connection;
mod migrate;
mod read;

pub(crate) use append::{IntakeProgress, IntakeState, Transaction, WriterStore};
pub use read::{CheckpointRow, Condition, IntakeRow, JournalRow, ReaderStore, SessionRow};
