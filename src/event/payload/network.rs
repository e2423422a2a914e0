//! Names, connections, HTTP and TLS.

use std::net::IpAddr;

use super::{payload, words};
use crate::event::EventId;

words! {
    /// The transport of a connection or a query.
    pub enum Protocol {
        /// TCP.
        #[default]
        Tcp => "tcp",
        /// UDP.
        Udp => "udp",
        /// ICMP or ICMPv6.
        Icmp => "icmp",
        /// Raw IP.
        Raw => "raw",
    }

    /// How a connection came to the recorder.
    pub enum Interception {
        /// A request in absolute form to the session's HTTP proxy.
        #[default]
        HttpProxy => "http_proxy",
        /// `CONNECT` to the session's HTTP proxy.
        HttpConnect => "http_connect",
        /// SOCKS5 to the session's proxy.
        Socks5 => "socks5",
        /// Redirected by the session's network namespace.
        Transparent => "transparent",
        /// Seen at the system call only.
        SystemCall => "system_call",
        /// Told by a sensor or an imported log.
        Sensor => "sensor",
    }
}

impl super::Absent for IpAddr {}

payload! {
    /// One HTTP header field, its value redacted where it holds a secret.
    pub struct Header {
        /// Name, in lower case.
        pub name: String,
        /// Value; bytes outside of printable ASCII as `\xNN`.
        pub value: String,
    }

    /// A name is resolved.
    pub struct DnsQuery {
        /// The name as it was asked for, without the final dot.
        pub name: String,
        /// Record type, such as `A`, `AAAA`, `TXT`.
        pub record_type: String,
        /// Response code by its IANA name (`NOERROR`, `NXDOMAIN` …); absent when no answer came.
        pub rcode: Option<String>,
        /// The answers' data in text form.
        pub answers: Vec<String>,
        /// From query to answer, in microseconds.
        pub latency_us: u64,
        /// The server that was asked (`address:port`), or `hosts` for the hosts file.
        pub upstream: Option<String>,
        /// Why no answer came.
        pub error: Option<String>,
        /// The resolver's own status (Windows error code; 0 is success).
        pub status: Option<u32>,
    }

    /// A connection is about to be made.
    pub struct NetConnect {
        /// The name that the client gave, if it gave one.
        pub host: Option<String>,
        /// The address; absent when the connection was refused by name, before it was resolved.
        pub address: Option<IpAddr>,
        /// The port.
        pub port: u16,
        /// The transport.
        pub protocol: Protocol,
        /// How the recorder came to see it.
        pub interception: Interception,
        /// Name of the end that `host` and `address` are not, where the source says it.
        pub source_host: Option<String>,
        /// Address of that end.
        pub source_address: Option<IpAddr>,
        /// Port of that end.
        pub source_port: Option<u16>,
        /// Whether the process made the connection (`true`) or took it (`false`); absent where it is known to have made it.
        pub initiated: Option<bool>,
    }

    /// A connection is over; its cause is the `net_connect`.
    pub struct NetClose {
        /// The name that the client gave, if it gave one.
        pub host: Option<String>,
        /// The address.
        pub address: Option<IpAddr>,
        /// The port.
        pub port: u16,
        /// Bytes that the session sent to the peer.
        pub bytes_sent: u64,
        /// Bytes that the peer sent to the session.
        pub bytes_received: u64,
        /// From connect to close, in microseconds.
        pub duration_us: u64,
        /// Why it ended, if not by an orderly close.
        pub error: Option<String>,
    }

    /// An HTTP request is about to be sent upstream.
    pub struct HttpRequest {
        /// Method, such as `GET`.
        pub method: String,
        /// `http` or `https`.
        pub scheme: String,
        /// Host without the port.
        pub host: String,
        /// Port.
        pub port: u16,
        /// Path, redacted.
        pub path: String,
        /// Query without the question mark, redacted.
        pub query: Option<String>,
        /// Protocol version, such as `HTTP/1.1`.
        pub version: String,
        /// Header fields in the order of the request, redacted.
        pub headers: Vec<Header>,
        /// Announced size of the body in bytes; absent when it is not announced.
        pub body_size: Option<u64>,
        /// The `net_connect` of the connection that carries it, if that was there before the request.
        pub connection: Option<EventId>,
    }

    /// The answer to an HTTP request; its cause is the `http_request`.
    pub struct HttpResponse {
        /// Status code; absent when no response came.
        pub status: Option<u16>,
        /// Protocol version, such as `HTTP/1.1`.
        pub version: Option<String>,
        /// Header fields in the order of the response, redacted.
        pub headers: Vec<Header>,
        /// Bytes of the request's body that were sent.
        pub request_bytes: u64,
        /// Bytes of the response's body that came.
        pub response_bytes: u64,
        /// From the request to the first byte of the response, in microseconds.
        pub first_byte_us: Option<u64>,
        /// From the request to the end of the response, in microseconds.
        pub duration_us: u64,
        /// The `net_connect` of the connection that carried it.
        pub connection: Option<EventId>,
        /// Why it failed.
        pub error: Option<String>,
    }

    /// A TLS ClientHello was read.
    pub struct TlsHandshake {
        /// Server name indication (RFC 6066 §3).
        pub sni: Option<String>,
        /// Protocols offered (RFC 7301).
        pub alpn: Vec<String>,
        /// Highest version offered, such as `TLSv1.3`.
        pub version: Option<String>,
        /// JA4 fingerprint of the ClientHello.
        pub ja4: Option<String>,
        /// The name that the client connected to.
        pub host: Option<String>,
        /// The port.
        pub port: u16,
        /// Whether name indication, DNS answer and destination disagree.
        pub sni_mismatch: bool,
        /// The `net_connect` of the connection that carries it.
        pub connection: Option<EventId>,
    }
}
