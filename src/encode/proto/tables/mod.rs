//! Every message of the wire form: one file for each family, and the table that a kind leads to.

mod command;
mod derived;
mod file;
mod ipc;
mod network;
mod pipeline;
mod process;
mod registry;
mod session;

mod kinds;

pub use kinds::kind_of_number;
pub(super) use kinds::{ENVELOPE, KindTable, kind_named, payload_from_wire, table};
