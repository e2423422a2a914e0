//! Network rules: hosts, networks and ports, with and without knowing the address.
//!
//! `hosts` is what the client asked for, `cidrs` is where it really goes. An address or a network among the `hosts` is read in the
//! cautious way: a rule that allows matches only a client that asked for the address itself, any other rule matches whatever name led
//! there. So a name that resolves to an allowed address is not allowed by it, and a denied address is denied under every name.

use std::net::IpAddr;
use std::ops::RangeInclusive;

use globset::Candidate;

use super::compile::{Ranked, rank};
use super::document::{At, NetworkRule as Written, place};
use super::error::{Fault, Problem};
use super::host::{Host, HostPattern, NameBuffer};
use super::judgement::Judgement;
use super::network::{Network, parse_ports};
use super::pattern_set::{PatternSet, PatternSetBuilder, with_scratch};
use crate::event::Decision;

/// The network rules of a policy, in the order of precedence.
#[derive(Debug)]
pub(super) struct NetworkRules {
    rules: Vec<NetworkRule>,
    names: PatternSet,
    /// The rules that can match without one of their names; ascending.
    nameless: Vec<usize>,
    default: Judgement,
    /// The verdict on a request that is let through to where its address is known.
    address_decides: Judgement,
}

#[derive(Debug)]
struct NetworkRule {
    judgement: Judgement,
    /// Whether the rule asks for hosts at all.
    asks_host: bool,
    addresses: Vec<Network>,
    cidrs: Vec<Network>,
    ports: Vec<RangeInclusive<u16>>,
}

/// Where a connection goes, as far as it is known.
struct Destination {
    /// The address that the client asked for, if it asked for an address.
    asked: Option<IpAddr>,
    address: Option<IpAddr>,
    port: u16,
}

/// How a rule fits a destination.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fit {
    No,
    Yes,
    /// The address decides, and is not known.
    Open,
}

/// The verdict on a destination whose address may be unknown.
struct Outlook<'p> {
    /// The first rule that fits for certain, or the default.
    certain: &'p Judgement,
    /// The strictest of the rules before it that the address decides.
    strictest_open: Option<&'p Judgement>,
    /// Whether one of those would not refuse.
    open_passes: bool,
}

impl NetworkRules {
    pub(super) fn compile(rules: &[At<Written>], default: Judgement) -> Result<Self, Box<Fault>> {
        let mut compiled = Vec::with_capacity(rules.len());
        let mut names = PatternSetBuilder::default();
        let mut nameless = Vec::new();
        for Ranked { rule, judgement } in rank(rules)? {
            let rule = &rule.value;
            let mut hosts = Some(Vec::new());
            for entry in rule.hosts.entries("hosts")?.unwrap_or_default() {
                let pattern = HostPattern::parse(&entry.value)
                    .map_err(|flaw| Problem::BadHost { host: entry.value.clone(), flaw }.at(place(entry)))?;
                match pattern {
                    HostPattern::Any => hosts = None,
                    HostPattern::Network(network) => hosts.iter_mut().for_each(|addresses| addresses.push(network)),
                    HostPattern::Names(globs) => globs.into_iter().for_each(|glob| names.add(compiled.len(), glob)),
                }
            }
            let asks_host = hosts.is_some() && rule.hosts.entries("hosts")?.is_some();
            let addresses = hosts.unwrap_or_default();
            if !asks_host || !addresses.is_empty() {
                nameless.push(compiled.len());
            }
            compiled.push(NetworkRule { judgement, asks_host, addresses, cidrs: cidrs(rule)?, ports: ports(rule)? });
        }
        let address_decides =
            Judgement::new(Decision::Allow, None, "the address decides, and the connection is judged once it is known");
        Ok(Self { rules: compiled, names: names.build("network_rules")?, nameless, default, address_decides })
    }

    pub(super) fn count(&self) -> usize {
        self.rules.len()
    }

    /// The verdict on a connection. Without an address it is the strictest that any address could bring.
    pub(super) fn judge_connection(&self, host: Option<&str>, address: Option<IpAddr>, port: u16) -> &Judgement {
        let outlook = self.outlook(host, address, port);
        match outlook.strictest_open {
            Some(open) if open.decision > outlook.certain.decision => open,
            Some(_) | None => outlook.certain,
        }
    }

    /// The verdict on a request, whose connection is judged by itself. So it is refused only where no address could be allowed.
    pub(super) fn judge_request(&self, host: &str, port: u16) -> &Judgement {
        let outlook = self.outlook(Some(host), None, port);
        if outlook.certain.decision == Decision::Deny && outlook.open_passes { &self.address_decides } else { outlook.certain }
    }

