//! Section `sinks.otlp` of the configuration.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;

use crate::runtime::units::Millis;

/// An OpenTelemetry collector, and what it gets.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OtlpConfig {
    /// Whether events are sent.
    pub enabled: bool,
    /// The collector: `http://` or `https://`, host and port. Over HTTP, `/v1/logs` and its siblings are put behind it.
    pub endpoint: String,
    /// How it is spoken to.
    pub protocol: Transport,
    /// Sent with each request, as `name=value`: keys and tenants. Names in lower case for gRPC.
    pub headers: Vec<String>,
    /// Certificates to trust, a PEM file. Left out: the system's.
    pub ca: Option<PathBuf>,
    /// The certificate that we show, a PEM file; with `key`.
    pub cert: Option<PathBuf>,
    /// The private key of `cert`, a PEM file.
    pub key: Option<PathBuf>,
    /// Whether requests are compressed. Costs a quarter of a core at 10,000 events/s, saves nine tenths of the traffic.
    pub compression: Compression,
    /// What is sent.
    pub signals: Vec<Signal>,
    /// How long the collector may take to answer a request.
    pub timeout: Millis,
    /// Records or spans of one request, at most.
    pub max_batch_events: usize,
    /// Bytes of one request before compression, about. Collectors refuse messages of more than 4 MiB unless told otherwise.
    pub max_batch_bytes: usize,
    /// How often metrics are sent, while there is something to send.
    pub metrics_interval: Millis,
    /// Attributes of the resource, as `name=value`; they replace `service.name`, `host.name` and the like.
    pub resource_attributes: Vec<String>,
}

impl Default for OtlpConfig {
    fn default() -> Self {
        Self {
            enabled: false,
            endpoint: "http://127.0.0.1:4317".to_owned(),
            protocol: Transport::Grpc,
            headers: Vec::new(),
            ca: None,
            cert: None,
            key: None,
            compression: Compression::None,
            signals: Signal::ALL.to_vec(),
            timeout: Millis::new(10_000),
            max_batch_events: 2_048,
            max_batch_bytes: 3 << 20,
            metrics_interval: Millis::new(10_000),
            resource_attributes: Vec::new(),
        }
    }
}

/// Headers hold keys, which no log line may show.
impl std::fmt::Debug for OtlpConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OtlpConfig")
            .field("enabled", &self.enabled)
            .field("endpoint", &self.endpoint)
            .field("protocol", &self.protocol)
            .field("signals", &self.signals)
            .finish_non_exhaustive()
    }
}

/// How the collector is spoken to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Transport {
    /// OTLP/gRPC, usually port 4317.
    #[default]
    Grpc,
    /// OTLP/HTTP with protobuf bodies, usually port 4318.
    Http,
}

/// Whether requests are compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Compression {
    /// As they are.
    #[default]
    None,
    /// With gzip.
    Gzip,
}

/// A kind of telemetry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Signal {
    /// Every event as a log record.
    Logs,
    /// Sessions, commands, processes and operations as spans.
    Traces,
    /// Sums of what was delivered.
    Metrics,
}

impl Signal {
    /// Every signal.
    pub const ALL: [Signal; 3] = [Signal::Logs, Signal::Traces, Signal::Metrics];

    /// The last part of the path over HTTP, and the word of the configuration.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Signal::Logs => "logs",
            Signal::Traces => "traces",
            Signal::Metrics => "metrics",
        }
    }
}

/// Why the section cannot be used. Nothing was sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OtlpConfigError {
    /// The endpoint is no address of a collector.
    #[error("`sinks.otlp.endpoint` is `{endpoint}`, which is no `http://` or `https://` address of a host")]
    Endpoint {
        /// What stands there.
        endpoint: String,
    },
    /// An item of a list of `name=value` is not one.
    #[error("`sinks.otlp.{key}` has an item that is not `name=value`")]
    Pair {
        /// The key.
        key: &'static str,
    },
    /// A name or a value cannot be a header.
    #[error("`sinks.otlp.headers` has `{name}`, which cannot be a header")]
    Header {
        /// The name.
        name: String,
    },
    /// A certificate or a key cannot be used.
    #[error("`sinks.otlp.{key}`: {reason}")]
    Tls {
        /// The key.
        key: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// Nothing is to be sent.
    #[error("`sinks.otlp.signals` is empty: name `logs`, `traces` or `metrics`, or set `sinks.otlp.enabled: false`")]
    NoSignals,
}

/// The parts of `name=value` items.
pub(super) fn pairs(key: &'static str, items: &[String]) -> Result<BTreeMap<String, String>, OtlpConfigError> {
    let pair = |item: &String| {
        let (name, value) = item.split_once('=').ok_or(OtlpConfigError::Pair { key })?;
        let (name, value) = (name.trim(), value.trim());
        if name.is_empty() { Err(OtlpConfigError::Pair { key }) } else { Ok((name.to_owned(), value.to_owned())) }
    };
    items.iter().map(pair).collect()
}
