//! Names, connections, HTTP and TLS: numbers on the wire.

use std::net::IpAddr;

use super::super::form::{messages, words};
use crate::event::*;

words! {
    Protocol { Tcp = Tcp, Udp = Udp, Icmp = Icmp, Raw = Raw }
    Interception { HttpProxy = HttpProxy, HttpConnect = HttpConnect, Socks5 = Socks5, Transparent = Transparent, SystemCall = SystemCall, Sensor = Sensor }
}

messages! {
    Header { name: String = 1, value: String = 2 }
    DnsQuery { name: String = 1, record_type: String = 2, rcode: Option<String> = 3, answers: Vec<String> = 4, latency_us: u64 = 5, upstream: Option<String> = 6, error: Option<String> = 7, status: Option<u32> = 8 }
    NetConnect { host: Option<String> = 1, address: Option<IpAddr> = 2, port: u16 = 3, protocol: Protocol = 4, interception: Interception = 5, source_host: Option<String> = 6, source_address: Option<IpAddr> = 7, source_port: Option<u16> = 8, initiated: Option<bool> = 9 }
    NetClose { host: Option<String> = 1, address: Option<IpAddr> = 2, port: u16 = 3, bytes_sent: u64 = 4, bytes_received: u64 = 5, duration_us: u64 = 6, error: Option<String> = 7 }
    HttpRequest { method: String = 1, scheme: String = 2, host: String = 3, port: u16 = 4, path: String = 5, query: Option<String> = 6, version: String = 7, headers: Vec<Header> = 8, body_size: Option<u64> = 9, connection: Option<EventId> = 10 }
    HttpResponse { status: Option<u16> = 1, version: Option<String> = 2, headers: Vec<Header> = 3, request_bytes: u64 = 4, response_bytes: u64 = 5, first_byte_us: Option<u64> = 6, duration_us: u64 = 7, connection: Option<EventId> = 8, error: Option<String> = 9 }
    TlsHandshake { sni: Option<String> = 1, alpn: Vec<String> = 2, version: Option<String> = 3, ja4: Option<String> = 4, host: Option<String> = 5, port: u16 = 6, sni_mismatch: bool = 7, connection: Option<EventId> = 8 }
}
