//! The shape on the wire: the messages of `proto/agentsh/v1`, and the way between them and stored rows.
//!
//! Guarantee: a row's message follows from the row alone, says all that the row says, and reads back as the same event. Never: a
//! message that one reader's mask changed for another; a field that is sent without a number in `proto/`.

mod error;
mod form;
mod from_wire;
mod json;
mod mask;
mod put;
mod response;
mod tables;

#[expect(
    missing_docs,
    clippy::all,
    clippy::pedantic,
    clippy::restriction,
    reason = "made by prost from proto/, where the comments are"
)]
mod messages {
    include!(concat!(env!("OUT_DIR"), "/messages/agentsh.v1.rs"));
}

pub use error::{EncodeError, FromWireError, Malformed, WireProblem};
pub use from_wire::to_event;
pub use mask::{Mask, UnknownField};
pub use messages::*;
pub use put::put_event;
pub use response::{BatchMarks, EncodedResponse, put_batch, put_entry, put_event_entry};
pub use tables::kind_of_number;

/// The descriptors of every file of `proto/`, as a `google.protobuf.FileDescriptorSet`.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/agentsh.v1.bin"));
