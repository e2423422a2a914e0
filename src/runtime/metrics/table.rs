//! The table of all metrics: name, type, unit, labels and help, and the instrument behind each.

use std::sync::LazyLock;

use super::exposition::{Expose, Writer};
use super::instruments::{By, ByName, ByWord, Counter, Gauge, Histogram, Scale};
use crate::event::{Decision, Family, Kind};
use crate::runtime::clock;

/// What a metric is, for its readers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Description {
    /// The name in the text format.
    pub name: &'static str,
    /// `counter`, `gauge` or `histogram`.
    pub metric_type: &'static str,
    /// What one of it is.
    pub unit: &'static str,
    /// Label names, outermost first.
    pub labels: &'static [&'static str],
    /// What it says.
    pub help: &'static str,
}

macro_rules! table {
    ($($field:ident: $type:ty = $make:expr, $name:literal, $unit:literal, [$($label:literal),*], $help:literal;)*) => {
        /// Every metric's instrument. Touching one neither locks nor allocates, except where its type says so.
        #[derive(Debug)]
        pub struct Metrics {
            $(#[doc = concat!("`", $name, "`: ", $help)] pub $field: $type,)*
        }

        /// Every metric, in the order in which it is shown.
        pub const TABLE: &[Description] = &[$(Description {
            name: $name,
            metric_type: <$type as Expose>::TYPE,
            unit: $unit,
            labels: &[$($label),*],
            help: $help,
        },)*];

        impl Metrics {
            /// Instruments that stand at zero.
            #[must_use]
            pub fn new() -> Self {
                Self { $($field: $make,)* }
            }

            /// Everything, in the Prometheus text format 0.0.4.
            #[must_use]
            pub fn text(&self) -> String {
                let mut writer = Writer::default();
                let mut table = TABLE.iter();
                $(if let Some(description) = table.next() { writer.metric(description, &self.$field); })*
                writer.into_text()
            }
        }
    };
}

table! {
    events: By<Kind, Counter> = By::new(Counter::default), "agentsh_events_total", "events", ["kind"],
        "Events that this process handed to the channel, decisions included.";
    decisions: By<Decision, By<Family, Counter>> = By::new(|| By::new(Counter::default)), "agentsh_decisions_total", "decisions",
        ["decision", "family"], "Decisions on gated operations, by verdict and by the family of the operation.";
    gate_latency: ByWord<Histogram> = ByWord::new(DURABILITIES, || Histogram::new(Scale::MicrosAsSeconds, LATENCY)),
        "agentsh_gate_latency_seconds", "seconds", ["durability"],
        "What putting a gated operation on record adds to it, from the call to the answer.";
    channel_bytes: Gauge = Gauge::default(), "agentsh_channel_used_bytes", "bytes", [],
        "Bytes of the intake that wait to be committed.";
    channel_capacity: Gauge = Gauge::default(), "agentsh_channel_capacity_bytes", "bytes", [],
        "Bytes that the intake can hold; when it is full, journal.on_overload decides.";
    channel_records: Gauge = Gauge::default(), "agentsh_channel_waiting_records", "records", [],
        "Records of the intake that wait to be committed.";
    commit_events: Histogram = Histogram::new(Scale::Plain, SIZES), "agentsh_commit_events", "events", [],
        "Events in one commit; the histogram's count is the number of commits.";
    commit_duration: Histogram = Histogram::new(Scale::MicrosAsSeconds, LATENCY), "agentsh_commit_duration_seconds", "seconds", [],
        "How long a commit takes: rows, tree and cursors in one transaction.";
    events_lost: ByName<Counter> = ByName::default(), "agentsh_events_lost_total", "events", ["hop"],
        "Events and operations that could not be recorded, by where; each is declared in an events_lost event.";
    journal_head: Gauge = Gauge::default(), "agentsh_journal_head_seq", "seq", [],
        "The last seq of the journal that this process knows of.";
    checkpoint_size: Gauge = Gauge::default(), "agentsh_journal_checkpoint_seq", "seq", [],
        "The last seq that a signed checkpoint covers.";
    reader_lag: ByName<Gauge> = ByName::default(), "agentsh_reader_lag_events", "events", ["reader"],
        "Events between a reader's cursor and the head of the journal.";
    intakes_drained: Counter = Counter::default(), "agentsh_intakes_drained_total", "intakes", [],
        "Intakes of recorders that died, which this process drained into the journal.";
    calls_refused: ByWord<Counter> = ByWord::new(SERVICES, Counter::default), "agentsh_calls_refused_total", "calls", ["service"],
        "Calls that were refused for want of a key or a role.";
    ingested_events: ByName<Counter> = ByName::default(), "agentsh_ingested_events_total", "events", ["sensor"],
        "Events of sensors that were handed to the channel, those that an operation was asked about with them.";
    process_start: Gauge = Gauge::default(), "agentsh_process_start_time_seconds", "seconds", [],
        "When this process started, in seconds since 1970.";
    build_info: ByWord<Gauge> = ByWord::new(&[env!("CARGO_PKG_VERSION")], Gauge::default), "agentsh_build_info", "1", ["version"],
        "Always 1; the label is the version that runs.";
}

/// The words of `journal.durability`.
const DURABILITIES: &[&str] = &["buffered", "crash_safe", "durable"];

/// The services that ask for keys.
const SERVICES: &[&str] = &["grpc", "http"];

/// Microseconds: fine around the 5 µs of an append, coarse around the milliseconds of a sync.
const LATENCY: &[u64] =
    &[1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 500_000, 1_000_000, 5_000_000];

/// Events: powers of four up to the largest commit.
const SIZES: &[u64] = &[1, 4, 16, 64, 256, 1_024, 4_096, 16_384];

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

/// The metrics of this process. The first call takes the time as that of the process's start.
#[must_use]
pub fn metrics() -> &'static Metrics {
    static METRICS: LazyLock<Metrics> = LazyLock::new(|| {
        let metrics = Metrics::new();
        metrics.process_start.set(u64::try_from(clock::now().as_micros() / 1_000_000).unwrap_or(0));
        metrics.build_info.of(env!("CARGO_PKG_VERSION")).set(1);
        metrics
    });
    &METRICS
}
