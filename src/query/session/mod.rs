//! What a session did, net of its steps: its processes and their ends, what became of its files, and which processes led to a file.
//!
//! Guarantees: each answer is a fold over all events of the session, in order, and depends on nothing else, so that the same events give
//! the same answer anywhere. An operation that was refused or failed changes nothing. Never: a clock, a disk, a terminal.

mod changes;
mod difference;
mod error;
mod network;
mod normal;
mod outline;
mod read;
mod techniques;
mod tree;
mod undone;
mod why;

pub use changes::{Change, ChangeKind, Changes, FileChanges};
pub use difference::{Difference, Profile, Sides, profile};
pub use error::StoryError;
pub use network::{Host, NetworkUse};
pub use outline::{Bucket, Going, Index, Timeline, Wanted, index, timeline};
pub use read::{changes, network, tree, undone, why};
pub use techniques::technique_counts;
pub use tree::{Ancestor, Detected, Exit, Process, ProcessTree, Run, Tree};
pub use undone::Undone;
pub use why::{Touch, Why};
