//! HTTP/1.1: from a client's connection to the upstream's answer, and the events of both.

mod body;
mod exchange;
mod framing;
mod inspected;
mod pool;
mod serve;
mod service;
mod translate;

pub(super) use body::ProxyBody;
pub(super) use inspected::ClientStream;
pub(super) use serve::serve;
pub(super) use translate::{BadRequest, tunnel_destination};
