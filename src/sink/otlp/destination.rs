//! `OtlpDestination`: pages of the journal become requests, and an answer becomes a safe seq.

use std::collections::BTreeMap;
use std::time::Instant;

use super::client::Client;
use super::config::{OtlpConfig, OtlpConfigError, Signal, pairs};
use super::outbox::{Limits, Outbox};
use super::request::Frame;
use super::restore::tracer_at;
use crate::encode::otel::{self, Bounds, TimedSpan, Totals, Tracer};
use crate::event::{JournaledEvent, Timestamp};
use crate::journal::{DataDir, Page};
use crate::runtime::clock;
use crate::sink::destination::taken_or_refused;
use crate::sink::{DeliverError, Destination, Flush};

/// A collector.
pub struct OtlpDestination {
    config: OtlpConfig,
    data_dir: DataDir,
    frame: Frame,
    client: Option<Client>,
    tracer: Tracer,
    outbox: Outbox,
    /// The last event that was made into items. What is in the outbox or sent is not made again.
    folded: u64,
    sums: Sums,
}

/// The metrics and when they were sent.
struct Sums {
    totals: Totals,
    since: Timestamp,
    sent: Instant,
    changed: bool,
}

impl OtlpDestination {
    /// The collector that the configuration names. It is not spoken to before the first event; what is wrong with the configuration is said
    /// then.
    #[must_use]
    pub fn new(config: OtlpConfig, data_dir: DataDir) -> Self {
        let attributes: BTreeMap<String, String> = pairs("resource_attributes", &config.resource_attributes).unwrap_or_default();
        let host = nix::unistd::gethostname().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let limits = Limits { items: config.max_batch_events.max(1), bytes: config.max_batch_bytes };
        Self {
            frame: Frame::new(&otel::resource(&host, &attributes), &otel::scope()),
            data_dir,
            client: None,
            tracer: Tracer::new(Bounds::default()),
            outbox: Outbox::new(limits),
            folded: 0,
            sums: Sums { totals: Totals::default(), since: clock::now(), sent: clock::instant(), changed: false },
            config,
        }
    }

    fn sends(&self, signal: Signal) -> bool {
        self.config.signals.contains(&signal)
    }

    /// Makes the page's events into items, those that were not before.
    fn fold(&mut self, page: &Page) {
        let mut spans = Vec::new();
        for (seq, row) in page.seqs().zip(page.iter()) {
            if seq <= self.folded {
                continue;
            }
            let read = row.map_err(|error| error.to_string());
            let read = read.and_then(|row| row.to_event().map(|event| (event, row.columns.payload)).map_err(|e| e.to_string()));
            match read {
                Ok((event, payload)) => self.fold_event(&event, payload, &mut spans),
                // A row that was changed, or is of a newer version, must not keep the rest back.
                Err(reason) => self.outbox.bury(seq, format!("cannot be read: {reason}")),
            }
            self.folded = seq;
        }
    }

    fn fold_event(&mut self, event: &JournaledEvent, payload: &str, spans: &mut Vec<TimedSpan>) {
        let at = self.tracer.take(event, spans);
        if self.sends(Signal::Logs) {
            self.outbox.add(Signal::Logs, event.seq.get(), &otel::log_record(event, payload, at));
        }
        self.add_spans(spans);
        self.sums.totals.add(event);
        self.sums.changed = true;
    }

    fn add_spans(&mut self, spans: &mut Vec<TimedSpan>) {
        if self.sends(Signal::Traces) {
            for TimedSpan { seq, span } in spans.iter() {
                self.outbox.add(Signal::Traces, *seq, span);
            }
        }
        spans.clear();
    }

    /// Adds the sums, when it is time for them.
    fn add_metrics(&mut self, now: bool) {
        let due = self.sums.sent.elapsed() >= self.config.metrics_interval.duration();
        if !self.sends(Signal::Metrics) || !self.sums.changed || !(now || due) {
            return;
        }
        for metric in self.sums.totals.metrics(self.sums.since, clock::now()) {
            self.outbox.add(Signal::Metrics, self.folded, &metric);
        }
        self.sums.sent = clock::instant();
        self.sums.changed = false;
    }

    /// Sends what is in the outbox.
    async fn send(&mut self) -> Result<u64, DeliverError> {
        if !self.outbox.is_empty() {
            let client = match &mut self.client {
                Some(client) => client,
                none => none.insert(Client::new(&self.config).map_err(misconfigured)?),
            };
            self.outbox.send(client, &self.frame).await?;
        }
        let refused = self.outbox.take_dead();
        if refused.is_empty() { Ok(self.folded) } else { Err(DeliverError::Refused { refused, safe: self.folded }) }
    }
}

fn misconfigured(error: OtlpConfigError) -> DeliverError {
    DeliverError::Misconfigured { reason: error.to_string() }
}

impl Destination for OtlpDestination {
    async fn resume(&mut self, cursor: u64) -> Result<u64, DeliverError> {
        self.config.check().map_err(misconfigured)?;
        self.tracer = tracer_at(&self.data_dir.journal(), cursor, Bounds::default())
            .map_err(|error| DeliverError::Unavailable { reason: error.to_string(), retry_after: None })?;
        self.folded = cursor;
        Ok(cursor)
    }

    async fn deliver(&mut self, page: &Page) -> Result<u64, DeliverError> {
        self.fold(page);
        self.add_metrics(false);
        self.send().await
    }

    async fn flush(&mut self, why: Flush) -> Result<u64, DeliverError> {
        let mut spans = Vec::new();
        self.tracer.settle(&mut spans);
        self.add_spans(&mut spans);
        self.add_metrics(why == Flush::Close);
        self.send().await
    }

    async fn again(&mut self, page: &Page) -> Result<(), DeliverError> {
        let Some(seq) = page.last_seq() else { return Ok(()) };
        // As it would have been made in its turn: with the spans that were open then, whatever is open now.
        let mut tracer = tracer_at(&self.data_dir.journal(), seq.saturating_sub(1), Bounds::default())
            .map_err(|error| DeliverError::Unavailable { reason: error.to_string(), retry_after: None })?;
        let mut outbox = Outbox::new(self.outbox.limits());
        let mut spans = Vec::new();
        for row in page.iter() {
            let read = row.map_err(|error| error.to_string());
            match read.and_then(|row| row.to_event().map(|event| (event, row.columns.payload)).map_err(|e| e.to_string())) {
                Ok((event, payload)) => {
                    let at = tracer.take(&event, &mut spans);
                    tracer.settle(&mut spans);
                    spans.retain(|span| span.seq == seq);
                    if self.sends(Signal::Logs) {
                        outbox.add(Signal::Logs, seq, &otel::log_record(&event, payload, at));
                    }
                }
                Err(reason) => outbox.bury(seq, format!("cannot be read: {reason}")),
            }
        }
        if self.sends(Signal::Traces) {
            spans.iter().for_each(|TimedSpan { seq, span }| outbox.add(Signal::Traces, *seq, span));
        }
        let client = match &mut self.client {
            Some(client) => client,
            none => none.insert(Client::new(&self.config).map_err(misconfigured)?),
        };
        outbox.send(client, &self.frame).await?;
        taken_or_refused(outbox.take_dead())
    }
}
