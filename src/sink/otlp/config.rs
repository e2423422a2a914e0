//! Section `sinks.otlp` of the configuration.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;

use crate::runtime::units::Millis;
use crate::sink::{Range, SelectionConfig};

/// An OpenTelemetry collector, and what it gets.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OtlpConfig {
    /// Whether events are sent.
    pub enabled: bool,
    /// Which events. What is left out is in no span either.
    pub events: SelectionConfig,
    /// The collector: `http://` or `https://`, host and port. Over HTTP, `/v1/logs` and its siblings are put behind it.
    pub endpoint: String,
    /// How it is spoken to.
    pub protocol: Transport,
    /// Sent with each request, as `name=value`: keys and tenants. Names in lower case for gRPC.
    pub headers: Vec<String>,
    /// Certificates to trust, a PEM file. Left out: the system's.
    pub ca_file: Option<PathBuf>,
    /// The certificate that we show, a PEM file; with `key_file`.
    pub cert_file: Option<PathBuf>,
    /// The private key of `cert_file`, a PEM file.
    pub key_file: Option<PathBuf>,
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
            events: SelectionConfig::default(),
            endpoint: "http://127.0.0.1:4317".to_owned(),
            protocol: Transport::Grpc,
            headers: Vec::new(),
            ca_file: None,
            cert_file: None,
            key_file: None,
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

impl OtlpConfig {
    pub(in crate::sink) fn ranges(&self) -> Vec<Range> {
        let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
        let millis = |time: Millis| u64::try_from(time.duration().as_millis()).unwrap_or(u64::MAX);
        vec![
            ("sinks.otlp.max_batch_events", count(self.max_batch_events), 1, 100_000),
            ("sinks.otlp.max_batch_bytes", count(self.max_batch_bytes), 64 << 10, 64 << 20),
            ("sinks.otlp.timeout", millis(self.timeout), 100, 600_000),
        ]
    }

    pub(in crate::sink) fn paths(&mut self) -> Vec<(&'static str, &mut PathBuf)> {
        let paths = [
            ("sinks.otlp.ca_file", &mut self.ca_file),
            ("sinks.otlp.cert_file", &mut self.cert_file),
            ("sinks.otlp.key_file", &mut self.key_file),
        ];
        paths.into_iter().filter_map(|(key, path)| path.as_mut().map(|path| (key, path))).collect()
    }

    pub(in crate::sink) fn fault(&self) -> Option<(&'static str, String)> {
        let fault = self.enabled.then(|| self.check().err()).flatten()?;
        Some((fault.key(), fault.to_string()))
    }

    /// Whether it can work, as far as that can be said without a file or a collector.
    ///
    /// # Errors
    /// [`OtlpConfigError`] says which key cannot stay as it is.
    pub fn check(&self) -> Result<(), OtlpConfigError> {
        if self.signals.is_empty() {
            return Err(OtlpConfigError::NoSignals);
        }
        let uri: Option<http::Uri> = self.endpoint.parse().ok();
        let usable = uri.is_some_and(|uri| {
            matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some_and(|host| !host.is_empty())
        });
        if !usable {
            return Err(OtlpConfigError::Endpoint { endpoint: self.endpoint.clone() });
        }
        for (name, value) in pairs("headers", &self.headers)? {
            let fits = name.parse::<http::HeaderName>().is_ok() && value.parse::<http::HeaderValue>().is_ok();
            if !fits {
                return Err(OtlpConfigError::Header { name });
            }
        }
        pairs("resource_attributes", &self.resource_attributes)?;
        match (&self.cert_file, &self.key_file) {
            (Some(_), None) => {
                Err(OtlpConfigError::Tls { key: "key_file", reason: "`cert_file` needs the key that belongs to it".to_owned() })
            }
            (None, Some(_)) => Err(OtlpConfigError::Tls {
                key: "cert_file",
                reason: "`key_file` needs the certificate that it is of".to_owned(),
            }),
            (Some(_), Some(_)) | (None, None) => Ok(()),
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

impl OtlpConfigError {
    /// The key that it is about.
    #[must_use]
    pub fn key(&self) -> &'static str {
        match self {
            Self::Endpoint { .. } => "sinks.otlp.endpoint",
            Self::Pair { key: "headers" } | Self::Header { .. } => "sinks.otlp.headers",
            Self::Pair { .. } => "sinks.otlp.resource_attributes",
            Self::Tls { key: "cert_file", .. } => "sinks.otlp.cert_file",
            Self::Tls { key: "key_file", .. } => "sinks.otlp.key_file",
            Self::Tls { .. } => "sinks.otlp.ca_file",
            Self::NoSignals => "sinks.otlp.signals",
        }
    }
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
