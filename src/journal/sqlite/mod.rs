//! Everything that speaks to SQLite: schema, appending, reading.
//!
//! Guarantee: what belongs together is one transaction. Never: SQL outside of this folder and `migrations/`.

mod append;
mod connection;
mod consumers;
mod copy;
mod cursors;
mod dead_letters;
mod detections;
mod filter;
mod intakes;
mod migrate;
mod outline;
mod range;
mod read;
mod row;
mod sensors;
mod sessions;
mod summaries;
mod totals;
mod within;

pub(crate) use append::{Transaction, WriterStore};
pub(crate) use connection::{LogMover, empty_log};
pub use consumers::{ConsumerChange, ConsumerRow, ConsumerStore};
pub use copy::CopyStore;
pub use cursors::{CursorRow, CursorStore};
pub use dead_letters::{DeadLetterRow, DeadLetters};
pub use detections::{CursorMove, StateRow};
pub use filter::Condition;
pub(crate) use intakes::{IntakeProgress, IntakeState, Undeclared};
pub(crate) use migrate::{check_before_touching, is_own_trigger};
pub use outline::OutlineRow;
pub use range::Events;
pub use read::{CheckpointRow, IntakeRow, ReaderStore, SessionRow};
pub use row::{FrameRow, JournalRow, Page};
pub use sensors::SensorRow;
pub(crate) use summaries::BLOCK;
pub use totals::{DecidedCount, ReaderPlace};
