//! `NatsSink`: the destination.

use std::future::IntoFuture as _;

use async_nats::jetstream::context::{PublishError, PublishErrorKind};
use async_nats::jetstream::message::PublishMessage;

use super::config::NatsConfig;
use super::link::Link;
use crate::event::JournaledEvent;
use crate::journal::Page;
use crate::sink::batch::{Readable, readable};
use crate::sink::destination::{DeliverError, Destination, Flush, Refused, taken_or_refused};
use crate::sink::shape::Shaper;

/// Publishes events to a stream.
pub struct NatsSink {
    config: NatsConfig,
    shaper: Shaper,
    link: Option<Link>,
    delivered: u64,
}

impl NatsSink {
    /// A sink to the servers of the configuration. Nothing is connected before the loop begins.
    #[must_use]
    pub fn new(config: NatsConfig) -> Self {
        Self { shaper: Shaper::new(config.format), config, link: None, delivered: 0 }
    }

    async fn link(&mut self) -> Result<&Link, DeliverError> {
        if self.link.as_ref().is_some_and(Link::is_broken) {
            self.link = None;
        }
        let link = match self.link.take() {
            Some(link) => link,
            None => Link::open(&self.config).await?,
        };
        Ok(self.link.insert(link))
    }

    /// Publishes the events in order and waits for their acknowledgements in the same order; returns those that are too large.
    async fn publish(&self, link: &Link, events: &[JournaledEvent]) -> Result<Vec<Refused>, DeliverError> {
        let mut refused = Vec::new();
        let mut waiting = Vec::with_capacity(events.len());
        for event in events {
            let mut text = Vec::new();
            self.shaper.put(event, &mut text);
            let message = PublishMessage::build().payload(text.into()).message_id(event.event.id.to_string());
            // The context lets at most `in_flight` messages be under way and waits here for room.
            match link.stream.send_publish(subject(&self.config.subject_prefix, event), message).await {
                Ok(acknowledgement) => waiting.push(tokio::spawn(acknowledgement.into_future())),
                Err(error) if error.kind() == PublishErrorKind::MaxPayloadExceeded => {
                    refused.push(Refused { seq: event.seq.get(), reason: error.to_string() });
                }
                Err(error) => return Err(self.failed(&error)),
            }
        }
        for acknowledgement in waiting {
            match acknowledgement.await {
                Ok(Ok(_kept_or_known)) => {}
                Ok(Err(error)) => return Err(self.failed(&error)),
                Err(error) => return Err(DeliverError::Unavailable { reason: error.to_string(), retry_after: None }),
            }
        }
        Ok(refused)
    }

    fn failed(&self, error: &PublishError) -> DeliverError {
        let reason = match error.kind() {
            PublishErrorKind::StreamNotFound => {
                let NatsConfig { stream, subject_prefix, .. } = &self.config;
                format!(
                    "no stream takes the subjects {subject_prefix}.>: make the stream {stream}, or set sinks.nats.create_stream: true"
                )
            }
            PublishErrorKind::WrongLastMessageId
            | PublishErrorKind::WrongLastSequence
            | PublishErrorKind::TimedOut
            | PublishErrorKind::BrokenPipe
            | PublishErrorKind::MaxAckPending
            | PublishErrorKind::MaxPayloadExceeded
            | PublishErrorKind::Other => error.to_string(),
        };
        DeliverError::Unavailable { reason, retry_after: None }
    }
}

/// The subject of an event: prefix, session, family and kind; a session's name with everything that a subject cannot hold as `%` and two
/// hexadecimal digits, `_` where there is none.
#[must_use]
pub fn subject(prefix: &str, event: &JournaledEvent) -> String {
    let mut session = String::new();
    for byte in event.event.session_id.as_ref().map_or("", |session| session.as_str()).bytes() {
        if byte.is_ascii_alphanumeric() || byte == b'-' {
            session.push(char::from(byte));
        } else {
            session.push_str(&format!("%{byte:02X}"));
        }
    }
    if session.is_empty() {
        session.push('_');
    }
    format!("{prefix}.{session}.{}.{}", event.kind.family().as_str(), event.kind.as_str())
}

impl Destination for NatsSink {
    async fn resume(&mut self, cursor: u64) -> Result<u64, DeliverError> {
        self.delivered = cursor;
        self.link().await?;
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

impl NatsSink {
    /// Publishes the events of a page and waits for their acknowledgements; returns those that are refused for good.
    async fn send(&mut self, page: &Page) -> Result<Vec<Refused>, DeliverError> {
        self.link().await?;
        let Some(link) = self.link.take() else {
            return Err(DeliverError::Unavailable { reason: "there is no connection".to_owned(), retry_after: None });
        };
        let Readable { events, mut refused } = readable(page);
        let published = tokio::select! {
            published = self.publish(&link, &events) => published,
            () = link.lost() => Err(DeliverError::Unavailable { reason: "the connection was lost".to_owned(), retry_after: None }),
        };
        let published = published.map_err(|error| match (error, link.complaint()) {
            (DeliverError::Unavailable { reason, retry_after }, Some(said)) => {
                DeliverError::Unavailable { reason: format!("{reason}; the server says: {said}"), retry_after }
            }
            (error, _) => error,
        });
        // After any failure the link is dropped with all that is under way on it, so that nothing of this attempt comes behind the next.
        refused.extend(published?);
        self.link = Some(link);
        Ok(refused)
    }
}
