//! SHOW: what a program or a person sees of the recorder over the network.
//!
//! Guarantee: without keys it listens on loopback only, and nothing that a session runs gets an answer (G-9). Never: it reads or
//! changes anything but through what `app` hands it.

pub mod auth;
mod config;
pub mod grpc;
pub mod http;
mod listen;
pub mod policies;
pub mod questions;
pub mod sessions;
pub mod stream;
mod trace;

pub use config::ServerConfig;
pub use listen::{Admission, NotLoopback, SessionGuard};
