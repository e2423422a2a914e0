//! The webhook, against peers that behave and peers that do not.

use std::collections::BTreeMap;
use std::io::{BufReader, Write};
use std::net::TcpListener;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use agentsh::journal::DataDir;
use agentsh::runtime::units::Millis;
use agentsh::sink::webhook::{BodyForm, Signer, WebhookCompression, WebhookConfig, WebhookSink};
use agentsh::sink::{Deliverer, Secret};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};

use super::http::{Peer, Reply, Request, read};
use super::rig::*;
use super::syslog::Certificates;
use crate::support::until;

fn config(peer: &Peer) -> WebhookConfig {
    WebhookConfig { url: Secret::new(peer.url()), batch_events: 10, timeout: Millis::new(500), ..WebhookConfig::default() }
}

fn run(root: &Path, config: WebhookConfig, reports: &Reports) -> Deliverer {
    start("webhook", WebhookSink::new(config, DataDir::at(root)), delivery(root, reports))
}

/// Delivers 35 events to a peer that first answers as it is told; returns what it was told of stalls, and the peer.
fn check(mut first: Vec<fn(&Request) -> Reply>) -> (Peer, Reports, Duration) {
    let scratch = tempfile::tempdir().unwrap();
    let journal = journal(scratch.path(), 35);
    first.reverse();
    let peer = Peer::start(move |request| first.pop().map_or_else(|| Reply::status(200), |reply| reply(request)));
    let reports = Reports::default();
    let began = Instant::now();
    // However slow this machine is: what passes is no stall.
    let mut patient = delivery(scratch.path(), &reports);
    patient.config.stalled_after = Millis::new(60_000);
    let running = start("webhook", WebhookSink::new(config(&peer), DataDir::at(scratch.path())), patient);
    caught_up(scratch.path(), "webhook");
    let took = began.elapsed();
    assert!(running.end());
    let mut given = peer.events();
    given.dedup();
    let expected: Vec<_> =
        recorded(scratch.path()).into_iter().filter(|(seq, _)| *seq <= cursor(scratch.path(), "webhook")).collect();
    // Of what is sent again after a failure in the middle of a page, the first batches come twice.
    let mut first_times = Vec::new();
    for event in given {
        if !first_times.contains(&event) {
            first_times.push(event);
        }
    }
    assert_eq!(first_times, expected);
    assert_eq!(dead_letters(scratch.path(), "webhook"), []);
    journal.close().unwrap();
    (peer, reports, took)
}

#[test]
fn events_come_in_batches_in_order() {
    let (peer, reports, _) = check(Vec::new());
    assert!(peer.requests().iter().all(|request| (1..=10).contains(&request.events().len())));
    assert_eq!(reports.all(), []);
    let first = &peer.requests()[0];
    assert!(first.head.starts_with("POST /hook?token=not-for-logs HTTP/1.1"), "{}", first.head);
    assert_eq!(first.header("content-type"), "application/json");
    let id = first.header("webhook-id").to_owned();
    assert!(id.ends_with("-1-10-10"), "{id}");
}

#[test]
fn what_passes_is_tried_again() {
    for status in [408, 425, 429, 500, 502, 503, 504, 599] {
        // fn pointers cannot capture: the status comes as text.
        let reply: fn(&Request) -> Reply = match status {
            408 => |_| Reply::status(408),
            425 => |_| Reply::status(425),
            429 => |_| Reply::status(429),
            500 => |_| Reply::status(500),
            502 => |_| Reply::status(502),
            503 => |_| Reply::status(503),
            504 => |_| Reply::status(504),
            _ => |_| Reply::status(599),
        };
        let (peer, reports, _) = check(vec![reply, |_| Reply::status(200), reply]);
        assert!(peer.requests().len() >= 6, "{status}");
        assert_eq!(reports.stalls(), [] as [String; 0], "{status}");
    }
}

#[test]
fn garbage_and_answers_that_break_off_are_tried_again() {
    check(vec![
        |_| Reply::Break("SSH-2.0-OpenSSH_9.6\r\n".to_owned()),
        |_| Reply::Break("HTTP/1.1 2".to_owned()),
        |_| Reply::Break("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf".to_owned()),
        |_| Reply::Break(String::new()),
        |_| Reply::Reset,
        |_| Reply::Stall,
        |_| Reply::Break("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n".to_owned()),
    ]);
}

