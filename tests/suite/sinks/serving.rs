//! Sinks within `agentsh server`: from the configuration to the file, metrics, events, and what the command line says of them.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use agentsh::event::Kind;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use super::http::{Peer, Reply};
use super::jsonl::lines;
use super::rig::*;
use crate::support::until;

/// `agentsh server` on a free port; killed with its test.
struct Server {
    process: Child,
    address: String,
}

impl Server {
    fn start(root: &Path, config: &Path) -> Self {
        let mut process = agentsh(root)
            .arg("--config")
            .arg(config)
            .args(["server", "--addr", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on http://").unwrap().to_owned();
        Self { process, address }
    }

    fn metric(&self, name: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim().to_owned()
    }

    fn terminate(mut self) {
        kill(Pid::from_raw(self.process.id().cast_signed()), Signal::SIGTERM).unwrap();
        until("the server ends", || self.process.try_wait().unwrap().is_some());
        assert!(self.process.wait().unwrap().success());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _it_may_have_ended = self.process.kill();
        let _it_may_have_been_waited_for = self.process.wait();
    }
}

fn agentsh(root: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_agentsh"));
    command.arg("--data-dir").arg(root).env("NO_COLOR", "1").stdin(Stdio::null());
    command
}

fn printed(root: &Path, arguments: &[&str]) -> String {
    let output = agentsh(root).args(arguments).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_server_delivers_what_others_record_and_says_how_its_sinks_stand() {
    let scratch = tempfile::tempdir().unwrap();
    let (root, folder) = (scratch.path().join("data"), scratch.path().join("out"));
    let journal = journal(&root, 20);
    // A receiver that is down at first, and that never takes the third event.
    let mut down = 4;
    let peer = Peer::start(move |request| {
        down -= 1;
        let bad = request.events().iter().any(|(seq, _)| *seq == 3);
        if down >= 0 {
            Reply::status(503)
        } else if bad {
            Reply::with(422, "", "no")
        } else {
            Reply::status(200)
        }
    });
    let config = scratch.path().join("config.yaml");
    let text = format!(
        "sinks:\n  delivery: {{ stalled_after: 1ms, retry_initial: 50ms, retry_max: 100ms }}\n  \
         jsonl: {{ enabled: true, path: {}, events: {{ families: [file] }} }}\n  webhook: {{ enabled: true, url: \"{}\" }}\n",
        folder.join("events.jsonl").display(),
        peer.url()
    );
    std::fs::write(&config, text).unwrap();
    let server = Server::start(&root, &config);
    record(&journal, 20, 30);
    until("the file has them", || folder.exists() && lines(&folder).len() == 50);
    until("the receiver has them", || peer.events().iter().any(|(seq, _)| *seq == 51));
    until("the recovery is on record", || printed(&root, &["events", "--kind", "sink_recovered"]).contains("webhook"));
    until("the metrics say so", || server.metric("agentsh_sink_dead_letters_total{sink=\"webhook\"}") == "1");
    assert!(server.metric("agentsh_sink_retries_total{sink=\"webhook\"}").parse::<u64>().unwrap() >= 4);
    until("nothing is behind", || server.metric("agentsh_sink_behind_events{sink=\"jsonl\"}") == "0");
    assert_eq!(server.metric("agentsh_sink_stalled{sink=\"webhook\"}"), "0");
    assert_eq!(server.metric("agentsh_sink_oldest_undelivered_seconds{sink=\"jsonl\"}"), "0");
    server.terminate();

    let sinks: Value = serde_json::from_str(&printed(&root, &["sinks", "list", "--json"])).unwrap();
    let names: Vec<&str> = sinks.as_array().unwrap().iter().map(|sink| sink["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["jsonl", "webhook"]);
    assert_eq!((sinks[1]["dead_letters"].as_u64(), sinks[1].get("stalled")), (Some(1), None));
    let letters = printed(&root, &["sinks", "dead-letters", "webhook"]);
    assert!(letters.contains("HTTP 422: no"), "{letters}");
    assert_eq!(printed(&root, &["sinks", "dead-letters", "jsonl"]), "");
    assert!(printed(&root, &["sinks", "list"]).contains("delivers"));
    let status = printed(&root, &["journal", "status"]);
    assert!(status.contains("sinks       jsonl: delivered up to") && status.contains("1 dead letters"), "{status}");
    let doctor = printed(&root, &["doctor"]);
    assert!(doctor.contains("agentsh sinks dead-letters webhook"), "{doctor}");
    // Families of the selection only, in order, each once.
    let written: Vec<u64> = lines(&folder).into_iter().map(|(seq, _)| seq).collect();
    assert_eq!(written, (2..=21).chain(written[20]..written[20] + 30).collect::<Vec<_>>());
    journal.close().unwrap();
}

#[test]
fn a_stall_that_outlives_its_process_ends_in_the_next_one() {
    let scratch = tempfile::tempdir().unwrap();
    let root = scratch.path().join("data");
    let journal = journal(&root, 3);
    let config = scratch.path().join("config.yaml");
    let write = |url: &str| {
        let text = format!(
            "sinks:\n  delivery: {{ stalled_after: 1ms, retry_max: 100ms }}\n  webhook: {{ enabled: true, url: \"{url}\" }}\n"
        );
        std::fs::write(&config, text).unwrap();
    };
    let told = || {
        let kind = |kind: Kind| printed(&root, &["events", "--format", "jsonl", "--kind", kind.as_str()]).lines().count();
        (kind(Kind::SinkStalled), kind(Kind::SinkRecovered))
    };
    write("http://127.0.0.1:1/");
    for _start in 0..2 {
        let server = Server::start(&root, &config);
        until("the stall is on record", || told().0 == 1);
        until("it was tried again", || server.metric("agentsh_sink_retries_total{sink=\"webhook\"}").parse().unwrap_or(0) > 2);
        assert_eq!(server.metric("agentsh_sink_stalled{sink=\"webhook\"}"), "1");
        server.terminate();
    }
    assert!(printed(&root, &["sinks", "list"]).contains("stalled: "));
    let peer = Peer::start(|_| Reply::status(200));
    write(&peer.url());
    let server = Server::start(&root, &config);
    until("the recovery is on record", || told() == (1, 1));
    server.terminate();
    assert!(!printed(&root, &["sinks", "list"]).contains("stalled"));
    journal.close().unwrap();
}

#[test]
fn a_sink_that_is_switched_on_without_its_place_is_refused_with_the_key() {
    let scratch = tempfile::tempdir().unwrap();
    let check = |section: &str, key: &str| {
        let config = scratch.path().join("config.yaml");
        std::fs::write(&config, format!("sinks:\n  {section}\n")).unwrap();
        let output = agentsh(scratch.path()).arg("--config").arg(&config).arg("server").output().unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && error.contains(key), "{section}: {error}");
    };
    check("jsonl: { enabled: true }", "sinks.jsonl.path");
    check("jsonl: { enabled: true, path: events.jsonl }", "relative path");
    check("jsonl: { rotate_bytes: 10 }", "sinks.jsonl.rotate_bytes");
    check("webhook: { enabled: true }", "sinks.webhook.url");
    check("webhook: { enabled: true, url: \"ftp://x\" }", "sinks.webhook.url");
    check("syslog: { enabled: true, address: logs }", "sinks.syslog.address");
    check("nats: { enabled: true, servers: [] }", "sinks.nats.servers");
    check("nats: { enabled: true, subject_prefix: \"a.*\" }", "sinks.nats.subject_prefix");
    check("delivery: { page_events: 0 }", "sinks.delivery.page_events");
    // Without a wait it would be tried without end.
    check("delivery: { retry_initial: 0s }", "sinks.delivery.retry_initial");
    check("delivery: { retry_max: 0s }", "sinks.delivery.retry_max");
    check("jsonl: { events: { families: [files] } }", "did you mean `file`?");
}

fn ran(root: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = agentsh(root).args(arguments).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn dead_letters_are_sent_again_and_dropped_from_the_command_line_beside_a_server_and_without_one() {
    let scratch = tempfile::tempdir().unwrap();
    let root = scratch.path().join("data");
    let journal = journal(&root, 8);
    let takes = Arc::new(AtomicU64::new(0));
    let peer = Peer::start({
        let takes = Arc::clone(&takes);
        move |request| {
            let bad = |seq: u64| (3..=5).contains(&seq) && seq > takes.load(Ordering::Relaxed);
            if request.events().iter().any(|(seq, _)| bad(*seq)) { Reply::with(422, "", "no") } else { Reply::status(200) }
        }
    });
    let config = scratch.path().join("config.yaml");
    std::fs::write(&config, format!("sinks:\n  webhook: {{ enabled: true, url: \"{}\" }}\n", peer.url())).unwrap();
    let server = Server::start(&root, &config);
    until("three are refused", || dead_letters(&root, "webhook").len() == 3);

    let refused = ran(&root, &["sinks", "retry", "webhook", "--seq", "4", "--wait", "30s"]);
    assert_eq!(refused, (Some(1), "seq 4: HTTP 422: no\n0 delivered, 1 refused again\n".to_owned(), String::new()));
    takes.store(4, Ordering::Relaxed);
    let (code, said, _) = ran(&root, &["sinks", "retry", "webhook", "--all", "--json", "--wait", "30s"]);
    let said: Value = serde_json::from_str(&said).unwrap();
    assert_eq!((code, &said["delivered"], &said["running"]), (Some(1), &serde_json::json!([3, 4]), &Value::Bool(true)));
    assert_eq!(said["refused"], serde_json::json!([{"seq": 5, "reason": "HTTP 422: no"}]));
    assert_eq!(peer.events().iter().filter(|(seq, _)| *seq == 4).count(), 1, "it was taken once");
    server.terminate();

    let (code, said, _) = ran(&root, &["sinks", "retry", "webhook", "--all"]);
    assert_eq!(
        (code, said.as_str()),
        (Some(0), "1 will be sent by the next `agentsh server` that runs webhook; none does now\n")
    );
    assert!(printed(&root, &["sinks", "dead-letters"]).contains("to be sent again; before: HTTP 422: no"));
    let (code, _, said) = ran(&root, &["sinks", "purge", "webhook", "--seq", "4"]);
    assert!(code == Some(125) && said.contains("`webhook` has no dead letter at seq 4"), "{said}");
    assert_eq!(printed(&root, &["sinks", "purge", "webhook", "--seq", "5"]), "1 dropped; the events stay in the journal\n");
    assert_eq!(printed(&root, &["sinks", "retry", "webhook", "--all"]), "webhook has no dead letters\n");
    assert!(printed(&root, &["events", "--after", "4", "--limit", "1", "--format", "jsonl"]).starts_with("{\"seq\":5,"));
    for subcommand in ["retry", "purge"] {
        let (code, _, said) = ran(&root, &["sinks", subcommand, "webhook"]);
        assert!(code == Some(125) && said.contains("--seq <N>") && said.contains("--all"), "which ones must be said: {said}");
    }
    journal.close().unwrap();
}

#[test]
fn where_no_sink_has_delivered_it_is_said_what_to_do() {
    let scratch = tempfile::tempdir().unwrap();
    let root = scratch.path().join("data");
    journal(&root, 1).close().unwrap();
    let (code, printed, said) = ran(&root, &["sinks", "list"]);
    assert_eq!((code, printed.as_str()), (Some(0), ""));
    assert!(said.starts_with("no sink is configured: ") && said.contains("agentsh server"), "{said}");
    assert_eq!(ran(&root, &["sinks", "list", "--json"]).1, "[]\n");
    let config = scratch.path().join("config.yaml");
    std::fs::write(&config, "sinks:\n  jsonl: { enabled: true, path: /tmp/events.jsonl }\n").unwrap();
    let (_, _, said) = ran(&root, &["--config", config.to_str().unwrap(), "sinks", "list"]);
    assert!(said.starts_with("jsonl: switched on, and has delivered nothing yet"), "{said}");
}
