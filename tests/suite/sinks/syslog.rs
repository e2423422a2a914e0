//! Syslog: messages, frames, TLS, receivers that close or do not read.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use std::time::Duration;

use agentsh::app::dead_letters::{DeadLetters, send_again};
use agentsh::event::{JournaledEvent, Seq, SessionId, Severity};
use agentsh::runtime::units::Millis;
use agentsh::sink::syslog::{Facility, SyslogConfig, SyslogSink, message};
use agentsh::sink::{Deliverer, Shape, Shaper};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::rig::*;
use crate::support::{open_event, until};

/// A receiver that reads frames; octet counting as RFC 6587 has it.
pub struct Receiver {
    port: u16,
    messages: Arc<Mutex<Vec<String>>>,
    /// Closes each connection after so many messages, while it is set.
    close_after: Arc<Mutex<Option<usize>>>,
    reads: Arc<AtomicBool>,
}

impl Receiver {
    pub fn start() -> Self {
        Self::with(None)
    }

    pub fn with(tls: Option<Arc<rustls::ServerConfig>>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let receiver = Self {
            port: listener.local_addr().unwrap().port(),
            messages: Arc::default(),
            close_after: Arc::default(),
            reads: Arc::new(AtomicBool::new(true)),
        };
        let (messages, close_after, reads) =
            (Arc::clone(&receiver.messages), Arc::clone(&receiver.close_after), Arc::clone(&receiver.reads));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (messages, close_after, reads) = (Arc::clone(&messages), Arc::clone(&close_after), Arc::clone(&reads));
                let (stream, tls) = (stream.unwrap(), tls.clone());
                std::thread::spawn(move || {
                    until("it may read", || reads.load(Ordering::Relaxed));
                    match tls {
                        None => receive(stream, &messages, &close_after),
                        Some(config) => {
                            let session = rustls::ServerConnection::new(config).unwrap();
                            receive(rustls::StreamOwned::new(session, stream), &messages, &close_after);
                        }
                    }
                });
            }
        });
        receiver
    }

    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    pub fn messages(&self) -> Vec<String> {
        self.messages.lock().unwrap().clone()
    }

    /// Position and id, from the structured data.
    pub fn events(&self) -> Vec<(u64, String)> {
        let value = |message: &str, name: &str| {
            let rest = message.split_once(&format!(" {name}=\"")).unwrap().1;
            rest.split_once('"').unwrap().0.to_owned()
        };
        self.messages().iter().map(|message| (value(message, "seq").parse().unwrap(), value(message, "id"))).collect()
    }
}

fn receive(stream: impl Read, messages: &Mutex<Vec<String>>, close_after: &Mutex<Option<usize>>) {
    let mut reader = BufReader::new(stream);
    let mut count = 0;
    loop {
        let mut length = Vec::new();
        if reader.read_until(b' ', &mut length).unwrap_or(0) == 0 {
            return;
        }
        let length: usize = std::str::from_utf8(&length).unwrap().trim_end().parse().unwrap();
        let mut message = vec![0; length];
        if reader.read_exact(&mut message).is_err() {
            return;
        }
        messages.lock().unwrap().push(String::from_utf8(message).unwrap());
        count += 1;
        let mut close_after = close_after.lock().unwrap();
        if close_after.is_some_and(|most| count >= most) {
            *close_after = None;
            return;
        }
    }
}

fn run(root: &Path, config: SyslogConfig, reports: &Reports) -> Deliverer {
    start("syslog", SyslogSink::new(config), delivery(root, reports))
}

fn config(receiver: &Receiver) -> SyslogConfig {
    SyslogConfig { address: receiver.address(), ..SyslogConfig::default() }
}

#[test]
fn a_message_is_what_rfc_5424_says() {
    let mut event = open_event(7);
    event.time = agentsh::event::Timestamp::from_micros(1_795_551_300_000_123);
    event.severity = Severity::High;
    event.session_id = Some(SessionId::new("s-\"a\\b]c"));
    let id = event.id.to_string();
    let journaled = JournaledEvent { seq: Seq::new(42).unwrap(), kind: event.kind(), event };
    let shaper = Shaper::new(Shape::Agentsh);
    let text = String::from_utf8(message(&journaled, Facility::Local3, &shaper)).unwrap();
    let json = serde_json::to_string(&journaled).unwrap();
    let host = shaper.hostname();
    // local3 is 19, and high is err (3).
    let expected = format!(
        "<155>1 2026-11-24T20:15:00.000123Z {host} agentsh 4242 file_open [agentsh@32473 seq=\"42\" id=\"{id}\" kind=\"file_open\" \
         family=\"file\" session=\"s-\\\"a\\\\b\\]c\"] {json}"
    );
    assert_eq!(text, expected);
    let severities = [6, 5, 4, 3, 2, 1];
    for (severity, number) in Severity::ALL.into_iter().zip(severities) {
        let mut event = journaled.clone();
        event.event.severity = severity;
        let text = String::from_utf8(message(&event, Facility::User, &shaper)).unwrap();
        assert!(text.starts_with(&format!("<{}>1 ", 8 + number)), "{text}");
    }
}

