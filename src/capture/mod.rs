//! OBSERVE: the interception layers. Each turns raw operations into events and hands them to the channel.
//!
//! Guarantee: an operation that can be refused goes through `SessionChannel::gate` before it happens (G-1), and no secret gets
//! into an event (G-7). Never: a layer reads the journal, decides by itself, or waits for a sink.

pub mod actor;
pub mod attribution;
pub mod exec;
pub mod fuse;
pub mod import;
pub mod probe;
pub mod proxy;
pub mod registry;
