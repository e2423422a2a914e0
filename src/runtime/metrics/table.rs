//! The table of all metrics: name, type, unit, labels and help, and the instrument behind each.

use std::sync::LazyLock;

use super::exposition::{Expose, Writer};
use super::instruments::{By, ByName, ByWord, Counter, Gauge, Histogram, Scale};
use super::labels::{FuseRequest, ProxyStep};
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
    gate_latency: By<Family, ByWord<Histogram>> = By::new(|| ByWord::new(DURABILITIES, latencies)),
        "agentsh_gate_latency_seconds", "seconds", ["family", "durability"],
        "What putting a gated operation on record adds to it, from the call to the answer; of the operations that this process gated.";
    fuse_latency: By<FuseRequest, Histogram> = By::new(latencies), "agentsh_fuse_request_duration_seconds", "seconds", ["operation"],
        "How long a request of the kernel to a workspace that this process serves takes, from its arrival to its reply.";
    proxy_latency: By<ProxyStep, Histogram> = By::new(latencies), "agentsh_proxy_step_duration_seconds", "seconds", ["step"],
        "How long the proxies of this process take: dns (a query to its answer), connect (to a connection), first_byte (a request to the first byte of its response), exchange (a request to the end of its response).";
    channel_bytes: Gauge = Gauge::default(), "agentsh_channel_used_bytes", "bytes", [],
        "Bytes of the intake that wait to be committed.";
    channel_capacity: Gauge = Gauge::default(), "agentsh_channel_capacity_bytes", "bytes", [],
        "Bytes that the intake can hold; when it is full, journal.on_overload decides.";
    channel_events: Gauge = Gauge::default(), "agentsh_channel_waiting_events", "events", [],
        "Events of the intake that waited to be committed when the writer last looked.";
    commit_events: Histogram = Histogram::new(Scale::Plain, SIZES), "agentsh_commit_events", "events", [],
        "Events in one commit; the histogram's count is the number of commits.";
    commit_duration: Histogram = latencies(), "agentsh_commit_duration_seconds", "seconds", [],
        "How long a commit takes: rows, tree and cursors in one transaction.";
    events_lost: ByName<Counter> = ByName::default(), "agentsh_events_lost_total", "events", ["hop"],
        "Events and operations that this process could not record, by where; each is declared in an events_lost event.";
    journal_head: Gauge = Gauge::default(), "agentsh_journal_head_seq", "seq", [],
        "The last seq of the journal that this process knows of.";
    checkpoint_size: Gauge = Gauge::default(), "agentsh_journal_checkpoint_seq", "seq", [],
        "The last seq that a signed checkpoint covers.";
    reader_lag: ByName<Gauge> = ByName::default(), "agentsh_reader_lag_events", "events", ["reader"],
        "Events between a reader's cursor and the head of the journal.";
    sink_delivered: ByName<Counter> = ByName::default(), "agentsh_sink_delivered_total", "events", ["sink"],
        "Events that this process has handed to a sink and that it has taken.";
    sink_behind: ByName<Gauge> = ByName::default(), "agentsh_sink_behind_events", "events", ["sink"],
        "Events between the last one that is safely with a sink's peer and the head of the journal.";
    sink_age: ByName<Gauge> = ByName::default(), "agentsh_sink_oldest_undelivered_seconds", "seconds", ["sink"],
        "Age of the oldest event that is not safely with a sink's peer; 0 when there is none.";
    sink_retries: ByName<Counter> = ByName::default(), "agentsh_sink_retries_total", "attempts", ["sink"],
        "Attempts to deliver that did not succeed and were made again.";
    sink_dead_letters: ByName<Counter> = ByName::default(), "agentsh_sink_dead_letters_total", "events", ["sink"],
        "Events that a sink's peer refused for good; `agentsh sinks dead-letters` lists them.";
    sink_stalled: ByName<Gauge> = ByName::default(), "agentsh_sink_stalled", "1", ["sink"],
        "1 while a sink cannot deliver, as its sink_stalled event says; else 0.";
    journal_events: By<Kind, Counter> = By::new(Counter::default), "agentsh_journal_events_total", "events", ["kind"],
        "Events in the journal, whoever recorded them, counted from its beginning; the server counts.";
    journal_decisions: By<Decision, ByName<Counter>> = By::new(|| ByName::at_most(RULES)), "agentsh_journal_decisions_total",
        "decisions", ["decision", "rule"],
        "Decisions in the journal, by verdict and by the rule that gave it (default: no rule, the family's default). At most 256 rules of a verdict are kept apart, further ones share the label other.";
    journal_losses: ByName<Counter> = ByName::default(), "agentsh_journal_events_lost_total", "events", ["hop"],
        "Events and operations that the journal declares lost, whoever lost them, by where.";
    journal_detections: ByName<Counter> = ByName::at_most(TECHNIQUES), "agentsh_journal_detections_total", "detections", ["technique"],
        "Detections in the journal, by ATT&CK technique; one that names several counts under each, one that names none under none. At most 1024 techniques are kept apart.";
    sessions: ByWord<Gauge> = ByWord::new(SESSION_STATES, Gauge::default), "agentsh_sessions", "sessions", ["state"],
        "Sessions in the journal by whether an end of theirs is recorded; an open one runs, or its recorder was killed.";
    recorders: Gauge = Gauge::default(), "agentsh_recorders", "recorders", [],
        "Recorders that have the journal open, this process included; one that was killed counts until its intake is drained.";
    recorders_waiting: Gauge = Gauge::default(), "agentsh_recorders_waiting_events", "events", [],
        "Events that live recorders had accepted and not yet committed at their last commit, all of them together.";
    detect_events: Counter = Counter::default(), "agentsh_detect_events_total", "events", [],
        "Events of the journal that the detector of this process has passed.";
    detect_detections: ByWord<Counter> = ByWord::new(LEVELS, Counter::default), "agentsh_detect_detections_total", "detections",
        ["level"], "Detections that this process has appended, by the level of their rule.";
    detect_behind: Gauge = Gauge::default(), "agentsh_detect_behind_events", "events", [],
        "Events between the detector of this process and the head of the journal; 0 where another process detects.";
    detect_rules: Gauge = Gauge::default(), "agentsh_detect_rules", "rules", [],
        "Rules that the detector of this process has loaded and that some event of ours reaches.";
    detect_faults: Gauge = Gauge::default(), "agentsh_detect_rule_faults", "faults", [],
        "What is wrong with rules and rule files; `agentsh detect rules check` lists it.";
    detect_errors: Counter = Counter::default(), "agentsh_detect_errors_total", "errors", [],
        "Events that could not be read and commits that failed; a failed commit is tried again.";
    subscribers: Gauge = Gauge::default(), "agentsh_subscribers", "streams", [],
        "Streams of events that are open now.";
    stream_batches: Counter = Counter::default(), "agentsh_stream_batches_total", "batches", [],
        "Batches of events that were handed to subscribers.";
    stream_events: Counter = Counter::default(), "agentsh_stream_events_total", "events", [],
        "Events that were handed to subscribers, each counted for each of them.";
    stream_blocks: ByWord<Counter> = ByWord::new(&["live", "cached", "read"], Counter::default), "agentsh_stream_blocks_total",
        "blocks", ["source"], "Blocks of events that subscribers took: as they came, from memory, or read from the journal for it.";
    questions: Gauge = Gauge::default(), "agentsh_questions", "questions", [],
        "Questions in SQL that are worked on now; query.concurrent is the most.";
    questions_asked: ByWord<Counter> = ByWord::new(&["taken", "refused"], Counter::default), "agentsh_questions_total", "questions",
        ["outcome"], "Questions in SQL that had a turn, and those that were refused since none came free in time.";
    filter_errors: Counter = Counter::default(), "agentsh_filter_errors_total", "events", [],
        "Events on which a CEL expression failed, which counts as no match.";
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

/// Rules of one verdict that are kept apart.
const RULES: usize = 256;

/// Techniques that are kept apart: ATT&CK has about 700.
const TECHNIQUES: usize = 1_024;

/// What a session can be.
const SESSION_STATES: &[&str] = &["open", "ended"];

/// The levels of rules.
const LEVELS: &[&str] = &["informational", "low", "medium", "high", "critical"];

/// The words of `journal.durability`.
const DURABILITIES: &[&str] = &["buffered", "crash_safe", "durable"];

/// The services that ask for keys.
const SERVICES: &[&str] = &["grpc", "http"];

/// Microseconds: fine around the 5 µs of an append, coarse around the milliseconds of a sync.
const LATENCY: &[u64] =
    &[1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 500_000, 1_000_000, 5_000_000];

/// Events: powers of four up to the largest commit.
const SIZES: &[u64] = &[1, 4, 16, 64, 256, 1_024, 4_096, 16_384];

fn latencies() -> Histogram {
    Histogram::new(Scale::MicrosAsSeconds, LATENCY)
}

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
