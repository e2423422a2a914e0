//! Section `sinks.nats` of the configuration.

use std::path::PathBuf;

use serde::Deserialize;

use crate::runtime::units::Millis;
use crate::sink::config::{Range, SelectionConfig};
use crate::sink::secret::Secret;
use crate::sink::shape::Shape;

/// Section `sinks.nats`: events as messages of a JetStream stream.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NatsConfig {
    /// Whether it runs within `agentsh server`.
    pub enabled: bool,
    /// Servers of one cluster, as `nats://host:4222` or `tls://host:4222`.
    pub servers: Vec<String>,
    /// What subjects begin with.
    pub subject_prefix: String,
    /// The form of an event.
    pub format: Shape,
    /// The stream that takes the subjects.
    pub stream: String,
    /// Whether to make the stream where there is none; the keys that begin with `stream_` then say how. A stream that is there is left as
    /// it is.
    pub create_stream: bool,
    /// How long the stream remembers ids. A repetition that comes later is a message of its own, with the same id.
    pub stream_duplicate_window: Millis,
    /// Age at which the stream drops messages; `0s` for never.
    pub stream_max_age: Millis,
    /// Bytes from which the stream drops its oldest messages; 0 for no limit.
    pub stream_max_bytes: u64,
    /// Servers that keep a copy.
    pub stream_replicas: u64,
    /// Messages that are under way at once.
    pub in_flight: u64,
    /// How long an acknowledgement may take.
    pub ack_timeout: Millis,
    /// How long a connection may take.
    pub connect_timeout: Millis,
    /// A token to authenticate with.
    pub token: Option<Secret>,
    /// The file that holds the token.
    pub token_file: Option<PathBuf>,
    /// A user to authenticate as.
    pub user: Option<String>,
    /// The user's password.
    pub password: Option<Secret>,
    /// The file that holds the password.
    pub password_file: Option<PathBuf>,
    /// A credentials file (JWT and key) as `nsc` writes it.
    pub credentials_file: Option<PathBuf>,
    /// The file that holds an nkey's seed.
    pub nkey_file: Option<PathBuf>,
    /// Whether a connection without TLS is refused.
    pub tls: bool,
    /// Certificate authorities to trust instead of the system's, as PEM.
    pub ca_file: Option<PathBuf>,
    /// The certificate to show, and its key, as PEM.
    pub cert_file: Option<PathBuf>,
    /// The key of `cert_file`.
    pub key_file: Option<PathBuf>,
    /// Which events.
    pub events: SelectionConfig,
}

impl Default for NatsConfig {
    fn default() -> Self {
        Self {
            enabled: false,
            servers: vec!["nats://127.0.0.1:4222".to_owned()],
            subject_prefix: "agentsh".to_owned(),
            format: Shape::Agentsh,
            stream: "AGENTSH".to_owned(),
            create_stream: false,
            stream_duplicate_window: Millis::new(120_000),
            stream_max_age: Millis::new(0),
            stream_max_bytes: 0,
            stream_replicas: 1,
            in_flight: 256,
            ack_timeout: Millis::new(5_000),
            connect_timeout: Millis::new(5_000),
            token: None,
            token_file: None,
            user: None,
            password: None,
            password_file: None,
            credentials_file: None,
            nkey_file: None,
            tls: false,
            ca_file: None,
            cert_file: None,
            key_file: None,
            events: SelectionConfig::default(),
        }
    }
}

impl NatsConfig {
    pub(in crate::sink) fn ranges(&self) -> Vec<Range> {
        vec![("sinks.nats.in_flight", self.in_flight, 1, 10_000), ("sinks.nats.stream_replicas", self.stream_replicas, 1, 5)]
    }

    pub(in crate::sink) fn paths(&mut self) -> impl Iterator<Item = (&'static str, &mut PathBuf)> {
        let files = [
            ("sinks.nats.token_file", self.token_file.as_mut()),
            ("sinks.nats.password_file", self.password_file.as_mut()),
            ("sinks.nats.credentials_file", self.credentials_file.as_mut()),
            ("sinks.nats.nkey_file", self.nkey_file.as_mut()),
            ("sinks.nats.ca_file", self.ca_file.as_mut()),
            ("sinks.nats.cert_file", self.cert_file.as_mut()),
            ("sinks.nats.key_file", self.key_file.as_mut()),
        ];
        files.into_iter().filter_map(|(key, path)| path.map(|path| (key, path)))
    }

    pub(in crate::sink) fn fault(&self) -> Option<(&'static str, String)> {
        let token =
            |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
        let fault = if self.servers.is_empty() {
            ("sinks.nats.servers", "it takes at least one server, such as `nats://127.0.0.1:4222`")
        } else if !self.subject_prefix.split('.').all(token) {
            ("sinks.nats.subject_prefix", "it takes letters, digits, `-` and `_`, in parts that are joined with `.`")
        } else if !token(&self.stream) {
            ("sinks.nats.stream", "it takes letters, digits, `-` and `_`")
        } else {
            return None;
        };
        self.enabled.then(|| (fault.0, fault.1.to_owned()))
    }
}
