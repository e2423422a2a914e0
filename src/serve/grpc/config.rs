//! Section `server.grpc` of the configuration.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use serde::Deserialize;

use crate::runtime::units::Millis;

/// The gRPC service.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GrpcConfig {
    /// Whether there is one.
    pub enabled: bool,
    /// Address and port to listen on; port 0 takes a free one. An address that other machines can reach takes keys.
    pub addr: SocketAddr,
    /// TLS; without it what is sent can be read on the way.
    pub tls: TlsConfig,
    /// The largest message that is taken, in bytes, after decompression. Larger ones cost memory for each call at once.
    pub max_message_bytes: u64,
    /// The largest list of headers that is taken, in bytes.
    pub max_header_bytes: u64,
    /// Calls at once on one connection; further ones wait.
    pub max_streams: u64,
    /// Connections at once; further ones wait in the kernel's backlog.
    pub max_connections: u64,
    /// After so long without a sign of life a connection is asked for one.
    pub keepalive_interval: Millis,
    /// How long the answer to that may take before the connection is closed.
    pub keepalive_timeout: Millis,
    /// How long a new connection may take for TLS and the first bytes of HTTP/2.
    pub handshake_timeout: Millis,
    /// The longest time for a call until its answer begins. A caller's own `grpc-timeout` counts where it is shorter.
    pub request_timeout: Millis,
    /// Events that a sensor may send before they are acknowledged.
    pub ingest_window: u64,
}

impl Default for GrpcConfig {
    fn default() -> Self {
        Self {
            enabled: false,
            addr: SocketAddr::from((Ipv4Addr::LOCALHOST, 9090)),
            tls: TlsConfig::default(),
            max_message_bytes: 4 << 20,
            max_header_bytes: 16 << 10,
            max_streams: 1_024,
            max_connections: 1_024,
            keepalive_interval: Millis::new(30_000),
            keepalive_timeout: Millis::new(20_000),
            handshake_timeout: Millis::new(10_000),
            request_timeout: Millis::new(60_000),
            ingest_window: 4_096,
        }
    }
}

impl GrpcConfig {
    /// Numbers that do harm outside of a range: key, value, least, most; times in milliseconds.
    #[must_use]
    pub fn ranges(&self) -> [(&'static str, u64, u64, u64); 9] {
        let millis = |time: Millis| u64::try_from(time.duration().as_millis()).unwrap_or(u64::MAX);
        [
            ("server.grpc.max_message_bytes", self.max_message_bytes, 64 << 10, 1 << 30),
            ("server.grpc.max_header_bytes", self.max_header_bytes, 4 << 10, 1 << 20),
            ("server.grpc.max_streams", self.max_streams, 1, 65_536),
            ("server.grpc.max_connections", self.max_connections, 1, 65_536),
            ("server.grpc.keepalive_interval", millis(self.keepalive_interval), 1_000, 86_400_000),
            ("server.grpc.keepalive_timeout", millis(self.keepalive_timeout), 1_000, 600_000),
            ("server.grpc.handshake_timeout", millis(self.handshake_timeout), 100, 600_000),
            ("server.grpc.request_timeout", millis(self.request_timeout), 100, 86_400_000),
            ("server.grpc.ingest_window", self.ingest_window, 1, 1_000_000),
        ]
    }
}

/// Section `client`: how the command line reaches a server.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClientConfig {
    /// TLS, over gRPC.
    pub tls: ClientTlsConfig,
}

/// TLS to a gRPC service. Certificates and keys are PEM files.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClientTlsConfig {
    /// Whether it is used. Left out: when another key of this section is set, or the server of this configuration has a certificate.
    pub enabled: Option<bool>,
    /// Authorities to trust instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// The certificate to show, and those between it and the root; with `key_file`.
    pub cert_file: Option<PathBuf>,
    /// The private key of `cert_file`.
    pub key_file: Option<PathBuf>,
    /// The name that the server's certificate must have; left out, it is the host that is connected to.
    pub server_name: Option<String>,
}

impl ClientTlsConfig {
    /// Whether TLS is spoken to a server that has, or has not, a certificate in this configuration.
    #[must_use]
    pub fn is_used(&self, served: bool) -> bool {
        let set = self.ca_file.is_some() || self.cert_file.is_some() || self.key_file.is_some() || self.server_name.is_some();
        self.enabled.unwrap_or(set || served)
    }

    /// The paths by their keys, to be made absolute.
    pub fn paths(&mut self) -> impl Iterator<Item = (&'static str, &mut PathBuf)> {
        let ca = self.ca_file.iter_mut().map(|path| ("client.tls.ca_file", path));
        let cert = self.cert_file.iter_mut().map(|path| ("client.tls.cert_file", path));
        let key = self.key_file.iter_mut().map(|path| ("client.tls.key_file", path));
        ca.chain(cert).chain(key)
    }
}

/// TLS of the gRPC service. Certificates and keys are PEM files.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TlsConfig {
    /// The server's certificate, and those between it and the root.
    pub cert: Option<PathBuf>,
    /// Its private key.
    pub key: Option<PathBuf>,
    /// The authority of client certificates. With it, every client must show one that it has signed.
    pub client_ca: Option<PathBuf>,
}
