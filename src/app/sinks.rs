//! The sinks of the configuration: started beside a journal that is open, told to end before it closes.

use std::sync::Arc;

use crate::channel::EventChannel;
use crate::event::{Payload, Severity};
use crate::journal::{Journal, pipeline};
use crate::runtime::clock;
use crate::sink::jsonl::JsonlSink;
use crate::sink::nats::NatsSink;
use crate::sink::otlp::OtlpDestination;
use crate::sink::parquet::ParquetDestination;
use crate::sink::syslog::SyslogSink;
use crate::sink::webhook::WebhookSink;
use crate::sink::{DeliverStartError, Deliverer, Delivery, Destination, SelectionConfig, SinksConfig};

/// The sinks that run.
pub struct Sinks {
    running: Vec<Deliverer>,
}

impl Sinks {
    /// Starts every sink that is switched on. A peer that cannot be reached is no error: its sink stalls, which is an event.
    ///
    /// # Errors
    /// [`DeliverStartError`]; the sinks that were started by then are told to end.
    pub fn start(config: &SinksConfig, journal: &Journal) -> Result<Self, DeliverStartError> {
        let data_dir = journal.data_dir();
        let mut starting = Starting { config, journal, sinks: Self { running: Vec::new() } };
        if config.jsonl.enabled {
            let sink = JsonlSink::new(config.jsonl.clone(), data_dir.clone());
            starting.start("jsonl", &config.jsonl.events, sink)?;
        }
        if config.webhook.enabled {
            let sink = WebhookSink::new(config.webhook.clone(), data_dir.clone());
            starting.start("webhook", &config.webhook.events, sink)?;
        }
        if config.syslog.enabled {
            starting.start("syslog", &config.syslog.events, SyslogSink::new(config.syslog.clone()))?;
        }
        if config.nats.enabled {
            starting.start("nats", &config.nats.events, NatsSink::new(config.nats.clone()))?;
        }
        if config.parquet.enabled {
            // A file holds a range without a hole, so the lake gets every event.
            let sink = ParquetDestination::new(config.parquet.clone(), data_dir.clone());
            starting.start("parquet", &SelectionConfig::default(), sink)?;
        }
        if config.otlp.enabled {
            let sink = OtlpDestination::new(config.otlp.clone(), data_dir.clone());
            starting.start("otlp", &config.otlp.events, sink)?;
        }
        Ok(starting.sinks)
    }

    /// Lets every sink deliver what is in the journal by now and ends it, all at once, at most for `sinks.delivery.close_timeout` and a
    /// second.
    pub fn end(mut self) {
        self.running.iter().for_each(Deliverer::tell_to_end);
        for sink in self.running.drain(..) {
            let name = sink.name().to_owned();
            if !sink.end() {
                tracing::error!(sink = name, "the sink did not end well; the next start goes on at its cursor");
            }
        }
    }
}

impl Drop for Sinks {
    fn drop(&mut self) {
        self.running.iter().for_each(Deliverer::tell_to_end);
    }
}

/// Sinks while they are started.
struct Starting<'a> {
    config: &'a SinksConfig,
    journal: &'a Journal,
    sinks: Sinks,
}

impl Starting<'_> {
    fn start(&mut self, name: &str, events: &SelectionConfig, sink: impl Destination) -> Result<(), DeliverStartError> {
        let channel = Arc::clone(self.journal.channel());
        let delivery = Delivery {
            data_dir: self.journal.data_dir().clone(),
            config: self.config.delivery,
            selection: events.clone(),
            report: Arc::new(move |payload| report(&channel, payload)),
            at: None,
        };
        self.sinks.running.push(Deliverer::start(name, sink, delivery)?);
        Ok(())
    }
}

/// Puts a stall or its end on record.
fn report(channel: &EventChannel, payload: Payload) {
    let severity = if matches!(payload, Payload::SinkStalled(_)) { Severity::High } else { Severity::Informational };
    channel.publish(&pipeline(clock::now(), severity, payload));
}
