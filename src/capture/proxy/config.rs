//! The proxy's configuration.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

/// How a session's proxy behaves.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ProxyConfig {
    /// Whether a session gets a proxy. Without one its connections are not seen.
    pub enabled: bool,
    /// How long one address may take to accept a connection, in milliseconds. Shorter tries the next address of a name sooner; longer
    /// reaches slow hosts.
    pub connect_timeout_ms: u64,
    /// How long a head may take, in milliseconds: a client's, from the moment the connection could carry one, and an upstream's, from the
    /// last byte of the request. Shorter frees stuck connections sooner; longer lets slow answers (a model that thinks) through.
    pub head_timeout_ms: u64,
    /// How long a body or a tunnel may go without a byte in either direction, in milliseconds.
    pub idle_timeout_ms: u64,
    /// The largest head, in bytes, of requests and responses; at least 8,192, and values below count as that. A larger head is answered
    /// with 431 (a response's with 502). Each open connection may use this much memory.
    pub max_head_bytes: usize,
    /// Connections of clients that are served at once, at least 1. More wait in the kernel's queue. Each uses two file descriptors or more.
    pub max_connections: usize,
    /// DNS servers to ask, instead of those in `/etc/resolv.conf`. Its search list is not used then.
    pub dns_upstreams: Vec<SocketAddr>,
    /// How long one DNS server may take to answer, in milliseconds, before the next one is asked.
    pub dns_timeout_ms: u64,
    /// The hosts file, whose names are not asked for. An absent file is an empty one.
    pub hosts_file: PathBuf,
    /// How long requests and tunnels that are open when the session ends may take to end by themselves, in milliseconds. Longer
    /// lets what the command left running finish; shorter ends the session sooner.
    pub drain_timeout_ms: u64,
    /// Whether requests carry their place in the session's trace.
    pub trace_context: TraceContext,
}

/// Whether a proxied request gets a `traceparent` header (W3C Trace Context), which tells its server which span of the recording it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TraceContext {
    /// Requests go on as they came.
    #[default]
    None,
    /// A request that has none gets one; one that has keeps it.
    Inject,
}

impl Default for ProxyConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            connect_timeout_ms: 10_000,
            head_timeout_ms: 300_000,
            idle_timeout_ms: 900_000,
            max_head_bytes: 65_536,
            max_connections: 4_096,
            dns_upstreams: Vec::new(),
            dns_timeout_ms: 3_000,
            hosts_file: PathBuf::from("/etc/hosts"),
            drain_timeout_ms: 500,
            trace_context: TraceContext::None,
        }
    }
}

impl ProxyConfig {
    pub(super) const fn connect_timeout(&self) -> Duration {
        Duration::from_millis(self.connect_timeout_ms)
    }

    pub(super) const fn head_timeout(&self) -> Duration {
        Duration::from_millis(self.head_timeout_ms)
    }

    pub(super) const fn idle_timeout(&self) -> Duration {
        Duration::from_millis(self.idle_timeout_ms)
    }

    pub(super) const fn dns_timeout(&self) -> Duration {
        Duration::from_millis(self.dns_timeout_ms)
    }

    pub(super) const fn drain_timeout(&self) -> Duration {
        Duration::from_millis(self.drain_timeout_ms)
    }

    /// What the HTTP library takes; it ends the process on less.
    pub(super) fn head_bytes(&self) -> usize {
        self.max_head_bytes.max(8_192)
    }
}
