//! REPLAY: a session again, at any moment of it.
//!
//! Guarantees: what a moment shows follows from the session's events up to it alone, whichever way it was come to; memory grows by some
//! bytes for an event, contents are read again when they are shown. Never: a clock (time is given), a terminal, a write to the journal.

mod error;
mod files;
mod frames;
mod index;
mod network;
mod player;
mod processes;
mod source;
mod terminal;

pub use error::ReplayError;
pub use files::{FileState, Files};
pub use frames::{Frame, Frames, Line as TerminalLine, Shown, Style, TextRun};
pub use index::{Entry, Index, Mark};
pub use network::{Exchange, Network};
pub use player::{Move, Player, SPEEDS};
pub use processes::{Line, Processes};
pub use source::{JournalSource, Source};
pub use terminal::{Screen, Terminal};
