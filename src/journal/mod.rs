//! REMEMBER: the journal: SQLite, Merkle tree, checkpoints, cursors.
//!
//! Guarantees: `seq` is 1, 2, 3 … across restarts and recorders (G-3); every row is a leaf of the tree, and checkpoints are signed
//! (G-4); rows, tree, intake mark and cursors commit together, so that nothing is written twice or lost when a recorder dies
//! (G-2). Never: an UPDATE or DELETE of an event, or work on a file that another program or a newer version made.

pub mod bundle;
mod checkpoint;
mod config;
mod data_dir;
mod detections;
mod doorbell;
mod error;
mod events;
mod follow;
mod leaves;
mod merkle;
mod mover;
mod note;
mod open;
mod progress;
mod rebuild;
mod recover;
mod sqlite;
mod summarizer;
mod sync;
#[cfg(all(test, not(feature = "shuttle")))]
mod tests;
mod verify;
mod writer;

pub use config::JournalConfig;
pub use data_dir::DataDir;
pub use detections::{DetectionCommit, DetectionStore};
pub use doorbell::Bell;
pub use error::{JournalError, StoreError};
pub use events::pipeline;
pub use follow::Follower;
pub use merkle::{Frontier, Hash};
pub use note::{Checkpoint, JournalKey, NoteError, PublicKey};
pub use open::Journal;
pub use rebuild::rebuild;
pub use sqlite::{
    CheckpointRow, Condition, ConsumerChange, ConsumerRow, ConsumerStore, CopyStore, CursorMove, CursorRow, CursorStore,
    DeadLetterRow, DeadLetters, DecidedCount, Events, FrameRow, IntakeRow, JournalRow, OutlineRow, Page, ReaderPlace,
    ReaderStore, SensorRow, SessionRow, StateRow,
};
pub use verify::{Finding, Verification, verify};
