//! gRPC: the services of `proto/agentsh/v1`, Arrow Flight SQL, the server that they run on, and what stands in front of every call.
//!
//! Bounds, all from `server.grpc`: connections (further ones wait in the kernel's backlog), calls on a connection (further ones wait),
//! bytes of a message and of headers (larger ones are refused), time until a connection has begun and until a call is answered.

mod client;
mod client_tls;
mod config;
mod connection;
mod credentials;
mod decision;
mod events;
mod flight;
mod gate;
mod ingest;
mod policies;
mod seam;
mod server;
mod services;
mod sessions;
mod tls;
mod trace;

#[expect(clippy::all, clippy::pedantic, clippy::restriction, reason = "made by tonic from proto/, where the comments are")]
mod generated {
    include!(concat!(env!("OUT_DIR"), "/services/agentsh.v1.rs"));
}

#[expect(clippy::all, clippy::pedantic, clippy::restriction, reason = "made by tonic from proto/, where the comments are")]
mod clients {
    include!(concat!(env!("OUT_DIR"), "/clients/agentsh.v1.rs"));
}

pub use crate::serve::policies::PolicyFolder;
pub use client::GrpcClient;
pub use clients::*;
pub use config::{ClientConfig, ClientTlsConfig, GrpcConfig, TlsConfig};
pub use events::{EventsApi, JOURNAL_HEAD, READ_ON_AFTER};
pub use flight::FlightApi;
pub use generated::*;
pub use ingest::IngestApi;
pub use policies::PoliciesApi;
pub use seam::{BoxFuture, BoxStream, Caller, IngestHandler, NoIngest};
pub use server::{GrpcError, GrpcServer, IsServing};
pub use services::Services;
pub use sessions::{Exec, SessionCalls};
pub use tls::TlsError;
