//! Why a session's proxy cannot start.

use std::io;

/// The proxy cannot start; nothing listens.
#[derive(Debug, thiserror::Error)]
pub enum ProxyError {
    /// No port of the loopback interface can be bound.
    #[error("no port of 127.0.0.1 can be bound: {source}")]
    Bind {
        /// What the kernel said.
        source: io::Error,
    },
    /// The proxy's threads cannot be started.
    #[error("the proxy's threads cannot be started: {source}")]
    Start {
        /// What the kernel said.
        source: io::Error,
    },
}
