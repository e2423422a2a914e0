//! Streams of the journal: one reader for all subscribers, and a place for each.

mod streams;

pub use streams::Streams;
