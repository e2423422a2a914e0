//! Resolution: literals, the hosts file, then the servers one after the other. Every query is an event.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::{Arc, Mutex};

use hickory_resolver::Hosts;
use hickory_resolver::lookup::Lookup;
use hickory_resolver::net::NetError;
use hickory_resolver::proto::op::Query;
use hickory_resolver::proto::rr::{Name, RData, RecordType};

use super::files::Watched;
use super::servers::{Server, Servers, SystemServers};
use super::translate::{Answer, answered, candidates, without_final_dot};
use crate::capture::proxy::config::ProxyConfig;
use crate::capture::proxy::recorder::Recorder;
use crate::event::{DnsQuery, EventId};
use crate::runtime::clock;
use crate::runtime::lock::lock;
use crate::runtime::metrics::{ProxyStep, metrics};

/// Types that are asked for, both at once.
const ADDRESS_TYPES: [RecordType; 2] = [RecordType::A, RecordType::AAAA];

/// Resolves names for one proxy.
pub(in super::super) struct Resolver {
    hosts: Watched<Hosts>,
    source: Source,
    timeout: std::time::Duration,
}

enum Source {
    Configured(Arc<Servers>),
    /// The system's, and the clients made of them.
    System(Watched<SystemServers>, Mutex<Option<(Arc<SystemServers>, Arc<Servers>)>>),
}

/// Why a name has no address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(in super::super) enum Unresolved {
    /// It is not a name that DNS can carry.
    #[error("`{name}` is not a host name")]
    NotAName {
        /// The name as it was given.
        name: String,
    },
    /// It does not exist.
    #[error("the name `{name}` does not exist")]
    NoName {
        /// The name.
        name: String,
    },
    /// It exists and has neither an IPv4 nor an IPv6 address.
    #[error("the name `{name}` has no address")]
    NoAddress {
        /// The name.
        name: String,
    },
    /// No server answered.
    #[error("no DNS server answered for `{name}`")]
    NoAnswer {
        /// The name.
        name: String,
    },
}

impl Resolver {
    pub(in super::super) fn new(config: &ProxyConfig) -> Self {
        let timeout = config.dns_timeout();
        let source = if config.dns_upstreams.is_empty() {
            Source::System(Watched::new("/etc/resolv.conf".into(), SystemServers::read), Mutex::new(None))
        } else {
            Source::Configured(Arc::new(Servers::configured(&config.dns_upstreams, timeout)))
        };
        Self { hosts: Watched::new(config.hosts_file.clone(), read_hosts), source, timeout }
    }

    /// The addresses of a host, IPv4 before IPv6: they are tried in this order, and a machine without a route to the IPv6 Internet is
    /// more common than one without IPv4. Records a `dns_query` for each query, caused by `cause`.
    ///
    /// # Errors
    /// [`Unresolved`] when there is none.
    pub(in super::super) async fn resolve(
        &self,
        host: &str,
        absolute: bool,
        recorder: &Recorder,
        cause: Option<EventId>,
    ) -> Result<Vec<IpAddr>, Unresolved> {
        if let Ok(address) = host.parse::<IpAddr>() {
            return Ok(vec![address]);
        }
        let name = Name::from_str_relaxed(host).map_err(|_| Unresolved::NotAName { name: host.to_owned() })?;
        if let Some(answers) = self.without_asking(&name) {
            let addresses = answers.iter().filter_map(|(_, answer)| addresses_of(answer)).flatten().collect::<Vec<_>>();
            for (query, _) in answers {
                recorder.observe(query, cause);
            }
            return some(addresses, || Unresolved::NoName { name: host.to_owned() });
        }
        let servers = self.servers();
        let mut reason = Unresolved::NoAnswer { name: host.to_owned() };
        for candidate in candidates(&name, absolute, &servers.search, servers.ndots) {
            match ask(&servers, &candidate, recorder, cause).await {
                Answer::Addresses(addresses) if !addresses.is_empty() => return Ok(addresses),
                Answer::Addresses(_) => reason = Unresolved::NoAddress { name: host.to_owned() },
                Answer::NoName if matches!(reason, Unresolved::NoAddress { .. }) => {}
                Answer::NoName => reason = Unresolved::NoName { name: host.to_owned() },
                // Another candidate would be asked of the same servers.
                Answer::Failed => return Err(Unresolved::NoAnswer { name: host.to_owned() }),
            }
        }
        Err(reason)
    }

    /// Names that no server is asked for: those in the hosts file, `localhost`, and those that RFC 6761 and RFC 7686 keep off the network.
    fn without_asking(&self, name: &Name) -> Option<Vec<(DnsQuery, Answer)>> {
        let mut name = name.clone();
        name.set_fqdn(true);
        let hosts = self.hosts.get();
        let listed = ADDRESS_TYPES.map(|record_type| hosts.lookup_static_host(&Query::query(name.clone(), record_type)));
        let localhost = is_within(&name, "localhost");
        if localhost || listed.iter().any(Option::is_some) {
            let answers = ADDRESS_TYPES.into_iter().zip(listed).filter_map(|(record_type, lookup)| {
                let lookup = lookup.or_else(|| localhost.then(|| loopback(&name, record_type)))?;
                Some(answered(&name, record_type, Ok(lookup), 0, Some("hosts".to_owned())))
            });
            return Some(answers.collect());
        }
        if is_within(&name, "invalid") || is_within(&name, "onion") {
            let query = DnsQuery {
                name: without_final_dot(&name),
                record_type: RecordType::A.to_string(),
                rcode: Some("NXDOMAIN".to_owned()),
                error: Some("names of this kind are not asked for (RFC 6761, RFC 7686)".to_owned()),
                ..DnsQuery::default()
            };
            return Some(vec![(query, Answer::NoName)]);
        }
        None
    }