#[test]
fn events_arrive_in_order_over_tcp_and_a_receiver_that_closes_is_connected_to_again() {
    let scratch = tempfile::tempdir().unwrap();
    let journal = journal(scratch.path(), 120);
    let receiver = Receiver::start();
    *receiver.close_after.lock().unwrap() = Some(30);
    let reports = Reports::default();
    let running = run(scratch.path(), config(&receiver), &reports);
    caught_up(scratch.path(), "syslog");
    record(&journal, 120, 50);
    caught_up(scratch.path(), "syslog");
    assert!(running.end());
    let head = cursor(scratch.path(), "syslog");
    until("everything is read", || receiver.events().iter().any(|(seq, _)| *seq == head));
    let mut first_times = Vec::new();
    for event in receiver.events() {
        if !first_times.contains(&event) {
            first_times.push(event);
        }
    }
    assert_eq!(first_times, recorded(scratch.path())[..first_times.len()]);
    assert_eq!(first_times.len() as u64, head);
    journal.close().unwrap();
}

#[test]
fn the_cursor_waits_for_the_receivers_kernel_and_a_receiver_that_does_not_read_is_a_stall() {
    let scratch = tempfile::tempdir().unwrap();
    let journal = journal(scratch.path(), 1);
    // More than what the kernel keeps for a receiver that does not read.
    for number in 0..400 {
        let mut event = open_event(number);
        event.actor.as_mut().unwrap().cwd = Some("x".repeat(40_000).as_str().into());
        journal.channel().publish(&event);
    }
    assert!(journal.flush());
    let receiver = Receiver::start();
    receiver.reads.store(false, Ordering::Relaxed);
    let reports = Reports::default();
    let mut plan = delivery(scratch.path(), &reports);
    plan.config.page_events = 1_000;
    let config = SyslogConfig { ack_timeout: Millis::new(50), ..config(&receiver) };
    let running = start("syslog", SyslogSink::new(config), plan);
    until("the stall is told", || !reports.stalls().is_empty());
    assert!(reports.stalls()[0].contains("does not take what it is sent"), "{:?}", reports.stalls());
    assert!(cursor(scratch.path(), "syslog") < head(scratch.path()));
    receiver.reads.store(true, Ordering::Relaxed);
    caught_up(scratch.path(), "syslog");
    assert!(running.end());
    journal.close().unwrap();
}

#[test]
fn a_message_that_is_too_long_is_a_dead_letter() {
    let scratch = tempfile::tempdir().unwrap();
    let journal = journal(scratch.path(), 2);
    let mut event = open_event(9);
    event.actor.as_mut().unwrap().cwd = Some("x".repeat(9_000).as_str().into());
    publish(&journal, &event);
    record(&journal, 3, 1);
    let receiver = Receiver::start();
    let running = run(scratch.path(), SyslogConfig { max_message_bytes: 8_192, ..config(&receiver) }, &Reports::default());
    caught_up(scratch.path(), "syslog");
    assert!(running.end());
    let letters = dead_letters(scratch.path(), "syslog");
    assert_eq!(letters.iter().map(|letter| letter.seq).collect::<Vec<_>>(), [4]);
    until("the rest arrives", || receiver.events().iter().map(|(seq, _)| *seq).collect::<Vec<_>>() == [1, 2, 3, 5]);
    // Once more may be sent it can be sent again, and says nothing of the events around it.
    let running = run(scratch.path(), config(&receiver), &Reports::default());
    let (data_dir, all) = (agentsh::journal::DataDir::at(scratch.path()), DeadLetters::All);
    until("it has the sink", || data_dir.claim_reader("syslog").unwrap().is_none());
    let found = send_again(&data_dir, "syslog", &all, Duration::from_secs(30)).unwrap();
    assert_eq!((found.delivered.as_slice(), cursor(scratch.path(), "syslog")), (&[4][..], 5), "{found:?}");
    until("it arrives", || receiver.events().last().is_some_and(|(seq, _)| *seq == 4));
    assert!(running.end());
    assert_eq!(cursor(scratch.path(), "syslog"), head(scratch.path()));
    journal.close().unwrap();
}

