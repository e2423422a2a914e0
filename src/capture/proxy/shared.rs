//! What all connections of one proxy share.

use std::net::SocketAddr;

use super::config::ProxyConfig;
use super::dns::Resolver;
use super::recorder::Recorder;
use super::tasks::Tasks;
use crate::event::trace::TraceParent;

/// What all connections of one proxy share.
pub(super) struct Shared {
    pub(super) config: ProxyConfig,
    pub(super) recorder: Recorder,
    pub(super) resolver: Resolver,
    pub(super) tasks: Tasks,
    /// Where the proxy itself listens.
    pub(super) address: SocketAddr,
    /// Where the command stands in a trace, if requests are to carry their place in it.
    pub(super) trace: Option<TraceParent>,
}
