//! What a good collector gets: every event, spans that hang together, sums; over both transports, after restarts, with ids that
//! de-duplicate.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use agentsh::event::{Actor, CommandStarted, Event, FileClose, Payload, ProcessExec, ProcessExit, SessionCreated, SessionEnded};
use agentsh::journal::{DataDir, Journal, Page, ReaderStore};
use agentsh::runtime::units::Millis;
use agentsh::sink::otlp::{Compression, OtlpConfig, OtlpDestination, Signal, Transport};
use agentsh::sink::{DeliverError, Destination, Flush};

use super::collector::{Collector, Keys, Reply};
use super::rig::{attribute, command, session};
use crate::support::{event, open_event};

pub const BOTH: [Transport; 2] = [Transport::Grpc, Transport::Http];

/// A journal with `sessions` sessions, each a command, a process and `files` files that are opened and closed.
pub fn journal(root: &Path, files: u64) -> u64 {
    let journal = Journal::open(root, &agentsh::journal::JournalConfig::default()).unwrap();
    let publish = |payload: Payload, cause, pid: Option<u32>| {
        let event = Event {
            session_id: Some(session()),
            command_id: Some(command()),
            cause,
            actor: pid.map(|pid| Actor { pid, ppid: Some(1), ..Actor::default() }),
            ..event(payload)
        };
        journal.channel().publish(&event);
        event.id
    };
    publish(SessionCreated::default().into(), None, None);
    let started = publish(CommandStarted { argv: vec!["make".into()], ..CommandStarted::default() }.into(), None, None);
    let exec = publish(ProcessExec { path: "/bin/make".into(), ..ProcessExec::default() }.into(), Some(started), Some(10));
    let mut open = Vec::new();
    for number in 0..files {
        open.push(publish(open_event(number).payload, None, Some(10)));
        // Many are open at a time, so that any place to stop at has open ones before it.
        if number >= 20 {
            publish(
                FileClose { path: "/x".into(), ..FileClose::default() }.into(),
                open.get(number as usize - 20).copied(),
                Some(10),
            );
        }
    }
    for open in open.iter().skip(open.len().saturating_sub(20)) {
        publish(FileClose::default().into(), Some(*open), Some(10));
    }
    publish(
        ProcessExit { path: Some("/bin/make".into()), exit_code: Some(0), ..ProcessExit::default() }.into(),
        Some(exec),
        Some(10),
    );
    publish(SessionEnded { reason: "finished".to_owned(), ..SessionEnded::default() }.into(), None, None);
    journal.close().unwrap();
    ReaderStore::open(&DataDir::at(root).journal()).unwrap().head().unwrap()
}

pub fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// Delivers what is behind `after`, in pages of `most`, until `stop` says so or all is delivered. Returns the safe seq.
pub fn carry(
    root: &Path,
    config: OtlpConfig,
    after: u64,
    most: u32,
    mut stop: impl FnMut(u64) -> ControlFlow<()>,
) -> Result<u64, DeliverError> {
    let store = ReaderStore::open(&DataDir::at(root).journal()).unwrap();
    let mut destination = OtlpDestination::new(config, DataDir::at(root));
    runtime().block_on(async {
        let mut at = destination.resume(after).await?;
        let mut page = Page::default();
        loop {
            store.page(at, &[], most, &mut page).unwrap();
            if page.is_empty() {
                return destination.flush(Flush::Close).await;
            }
            at = destination.deliver(&page).await?;
            assert_eq!(Some(at), page.last_seq());
            if stop(at).is_break() {
                return Ok(at);
            }
        }
    })
}

/// Sends one event again, by a sink that stands at `head`.
pub fn again(root: &Path, config: OtlpConfig, head: u64, seq: u64) -> Result<(), DeliverError> {
    let store = ReaderStore::open(&DataDir::at(root).journal()).unwrap();
    let mut destination = OtlpDestination::new(config, DataDir::at(root));
    let mut page = Page::default();
    store.page(seq - 1, &[], 1, &mut page).unwrap();
    runtime().block_on(async {
        destination.resume(head).await?;
        destination.again(&page).await
    })
}

pub fn to_the_end(_: u64) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

