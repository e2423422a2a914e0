//! Collectors that misbehave: what becomes of the events, and what is said about it.

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::path::Path;
use std::time::Duration;

use agentsh::runtime::units::Millis;
use agentsh::sink::otlp::{OtlpConfig, OtlpConfigError, Signal, Transport};
use agentsh::sink::{DeliverError, Refused};
use tonic::Code;

use super::collector::{Collector, Received, Reply};
use super::delivery::{again, carry, journal, to_the_end};

/// What a delivery of a small journal to this collector comes to.
fn outcome(
    transport: Transport,
    answer: impl Fn(&Received) -> Reply + Send + Sync + 'static,
) -> (Result<u64, DeliverError>, Collector, u64) {
    let folder = tempfile::tempdir().unwrap();
    let head = journal(folder.path(), 40);
    let collector = Collector::start(transport, answer);
    let outcome = logs_only(folder.path(), &collector);
    (outcome, collector, head)
}

fn logs_only(root: &Path, collector: &Collector) -> Result<u64, DeliverError> {
    let config = OtlpConfig { signals: vec![Signal::Logs], ..collector.config() };
    carry(root, config, 0, 1_000, to_the_end)
}

fn unavailable(transport: Transport, reply: Reply, after: Option<u64>) {
    let (outcome, collector, _) = outcome(transport, {
        let reply = reply.clone();
        move |_| reply.clone()
    });
    match outcome {
        Err(DeliverError::Unavailable { retry_after, reason }) => {
            assert_eq!(retry_after, after.map(Duration::from_secs), "{reply:?}");
            assert!(!reason.is_empty());
        }
        other => panic!("{reply:?}: {other:?}"),
    }
    assert!(collector.seqs().is_empty());
}

fn misconfigured(transport: Transport, reply: Reply, hint: &str) {
    let (outcome, _, _) = outcome(transport, {
        let reply = reply.clone();
        move |_| reply.clone()
    });
    match outcome {
        Err(DeliverError::Misconfigured { reason }) => assert!(reason.contains(hint), "{reply:?}: {reason}"),
        other => panic!("{reply:?}: {other:?}"),
    }
}

#[test]
fn a_busy_collector_is_tried_again_when_it_says() {
    unavailable(Transport::Http, Reply::Http(429, "Retry-After: 7\r\n", "slow down"), Some(7));
    unavailable(Transport::Http, Reply::Http(503, "Retry-After: 2\r\n", ""), Some(2));
    for status in [502, 503, 504, 408] {
        unavailable(Transport::Http, Reply::Http(status, "", ""), None);
    }
    unavailable(Transport::Grpc, Reply::Grpc(Code::ResourceExhausted, "quota", Some(9)), Some(9));
    unavailable(Transport::Grpc, Reply::Grpc(Code::Unavailable, "restarting", Some(3)), Some(3));
    for code in [Code::Unavailable, Code::Cancelled, Code::DeadlineExceeded, Code::Aborted, Code::OutOfRange, Code::DataLoss] {
        unavailable(Transport::Grpc, Reply::Grpc(code, "later", None), None);
    }
}

#[test]
fn an_answer_that_is_not_one_is_no_yes() {
    unavailable(Transport::Http, Reply::Garbage, None);
    unavailable(Transport::Http, Reply::Http(200, "Content-Type: application/x-protobuf\r\n", "\u{7}garbage"), None);
    unavailable(Transport::Http, Reply::Http(200, "Content-Type: application/json\r\n", "[1,2]"), None);
    unavailable(Transport::Http, Reply::Cut, None);
    unavailable(Transport::Grpc, Reply::Grpc(Code::Internal, "broken", None), None);
    unavailable(Transport::Grpc, Reply::Grpc(Code::Unknown, "broken", None), None);
}

#[test]
fn json_and_empty_answers_are_a_yes() {
    for (headers, body) in [
        ("Content-Type: application/json\r\n", "{}"),
        ("Content-Type: application/json; charset=utf-8\r\n", "{\"partialSuccess\":{}}"),
        ("", ""),
    ] {
        let (outcome, _, head) = outcome(Transport::Http, move |_| Reply::Http(200, headers, body));
        assert_eq!(outcome.unwrap(), head, "{headers}{body}");
    }
}

