//! Tests: metrics, their text format and their page.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use agentsh::event::{Decision, Family, Kind};
use agentsh::runtime::metrics::{Metrics, TABLE, metrics};

use super::golden;

/// One sample of the text format.
#[derive(Debug, PartialEq)]
struct Sample {
    name: String,
    labels: BTreeMap<String, String>,
    value: f64,
}

/// Reads a text whose label values hold no escapes.
fn parse(text: &str) -> Result<Vec<Sample>, String> {
    let mut samples = Vec::new();
    let mut typed: Option<&str> = None;
    for line in text.lines() {
        if let Some(head) = line.strip_prefix("# TYPE ") {
            typed = head.split(' ').next();
            continue;
        }
        if line.starts_with("# HELP ") {
            continue;
        }
        let (series, value) = line.rsplit_once(' ').ok_or_else(|| format!("no value: {line}"))?;
        let (name, labels) = series.split_once('{').map_or((series, ""), |(name, rest)| (name, rest.trim_end_matches('}')));
        if !typed.is_some_and(|typed| name.starts_with(typed)) {
            return Err(format!("no type before: {line}"));
        }
        let labels = labels.split(',').filter(|pair| !pair.is_empty()).map(|pair| {
            let (label, text) = pair.split_once('=').ok_or_else(|| format!("no label value: {line}"))?;
            Ok((label.to_owned(), text.trim_matches('"').to_owned()))
        });
        let value = value.parse().map_err(|_| format!("no number: {line}"))?;
        samples.push(Sample { name: name.to_owned(), labels: labels.collect::<Result<_, String>>()?, value });
    }
    Ok(samples)
}

fn value(metrics: &Metrics, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
    let samples = parse(&metrics.text()).unwrap();
    let labels: BTreeMap<_, _> = labels.iter().map(|(label, text)| ((*label).to_owned(), (*text).to_owned())).collect();
    samples.into_iter().find(|sample| sample.name == name && sample.labels == labels).map(|sample| sample.value)
}

#[test]
fn docs_metrics_md_is_made_from_the_table() {
    let mut page = String::from(
        "# Metrics\n\n`agentsh server` answers `/metrics` in the Prometheus text format. This page is made from the table in\n\
         `src/runtime/metrics/table.rs`; `UPDATE_GOLDEN=1 cargo test metrics` writes it anew.\n\n\
         | name | type | unit | labels | what it says |\n|---|---|---|---|---|\n",
    );
    for metric in TABLE {
        let labels = metric.labels.iter().map(|label| format!("`{label}`")).collect::<Vec<_>>().join(" ");
        let _ = writeln!(page, "| `{}` | {} | {} | {labels} | {} |", metric.name, metric.metric_type, metric.unit, metric.help);
    }
    golden::assert_current("docs/metrics.md", &page);
}

/// The naming rules of Prometheus that a machine can check.
fn misnamed(name: &str, metric_type: &str, unit: &str) -> bool {
    let counts = name.ends_with("_total");
    let base = name.strip_suffix("_total").unwrap_or(name);
    !name.starts_with("agentsh_")
        || counts != (metric_type == "counter")
        || (matches!(unit, "seconds" | "bytes") && !base.ends_with(&format!("_{unit}")))
}

#[test]
fn names_follow_the_rules_of_prometheus() {
    assert!(TABLE.iter().all(|metric| !misnamed(metric.name, metric.metric_type, metric.unit)));
    assert!(TABLE.iter().all(|metric| metric.help.ends_with('.')));
    let mut names: Vec<_> = TABLE.iter().map(|metric| metric.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), TABLE.len());

    assert!(misnamed("gate_latency_seconds", "histogram", "seconds"));
    assert!(misnamed("agentsh_events", "counter", "events"));
    assert!(misnamed("agentsh_lag_total", "gauge", "events"));
    assert!(misnamed("agentsh_gate_latency", "histogram", "seconds"));
}

#[test]
fn every_sample_has_exactly_the_labels_of_its_metric() {
    let metrics = Metrics::new();
    metrics.events_lost.of("intake").add(1);
    metrics.reader_lag.of("detect").set(3);
    for counter in [&metrics.sink_delivered, &metrics.sink_retries, &metrics.sink_dead_letters] {
        counter.of("jsonl").add(1);
    }
    for gauge in [&metrics.sink_behind, &metrics.sink_age, &metrics.sink_stalled] {
        gauge.of("jsonl").set(1);
    }
    metrics.journal_decisions.of(Decision::Deny).of("secrets").add(1);
    metrics.journal_losses.of("intake").add(1);
    metrics.journal_detections.of("T1059").add(1);
    metrics.ingested_events.of("edge-7").add(1);
    let samples = parse(&metrics.text()).unwrap();
    for metric in TABLE {
        let own: Vec<_> = samples
            .iter()
            .filter(|sample| {
                sample.name == metric.name
                    || metric.metric_type == "histogram"
                        && sample.name.strip_prefix(metric.name).is_some_and(|end| end.starts_with('_'))
            })
            .collect();
        assert!(!own.is_empty(), "{} is not shown", metric.name);
        for sample in own {
            let labels: Vec<_> = sample.labels.keys().filter(|label| *label != "le").cloned().collect();
            let mut expected = metric.labels.to_vec();
            expected.sort_unstable();
            assert_eq!(labels, expected, "{sample:?}");
        }
    }
}

