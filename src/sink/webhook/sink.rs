//! `WebhookSink`: the destination.

use std::io::Write as _;

use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER, USER_AGENT};
use reqwest::{Client, Proxy, Url, redirect};

use super::answer::meaning;
use super::config::{BodyForm, WebhookCompression, WebhookConfig};
use super::sign::Signer;
use crate::event::JournaledEvent;
use crate::journal::{DataDir, Page, ReaderStore};
use crate::runtime::clock;
use crate::sink::batch::{Answer, Readable, by_halves, readable};
use crate::sink::destination::{DeliverError, Destination, Flush, Refused, taken_or_refused, whole};
use crate::sink::secret::secret;
use crate::sink::shape::Shaper;
use crate::sink::tls;

/// Bytes of an answer that are read; a receiver has nothing longer to say.
const ANSWER_BYTES: usize = 64 << 10;

/// Posts batches of events.
pub struct WebhookSink {
    config: WebhookConfig,
    data_dir: DataDir,
    shaper: Shaper,
    peer: Option<Peer>,
    delivered: u64,
}

/// What requests are made with, once the configuration was found to be usable.
struct Peer {
    client: Client,
    url: Url,
    headers: HeaderMap,
    signer: Option<Signer>,
    journal: String,
}

/// An event in its shape.
struct Shaped {
    seq: u64,
    text: Vec<u8>,
}

impl WebhookSink {
    /// A sink to the receiver of the configuration. Nothing is connected before the loop begins.
    #[must_use]
    pub fn new(config: WebhookConfig, data_dir: DataDir) -> Self {
        Self { shaper: Shaper::new(config.format), config, data_dir, peer: None, delivered: 0 }
    }

    fn peer(&self) -> Result<Peer, String> {
        let config = &self.config;
        let url = Url::parse(config.url.reveal()).map_err(|error| format!("sinks.webhook.url: {error}"))?;
        let mut builder = Client::builder()
            .redirect(redirect::Policy::none())
            .connect_timeout(config.connect_timeout.duration())
            .timeout(config.timeout.duration());
        builder = match &config.proxy {
            Some(proxy) => builder.proxy(Proxy::all(proxy.reveal()).map_err(|_| "sinks.webhook.proxy is no address".to_owned())?),
            None => builder.no_proxy(),
        };
        tls::install_crypto();
        if url.scheme() == "https" {
            let tls = tls::client(config.ca_file.as_deref(), config.cert_file.as_ref(), config.key_file.as_ref())?;
            builder = builder.tls_backend_preconfigured(rustls::ClientConfig::clone(&tls));
        }
        let client = builder.build().map_err(|error| error.without_url().to_string())?;
        let key = secret(config.secret.as_ref(), config.secret_file.as_deref())?;
        let signer = key.map(|key| Signer::new(&key)).transpose().map_err(|why| format!("sinks.webhook.secret: {why}"))?;
        let store = ReaderStore::open(&self.data_dir.journal()).map_err(|error| error.to_string())?;
        let journal = store.meta("journal_id").map_err(|error| error.to_string())?.unwrap_or_default();
        Ok(Peer { client, url, headers: self.headers()?, signer, journal })
    }

