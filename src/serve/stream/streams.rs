//! `Streams`: the one reader of a process and its subscribers.

/// The streams of one journal.
pub struct Streams {}