    fn servers(&self) -> Arc<Servers> {
        match &self.source {
            Source::Configured(servers) => Arc::clone(servers),
            Source::System(file, clients) => {
                let system = file.get();
                let mut clients = lock(clients);
                match &*clients {
                    Some((known, servers)) if Arc::ptr_eq(known, &system) => Arc::clone(servers),
                    _ => {
                        let servers = Arc::new(system.clients(self.timeout));
                        *clients = Some((system, Arc::clone(&servers)));
                        servers
                    }
                }
            }
        }
    }
}

/// Asks the servers, in rounds, until one answers: both types at once, of the same server.
async fn ask(servers: &Servers, name: &Name, recorder: &Recorder, cause: Option<EventId>) -> Answer {
    for _ in 0..servers.rounds {
        for server in &servers.servers {
            let [v4, v6] = ADDRESS_TYPES;
            let (v4, v6) =
                tokio::join!(Asked::ask(server, name, v4, recorder, cause), Asked::ask(server, name, v6, recorder, cause));
            match both(v4.recorded(), v6.recorded()) {
                Answer::Failed => {}
                answer => return answer,
            }
        }
    }
    Answer::Failed
}

/// A query on its way, which is recorded when this is dropped: also when the client leaves before an answer has come.
struct Asked<'a> {
    recorder: &'a Recorder,
    cause: Option<EventId>,
    query: DnsQuery,
    answer: Answer,
}

impl<'a> Asked<'a> {
    async fn ask(server: &Server, name: &Name, record_type: RecordType, recorder: &'a Recorder, cause: Option<EventId>) -> Self {
        let began = clock::instant();
        let upstream = Some(server.address.clone());
        let unanswered = Err(NetError::Message("the client left before an answer came"));
        let (query, answer) = answered(name, record_type, unanswered, 0, upstream.clone());
        let mut asked = Self { recorder, cause, query, answer };
        let lookup = server.client.lookup(name.clone(), record_type);
        let outcome = tokio::time::timeout(server.timeout, lookup).await.unwrap_or(Err(NetError::Timeout));
        let latency = clock::micros_since(began);
        metrics().proxy_latency.of(ProxyStep::Dns).observe(latency);
        (asked.query, asked.answer) = answered(name, record_type, outcome, latency, upstream);
        asked
    }

    /// Records the query, and gives what it says.
    fn recorded(mut self) -> Answer {
        std::mem::replace(&mut self.answer, Answer::Failed)
    }
}

impl Drop for Asked<'_> {
    fn drop(&mut self) {
        self.recorder.observe(std::mem::take(&mut self.query), self.cause);
    }
}

/// What the answers for both types say together. One answer is enough: servers exist that fail for AAAA alone.
fn both(v4: Answer, v6: Answer) -> Answer {
    match (v4, v6) {
        (Answer::Addresses(mut v4), Answer::Addresses(v6)) => {
            v4.extend(v6);
            Answer::Addresses(v4)
        }
        (Answer::Addresses(some), Answer::NoName | Answer::Failed)
        | (Answer::NoName | Answer::Failed, Answer::Addresses(some))
            if !some.is_empty() =>
        {
            Answer::Addresses(some)
        }
        (Answer::NoName, _) | (_, Answer::NoName) => Answer::NoName,
        (Answer::Failed, _) | (_, Answer::Failed) => Answer::Failed,
    }
}

fn addresses_of(answer: &Answer) -> Option<Vec<IpAddr>> {
    match answer {
        Answer::Addresses(addresses) => Some(addresses.clone()),
        Answer::NoName | Answer::Failed => None,
    }
}

fn some(addresses: Vec<IpAddr>, none: impl FnOnce() -> Unresolved) -> Result<Vec<IpAddr>, Unresolved> {
    if addresses.is_empty() { Err(none()) } else { Ok(addresses) }
}

fn is_within(name: &Name, zone: &str) -> bool {
    name.iter().next_back().is_some_and(|label| label.eq_ignore_ascii_case(zone.as_bytes()))
}

fn loopback(name: &Name, record_type: RecordType) -> Lookup {
    let address = match record_type {
        RecordType::AAAA => IpAddr::V6(Ipv6Addr::LOCALHOST),
        _ => IpAddr::V4(Ipv4Addr::LOCALHOST),
    };
    Lookup::from_rdata(Query::query(name.clone(), record_type), RData::from(address))
}

fn read_hosts(text: &[u8]) -> Hosts {
    let mut hosts = Hosts::default();
    // What cannot be read as text ends the file; the names before it count.
    let _ = hosts.read_hosts_conf(text);
    hosts
}
