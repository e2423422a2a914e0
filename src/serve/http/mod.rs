//! The HTTP service: whether the recorder lives, whether it is ready, its metrics, and the sessions.
//!
//! Bounds: 256 connections at once, further ones wait in the kernel's backlog; a connection on which nothing moves for 60 s is
//! closed.

mod access;
mod config;
mod connection;
mod routes;
mod server;
pub mod sessions;
mod state;
mod trace;

pub use crate::serve::listen::NotLoopback;
pub use config::HttpConfig;
pub use server::{HttpServer, ServeError, Shutdown};
pub use state::{HttpState, NotReady};
