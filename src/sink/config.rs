//! Section `sinks` of the configuration: the loop that all share, which events a sink gets, and a section for each place.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use super::jsonl::JsonlConfig;
use super::nats::NatsConfig;
use super::otlp::OtlpConfig;
use super::parquet::ParquetConfig;
use super::syslog::SyslogConfig;
use super::webhook::WebhookConfig;
use crate::event::{Family, Kind, Severity};
use crate::journal::Condition;
use crate::runtime::units::Millis;

/// Section `sinks` of the configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SinksConfig {
    /// What all sinks share.
    pub delivery: DeliveryConfig,
    /// Files of JSON lines.
    pub jsonl: JsonlConfig,
    /// Batches by HTTP POST.
    pub webhook: WebhookConfig,
    /// RFC 5424 over TCP or TLS.
    pub syslog: SyslogConfig,
    /// NATS JetStream.
    pub nats: NatsConfig,
    /// Parquet files in a folder or in S3.
    pub parquet: ParquetConfig,
    /// An OpenTelemetry collector.
    pub otlp: OtlpConfig,
}

/// The names of the sinks, in the order of [`SinksConfig`].
pub const NAMES: [&str; 6] = ["jsonl", "webhook", "syslog", "nats", "parquet", "otlp"];

/// Section `sinks.delivery`: how the loop reads, retries and keeps its place; the same for every sink.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DeliveryConfig {
    /// Events that are read and handed over at once, at most. Larger pages cost less for each event, and more memory.
    pub page_events: u32,
    /// The first wait after a failure; each further one is up to twice as long. A random part of it is waited, so that several
    /// recorders do not come back to a peer at the same moment.
    pub retry_initial: Millis,
    /// The longest wait between attempts, unless the peer asks for a longer one.
    pub retry_max: Millis,
    /// A sink that could not deliver for so long is stalled: an event says so, once for each stall.
    pub stalled_after: Millis,
    /// The cursor is written at most so often. A kill in between delivers what came since once more to peers that cannot tell.
    pub cursor_interval: Millis,
    /// How long a server that ends lets its sinks finish.
    pub close_timeout: Millis,
}

impl Default for DeliveryConfig {
    fn default() -> Self {
        Self {
            page_events: 1_000,
            retry_initial: Millis::new(200),
            retry_max: Millis::new(30_000),
            stalled_after: Millis::new(10_000),
            cursor_interval: Millis::new(100),
            close_timeout: Millis::new(5_000),
        }
    }
}

impl DeliveryConfig {
    /// How long the loop may take to end.
    #[must_use]
    pub const fn close_timeout(&self) -> Duration {
        self.close_timeout.duration()
    }
}

/// Section `sinks.<name>.events`: which events a sink gets. What is left empty does not narrow; kinds and families are alternatives,
/// everything else must be met.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SelectionConfig {
    /// Whole families (`file`, `network` …).
    pub families: Vec<Family>,
    /// Single kinds (`policy_decision`, `detection` …).
    pub kinds: Vec<Kind>,
    /// Sessions, by their full names.
    pub sessions: Vec<String>,
    /// The least severity.
    pub min_severity: Severity,
    /// Where a sink without a cursor begins.
    pub start: Start,
}

/// Where a sink begins that has delivered nothing yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Start {
    /// With the journal's first event.
    #[default]
    First,
    /// With what is recorded from then on.
    Now,
}

impl SelectionConfig {
    /// The journal's conditions.
    #[must_use]
    pub fn conditions(&self) -> Vec<Condition> {
        let mut conditions = Vec::new();
        if !self.kinds.is_empty() || !self.families.is_empty() {
            let chosen = |kind: &Kind| self.kinds.contains(kind) || self.families.contains(&kind.family());
            conditions.push(Condition::Kinds(Kind::ALL.iter().copied().filter(chosen).collect()));
        }
        if !self.sessions.is_empty() {
            conditions.push(Condition::Sessions(self.sessions.clone()));
        }
        if self.min_severity > Severity::Informational {
            conditions.push(Condition::Severity(i64::from(self.min_severity.number())));
        }
        conditions
    }
}

/// Key, value, least and most of a number.
pub type Range = (&'static str, u64, u64, u64);

impl SinksConfig {
    /// Numbers that do harm outside of a range: key, value, least, most.
    #[must_use]
    pub fn ranges(&self) -> Vec<Range> {
        let millis = |time: Millis| u64::try_from(time.duration().as_millis()).unwrap_or(u64::MAX);
        let mut ranges = vec![
            ("sinks.delivery.page_events", u64::from(self.delivery.page_events), 1, 100_000),
            // Without a wait a peer that refuses at once is asked without end.
            ("sinks.delivery.retry_initial", millis(self.delivery.retry_initial), 1, 3_600_000),
            ("sinks.delivery.retry_max", millis(self.delivery.retry_max), 10, 3_600_000),
            ("sinks.delivery.close_timeout", millis(self.delivery.close_timeout), 0, 600_000),
        ];
        ranges.extend(self.jsonl.ranges());
        ranges.extend(self.webhook.ranges());
        ranges.extend(self.syslog.ranges());
        ranges.extend(self.nats.ranges());
        ranges.extend(self.parquet.ranges());
        ranges.extend(self.otlp.ranges());
        ranges
    }

    /// Those that are switched on, by name.
    #[must_use]
    pub fn enabled(&self) -> Vec<&'static str> {
        let on = [
            self.jsonl.enabled,
            self.webhook.enabled,
            self.syslog.enabled,
            self.nats.enabled,
            self.parquet.enabled,
            self.otlp.enabled,
        ];
        NAMES.into_iter().zip(on).filter(|(_, on)| *on).map(|(name, _)| name).collect()
    }

    /// Paths by their keys, to be made absolute.
    pub fn paths(&mut self) -> Vec<(&'static str, &mut PathBuf)> {
        let mut paths = Vec::new();
        paths.extend(self.jsonl.paths());
        paths.extend(self.webhook.paths());
        paths.extend(self.syslog.paths());
        paths.extend(self.nats.paths());
        paths.extend(self.parquet.paths());
        paths.extend(self.otlp.paths());
        paths
    }

    /// The key that keeps a sink which is switched on from working, and what to write there.
    #[must_use]
    pub fn fault(&self) -> Option<(&'static str, String)> {
        self.jsonl
            .fault()
            .or_else(|| self.webhook.fault())
            .or_else(|| self.syslog.fault())
            .or_else(|| self.nats.fault())
            .or_else(|| self.parquet.fault())
            .or_else(|| self.otlp.fault())
    }
}
