//! One session in one file, with the proof that it is what the journal holds.
//!
//! Guarantees: whoever reads a bundle to its end without an error has read events that stand in the signed tree where the file says, all that
//! were exported and none besides (G-4); memory does not depend on the session. Never: a claim about events that are not in the file.

mod error;
mod export;
mod format;
mod read;

pub use error::BundleError;
pub use export::{Exported, export};
pub use format::{MAGIC, looks_like};
pub use read::{Opened, Trust, read};