#[test]
fn a_collector_gets_every_event_once_and_in_order_over_both_transports() {
    for transport in BOTH {
        for compression in [Compression::None, Compression::Gzip] {
            let folder = tempfile::tempdir().unwrap();
            let head = journal(folder.path(), 300);
            let collector = Collector::start(transport, |_| Reply::Take);
            let config = OtlpConfig { compression, ..collector.config() };
            assert_eq!(carry(folder.path(), config, 0, 64, to_the_end).unwrap(), head);
            assert_eq!(collector.seqs(), (1..=head).collect::<Vec<_>>(), "{transport:?} {compression:?}");
        }
    }
}

#[test]
fn spans_are_one_tree_and_metrics_add_up() {
    for transport in BOTH {
        let folder = tempfile::tempdir().unwrap();
        let head = journal(folder.path(), 100);
        let collector = Collector::start(transport, |_| Reply::Take);
        carry(folder.path(), collector.config(), 0, 64, to_the_end).unwrap();
        let spans = collector.spans();
        assert_eq!(spans.len(), 103);
        let ids: BTreeSet<&[u8]> = spans.iter().map(|span| span.span_id.as_slice()).collect();
        let roots = spans.iter().filter(|span| span.parent_span_id.is_empty()).count();
        assert!(
            roots == 1 && spans.iter().all(|span| span.parent_span_id.is_empty() || ids.contains(span.parent_span_id.as_slice()))
        );
        assert!(
            spans
                .iter()
                .all(|span| span.name == "command make" || attribute(&span.attributes, "agentsh.span.incomplete").is_none())
        );
        let metrics: Vec<_> = collector.received().into_iter().flat_map(|received| received.metrics).collect();
        let events = metrics.iter().find(|metric| metric.name == "agentsh.events").unwrap();
        let Some(opentelemetry_proto::tonic::metrics::v1::metric::Data::Sum(sum)) = &events.data else { panic!() };
        assert!(sum.is_monotonic && sum.aggregation_temporality == 2);
        let total: i64 = sum
            .data_points
            .iter()
            .map(|point| match point.value {
                Some(opentelemetry_proto::tonic::metrics::v1::number_data_point::Value::AsInt(number)) => number,
                other => panic!("{other:?}"),
            })
            .sum();
        assert_eq!(total as u64, head);
        assert!(
            sum.data_points
                .iter()
                .all(|point| point.start_time_unix_nano > 0 && point.start_time_unix_nano <= point.time_unix_nano)
        );
    }
}

#[test]
fn headers_resource_and_signals_are_what_the_configuration_says() {
    for transport in BOTH {
        let folder = tempfile::tempdir().unwrap();
        journal(folder.path(), 3);
        let collector = Collector::start(transport, |_| Reply::Take);
        let config = OtlpConfig {
            headers: vec!["x-api-key=secret-7".to_owned(), "x-tenant = blue".to_owned()],
            resource_attributes: vec!["service.name=agents".to_owned()],
            signals: vec![Signal::Logs],
            ..collector.config()
        };
        assert!(!format!("{config:?}").contains("secret-7"));
        carry(folder.path(), config, 0, 64, to_the_end).unwrap();
        let received = collector.received();
        assert!(received.iter().all(|received| received.signal == Some(Signal::Logs)));
        assert_eq!(received[0].headers["x-api-key"], "secret-7");
        assert_eq!(received[0].headers["x-tenant"], "blue");
        assert_eq!(attribute(&received[0].resource, "service.name").as_deref(), Some("agents"));
    }
}

#[test]
fn requests_keep_to_the_limits() {
    let folder = tempfile::tempdir().unwrap();
    let head = journal(folder.path(), 300);
    let collector = Collector::start(Transport::Http, |_| Reply::Take);
    let config = OtlpConfig { max_batch_events: 100, max_batch_bytes: 64 << 10, ..collector.config() };
    carry(folder.path(), config, 0, 1_000, to_the_end).unwrap();
    assert_eq!(collector.seqs().len() as u64, head);
    for received in collector.received() {
        assert!(received.logs.len() <= 100 && received.spans.len() <= 100);
        assert!(received.headers["content-length"].parse::<usize>().unwrap() <= (64 << 10) + 1_024);
    }
}

