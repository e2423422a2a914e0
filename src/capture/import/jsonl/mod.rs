//! JSON lines: events of agentsh as `agentsh events --format jsonl` prints them, and Sysmon's events.

mod ours;
mod reader;

pub use ours::{LineError, read_line};
pub(super) use reader::JsonlReader;
