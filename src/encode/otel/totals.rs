//! Sums over the events that were delivered, as cumulative OTLP metrics.

use std::collections::BTreeMap;

use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value as Number;
use opentelemetry_proto::tonic::metrics::v1::{AggregationTemporality, Metric, NumberDataPoint, Sum, metric};

use super::attributes::{attribute, text, whole};
use super::record::nanos;
use crate::event::{JournaledEvent, Kind, Payload, Timestamp};

/// Different rules, and different hops of a loss, that are counted each by itself; what is beyond is one sum, marked
/// `otel.metric.overflow` as the metrics SDK specification has it.
const MOST_SERIES: usize = 1_000;

/// Sums by their attributes.
type Points = Vec<(Vec<KeyValue>, u64)>;

/// Decision and rule.
type Verdict = (&'static str, Option<String>);

/// What happened, summed up since a moment.
#[derive(Clone, Debug, Default)]
pub struct Totals {
    kinds: BTreeMap<Kind, u64>,
    decisions: Series<Verdict>,
    lost: Series<String>,
    file_read: u64,
    file_written: u64,
    network_sent: u64,
    network_received: u64,
}

#[derive(Clone, Debug)]
struct Series<K> {
    sums: BTreeMap<K, u64>,
    beyond: u64,
}

impl<K> Default for Series<K> {
    fn default() -> Self {
        Self { sums: BTreeMap::new(), beyond: 0 }
    }
}

impl<K: Ord> Series<K> {
    fn add(&mut self, key: K, number: u64) {
        let full = self.sums.len() >= MOST_SERIES && !self.sums.contains_key(&key);
        let sum = if full { &mut self.beyond } else { self.sums.entry(key).or_default() };
        *sum = sum.saturating_add(number);
    }

    fn points(&self, attributes: impl Fn(&K) -> Vec<KeyValue>) -> Points {
        let beyond = (self.beyond > 0).then(|| (vec![attribute("otel.metric.overflow", Value::BoolValue(true))], self.beyond));
        self.sums.iter().map(|(key, sum)| (attributes(key), *sum)).chain(beyond).collect()
    }
}

impl Totals {
    /// Counts an event.
    pub fn add(&mut self, event: &JournaledEvent) {
        *self.kinds.entry(event.kind).or_default() += 1;
        if let Payload::PolicyDecision(p) = &event.event.payload {
            self.decisions.add((p.decision.as_str(), p.rule.clone()), 1);
        } else if let Payload::EventsLost(p) = &event.event.payload {
            self.lost.add(p.hop.clone(), p.count);
        } else if let Payload::FileClose(p) = &event.event.payload {
            self.file_read = self.file_read.saturating_add(p.bytes_read);
            self.file_written = self.file_written.saturating_add(p.bytes_written);
        } else if let Payload::NetClose(p) = &event.event.payload {
            self.network_sent = self.network_sent.saturating_add(p.bytes_sent);
            self.network_received = self.network_received.saturating_add(p.bytes_received);
        }
    }

    /// The sums from `start` to `now`. What was never counted is left out.
    #[must_use]
    pub fn metrics(&self, start: Timestamp, now: Timestamp) -> Vec<Metric> {
        let direction = |name: &str, one: (&str, u64), other: (&str, u64)| {
            [one, other].map(|(word, number)| (vec![text(name, word)], number)).to_vec()
        };
        let kinds = self.kinds.iter().map(|(kind, count)| (vec![text("agentsh.kind", kind.as_str())], *count)).collect();
        let decisions = self.decisions.points(|(decision, rule)| {
            let rule = rule.as_ref().map(|rule| text("agentsh.rule", rule.as_str()));
            std::iter::once(text("agentsh.decision", *decision)).chain(rule).collect()
        });
        let lost = self.lost.points(|hop| vec![text("agentsh.lost.hop", hop.as_str())]);
        let file = direction("disk.io.direction", ("read", self.file_read), ("write", self.file_written));
        let network = direction("network.io.direction", ("transmit", self.network_sent), ("receive", self.network_received));
        let sum = |name: &str, unit: &str, description: &str, points: Points| Metric {
            name: name.to_owned(),
            description: description.to_owned(),
            unit: unit.to_owned(),
            metadata: Vec::new(),
            data: Some(metric::Data::Sum(Sum {
                data_points: points.into_iter().map(|(attributes, number)| point(attributes, number, start, now)).collect(),
                aggregation_temporality: AggregationTemporality::Cumulative.into(),
                is_monotonic: true,
            })),
        };
        let all: [(&str, &str, &str, Points); 5] = [
            ("agentsh.events", "{event}", "Events delivered", kinds),
            ("agentsh.decisions", "{decision}", "Policy decisions among them", decisions),
            ("agentsh.events.lost", "{event}", "Events that could not be recorded", lost),
            ("agentsh.file.io", "By", "Bytes that reached the workspace's file system, by closed handles", file),
            ("agentsh.network.io", "By", "Bytes of closed connections", network),
        ];
        all.into_iter()
            .filter(|(_, _, _, points)| points.iter().any(|(_, number)| *number > 0))
            .map(|(name, unit, description, points)| sum(name, unit, description, points))
            .collect()
    }
}

fn point(attributes: Vec<KeyValue>, number: u64, start: Timestamp, now: Timestamp) -> NumberDataPoint {
    NumberDataPoint {
        attributes,
        start_time_unix_nano: nanos(start),
        time_unix_nano: nanos(now),
        exemplars: Vec::new(),
        flags: 0,
        value: Some(Number::AsInt(whole(number))),
    }
}
