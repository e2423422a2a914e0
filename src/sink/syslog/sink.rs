//! `SyslogSink`: the destination.

use std::collections::VecDeque;
use std::io;
use std::time::{Duration, Instant};

use super::config::SyslogConfig;
use super::connection::Connection;
use super::message::message;
use crate::journal::Page;
use crate::runtime::clock;
use crate::sink::batch::{Readable, readable};
use crate::sink::destination::{DeliverError, Destination, Flush, Refused, taken_or_refused};
use crate::sink::shape::Shaper;

/// How long a page that the peer's kernel has is kept, to be sent again if the connection breaks: a receiver that dies with bytes that it
/// has not read resets the connection, but only then.
const SETTLE: Duration = Duration::from_secs(1);

/// Bytes that are kept so at most; beyond, the oldest page counts as delivered.
const SETTLING_BYTES: usize = 8 << 20;

/// Sends events to a syslog receiver.
pub struct SyslogSink {
    config: SyslogConfig,
    shaper: Shaper,
    connection: Option<Connection>,
    /// Pages that were sent, and may be unread still.
    settling: VecDeque<Sent>,
    settling_bytes: usize,
    /// Everything up to here is settled.
    safe: u64,
}

/// A page that was sent.
struct Sent {
    last: u64,
    frames: Vec<u8>,
    at: Instant,
}

impl SyslogSink {
    /// A sink to the receiver of the configuration. Nothing is connected before the loop begins.
    #[must_use]
    pub fn new(config: SyslogConfig) -> Self {
        let shaper = Shaper::new(config.format);
        Self { config, shaper, connection: None, settling: VecDeque::new(), settling_bytes: 0, safe: 0 }
    }

    /// The frames of a page, and the events whose messages are too long.
    fn frames(&self, page: &Page) -> (Vec<u8>, Vec<Refused>) {
        let Readable { events, mut refused } = readable(page);
        let mut frames = Vec::new();
        for event in &events {
            let text = message(event, self.config.facility, &self.shaper);
            let length = u64::try_from(text.len()).unwrap_or(u64::MAX);
            if length > self.config.max_message_bytes {
                let reason = format!("its message has {length} bytes; sinks.syslog.max_message_bytes allows fewer");
                refused.push(Refused { seq: event.seq.get(), reason });
                continue;
            }
            frames.extend_from_slice(format!("{length} ").as_bytes());
            frames.extend_from_slice(&text);
        }
        (frames, refused)
    }

    /// A connection that is open and has been sent, again if it is a new one, what is settling.
    async fn connection(&mut self) -> Result<Connection, DeliverError> {
        if let Some(mut connection) = self.connection.take()
            && connection.still_open().await.is_ok()
        {
            return Ok(connection);
        }
        let mut connection = Connection::open(&self.config).await?;
        for sent in &mut self.settling {
            send(&self.config, &mut connection, &sent.frames).await?;
            sent.at = clock::instant();
        }
        Ok(connection)
    }

    /// Sends the events of a page, which is settled once everything up to `last` is; returns those that cannot be sent.
    async fn send_page(&mut self, page: &Page, last: u64) -> Result<Vec<Refused>, DeliverError> {
        let (frames, refused) = self.frames(page);
        let mut connection = self.connection().await?;
        send(&self.config, &mut connection, &frames).await?;
        self.connection = Some(connection);
        self.settling_bytes += frames.len();
        self.settling.push_back(Sent { last, frames, at: clock::instant() });
        Ok(refused)
    }

    /// Takes what is old enough, or too much, for settled.
    fn settle(&mut self) {
        while let Some(sent) = self.settling.front() {
            let old = clock::instant().saturating_duration_since(sent.at) >= SETTLE;
            if !old && self.settling_bytes <= SETTLING_BYTES {
                return;
            }
            self.safe = self.safe.max(sent.last);
            self.settling_bytes -= sent.frames.len();
            self.settling.pop_front();
        }
    }
}

/// Sends within the time of the configuration. A connection that failed is not to be used again: what of it has arrived is not known.
async fn send(config: &SyslogConfig, connection: &mut Connection, frames: &[u8]) -> Result<(), DeliverError> {
    let address = &config.address;
    match tokio::time::timeout(config.ack_timeout.duration(), connection.send(frames)).await {
        Ok(sent) => sent.map_err(|error| failed(address, &error)),
        Err(_elapsed) => {
            Err(DeliverError::Unavailable { reason: format!("{address} does not take what it is sent"), retry_after: None })
        }
    }
}

fn failed(address: &str, error: &io::Error) -> DeliverError {
    DeliverError::Unavailable { reason: format!("{address}: {error}"), retry_after: None }
}

impl Destination for SyslogSink {
    async fn resume(&mut self, cursor: u64) -> Result<u64, DeliverError> {
        self.settling.clear();
        self.settling_bytes = 0;
        self.connection = Some(Connection::open(&self.config).await?);
        self.safe = cursor;
        Ok(cursor)
    }

    async fn deliver(&mut self, page: &Page) -> Result<u64, DeliverError> {
        let last = page.last_seq().unwrap_or(self.safe);
        let refused = self.send_page(page, last).await?;
        self.settle();
        if refused.is_empty() { Ok(self.safe) } else { Err(DeliverError::Refused { refused, safe: self.safe }) }
    }

    async fn flush(&mut self, why: Flush) -> Result<u64, DeliverError> {
        if why == Flush::Close {
            let connection = self.connection().await?;
            match tokio::time::timeout(SETTLE, connection.close()).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => return Err(failed(&self.config.address, &error)),
                Err(_elapsed) => tracing::debug!("the syslog receiver has not closed its side"),
            }
            self.safe = self.settling.back().map_or(self.safe, |sent| sent.last);
            self.settling.clear();
            self.settling_bytes = 0;
        } else if !self.settling.is_empty() {
            self.connection = Some(self.connection().await?);
            self.settle();
        }
        Ok(self.safe)
    }

    async fn again(&mut self, page: &Page) -> Result<(), DeliverError> {
        // It says nothing of the events around it.
        let last = self.settling.back().map_or(self.safe, |sent| sent.last);
        taken_or_refused(self.send_page(page, last).await?)
    }
}