#[test]
fn after_a_stop_anywhere_open_spans_are_made_again_and_nothing_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let head = journal(folder.path(), 60);
    let whole = Collector::start(Transport::Grpc, |_| Reply::Take);
    carry(folder.path(), whole.config(), 0, 16, to_the_end).unwrap();
    let mut expected = whole.spans();
    expected.sort_by(|one, other| one.span_id.cmp(&other.span_id));
    // Stopped after each page, and the cursor may be older than what was sent.
    let collector = Collector::start(Transport::Grpc, |_| Reply::Take);
    let mut cursor = 0;
    while cursor < head {
        let config = OtlpConfig { signals: vec![Signal::Logs, Signal::Traces], ..collector.config() };
        let safe = carry(folder.path(), config, cursor, 7, |_| ControlFlow::Break(())).unwrap();
        cursor = if safe == head { head } else { safe - 2 };
    }
    carry(folder.path(), collector.config(), cursor, 7, to_the_end).unwrap();
    assert_eq!(collector.seq_set(), (1..=head).collect());
    let mut spans = collector.spans();
    assert!(spans.len() > expected.len(), "nothing was sent twice, so nothing was shown");
    spans.sort_by(|one, other| one.span_id.cmp(&other.span_id));
    spans.dedup();
    assert_eq!(spans, expected);
}

#[test]
fn what_is_sent_twice_has_the_same_ids() {
    let folder = tempfile::tempdir().unwrap();
    let head = journal(folder.path(), 20);
    let collector = Collector::start(Transport::Http, |_| Reply::Take);
    for _ in 0..2 {
        carry(folder.path(), collector.config(), 0, 64, to_the_end).unwrap();
    }
    let uids = collector.uids();
    assert_eq!(uids.len() as u64, head);
    assert!(uids.values().all(|count| *count == 2));
}

#[test]
fn a_page_that_comes_again_after_a_failure_is_not_sent_again_as_a_whole() {
    let folder = tempfile::tempdir().unwrap();
    let head = journal(folder.path(), 100);
    let calls = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&calls);
    let collector = Collector::start(Transport::Http, move |_| match count.fetch_add(1, Ordering::Relaxed) {
        3 => Reply::Http(503, "", ""),
        _ => Reply::Take,
    });
    let config = OtlpConfig { max_batch_events: 20, metrics_interval: Millis::new(3_600_000), ..collector.config() };
    let store = ReaderStore::open(&DataDir::at(folder.path()).journal()).unwrap();
    let mut destination = OtlpDestination::new(config, DataDir::at(folder.path()));
    let mut page = Page::default();
    store.page(0, &[], 1_000, &mut page).unwrap();
    runtime().block_on(async {
        destination.resume(0).await.unwrap();
        let failed = destination.deliver(&page).await;
        assert!(matches!(failed, Err(DeliverError::Unavailable { .. })), "{failed:?}");
        assert_eq!(destination.deliver(&page).await.unwrap(), head);
    });
    assert_eq!(collector.seqs(), (1..=head).collect::<Vec<_>>());
}

#[test]
fn tls_shows_our_certificate_and_refuses_a_collector_of_another_authority() {
    let (keys, others) = (Keys::new(), Keys::new());
    let folder = tempfile::tempdir().unwrap();
    let head = journal(folder.path(), 5);
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        Some(path)
    };
    for transport in BOTH {
        let collector = Collector::start_secure(transport, &keys);
        let good = OtlpConfig {
            endpoint: format!("https://{}", collector.address),
            ca_file: file("ca.pem", &keys.authority),
            cert_file: file("client.pem", &keys.client.0),
            key_file: file("client.key", &keys.client.1),
            ..collector.config()
        };
        let stranger = OtlpConfig { ca_file: file("other.pem", &others.authority), ..good.clone() };
        let nobody = OtlpConfig { cert_file: None, key_file: None, ..good.clone() };
        for config in [stranger, nobody] {
            let outcome = carry(folder.path(), config, 0, 100, to_the_end);
            assert!(matches!(outcome, Err(DeliverError::Unavailable { .. })), "{transport:?}: {outcome:?}");
        }
        assert!(collector.seqs().is_empty());
        let missing = OtlpConfig { ca_file: Some("/nowhere/ca.pem".into()), ..good.clone() };
        let outcome = carry(folder.path(), missing, 0, 100, to_the_end);
        let Err(DeliverError::Misconfigured { reason }) = outcome else { panic!("{outcome:?}") };
        assert!(reason.contains("sinks.otlp.ca_file") && reason.contains("/nowhere/ca.pem"), "{reason}");
        assert_eq!(carry(folder.path(), good, 0, 100, to_the_end).unwrap(), head);
        assert_eq!(collector.seqs(), (1..=head).collect::<Vec<_>>());
    }
}
