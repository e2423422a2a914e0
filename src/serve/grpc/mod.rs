//! gRPC: the services of `proto/agentsh/v1`.

#[expect(clippy::all, clippy::pedantic, clippy::restriction, reason = "made by tonic from proto/, where the comments are")]
mod services {
    include!(concat!(env!("OUT_DIR"), "/clients/agentsh.v1.rs"));
    include!(concat!(env!("OUT_DIR"), "/servers/agentsh.v1.rs"));
}

pub use services::*;
