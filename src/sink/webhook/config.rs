//! Section `sinks.webhook` of the configuration.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;

use crate::runtime::units::Millis;
use crate::sink::config::{Range, SelectionConfig};
use crate::sink::secret::Secret;
use crate::sink::shape::Shape;

/// Section `sinks.webhook`: batches of events by HTTP POST.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WebhookConfig {
    /// Whether it runs within `agentsh server`.
    pub enabled: bool,
    /// Where to post to. Never shown in logs or events beyond its host: the rest may be a credential.
    pub url: Secret,
    /// The form of an event.
    pub format: Shape,
    /// How a body holds its events.
    pub body: BodyForm,
    /// How a body is compressed.
    pub compression: WebhookCompression,
    /// Events in one request, at most.
    pub batch_events: u64,
    /// Bytes of events in one request, about; a single larger event is sent alone.
    pub batch_bytes: u64,
    /// How long a connection may take.
    pub connect_timeout: Millis,
    /// How long a request may take, from its first byte to the last of the answer.
    pub timeout: Millis,
    /// The key that requests are signed with; `whsec_` and base64, or any text. Unset, they are not signed.
    pub secret: Option<Secret>,
    /// The file that holds the key, in place of `secret`.
    pub secret_file: Option<PathBuf>,
    /// Headers to send with each request, such as `authorization`. Never shown.
    pub headers: BTreeMap<String, Secret>,
    /// Certificate authorities to trust instead of the system's, as PEM.
    pub ca_file: Option<PathBuf>,
    /// The certificate to show, and its key, as PEM.
    pub cert_file: Option<PathBuf>,
    /// The key of `cert_file`.
    pub key_file: Option<PathBuf>,
    /// The HTTP proxy to go through. Variables such as `HTTPS_PROXY` are not looked at.
    pub proxy: Option<Secret>,
    /// Which events.
    pub events: SelectionConfig,
}

impl Default for WebhookConfig {
    fn default() -> Self {
        Self {
            enabled: false,
            url: Secret::default(),
            format: Shape::Agentsh,
            body: BodyForm::Json,
            compression: WebhookCompression::None,
            batch_events: 500,
            batch_bytes: 1 << 20,
            connect_timeout: Millis::new(5_000),
            timeout: Millis::new(30_000),
            secret: None,
            secret_file: None,
            headers: BTreeMap::new(),
            ca_file: None,
            cert_file: None,
            key_file: None,
            proxy: None,
            events: SelectionConfig::default(),
        }
    }
}

/// How a body holds its events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BodyForm {
    /// One JSON array (`application/json`).
    #[default]
    Json,
    /// One event a line (`application/x-ndjson`).
    Ndjson,
}

/// How a body is compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WebhookCompression {
    /// Not.
    #[default]
    None,
    /// With gzip; the signature covers the compressed body.
    Gzip,
}

impl WebhookConfig {
    pub(in crate::sink) fn ranges(&self) -> Vec<Range> {
        vec![
            ("sinks.webhook.batch_events", self.batch_events, 1, 100_000),
            ("sinks.webhook.batch_bytes", self.batch_bytes, 1, 1 << 30),
        ]
    }

    pub(in crate::sink) fn paths(&mut self) -> impl Iterator<Item = (&'static str, &mut PathBuf)> {
        let secret = self.secret_file.iter_mut().map(|path| ("sinks.webhook.secret_file", path));
        let ca = self.ca_file.iter_mut().map(|path| ("sinks.webhook.ca_file", path));
        let cert = self.cert_file.iter_mut().map(|path| ("sinks.webhook.cert_file", path));
        let key = self.key_file.iter_mut().map(|path| ("sinks.webhook.key_file", path));
        secret.chain(ca).chain(cert).chain(key)
    }

    pub(in crate::sink) fn fault(&self) -> Option<(&'static str, String)> {
        let url = self.url.reveal();
        let fine = url.starts_with("http://") || url.starts_with("https://");
        (self.enabled && !fine)
            .then(|| ("sinks.webhook.url", "it takes the address to post to, from `http://` or `https://` on".to_owned()))
    }
}