    /// The verdict that holds whatever the address is, if there is one.
    pub(super) fn judge_name(&self, host: &str, port: u16) -> Option<&Judgement> {
        let outlook = self.outlook(Some(host), None, port);
        let refused_anyway = outlook.certain.decision == Decision::Deny && !outlook.open_passes;
        (outlook.strictest_open.is_none() || refused_anyway).then_some(outlook.certain)
    }

    fn outlook(&self, host: Option<&str>, address: Option<IpAddr>, port: u16) -> Outlook<'_> {
        let mut buffer: NameBuffer = [0; _];
        let (name, asked) = match host.map(|host| Host::read(host, &mut buffer)) {
            Some(Host::Name(name)) => (Some(name), None),
            Some(Host::Address(asked)) => (None, Some(asked)),
            // Whoever gives no name gives the address.
            None => (None, address),
        };
        let destination = Destination { asked, address: address.or(asked), port };
        with_scratch(|scratch| {
            scratch.found.clear();
            if let Some(name) = name {
                self.names.matches_into(&Candidate::from_bytes(name), &mut scratch.found);
            }
            let mut outlook = Outlook { certain: &self.default, strictest_open: None, open_passes: false };
            for (index, named) in merge(&scratch.found, &self.nameless) {
                let Some(rule) = self.rules.get(index) else { continue };
                match rule.fit(named, &destination) {
                    Fit::No => {}
                    Fit::Yes => {
                        outlook.certain = &rule.judgement;
                        break;
                    }
                    Fit::Open => {
                        outlook.open_passes |= rule.judgement.decision != Decision::Deny;
                        let stricter = outlook.strictest_open.is_none_or(|open| rule.judgement.decision > open.decision);
                        if stricter {
                            outlook.strictest_open = Some(&rule.judgement);
                        }
                    }
                }
            }
            outlook
        })
    }
}

impl NetworkRule {
    fn fit(&self, named: bool, destination: &Destination) -> Fit {
        if !self.ports.is_empty() && !self.ports.iter().any(|ports| ports.contains(&destination.port)) {
            return Fit::No;
        }
        let host = if !self.asks_host || named { Fit::Yes } else { self.fit_addresses(destination) };
        let cidr = if self.cidrs.is_empty() { Fit::Yes } else { fit_address(&self.cidrs, destination.address) };
        match (host, cidr) {
            (Fit::No, _) | (_, Fit::No) => Fit::No,
            (Fit::Open, _) | (_, Fit::Open) => Fit::Open,
            (Fit::Yes, Fit::Yes) => Fit::Yes,
        }
    }

    fn fit_addresses(&self, destination: &Destination) -> Fit {
        if self.addresses.is_empty() {
            Fit::No
        } else if self.judgement.decision == Decision::Allow {
            let asked = destination.asked.is_some_and(|asked| self.addresses.iter().any(|network| network.contains(asked)));
            if asked { Fit::Yes } else { Fit::No }
        } else {
            fit_address(&self.addresses, destination.address)
        }
    }
}

fn fit_address(networks: &[Network], address: Option<IpAddr>) -> Fit {
    match address {
        None => Fit::Open,
        Some(address) if networks.iter().any(|network| network.contains(address)) => Fit::Yes,
        Some(_) => Fit::No,
    }
}

/// The rules of both ascending lists in ascending order, each once, with whether it is in the first.
fn merge<'l>(named: &'l [usize], nameless: &'l [usize]) -> impl Iterator<Item = (usize, bool)> + 'l {
    let (mut named, mut nameless) = (named.iter().copied().peekable(), nameless.iter().copied().peekable());
    std::iter::from_fn(move || {
        let next = match (named.peek(), nameless.peek()) {
            (Some(one), Some(other)) => *one.min(other),
            (Some(next), None) | (None, Some(next)) => *next,
            (None, None) => return None,
        };
        let in_named = named.next_if_eq(&next).is_some();
        nameless.next_if_eq(&next);
        Some((next, in_named))
    })
}

fn cidrs(rule: &Written) -> Result<Vec<Network>, Box<Fault>> {
    let entries = rule.cidrs.entries("cidrs")?.unwrap_or_default().iter();
    let networks = entries.map(|entry| {
        Network::parse(&entry.value).map_err(|flaw| Problem::BadNetwork { network: entry.value.clone(), flaw }.at(place(entry)))
    });
    networks.collect()
}

fn ports(rule: &Written) -> Result<Vec<RangeInclusive<u16>>, Box<Fault>> {
    let entries = rule.ports.entries("ports")?.unwrap_or_default().iter();
    let ports = entries.map(|entry| {
        parse_ports(&entry.value).map_err(|flaw| Problem::BadPort { port: entry.value.clone(), flaw }.at(place(entry)))
    });
    ports.collect()
}
