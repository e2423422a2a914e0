//! OpenTelemetry's own: a receiver of the official `opentelemetry-proto` package, and a real collector (rotel) in between.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use agentsh::event::{JournaledEvent, Kind, Payload};
use agentsh::journal::DataDir;
use agentsh::sink::otlp::{OtlpConfig, Transport};
use serde_json::Value;

use crate::otel::delivery::{carry, to_the_end};
use crate::run::support::Place;
use crate::support::until;

/// The receiver, which ends with its standard input.
struct Receiver {
    child: Child,
    grpc: u16,
    http: u16,
    file: PathBuf,
}

impl Receiver {
    fn start(python: &Path, folder: &Path) -> Self {
        let file = folder.join("received.jsonl");
        let mut child = Command::new(python)
            .arg(super::script("otlp_receiver.py"))
            .arg(&file)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let ports: Vec<u16> = line.split_whitespace().map(|port| port.parse().unwrap()).collect();
        Self { child, grpc: ports[0], http: ports[1], file }
    }

    fn received(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(&self.file).unwrap_or_default();
        // The last line may be half written.
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn config(port: u16, protocol: Transport) -> OtlpConfig {
    OtlpConfig { enabled: true, endpoint: format!("http://127.0.0.1:{port}"), protocol, ..OtlpConfig::default() }
}

/// A journal with a real session in it.
fn recorded() -> Place {
    let place = Place::new();
    let output = place.shell("mkdir d; echo hi >d/a; (cat d/a | sort >d/b); rm -r d; ls nothing");
    assert_eq!(output.status.code(), Some(2));
    place
}

fn seqs(received: &[Value]) -> BTreeSet<u64> {
    received
        .iter()
        .filter(|line| line.get("log").is_some())
        .map(|line| line["attributes"]["agentsh.seq"].as_u64().unwrap())
        .collect()
}

/// What came is what the journal has: every event, one tree of spans, sums that add up.
fn check(events: &[JournaledEvent], received: &[Value]) {
    let head = events.len() as u64;
    assert_eq!(seqs(received), (1..=head).collect());
    let mut kinds: BTreeMap<&str, u64> = BTreeMap::new();
    for event in events {
        *kinds.entry(event.kind.as_str()).or_default() += 1;
    }
    let mut logged: BTreeMap<&str, u64> = BTreeMap::new();
    let mut uids = BTreeSet::new();
    for line in received.iter().filter(|line| line.get("log").is_some()) {
        if uids.insert(line["attributes"]["log.record.uid"].as_str().unwrap()) {
            *logged.entry(line["log"].as_str().unwrap()).or_default() += 1;
        }
        let seq = line["attributes"]["agentsh.seq"].as_u64().unwrap() as usize;
        let kind: Kind = line["log"].as_str().unwrap().parse().unwrap();
        let payload = Payload::from_json(kind, line["body"].as_str().unwrap()).unwrap();
        assert_eq!(payload, events[seq - 1].event.payload);
        assert_eq!(line["resource"]["service.name"], "agentsh");
    }
    assert_eq!(logged, kinds);

    let spans: BTreeMap<&str, &Value> = received
        .iter()
        .filter(|line| line.get("span").is_some() && line.get("id").is_some())
        .map(|span| (span["id"].as_str().unwrap(), span))
        .collect();
    let traces: BTreeSet<&str> = spans.values().map(|span| span["trace"].as_str().unwrap()).collect();
    assert_eq!(traces.len(), 1);
    let roots: Vec<&&Value> = spans.values().filter(|span| span["parent"] == "").collect();
    assert!(roots.len() == 1 && roots[0]["span"] == "session", "{roots:?}");
    for span in spans.values().filter(|span| span["parent"] != "") {
        assert!(spans.contains_key(span["parent"].as_str().unwrap()), "{span} hangs in the air");
    }
    let execs = kinds["process_exec"];
    let processes = spans.values().filter(|span| span["span"].as_str().unwrap().starts_with("process ")).count() as u64;
    assert!(processes > 3 && processes <= execs);

    let metric = received.iter().rfind(|line| line["metric"] == "agentsh.events").unwrap();
    let sum: u64 = metric["points"].as_array().unwrap().iter().map(|point| point["value"].as_u64().unwrap()).sum();
    assert_eq!((sum, metric["temporality"].as_u64(), metric["monotonic"].as_bool()), (head, Some(2), Some(true)));
}

#[test]
fn a_receiver_of_the_official_package_gets_the_whole_journal_over_grpc_and_http() {
    let Some(python) = super::python_with("otlp receiver", "grpc, opentelemetry.proto.collector.logs.v1.logs_service_pb2_grpc")
    else {
        return;
    };
    let place = recorded();
    for transport in [Transport::Grpc, Transport::Http] {
        let folder = tempfile::tempdir().unwrap();
        let receiver = Receiver::start(&python, folder.path());
        let port = if transport == Transport::Grpc { receiver.grpc } else { receiver.http };
        carry(place.data_dir().root(), config(port, transport), 0, 50, to_the_end).unwrap();
        let received = receiver.received();
        let logs = received.iter().filter(|line| line.get("log").is_some()).count();
        assert_eq!(logs, place.events().len(), "something came twice without a reason");
        check(&place.events(), &received);
    }
}

/// A collector between, with ports of its own.
struct Rotel {
    child: Child,
    grpc: u16,
    http: u16,
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

impl Rotel {
    /// Starts one that sends on to the receiver. Another may have taken a port that was just free; then another is tried.
    fn start(program: &Path, folder: &Path, to: u16) -> Self {
        for _ in 0..5 {
            let (grpc, http) = (free_port(), free_port());
            let mut child = Command::new(program)
                .args(["start", "--exporter", "otlp", "--batch-timeout", "50ms"])
                .args([
                    "--otlp-grpc-endpoint",
                    &format!("127.0.0.1:{grpc}"),
                    "--otlp-http-endpoint",
                    &format!("127.0.0.1:{http}"),
                ])
                .args(["--otlp-exporter-endpoint", &format!("http://127.0.0.1:{to}"), "--otlp-exporter-protocol", "grpc"])
                .args(["--otlp-exporter-compression", "none"])
                .arg("--pid-file")
                .arg(folder.join("rotel.pid"))
                .arg("--log-file")
                .arg(folder.join("rotel.log"))
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            let mut ended = false;
            until("the collector listens", || {
                ended = child.try_wait().unwrap().is_some();
                ended || [grpc, http].iter().all(|port| std::net::TcpStream::connect(("127.0.0.1", *port)).is_ok())
            });
            if !ended {
                return Self { child, grpc, http };
            }
        }
        panic!("the collector does not start");
    }
}

impl Drop for Rotel {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_real_collector_passes_the_whole_journal_on() {
    let test = "rotel";
    let Some(python) = super::python_with(test, "grpc, rotel, opentelemetry.proto.collector.logs.v1.logs_service_pb2_grpc")
    else {
        return;
    };
    let found = Command::new(&python).args(["-c", "import os, rotel; print(os.path.dirname(rotel.__file__))"]).output().unwrap();
    let program = PathBuf::from(String::from_utf8(found.stdout).unwrap().trim()).join("rotel-agent");
    if !program.exists() {
        eprintln!("skipped: {test}: the package `rotel` has no program for this machine");
        return;
    }
    let place = recorded();
    let events = place.events();
    for transport in [Transport::Grpc, Transport::Http] {
        let folder = tempfile::tempdir().unwrap();
        let receiver = Receiver::start(&python, folder.path());
        let rotel = Rotel::start(&program, folder.path(), receiver.grpc);
        let port = if transport == Transport::Grpc { rotel.grpc } else { rotel.http };
        let root: &DataDir = &place.data_dir();
        carry(root.root(), config(port, transport), 0, 50, to_the_end).unwrap();
        // It gathers before it sends on.
        let all = || {
            let received = receiver.received();
            let has = |key: &str, word: &str| received.iter().any(|line| line[key] == word);
            seqs(&received).len() == events.len() && has("span", "session") && has("metric", "agentsh.events")
        };
        until("the collector has sent all on", all);
        check(&events, &receiver.received());
    }
}
