//! Section `sinks.syslog` of the configuration.

use std::path::PathBuf;

use serde::Deserialize;

use crate::runtime::units::Millis;
use crate::sink::config::{Range, SelectionConfig};
use crate::sink::shape::Shape;

/// Section `sinks.syslog`: events as RFC 5424 messages.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SyslogConfig {
    /// Whether it runs within `agentsh server`.
    pub enabled: bool,
    /// Host and port of the receiver. The usual ports are 601 for TCP and 6514 for TLS.
    pub address: String,
    /// Whether the connection is TLS.
    pub tls: bool,
    /// The name that the receiver's certificate must have; left out, it is the host of `address`.
    pub server_name: Option<String>,
    /// Certificate authorities to trust instead of the system's, as PEM.
    pub ca_file: Option<PathBuf>,
    /// The certificate to show, and its key, as PEM.
    pub cert_file: Option<PathBuf>,
    /// The key of `cert_file`.
    pub key_file: Option<PathBuf>,
    /// The facility of every message.
    pub facility: Facility,
    /// The form of the message's text.
    pub format: Shape,
    /// Bytes of the longest message. A longer one is kept as a dead letter: receivers cut it or lose the place in the stream.
    pub max_message_bytes: u64,
    /// How long a connection may take, its TLS included.
    pub connect_timeout: Millis,
    /// How long the receiver's kernel may take to acknowledge a page.
    pub ack_timeout: Millis,
    /// Which events.
    pub events: SelectionConfig,
}

impl Default for SyslogConfig {
    fn default() -> Self {
        Self {
            enabled: false,
            address: String::new(),
            tls: false,
            server_name: None,
            ca_file: None,
            cert_file: None,
            key_file: None,
            facility: Facility::Local0,
            format: Shape::Agentsh,
            max_message_bytes: 64 << 10,
            connect_timeout: Millis::new(5_000),
            ack_timeout: Millis::new(10_000),
            events: SelectionConfig::default(),
        }
    }
}

/// Where a message comes from, in the words and with the numbers of RFC 5424 §6.2.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the words are those of syslog")]
pub enum Facility {
    User,
    Daemon,
    Auth,
    Authpriv,
    Audit,
    Local0,
    Local1,
    Local2,
    Local3,
    Local4,
    Local5,
    Local6,
    Local7,
}

impl Facility {
    /// The number.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Facility::User => 1,
            Facility::Daemon => 3,
            Facility::Auth => 4,
            Facility::Authpriv => 10,
            Facility::Audit => 13,
            Facility::Local0 => 16,
            Facility::Local1 => 17,
            Facility::Local2 => 18,
            Facility::Local3 => 19,
            Facility::Local4 => 20,
            Facility::Local5 => 21,
            Facility::Local6 => 22,
            Facility::Local7 => 23,
        }
    }
}

impl SyslogConfig {
    /// The receiver's host, without brackets around an IPv6 address.
    pub(super) fn host(&self) -> &str {
        let host = self.address.rsplit_once(':').map_or(self.address.as_str(), |(host, _)| host);
        host.trim_start_matches('[').trim_end_matches(']')
    }

    pub(in crate::sink) fn ranges(&self) -> Vec<Range> {
        // RFC 5424 §6.1: every receiver takes 480 bytes.
        vec![("sinks.syslog.max_message_bytes", self.max_message_bytes, 480, 16 << 20)]
    }

    pub(in crate::sink) fn paths(&mut self) -> impl Iterator<Item = (&'static str, &mut PathBuf)> {
        let ca = self.ca_file.iter_mut().map(|path| ("sinks.syslog.ca_file", path));
        let cert = self.cert_file.iter_mut().map(|path| ("sinks.syslog.cert_file", path));
        let key = self.key_file.iter_mut().map(|path| ("sinks.syslog.key_file", path));
        ca.chain(cert).chain(key)
    }

    pub(in crate::sink) fn fault(&self) -> Option<(&'static str, String)> {
        let port = self.address.rsplit_once(':').is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok());
        (self.enabled && !port)
            .then(|| ("sinks.syslog.address", "it takes host and port, such as `logs.example.com:6514`".to_owned()))
    }
}