#[test]
fn counts_are_kept_by_label() {
    let metrics = Metrics::new();
    metrics.events.of(Kind::FileOpen).add(2);
    metrics.events.of(Kind::FileOpen).add(1);
    metrics.events.of(Kind::SinkRecovered).add(5);
    metrics.decisions.of(Decision::Deny).of(Family::Network).add(7);
    assert_eq!(value(&metrics, "agentsh_events_total", &[("kind", "file_open")]), Some(3.0));
    assert_eq!(value(&metrics, "agentsh_events_total", &[("kind", "sink_recovered")]), Some(5.0));
    assert_eq!(value(&metrics, "agentsh_events_total", &[("kind", "file_close")]), Some(0.0));
    assert_eq!(value(&metrics, "agentsh_decisions_total", &[("decision", "deny"), ("family", "network")]), Some(7.0));
}

#[test]
fn every_value_of_a_label_has_a_counter_of_its_own() {
    let metrics = Metrics::new();
    for (times, kind) in (1..).zip(Kind::ALL) {
        metrics.events.of(*kind).add(times);
    }
    for (times, kind) in (1..).zip(Kind::ALL) {
        assert_eq!(metrics.events.of(*kind).get(), times, "{kind:?}");
    }
    assert_eq!(value(&metrics, "agentsh_events_total", &[("kind", "other")]), None);
}

#[test]
fn a_histogram_counts_into_the_bucket_whose_bound_is_not_passed() {
    let metrics = Metrics::new();
    for micros in [0, 5, 6, 9_000_000] {
        metrics.gate_latency.of(Family::File).observe("crash_safe", micros);
    }
    let bucket = |bound| {
        value(&metrics, "agentsh_gate_latency_seconds_bucket", &[("durability", "crash_safe"), ("family", "file"), ("le", bound)])
    };
    assert_eq!(bucket("0.000001"), Some(1.0));
    assert_eq!(bucket("0.000005"), Some(2.0));
    assert_eq!(bucket("0.00001"), Some(3.0));
    assert_eq!(bucket("5"), Some(3.0));
    assert_eq!(bucket("+Inf"), Some(4.0));
    let of = |suffix| {
        value(&metrics, &format!("agentsh_gate_latency_seconds_{suffix}"), &[("durability", "crash_safe"), ("family", "file")])
    };
    assert_eq!(of("count"), Some(4.0));
    assert_eq!(of("sum"), Some(9.000_011));
    metrics.commit_events.observe(17);
    assert_eq!(value(&metrics, "agentsh_commit_events_bucket", &[("le", "16")]), Some(0.0));
    assert_eq!(value(&metrics, "agentsh_commit_events_sum", &[]), Some(17.0));
}

#[test]
fn a_word_that_no_list_knows_is_shown_as_other_and_not_dropped() {
    let metrics = Metrics::new();
    let count =
        |metrics: &Metrics| value(metrics, "agentsh_gate_latency_seconds_count", &[("durability", "other"), ("family", "ipc")]);
    assert_eq!(count(&metrics), None);
    metrics.gate_latency.of(Family::Ipc).observe("unheard_of", 1);
    assert_eq!(count(&metrics), Some(1.0));
}

#[test]
fn names_beyond_the_bound_share_one_counter() {
    let metrics = Metrics::new();
    for number in 0..1_000 {
        metrics.events_lost.of(&format!("hop{number}")).add(1);
    }
    let samples = parse(&metrics.text()).unwrap();
    let hops: Vec<_> = samples.iter().filter(|sample| sample.name == "agentsh_events_lost_total").collect();
    assert_eq!(hops.len(), 65);
    assert_eq!(hops.iter().map(|sample| sample.value).sum::<f64>(), 1_000.0);
    metrics.reader_lag.of("report").set(5);
    metrics.reader_lag.remove("report");
    assert_eq!(value(&metrics, "agentsh_reader_lag_events", &[("reader", "report")]), None);
}

#[test]
fn label_values_are_escaped() {
    let metrics = Metrics::new();
    metrics.events_lost.of("a\"b\\c\nd").add(1);
    assert!(metrics.text().contains(r#"agentsh_events_lost_total{hop="a\"b\\c\nd"} 1"#));
}

#[test]
fn threads_that_count_at_once_lose_nothing() {
    let metrics = Metrics::new();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for micros in 0..10_000 {
                    metrics.events.of(Kind::FileRead).add(1);
                    metrics.gate_latency.of(Family::Network).observe("durable", micros);
                    metrics.channel_events.add(if micros % 2 == 0 { 1 } else { -1 });
                }
            });
        }
    });
    assert_eq!(metrics.events.of(Kind::FileRead).get(), 40_000);
    assert_eq!(metrics.gate_latency.of(Family::Network).of("durable").count(), 40_000);
    assert_eq!(metrics.channel_events.get(), 0);
}

#[test]
fn the_process_says_its_version_and_its_start() {
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(value(metrics(), "agentsh_build_info", &[("version", version)]), Some(1.0));
    assert!(value(metrics(), "agentsh_process_start_time_seconds", &[]).unwrap() > 1_700_000_000.0);
}
