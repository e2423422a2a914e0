//! Connections, TLS, unix sockets and pipes: 4001 Network Activity.

use std::net::IpAddr;

use super::class::Class;
use super::entities::{endpoint, text};
use super::object::{Object, long, millis};
use super::record::{Body, Status};
use crate::event::{Event, EventId, Kind, NetClose, NetConnect, OsText, Protocol, SocketNamespace, TlsHandshake};

/// `direction_id` 1: a peer connects to the process.
const INBOUND: u8 = 1;
/// `direction_id` 2: the session connects to a peer.
const OUTBOUND: u8 = 2;
/// `direction_id` 4: within the machine.
const LOCAL: u8 = 4;

fn connection(direction: u8, uid: Option<EventId>) -> Object {
    let name = match direction {
        LOCAL => "Local",
        INBOUND => "Inbound",
        _ => "Outbound",
    };
    Object::new().with("direction_id", direction).with("direction", name).maybe("uid", uid.map(|uid| uid.to_string()))
}

/// The connection that an HTTP message went over.
pub(super) fn carrier(uid: Option<EventId>) -> Option<Object> {
    uid.map(|uid| connection(OUTBOUND, Some(uid)))
}

/// `protocol_num` (IANA's protocol numbers) and `protocol_name`.
const fn protocol(protocol: Protocol, address: Option<IpAddr>) -> (Option<u8>, &'static str) {
    match (protocol, address) {
        (Protocol::Tcp, _) => (Some(6), "tcp"),
        (Protocol::Udp, _) => (Some(17), "udp"),
        (Protocol::Icmp, Some(IpAddr::V6(_))) => (Some(58), "icmp6"),
        (Protocol::Icmp, _) => (Some(1), "icmp"),
        (Protocol::Raw, _) => (None, "raw"),
    }
}

pub(super) fn connected(event: &Event, p: &NetConnect) -> Body {
    let (number, name) = protocol(p.protocol, p.address);
    let version = p.address.map(|address| if address.is_ipv6() { 6 } else { 4 });
    let direction = if p.initiated == Some(false) { INBOUND } else { OUTBOUND };
    let info = connection(direction, Some(event.id))
        .with("protocol_name", name)
        .maybe("protocol_num", number)
        .maybe("protocol_ver_id", version);
    let is_source = p.source_host.is_some() || p.source_address.is_some();
    let source = is_source.then(|| endpoint(p.source_host.as_deref(), p.source_address, p.source_port));
    Body::new(Class::Network, 1).fields(
        Object::new()
            .with("dst_endpoint", endpoint(p.host.as_deref(), p.address, Some(p.port)))
            .maybe("src_endpoint", source)
            .with("connection_info", info),
    )
}

pub(super) fn traffic(sent: u64, received: u64) -> Object {
    Object::new()
        .with("bytes_out", long(sent))
        .with("bytes_in", long(received))
        .with("bytes", long(sent.saturating_add(received)))
}

pub(super) fn closed(event: &Event, p: &NetClose) -> Body {
    let status = Status::of(p.error.is_none());
    Body::new(Class::Network, 2).status(status).fields(
        Object::new()
            .with("dst_endpoint", endpoint(p.host.as_deref(), p.address, Some(p.port)))
            .with("connection_info", connection(OUTBOUND, event.cause))
            .with("traffic", traffic(p.bytes_sent, p.bytes_received))
            .with("duration", millis(p.duration_us))
            .maybe("status_detail", p.error.as_deref()),
    )
}

pub(super) fn greeted(p: &TlsHandshake) -> Body {
    // IANA's number of `application_layer_protocol_negotiation`.
    let alpn = (!p.alpn.is_empty()).then(|| Object::new().with("type_id", 16).with("data", p.alpn.clone()));
    let tls = Object::new()
        .with("version", p.version.as_deref().unwrap_or("unknown"))
        .maybe("sni", p.sni.as_deref())
        .list("tls_extension_list", alpn);
    // 1: JA4, the fingerprint of a ClientHello.
    let ja4 = p.ja4.as_deref().map(|value| Object::new().with("type_id", 1).with("type", "JA4").with("value", value));
    Body::new(Class::Network, 99).named(Kind::TlsHandshake).fields(
        Object::new()
            .with("dst_endpoint", endpoint(p.host.as_deref().or(p.sni.as_deref()), None, Some(p.port)))
            .with("connection_info", connection(OUTBOUND, p.connection))
            .with("tls", tls)
            .list("ja4_fingerprint_list", ja4),
    )
}

/// Which end of a local connection has the address.
#[derive(Clone, Copy)]
pub(super) enum End {
    /// The one that the process makes.
    Own,
    /// The one that it goes to.
    Peer,
}

/// A unix socket or a named pipe.
pub(super) fn local(activity: u8, kind: Kind, address: &OsText, namespace: Option<SocketNamespace>, end: End) -> Body {
    let endpoint = Object::new().with("name", text(address)).maybe("type", namespace.map(SocketNamespace::as_str));
    let key = match end {
        End::Own => "src_endpoint",
        End::Peer => "dst_endpoint",
    };
    let protocol = if namespace.is_some() { "unix" } else { "pipe" };
    Body::new(Class::Network, activity).named(kind).fields(
        Object::new().with(key, endpoint).with("connection_info", connection(LOCAL, None).with("protocol_name", protocol)),
    )
}

/// The bytes of one datagram.
pub(super) fn datagram(size: Option<u64>) -> Object {
    Object::new().maybe("traffic", size.map(|size| traffic(size, 0)))
}