/// An authority, a receiver's certificate for 127.0.0.1, and a client's, as files.
pub struct Certificates {
    folder: tempfile::TempDir,
    pub server: Arc<rustls::ServerConfig>,
}

impl Certificates {
    pub fn make(ask_client: bool) -> Self {
        agentsh::sink::install_crypto();
        let folder = tempfile::tempdir().unwrap();
        let key = || rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::new(Vec::<String>::new()).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let ca_key = key();
        let ca = params.self_signed(&ca_key).unwrap();
        let issuer = rcgen::Issuer::new(params, ca_key);
        let (server_key, client_key) = (key(), key());
        let server =
            rcgen::CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap().signed_by(&server_key, &issuer).unwrap();
        let client = rcgen::CertificateParams::new(vec!["client".to_owned()]).unwrap().signed_by(&client_key, &issuer).unwrap();
        std::fs::write(folder.path().join("ca.pem"), ca.pem()).unwrap();
        std::fs::write(folder.path().join("server.pem"), server.pem()).unwrap();
        std::fs::write(folder.path().join("server.key"), server_key.serialize_pem()).unwrap();
        std::fs::write(folder.path().join("client.pem"), client.pem()).unwrap();
        std::fs::write(folder.path().join("client.key"), client_key.serialize_pem()).unwrap();
        let mut roots = rustls::RootCertStore::empty();
        roots.add(ca.der().clone()).unwrap();
        let builder = if ask_client {
            let verifier = rustls::server::WebPkiClientVerifier::builder(Arc::new(roots)).build().unwrap();
            rustls::ServerConfig::builder().with_client_cert_verifier(verifier)
        } else {
            rustls::ServerConfig::builder().with_no_client_auth()
        };
        let chain = vec![CertificateDer::from(server.der().to_vec())];
        let private = PrivateKeyDer::try_from(server_key.serialize_der()).unwrap();
        Self { folder, server: Arc::new(builder.with_single_cert(chain, private).unwrap()) }
    }

    pub fn file(&self, name: &str) -> Option<PathBuf> {
        Some(self.folder.path().join(name))
    }
}

#[test]
fn events_arrive_over_tls_with_an_authority_of_ones_own_and_a_client_certificate() {
    for ask_client in [false, true] {
        let certificates = Certificates::make(ask_client);
        let scratch = tempfile::tempdir().unwrap();
        let journal = journal(scratch.path(), 120);
        let receiver = Receiver::with(Some(Arc::clone(&certificates.server)));
        let mut config = SyslogConfig { tls: true, ca_file: certificates.file("ca.pem"), ..config(&receiver) };
        if ask_client {
            (config.cert_file, config.key_file) = (certificates.file("client.pem"), certificates.file("client.key"));
        }
        let reports = Reports::default();
        let running = run(scratch.path(), config, &reports);
        caught_up(scratch.path(), "syslog");
        assert!(running.end());
        let head = cursor(scratch.path(), "syslog");
        until("everything is read", || receiver.events().len() as u64 >= head);
        assert_eq!(receiver.events(), recorded(scratch.path())[..usize::try_from(head).unwrap()], "{:?}", reports.all());
        journal.close().unwrap();
    }
}

#[test]
fn a_receiver_whose_certificate_is_not_trusted_gets_nothing() {
    let (own, other) = (Certificates::make(false), Certificates::make(false));
    let scratch = tempfile::tempdir().unwrap();
    let journal = journal(scratch.path(), 5);
    let receiver = Receiver::with(Some(Arc::clone(&own.server)));
    let reports = Reports::default();
    let running = run(scratch.path(), SyslogConfig { tls: true, ca_file: other.file("ca.pem"), ..config(&receiver) }, &reports);
    until("the stall is told", || !reports.stalls().is_empty());
    assert!(reports.stalls()[0].contains("TLS"), "{:?}", reports.stalls());
    assert!(running.end());
    assert!(receiver.messages().is_empty());
    assert_eq!(cursor(scratch.path(), "syslog"), 0);
    journal.close().unwrap();
}

#[test]
fn a_peer_that_only_accepts_and_closes_is_a_failure() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream: TcpStream = stream.unwrap();
            let _the_client_may_be_gone = stream.write_all(b"go away\n");
        }
    });
    let scratch = tempfile::tempdir().unwrap();
    let journal = journal(scratch.path(), 5);
    let reports = Reports::default();
    let running = run(scratch.path(), SyslogConfig { address, ..SyslogConfig::default() }, &reports);
    until("the stall is told", || !reports.stalls().is_empty());
    assert!(running.end());
    assert_eq!(cursor(scratch.path(), "syslog"), 0);
    journal.close().unwrap();
}