#[test]
fn a_key_or_an_address_that_is_wrong_is_a_persons_to_mend() {
    for status in [401, 403] {
        misconfigured(Transport::Http, Reply::Http(status, "", "who are you"), "sinks.otlp.headers");
    }
    for status in [404, 405, 415, 301] {
        misconfigured(Transport::Http, Reply::Http(status, "", ""), "sinks.otlp.endpoint");
    }
    for code in [Code::Unauthenticated, Code::PermissionDenied] {
        misconfigured(Transport::Grpc, Reply::Grpc(code, "who are you", None), "sinks.otlp.headers");
    }
    misconfigured(Transport::Grpc, Reply::Grpc(Code::Unimplemented, "", None), "signals");
}

/// Answers with `reply` whatever holds one of `bad`.
fn poisoned(bad: &'static [u64], reply: Reply) -> impl Fn(&Received) -> Reply + Send + Sync + 'static {
    move |received| if received.seqs().iter().any(|seq| bad.contains(seq)) { reply.clone() } else { Reply::Take }
}

#[test]
fn an_event_that_is_refused_becomes_a_dead_letter_and_keeps_no_other_back() {
    const BAD: &[u64] = &[1, 17, 18, 40];
    for (transport, reply) in [
        (Transport::Http, Reply::Http(400, "", "bad record")),
        (Transport::Http, Reply::Http(413, "", "bad record")),
        (Transport::Http, Reply::Http(500, "", "bad record")),
        (Transport::Grpc, Reply::Grpc(Code::InvalidArgument, "bad record", None)),
        (Transport::Grpc, Reply::Grpc(Code::ResourceExhausted, "bad record", None)),
    ] {
        let (outcome, collector, head) = outcome(transport, poisoned(BAD, reply.clone()));
        let Err(DeliverError::Refused { refused, safe }) = outcome else { panic!("{reply:?}: {outcome:?}") };
        assert_eq!(refused.iter().map(|refused| refused.seq).collect::<Vec<_>>(), BAD, "{reply:?}");
        assert!(refused.iter().all(|Refused { reason, .. }| reason.contains("bad record")));
        assert_eq!(safe, head);
        let taken: BTreeSet<u64> = (1..=head).filter(|seq| !BAD.contains(seq)).collect();
        assert_eq!(collector.seq_set(), taken);
        assert_eq!(collector.seqs().len(), taken.len(), "something was sent twice");
    }
}

#[test]
fn a_request_that_is_too_large_is_sent_in_parts() {
    let limit = |most: usize, reply: Reply| {
        move |received: &Received| if received.logs.len() > most { reply.clone() } else { Reply::Take }
    };
    for (transport, reply) in [
        (Transport::Http, Reply::Http(413, "", "")),
        (Transport::Grpc, Reply::Grpc(Code::ResourceExhausted, "message larger than max", None)),
        (Transport::Grpc, Reply::Grpc(Code::OutOfRange, "decoded message length too large", None)),
    ] {
        let (outcome, collector, head) = outcome(transport, limit(7, reply));
        assert_eq!(outcome.unwrap(), head);
        assert_eq!(collector.seqs(), (1..=head).collect::<Vec<_>>());
    }
}

#[test]
fn a_collector_that_refuses_everything_does_not_empty_the_journal() {
    for reply in [Reply::Http(400, "", "no"), Reply::Http(413, "", "no")] {
        let (outcome, _, _) = outcome(Transport::Http, move |_| reply.clone());
        assert!(matches!(outcome, Err(DeliverError::Misconfigured { .. })), "{outcome:?}");
    }
    let (outcome, _, _) = outcome(Transport::Http, |_| Reply::Http(500, "", "no"));
    assert!(matches!(outcome, Err(DeliverError::Unavailable { .. })), "{outcome:?}");
}

#[test]
fn ten_bad_events_in_front_do_not_hide_a_good_one_behind() {
    const BAD: &[u64] = &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];
    let (outcome, collector, head) = outcome(Transport::Http, poisoned(BAD, Reply::Http(400, "", "bad record")));
    let Err(DeliverError::Refused { refused, safe }) = outcome else { panic!("{outcome:?}") };
    assert_eq!((refused.len(), safe), (BAD.len(), head));
    assert_eq!(collector.seq_set(), (13..=head).collect());
}

#[test]
fn what_is_rejected_without_a_name_is_kept_as_dead_letters_and_not_sent_again() {
    for transport in [Transport::Http, Transport::Grpc] {
        let (outcome, collector, head) =
            outcome(
                transport,
                |received| {
                    if received.seqs().contains(&1) { Reply::Partly(3, "three are too old") } else { Reply::Take }
                },
            );
        let Err(DeliverError::Refused { refused, safe }) = outcome else { panic!("{outcome:?}") };
        assert_eq!((refused.len() as u64, safe), (head, head));
        assert_eq!(
            refused[0].reason,
            format!("the collector rejected 3 of {head} logs and did not say which: three are too old")
        );
        assert_eq!(collector.seqs().len() as u64, head);
    }
    // A warning is none of that.
    let (outcome, _, head) = outcome(Transport::Grpc, |_| Reply::Partly(0, "use a newer version"));
    assert_eq!(outcome.unwrap(), head);
}