#[test]
fn a_peer_says_how_long_to_wait_in_seconds_or_as_a_date() {
    let (_, _, took) = check(vec![|_| Reply::with(429, "Retry-After: 1\r\n", "slow down")]);
    assert!(took >= Duration::from_secs(1), "{took:?}");
    // A date that has passed is no wait, and nonsense neither.
    let (_, _, took) = check(vec![|_| Reply::with(503, "Retry-After: Sun, 06 Nov 1994 08:49:37 GMT\r\n", ""), |_| {
        Reply::with(503, "Retry-After: soon\r\n", "")
    }]);
    assert!(took < Duration::from_secs(20), "{took:?}");
}

#[test]
fn what_only_a_person_can_mend_stalls_at_once_with_what_the_peer_said_and_without_the_address() {
    let check_reason = |reply: fn(&Request) -> Reply, expected: &str| {
        let (_, reports, _) = check(vec![reply]);
        let stalls = reports.stalls();
        assert!(stalls.len() == 1 && stalls[0].contains(expected) && !stalls[0].contains("not-for-logs"), "{stalls:?}");
        assert_eq!(reports.recoveries(), 1);
    };
    check_reason(|_| Reply::with(401, "", "who are you"), "HTTP 401: who are you");
    check_reason(|_| Reply::status(403), "credentials");
    check_reason(|_| Reply::status(404), "check its address");
    check_reason(|_| Reply::with(301, "Location: http://192.0.2.1/\r\n", ""), "redirects are not followed");
}

#[test]
fn the_bad_event_of_a_batch_is_found_and_kept_as_a_dead_letter() {
    for status in [400, 413, 422] {
        let scratch = tempfile::tempdir().unwrap();
        let journal = journal(scratch.path(), 35);
        let bad = |request: &Request| request.events().iter().any(|(seq, _)| [4, 17, 18].contains(seq));
        let peer =
            Peer::start(move |request| if bad(request) { Reply::with(status, "", "bad event") } else { Reply::status(200) });
        let reports = Reports::default();
        let running = run(scratch.path(), config(&peer), &reports);
        caught_up(scratch.path(), "webhook");
        assert!(running.end());
        let letters = dead_letters(scratch.path(), "webhook");
        let found: Vec<_> = letters.iter().map(|letter| (letter.seq, letter.reason.clone())).collect();
        assert_eq!(found, [4, 17, 18].map(|seq| (seq, format!("HTTP {status}: bad event"))));
        let rest: Vec<_> = recorded(scratch.path()).into_iter().filter(|(seq, _)| ![4, 17, 18].contains(seq)).collect();
        let taken = peer.events();
        assert_eq!(taken, rest[..taken.len()]);
        assert_eq!(reports.all(), []);
        journal.close().unwrap();
    }
}

#[test]
fn a_peer_that_refuses_everything_is_a_stall_and_no_event_is_lost_to_it() {
    let scratch = tempfile::tempdir().unwrap();
    let journal = journal(scratch.path(), 200);
    let mut refusals = 60;
    let peer = Peer::start(move |_| {
        refusals -= 1;
        if refusals >= 0 { Reply::with(400, "", "not this way") } else { Reply::status(200) }
    });
    let reports = Reports::default();
    let config = WebhookConfig { batch_events: 1_000, ..config(&peer) };
    let running = run(scratch.path(), config, &reports);
    caught_up(scratch.path(), "webhook");
    assert!(running.end());
    assert!(reports.stalls()[0].contains("refuses every event"), "{:?}", reports.stalls());
    assert!(dead_letters(scratch.path(), "webhook").len() < 10);
    journal.close().unwrap();
}

/// What a receiver does: see docs/sinks.md.
fn verify(request: &Request, key: &[u8]) -> bool {
    let (id, timestamp) = (request.header("webhook-id"), request.header("webhook-timestamp"));
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(key).unwrap();
    mac.update(format!("{id}.{timestamp}.").as_bytes());
    mac.update(&request.body);
    let signature = request.header("webhook-signature").strip_prefix("v1,").unwrap();
    mac.verify_slice(&STANDARD.decode(signature).unwrap()).is_ok()
}

