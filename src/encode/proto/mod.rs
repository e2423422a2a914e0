//! The shape on the wire: the messages of `proto/agentsh/v1`.

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

mod response;

pub use messages::*;
pub use response::EncodedResponse;

/// The descriptors of every file of `proto/`, as a `google.protobuf.FileDescriptorSet`.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/agentsh.v1.bin"));
