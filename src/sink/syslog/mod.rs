//! Syslog: RFC 5424 messages over TCP (octet counting, RFC 6587 §3.4.1) or TLS (RFC 5425).
//!
//! Syslog has no acknowledgements. A page counts as delivered when the kernel says that the peer's kernel has acknowledged every byte of
//! it (`SIOCOUTQ` is 0) and the peer has not closed the connection; until then it is sent again, with the same ids. What the peer's kernel
//! has taken and the peer has not yet read when it dies is lost: where that matters, use a sink that acknowledges.

mod config;
mod connection;
mod message;
mod sink;

pub use config::{Facility, SyslogConfig};
pub use message::message;
pub use sink::SyslogSink;