#[test]
fn a_request_is_signed_so_that_a_receiver_can_check_it_in_every_form() {
    let key = b"a key of thirty-two bytes or so!";
    let scratch = tempfile::tempdir().unwrap();
    let file = scratch.path().join("secret");
    std::fs::write(&file, format!("whsec_{}\n", STANDARD.encode(key))).unwrap();
    let headers = BTreeMap::from([("authorization".to_owned(), Secret::new("Bearer abc"))]);
    for (body, compression) in [
        (BodyForm::Json, WebhookCompression::None),
        (BodyForm::Ndjson, WebhookCompression::None),
        (BodyForm::Json, WebhookCompression::Gzip),
        (BodyForm::Ndjson, WebhookCompression::Gzip),
    ] {
        let scratch = tempfile::tempdir().unwrap();
        let journal = journal(scratch.path(), 25);
        let peer = Peer::start(|_| Reply::status(202));
        let config =
            WebhookConfig { body, compression, secret_file: Some(file.clone()), headers: headers.clone(), ..config(&peer) };
        let running = run(scratch.path(), config, &Reports::default());
        caught_up(scratch.path(), "webhook");
        assert!(running.end());
        let requests = peer.requests();
        assert!(requests.len() >= 3);
        for request in &requests {
            assert!(verify(request, key), "{body:?} {compression:?}");
            assert!(!verify(request, b"another key"));
            let mut changed = request.clone();
            changed.body[10] ^= 1;
            assert!(!verify(&changed, key));
            assert_eq!(request.header("authorization"), "Bearer abc");
        }
        assert_eq!(peer.events().len() as u64, cursor(scratch.path(), "webhook"));
        journal.close().unwrap();
    }
}

#[test]
fn a_signature_is_that_of_standard_webhooks() {
    // The example of the specification's reference libraries.
    let signer = Signer::new(&Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")).unwrap();
    let signature = signer.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, br#"{"test": 2432232314}"#);
    assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    assert!(Signer::new(&Secret::new("whsec_***")).is_err_and(|why| !why.contains("***")));
    assert!(Signer::new(&Secret::new("")).is_err());
}

#[test]
fn no_secret_is_shown() {
    let config = WebhookConfig {
        url: Secret::new("https://hooks.test/T0KEN"),
        secret: Some(Secret::new("S3CRET")),
        headers: BTreeMap::from([("authorization".to_owned(), Secret::new("B3ARER"))]),
        ..WebhookConfig::default()
    };
    let shown = format!("{config:?}");
    assert!(["T0KEN", "S3CRET", "B3ARER"].iter().all(|secret| !shown.contains(secret)), "{shown}");
    // Nor by a peer that cannot be reached.
    let scratch = tempfile::tempdir().unwrap();
    let journal = journal(scratch.path(), 1);
    let reports = Reports::default();
    let unreachable = WebhookConfig { url: Secret::new("http://127.0.0.1:1/T0KEN"), ..WebhookConfig::default() };
    let running = run(scratch.path(), unreachable, &reports);
    until("the stall is told", || !reports.stalls().is_empty());
    assert!(!reports.stalls()[0].contains("T0KEN") && reports.stalls()[0].contains("refused"), "{:?}", reports.stalls());
    assert!(running.end());
    journal.close().unwrap();
}

#[test]
fn a_receiver_with_tls_is_trusted_by_the_authority_that_is_named_and_by_no_other() {
    for (ask_client, trusted) in [(false, true), (true, true), (false, false)] {
        let (own, other) = (Certificates::make(ask_client), Certificates::make(false));
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let taken = Arc::<Mutex<Vec<(u64, String)>>>::default();
        let (config, shared) = (Arc::clone(&own.server), Arc::clone(&taken));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let session = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
                let mut reader = BufReader::new(rustls::StreamOwned::new(session, stream.unwrap()));
                while let Some(request) = read(&mut reader) {
                    shared.lock().unwrap().extend(request.events());
                    reader.get_mut().write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").unwrap();
                }
            }
        });
        let scratch = tempfile::tempdir().unwrap();
        let journal = journal(scratch.path(), 60);
        let authority = if trusted { own.file("ca.pem") } else { other.file("ca.pem") };
        let url = Secret::new(format!("https://127.0.0.1:{port}/hook"));
        let mut config = WebhookConfig { url, ca_file: authority, ..WebhookConfig::default() };
        if ask_client {
            (config.cert_file, config.key_file) = (own.file("client.pem"), own.file("client.key"));
        }
        let reports = Reports::default();
        let running = run(scratch.path(), config, &reports);
        if trusted {
            caught_up(scratch.path(), "webhook");
        } else {
            until("the stall is told", || !reports.stalls().is_empty());
            assert!(reports.stalls()[0].contains("certificate"), "{:?}", reports.stalls());
        }
        assert!(running.end());
        let count = usize::try_from(cursor(scratch.path(), "webhook")).unwrap();
        assert_eq!(*taken.lock().unwrap(), recorded(scratch.path())[..count]);
        assert_eq!(trusted, count > 0);
        journal.close().unwrap();
    }
}
