//! The hosts that a session had to do with: how often, how much, and what was refused.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::event::{Decision, JournaledEvent, Payload};

/// Most hosts that are told apart; what comes behind them counts under the name that is empty.
const MOST_HOSTS: usize = 10_000;

/// Most ports and programs that are named of a host; the first ones.
const NAMED: usize = 8;

/// What a session had to do with one host.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Host {
    /// Its name, or its address where no name was seen.
    pub host: String,
    /// Ports that were connected to; the first eight.
    pub ports: BTreeSet<u16>,
    /// Programs that had to do with it; the first eight.
    pub programs: Vec<String>,
    /// Names that were resolved.
    pub lookups: u64,
    /// Connections.
    pub connections: u64,
    /// Requests.
    pub requests: u64,
    /// Bytes that were sent: of connections, or of requests where no end of a connection was seen.
    pub bytes_sent: u64,
    /// Bytes that were received, in the same way.
    pub bytes_received: u64,
    /// Operations that were refused.
    pub refused: u64,
    /// Positions of the first and the last event.
    pub seqs: (u64, u64),
}

/// Counts while it reads.
#[derive(Debug, Default)]
pub struct NetworkUse {
    hosts: BTreeMap<String, Tally>,
    /// The host of the last operation, which a verdict right behind it is about.
    last: Option<(crate::event::EventId, String)>,
    /// Hosts of requests, by the id of the request, for the response; cleared where there are too many.
    requests: BTreeMap<crate::event::EventId, String>,
}

#[derive(Debug, Default)]
struct Tally {
    host: Host,
    closed: (u64, u64),
    answered: (u64, u64),
}

impl NetworkUse {
    /// Takes the next event, in order.
    pub fn take(&mut self, journaled: &JournaledEvent) {
        let (seq, event) = (journaled.seq.get(), &journaled.event);
        let name = match &event.payload {
            Payload::PolicyDecision(verdict) => {
                let host = self.last.as_ref().filter(|(id, _)| event.cause == Some(*id)).map(|(_, host)| host.clone());
                let refuses = verdict.decision == Decision::Deny && verdict.enforced != Some(false);
                if let Some(host) = host.filter(|_| refuses) {
                    self.tally(&host, seq).host.refused += 1;
                }
                return;
            }
            Payload::DnsQuery(query) => query.name.clone(),
            Payload::NetConnect(connect) => named(connect.host.as_ref(), connect.address.as_ref()),
            Payload::NetClose(close) => named(close.host.as_ref(), close.address.as_ref()),
            Payload::HttpRequest(request) => request.host.clone(),
            Payload::HttpResponse(_) => {
                let Some(host) = event.cause.and_then(|cause| self.requests.remove(&cause)) else { return };
                host
            }
            Payload::TlsHandshake(handshake) => handshake.sni.clone().or_else(|| handshake.host.clone()).unwrap_or_default(),
            _ => return,
        };
        let name = name.trim_end_matches('.').to_lowercase();
        let program = event.actor.as_ref().and_then(|actor| actor.exe.as_ref().or(actor.comm.as_ref()));
        let program = program.map(|program| program.as_text().into_owned());
        let tally = self.tally(&name, seq);
        if let Some(program) = program
            && tally.host.programs.len() < NAMED
            && !tally.host.programs.contains(&program)
        {
            tally.host.programs.push(program);
        }
        tally.count(&event.payload);
        if matches!(event.payload, Payload::HttpRequest(_)) {
            if self.requests.len() >= MOST_HOSTS {
                self.requests.clear();
            }
            self.requests.insert(event.id, name.clone());
        }
        self.last = Some((event.id, name));
    }

    /// The hosts, those first with which most was exchanged or tried.
    #[must_use]
    pub fn finish(self) -> Vec<Host> {
        let mut hosts: Vec<Host> = self.hosts.into_values().map(Tally::finish).collect();
        hosts.sort_by_key(|host| {
            let bytes = host.bytes_sent + host.bytes_received;
            std::cmp::Reverse((bytes, host.refused, host.connections + host.requests + host.lookups))
        });
        hosts
    }

    fn tally(&mut self, name: &str, seq: u64) -> &mut Tally {
        let known = self.hosts.contains_key(name) || self.hosts.len() < MOST_HOSTS;
        let name = if known { name } else { "" };
        let tally = self.hosts.entry(name.to_owned()).or_default();
        if tally.host.seqs.0 == 0 {
            name.clone_into(&mut tally.host.host);
            tally.host.seqs.0 = seq;
        }
        tally.host.seqs.1 = seq;
        tally
    }
}

impl Tally {
    fn count(&mut self, payload: &Payload) {
        let mut port = None;
        match payload {
            Payload::DnsQuery(_) => self.host.lookups += 1,
            Payload::NetConnect(connect) => {
                self.host.connections += 1;
                port = Some(connect.port);
            }
            Payload::NetClose(close) => {
                self.closed.0 += close.bytes_sent;
                self.closed.1 += close.bytes_received;
            }
            Payload::HttpRequest(request) => {
                self.host.requests += 1;
                port = Some(request.port);
            }
            Payload::HttpResponse(response) => {
                self.answered.0 += response.request_bytes;
                self.answered.1 += response.response_bytes;
            }
            _ => {}
        }
        if let Some(port) = port.filter(|_| self.host.ports.len() < NAMED) {
            self.host.ports.insert(port);
        }
    }

    fn finish(self) -> Host {
        let bytes = if self.closed == (0, 0) { self.answered } else { self.closed };
        Host { bytes_sent: bytes.0, bytes_received: bytes.1, ..self.host }
    }
}

fn named(host: Option<&String>, address: Option<&std::net::IpAddr>) -> String {
    host.cloned().or_else(|| address.map(ToString::to_string)).unwrap_or_default()
}
