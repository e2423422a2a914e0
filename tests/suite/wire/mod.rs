//! The wire form: messages, their numbers, masks.

mod batches;
mod compatibility;
mod damage;
mod descriptors;
pub mod events;
mod masks;
mod round_trip;
mod vocabulary;
