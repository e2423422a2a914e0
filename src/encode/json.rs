//! An event as one line of JSON: what `agentsh events --format jsonl` prints and what sinks send, byte for byte the same.

use crate::event::JournaledEvent;

/// Appends the event as one line, without its end.
///
/// # Errors
/// None that a caller could do anything about: every type of the vocabulary has string keys only.
pub fn put(event: &JournaledEvent, out: &mut Vec<u8>) -> Result<(), serde_json::Error> {
    serde_json::to_writer(out, event)
}
