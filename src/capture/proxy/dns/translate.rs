//! Answers as events, and names as the lists of names that are asked for. Pure.

use std::net::IpAddr;

use hickory_resolver::lookup::Lookup;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::{Name, RecordType};

use crate::event::DnsQuery;

/// What an answer says about going on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) enum Answer {
    /// The name has these addresses of the type; none, if it exists without any.
    Addresses(Vec<IpAddr>),
    /// The name does not exist.
    NoName,
    /// This server gives no answer; another may.
    Failed,
}

/// A query and what came of it: the event, and how to go on.
pub(super) fn answered(
    name: &Name,
    record_type: RecordType,
    outcome: Result<Lookup, NetError>,
    latency_us: u64,
    upstream: Option<String>,
) -> (DnsQuery, Answer) {
    let mut query = DnsQuery {
        name: without_final_dot(name),
        record_type: record_type.to_string(),
        latency_us,
        upstream,
        ..DnsQuery::default()
    };
    let answer = match outcome {
        Ok(lookup) => {
            query.rcode = Some(rcode(ResponseCode::NoError));
            query.answers = lookup.answers().iter().map(|record| record.data.to_string()).collect();
            Answer::Addresses(lookup.answers().iter().filter_map(|record| record.data.ip_addr()).collect())
        }
        Err(NetError::Dns(DnsError::NoRecordsFound(none))) => {
            query.rcode = Some(rcode(none.response_code));
            match none.response_code {
                ResponseCode::NoError => Answer::Addresses(Vec::new()),
                ResponseCode::NXDomain => Answer::NoName,
                _ => Answer::Failed,
            }
        }
        Err(NetError::Dns(DnsError::ResponseCode(code))) => {
            query.rcode = Some(rcode(code));
            Answer::Failed
        }
        Err(error) => {
            query.error = Some(error.to_string());
            Answer::Failed
        }
    };
    (query, answer)
}

/// The names to ask for, in their order, by the rules of resolv.conf(5): a name with enough dots is tried as it is first, one with
/// fewer with the search list first, and one with a final dot only as it is.
pub(super) fn candidates(name: &Name, absolute: bool, search: &[Name], ndots: usize) -> Vec<Name> {
    let mut whole = name.clone();
    whole.set_fqdn(true);
    if absolute {
        return vec![whole];
    }
    let dots = usize::from(name.num_labels()).saturating_sub(1);
    let searched = search.iter().filter_map(|domain| name.clone().append_domain(domain).ok()).map(|mut name| {
        name.set_fqdn(true);
        name
    });
    let mut names = Vec::with_capacity(search.len() + 1);
    if dots >= ndots {
        names.push(whole);
        names.extend(searched);
    } else {
        names.extend(searched);
        names.push(whole);
    }
    let mut seen: Vec<Name> = Vec::with_capacity(names.len());
    names.retain(|name| {
        let new = !seen.contains(name);
        seen.push(name.clone());
        new
    });
    names
}

pub(super) fn without_final_dot(name: &Name) -> String {
    let text = name.to_string();
    match text.strip_suffix('.') {
        Some(short) if !short.is_empty() => short.to_owned(),
        _ => text,
    }
}

/// The code's name in IANA's registry of DNS response codes.
fn rcode(code: ResponseCode) -> String {
    let name = match code {
        ResponseCode::NoError => "NOERROR",
        ResponseCode::FormErr => "FORMERR",
        ResponseCode::ServFail => "SERVFAIL",
        ResponseCode::NXDomain => "NXDOMAIN",
        ResponseCode::NotImp => "NOTIMP",
        ResponseCode::Refused => "REFUSED",
        ResponseCode::YXDomain => "YXDOMAIN",
        ResponseCode::YXRRSet => "YXRRSET",
        ResponseCode::NXRRSet => "NXRRSET",
        ResponseCode::NotAuth => "NOTAUTH",
        ResponseCode::NotZone => "NOTZONE",
        ResponseCode::BADVERS => "BADVERS",
        ResponseCode::BADSIG => "BADSIG",
        ResponseCode::BADKEY => "BADKEY",
        ResponseCode::BADTIME => "BADTIME",
        ResponseCode::BADMODE => "BADMODE",
        ResponseCode::BADNAME => "BADNAME",
        ResponseCode::BADALG => "BADALG",
        ResponseCode::BADTRUNC => "BADTRUNC",
        ResponseCode::BADCOOKIE => "BADCOOKIE",
        ResponseCode::Unknown(number) => return format!("RCODE{number}"),
    };
    name.to_owned()
}
