//! The DNS servers, each with a client of its own, so that an event can say which one was asked.

use std::net::SocketAddr;
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::Name;
use hickory_resolver::system_conf::parse_resolv_conf;

/// Whom to ask, and which names to try.
pub(super) struct Servers {
    pub(super) servers: Vec<Server>,
    pub(super) search: Vec<Name>,
    /// Names with fewer dots are tried with the search list first.
    pub(super) ndots: usize,
    /// How often all servers are asked before the name counts as unresolvable.
    pub(super) rounds: usize,
}

/// One DNS server.
pub(super) struct Server {
    /// `address:port`.
    pub(super) address: String,
    pub(super) client: TokioResolver,
    /// How long it may take to answer.
    pub(super) timeout: Duration,
}

/// What `/etc/resolv.conf` says.
pub(super) struct SystemServers {
    addresses: Vec<SocketAddr>,
    search: Vec<Name>,
    ndots: usize,
    rounds: usize,
}

impl SystemServers {
    /// Reads the text of a resolv.conf. One without servers names the machine itself, as in resolv.conf(5).
    pub(super) fn read(text: &[u8]) -> Self {
        let local = SocketAddr::from(([127, 0, 0, 1], 53));
        let Ok((config, options)) = parse_resolv_conf(text) else {
            return Self { addresses: vec![local], search: Vec::new(), ndots: 1, rounds: 2 };
        };
        let addresses = config.name_servers().iter().map(|server| SocketAddr::new(server.ip, 53)).collect();
        Self {
            addresses,
            search: config.search().to_vec(),
            ndots: options.ndots,
            // resolv.conf(5): more than 5 count as 5.
            rounds: options.attempts.clamp(1, 5),
        }
    }

    pub(super) fn clients(&self, timeout: Duration) -> Servers {
        let servers = self.addresses.iter().filter_map(|address| client(*address, timeout)).collect();
        Servers { servers, search: self.search.clone(), ndots: self.ndots, rounds: self.rounds }
    }
}

impl Servers {
    /// The servers that the configuration names, without a search list.
    pub(super) fn configured(addresses: &[SocketAddr], timeout: Duration) -> Self {
        let servers = addresses.iter().filter_map(|address| client(*address, timeout)).collect();
        Self { servers, search: Vec::new(), ndots: 1, rounds: 2 }
    }
}

fn client(address: SocketAddr, timeout: Duration) -> Option<Server> {
    let (mut udp, mut tcp) = (ConnectionConfig::udp(), ConnectionConfig::tcp());
    udp.port = address.port();
    tcp.port = address.port();
    let server = NameServerConfig::new(address.ip(), true, vec![udp, tcp]);
    let mut builder =
        TokioResolver::builder_with_config(ResolverConfig::from_name_servers(vec![server]), TokioRuntimeProvider::default());
    let options: &mut ResolverOpts = builder.options_mut();
    options.timeout = timeout;
    // Rounds and the hosts file are handled here, so that each query is an event; for the same reason nothing is cached.
    options.attempts = 0;
    options.cache_size = 0;
    options.use_hosts_file = ResolveHosts::Never;
    options.num_concurrent_reqs = 1;
    options.try_tcp_on_error = false;
    Some(Server { address: address.to_string(), client: builder.build().ok()?, timeout })
}
