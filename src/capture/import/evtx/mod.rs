//! Windows event logs (`.evtx`), chunk by chunk.

mod document;
mod reader;

pub(super) use document::Pairs;
pub(super) use reader::EvtxReader;
