//! Calls that wait for the recorder: read, judge, record, answer.
//!
//! Guarantee: an exec goes on only once its `process_exec` and its verdict are on record (G-1); what cannot be read is refused. What the
//! recorder finds missing (`ENOENT` and the like) is answered with that error and not recorded: the search of a `PATH` is no operation,
//! and since the recorder answers, nothing that appears meanwhile is run either. Never: a call waits for anything but the gate.

pub mod arguments;
pub(super) mod exec;
pub(super) mod memory;
pub mod program;
mod serve;
pub(super) mod view;

pub(super) use serve::serve;
