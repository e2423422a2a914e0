//! `SyslogSink`: the destination.

use super::config::SyslogConfig;
use super::connection::Connection;
use super::message::message;
use crate::journal::Page;
use crate::sink::batch::{Readable, readable};
use crate::sink::destination::{DeliverError, Destination, Flush, Refused};
use crate::sink::shape::Shaper;

/// Sends events to a syslog receiver.
pub struct SyslogSink {
    config: SyslogConfig,
    shaper: Shaper,
    connection: Option<Connection>,
    delivered: u64,
}

impl SyslogSink {
    /// A sink to the receiver of the configuration. Nothing is connected before the loop begins.
    #[must_use]
    pub fn new(config: SyslogConfig) -> Self {
        Self { shaper: Shaper::new(config.format), config, connection: None, delivered: 0 }
    }
}

impl Destination for SyslogSink {
    async fn resume(&mut self, cursor: u64) -> Result<u64, DeliverError> {
        self.connection = Some(Connection::open(&self.config).await?);
        self.delivered = cursor;
        Ok(cursor)
    }

    async fn deliver(&mut self, page: &Page) -> Result<u64, DeliverError> {
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
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => Connection::open(&self.config).await?,
        };
        let failed = |reason: String| DeliverError::Unavailable { reason, retry_after: None };
        // A connection that failed is not used again: what of it has arrived is not known.
        match tokio::time::timeout(self.config.ack_timeout.duration(), connection.send(&frames)).await {
            Ok(Ok(())) => self.connection = Some(connection),
            Ok(Err(error)) => return Err(failed(format!("{}: {error}", self.config.address))),
            Err(_elapsed) => return Err(failed(format!("{} does not take what it is sent", self.config.address))),
        }
        self.delivered = page.last_seq().unwrap_or(self.delivered);
        if refused.is_empty() { Ok(self.delivered) } else { Err(DeliverError::Refused { refused, safe: self.delivered }) }
    }

    async fn flush(&mut self, why: Flush) -> Result<u64, DeliverError> {
        if why == Flush::Close
            && let Some(connection) = self.connection.take()
        {
            connection.close().await;
        }
        Ok(self.delivered)
    }
}