    fn headers(&self) -> Result<HeaderMap, String> {
        let mut headers = HeaderMap::new();
        let agent = concat!("agentsh/", env!("CARGO_PKG_VERSION"));
        headers.insert(USER_AGENT, HeaderValue::from_static(agent));
        let content = match self.config.body {
            BodyForm::Json => "application/json",
            BodyForm::Ndjson => "application/x-ndjson",
        };
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content));
        if self.config.compression == WebhookCompression::Gzip {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        for (name, value) in &self.config.headers {
            let name = HeaderName::try_from(name.as_str()).map_err(|_| format!("sinks.webhook.headers: `{name}` is no name"))?;
            let wrong = |_| format!("sinks.webhook.headers: the value of `{name}` cannot be sent");
            let mut value = HeaderValue::try_from(value.reveal()).map_err(wrong)?;
            value.set_sensitive(true);
            headers.insert(name, value);
        }
        Ok(headers)
    }

    /// The body of some events.
    fn body(&self, events: &[Shaped]) -> std::io::Result<Vec<u8>> {
        let mut body = Vec::with_capacity(events.iter().map(|event| event.text.len() + 1).sum::<usize>() + 2);
        let (begin, between, end): (&[u8], &[u8], &[u8]) = match self.config.body {
            BodyForm::Json => (b"[", b",", b"]"),
            BodyForm::Ndjson => (b"", b"\n", b"\n"),
        };
        body.extend_from_slice(begin);
        for (at, event) in events.iter().enumerate() {
            if at > 0 {
                body.extend_from_slice(between);
            }
            body.extend_from_slice(&event.text);
        }
        body.extend_from_slice(end);
        match self.config.compression {
            WebhookCompression::None => Ok(body),
            WebhookCompression::Gzip => {
                let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
                encoder.write_all(&body)?;
                encoder.finish()
            }
        }
    }

    async fn post(&self, peer: &Peer, events: &[Shaped]) -> Result<Answer, DeliverError> {
        let failed = |reason: String| DeliverError::Unavailable { reason, retry_after: None };
        let body = self.body(events).map_err(|error| failed(error.to_string()))?;
        let (first, last) = (events.first().map_or(0, |event| event.seq), events.last().map_or(0, |event| event.seq));
        // The same events have the same id, however often they are sent and by whichever process.
        let id = format!("{}-{first}-{last}-{}", peer.journal, events.len());
        let timestamp = clock::now().as_micros() / 1_000_000;
        let mut request = peer.client.post(peer.url.clone()).headers(peer.headers.clone());
        request = request.header("webhook-id", &id).header("webhook-timestamp", timestamp);
        if let Some(signer) = &peer.signer {
            request = request.header("webhook-signature", signer.sign(&id, timestamp, &body));
        }
        let mut response = request.body(body).send().await.map_err(|error| failed(in_words(error)))?;
        let retry_after = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let mut said = Vec::new();
        loop {
            match response.chunk().await {
                Ok(Some(chunk)) if said.len() < ANSWER_BYTES => said.extend_from_slice(&chunk),
                Ok(Some(_) | None) => break,
                // An answer that breaks off may be that of a receiver which broke off too.
                Err(error) => return Err(failed(format!("the answer broke off: {}", in_words(error)))),
            }
        }
        meaning(response.status().as_u16(), retry_after.as_deref(), &said)
    }

    /// Batches within the limits, in order.
    fn batches<'s>(&self, mut events: &'s [Shaped]) -> Vec<&'s [Shaped]> {
        let (most, bytes) = (usize::try_from(self.config.batch_events), usize::try_from(self.config.batch_bytes));
        let (most, bytes) = (most.unwrap_or(usize::MAX).max(1), bytes.unwrap_or(usize::MAX));
        let mut batches = Vec::new();
        while !events.is_empty() {
            let mut size = 0;
            let fits = |event: &&Shaped| {
                size += event.text.len() + 1;
                size <= bytes
            };
            let count = events.iter().take(most).take_while(fits).count().max(1);
            let (batch, rest) = events.split_at(count);
            batches.push(batch);
            events = rest;
        }
        batches
    }

    fn shaped(&self, event: &JournaledEvent) -> Shaped {
        let mut text = Vec::new();
        self.shaper.put(event, &mut text);
        Shaped { seq: event.seq.get(), text }
    }

    /// Posts the events of a page; returns those that are refused for good.
    async fn send(&self, page: &Page) -> Result<Vec<Refused>, DeliverError> {
        let Some(peer) = &self.peer else {
            return Err(DeliverError::Misconfigured { reason: "there is no connection".to_owned() });
        };
        let Readable { events, mut refused } = readable(page);
        let shaped: Vec<Shaped> = events.iter().map(|event| self.shaped(event)).collect();
        for batch in self.batches(&shaped) {
            refused.extend(by_halves(batch, |event| event.seq, |part| self.post(peer, part)).await?);
        }
        Ok(refused)
    }
}

/// An error of the client with what lies beneath, without the address.
fn in_words(error: reqwest::Error) -> String {
    whole(&error.without_url())
}

impl Destination for WebhookSink {
    async fn resume(&mut self, cursor: u64) -> Result<u64, DeliverError> {
        self.peer = Some(self.peer().map_err(|reason| DeliverError::Misconfigured { reason })?);
        self.delivered = cursor;
        Ok(cursor)
    }

    async fn deliver(&mut self, page: &Page) -> Result<u64, DeliverError> {
        let refused = self.send(page).await?;
        self.delivered = page.last_seq().unwrap_or(self.delivered);
        if refused.is_empty() { Ok(self.delivered) } else { Err(DeliverError::Refused { refused, safe: self.delivered }) }
    }

    async fn flush(&mut self, _why: Flush) -> Result<u64, DeliverError> {
        Ok(self.delivered)
    }

    async fn again(&mut self, page: &Page) -> Result<(), DeliverError> {
        taken_or_refused(self.send(page).await?)
    }
}
