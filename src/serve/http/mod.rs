//! The HTTP service: events as pages, streams and live; sessions, policies and sensors; health and metrics; and the document of it all.
//!
//! Bounds: 256 connections at once, further ones wait in the kernel's backlog; a connection on which nothing moves for 60 s is
//! closed.

mod accept;
mod access;
mod config;
mod connection;
pub mod console;
mod document;
mod etag;
pub mod events;
mod health;
mod parameters;
mod policies;
mod problem;
mod query;
mod routes;
mod sensors;
mod server;
pub mod sessions;
mod sign_in;
mod state;
mod trace;
pub mod views;

pub use crate::serve::listen::NotLoopback;
pub use config::HttpConfig;
pub use policies::policy_routes;
pub use problem::{PROBLEM_TYPE, Position, Problem};
pub use query::query_routes;
pub use sensors::sensor_routes;
pub use server::{HttpServer, ServeError, Shutdown};
pub use state::{HttpState, NotReady};
