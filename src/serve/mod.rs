//! SHOW: what a program or a person sees of the recorder over the network.
//!
//! Guarantee: without keys it listens on loopback only. Never: it reads or changes anything but through what `app` hands it.

mod config;
pub mod grpc;
pub mod http;
pub mod sessions;
pub mod stream;

pub use config::ServerConfig;