#[test]
fn a_span_that_is_refused_is_a_dead_letter_of_its_event() {
    let folder = tempfile::tempdir().unwrap();
    let head = journal(folder.path(), 40);
    let collector = Collector::start(Transport::Http, |received| {
        if received.spans.iter().any(|span| span.name == "process make") { Reply::Http(400, "", "bad span") } else { Reply::Take }
    });
    let outcome = carry(folder.path(), collector.config(), 0, 1_000, to_the_end);
    let Err(DeliverError::Refused { refused, safe }) = outcome else { panic!("{outcome:?}") };
    assert_eq!((refused.len(), safe), (1, head));
    assert_eq!(refused[0].reason, "refused in traces: HTTP 400: bad span");
    assert_eq!(collector.spans().len(), 42);

    // Sent again, it comes with its log record, and as it would have come: the same span of the same trace.
    let whole = Collector::start(Transport::Http, |_| Reply::Take);
    carry(folder.path(), whole.config(), 0, 1_000, to_the_end).unwrap();
    let mended = Collector::start(Transport::Http, |_| Reply::Take);
    again(folder.path(), mended.config(), head, refused[0].seq).unwrap();
    let (expected, spans) = (whole.spans(), mended.spans());
    assert_eq!(mended.seqs(), [refused[0].seq]);
    assert_eq!(spans.iter().filter(|span| span.name == "process make").count(), 1, "{spans:?}");
    assert!(spans.iter().all(|span| expected.contains(span)), "{spans:?}");
    // A collector that refuses it once more says why.
    let Err(DeliverError::Refused { refused, .. }) = again(folder.path(), collector.config(), head, refused[0].seq) else {
        panic!("it was taken")
    };
    assert_eq!(refused[0].reason, "refused in traces: HTTP 400: bad span");
}

#[test]
fn a_collector_that_is_not_there_or_says_nothing_is_unavailable() {
    let folder = tempfile::tempdir().unwrap();
    journal(folder.path(), 5);
    // Nobody accepts; the kernel makes the connection all the same, and no answer comes.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap();
    for gone in [false, true] {
        let silent = if gone { None } else { Some(silent.try_clone().unwrap()) };
        for protocol in [Transport::Grpc, Transport::Http] {
            // A port that was just free and that nothing listens on.
            let port = if gone { TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap() } else { address };
            let endpoint = format!("http://{port}");
            let config = OtlpConfig { enabled: true, endpoint, protocol, timeout: Millis::new(200), ..OtlpConfig::default() };
            let outcome = carry(folder.path(), config, 0, 100, to_the_end);
            assert!(matches!(outcome, Err(DeliverError::Unavailable { .. })), "{outcome:?}");
        }
        drop(silent);
    }
}

#[test]
fn a_configuration_that_cannot_work_says_which_key() {
    let check = |config: OtlpConfig, key: &str| {
        let error = config.check().unwrap_err();
        assert_eq!(error.key(), key, "{error}");
        assert!(!error.to_string().is_empty());
    };
    let good = OtlpConfig { enabled: true, ..OtlpConfig::default() };
    good.check().unwrap();
    for endpoint in ["", "localhost:4317", "ftp://host", "http://", "unix:/run/x"] {
        check(OtlpConfig { endpoint: endpoint.to_owned(), ..good.clone() }, "sinks.otlp.endpoint");
    }
    check(OtlpConfig { signals: Vec::new(), ..good.clone() }, "sinks.otlp.signals");
    check(OtlpConfig { headers: vec!["novalue".to_owned()], ..good.clone() }, "sinks.otlp.headers");
    check(OtlpConfig { headers: vec!["bad name=1".to_owned()], ..good.clone() }, "sinks.otlp.headers");
    check(OtlpConfig { resource_attributes: vec!["=1".to_owned()], ..good.clone() }, "sinks.otlp.resource_attributes");
    check(OtlpConfig { cert_file: Some("/a".into()), ..good.clone() }, "sinks.otlp.key_file");
    check(OtlpConfig { key_file: Some("/a".into()), ..good.clone() }, "sinks.otlp.cert_file");
    assert_eq!(good.check(), Ok::<(), OtlpConfigError>(()));
}
