//! OBSERVE the network: the HTTP proxy of a session, the tunnels through it and the names that it resolves.
//!
//! Guarantees: nothing is resolved, connected or sent upstream before its event is on record and the policy lets it pass (G-1);
//! no credential, cookie, URL password or token gets into an event (G-7); every request and every connection that was let through
//! has exactly one event that ends it, also when the session ends first.
//! Never: TLS is opened; a header is added that shows the client or the upstream that a proxy stands between them (but a `traceparent`,
//! where the configuration asks for it); a byte of a body is kept.
//!
//! The way of a request: `server` accepts, `http` (or `connect` for a tunnel) reads the head and makes the event of it, `upstream`
//! resolves through `dns`, gates each address and connects. Every call to the channel goes through `recorder`.

mod config;
mod connect;
mod counted;
mod dns;
mod error;
mod failure;
mod gatekeeper;
mod http;
mod recorder;
mod server;
mod shared;
mod tasks;
mod upstream;

pub use config::{ProxyConfig, TraceContext};
pub use error::ProxyError;
pub use gatekeeper::NetworkGatekeeper;
pub use server::ProxyServer;
