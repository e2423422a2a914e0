//! Sinks that are killed (SIGKILL) between any two steps of the loop, and at random: files have every event exactly once, peers at least
//! once with the same ids.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use agentsh::journal::{CursorStore, DataDir, DeadLetterRow, DeadLetters};
use agentsh::runtime::units::Millis;
use agentsh::sink::jsonl::{Compression, JsonlConfig};
use agentsh::sink::nats::{NatsConfig, NatsSink};
use agentsh::sink::syslog::{SyslogConfig, SyslogSink};
use agentsh::sink::webhook::{WebhookConfig, WebhookSink};
use agentsh::sink::{Secret, Step};
use serde::{Deserialize, Serialize};

use super::http::{Peer, Reply};
use super::jsonl::{config, lines, sink};
use super::rig::*;
use super::syslog::Receiver;
use crate::peers::nats_server::NatsServer;
use crate::support::{has_program, until};

const ROLE: &str = "AGENTSH_TEST_SINK";

/// What a process delivers, and where it dies.
#[derive(Clone, Serialize, Deserialize)]
struct Role {
    root: PathBuf,
    place: Place,
    /// The step at whose n-th time it kills itself; without, it ends when everything is delivered.
    kill: Option<(u8, u32)>,
}

#[derive(Clone, Serialize, Deserialize)]
enum Place {
    Jsonl {
        path: PathBuf,
        compression: u8,
    },
    Webhook {
        url: String,
    },
    Syslog {
        address: String,
    },
    /// The stream remembers ids for so many milliseconds.
    Nats {
        url: String,
        window: u64,
    },
}

const STEPS: [Step; 5] = [Step::Read, Step::Delivered, Step::BeforeCursor, Step::AfterCursor, Step::SentAgain];

/// The place of [`Step::SentAgain`].
const SENT_AGAIN: u8 = 4;

#[test]
fn what_other_processes_of_these_tests_run() {
    let Ok(role) = std::env::var(ROLE) else { return };
    let role: Role = serde_json::from_str(&role).unwrap();
    let mut plan = delivery(&role.root, &Reports::default());
    plan.config.page_events = 20;
    plan.config.cursor_interval = Millis::new(0);
    let count = AtomicU32::new(0);
    plan.at = role.kill.map(|(step, times)| -> Arc<dyn Fn(Step) + Send + Sync> {
        Arc::new(move |at| {
            if at == STEPS[usize::from(step)] && count.fetch_add(1, Ordering::Relaxed) + 1 == times {
                nix::sys::signal::raise(nix::sys::signal::Signal::SIGKILL).unwrap();
            }
        })
    });
    let sends_again = role.kill.is_some_and(|(step, _)| step == SENT_AGAIN);
    let running = match &role.place {
        Place::Jsonl { path, compression } => {
            let compression = [Compression::None, Compression::Gzip, Compression::Zstd][usize::from(*compression)];
            start("jsonl", sink(&role.root, &small_files(path, compression)), plan)
        }
        Place::Webhook { url } => {
            let config = WebhookConfig { url: Secret::new(url.as_str()), batch_events: 9, ..WebhookConfig::default() };
            start("webhook", WebhookSink::new(config, agentsh::journal::DataDir::at(&role.root)), plan)
        }
        Place::Nats { url, window } => {
            let config = NatsConfig {
                servers: vec![url.clone()],
                create_stream: true,
                stream_duplicate_window: Millis::new(*window),
                in_flight: 4,
                ..NatsConfig::default()
            };
            start("nats", NatsSink::new(config), plan)
        }
        Place::Syslog { address } => {
            start("syslog", SyslogSink::new(SyslogConfig { address: address.clone(), ..SyslogConfig::default() }), plan)
        }
    };
    if sends_again {
        // One that is told to end sends nothing again.
        until("everything is sent again", || dead_letters(&role.root, running.name()).is_empty());
    }
    assert!(running.end());
}

fn small_files(path: &Path, compression: Compression) -> JsonlConfig {
    JsonlConfig { rotate_bytes: 4_096, ..config(path, compression) }
}

fn process(role: &Role) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "sinks::killing::what_other_processes_of_these_tests_run", "--nocapture", "--test-threads=1"])
        .env(ROLE, serde_json::to_string(role).unwrap())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Kills at each step, early and late, while the journal grows, and then lets one finish.
fn kill_at_each_step(root: &Path, place: &Place, seldom: impl Fn(u8, u32) -> bool) {
    let journal = journal(root, 100);
    let mut number = 100;
    for step in 0..4 {
        for times in [1, 2, 4] {
            let context = format!("{:?}, time {times}", STEPS[usize::from(step)]);
            record(&journal, number, 60);
            number += 60;
            let role = Role { root: root.to_owned(), place: place.clone(), kill: Some((step, times)) };
            let mut child = process(&role);
            let status = child.wait().unwrap();
            assert!(!status.success() || seldom(step, times), "{context}: it was not killed");
        }
    }
    let role = Role { root: root.to_owned(), place: place.clone(), kill: None };
    assert!(process(&role).wait().unwrap().success());
    journal.close().unwrap();
}

#[test]
fn g5_a_file_has_every_event_exactly_once_however_its_sink_is_killed_between_two_steps() {
    for compression in [0, 1, 2] {
        let scratch = tempfile::tempdir().unwrap();
        let (root, folder) = (scratch.path().join("data"), scratch.path().join("out"));
        let place = Place::Jsonl { path: folder.join("events.jsonl"), compression };
        // What is compressed is gathered, so that the cursor is written once, at the end.
        kill_at_each_step(&root, &place, |step, times| compression > 0 && step >= 2 && times > 1);
        let expected: Vec<_> = recorded(&root).into_iter().filter(|(seq, _)| *seq <= cursor(&root, "jsonl")).collect();
        assert!(expected.len() > 800);
        assert_eq!(lines(&folder), expected, "compression {compression}");
    }
}

#[test]
fn g5_a_file_has_every_event_exactly_once_however_its_sink_is_killed_at_random() {
    let scratch = tempfile::tempdir().unwrap();
    let (root, folder) = (scratch.path().join("data"), scratch.path().join("out"));
    let journal = journal(&root, 0);
    let place = Place::Jsonl { path: folder.join("events.jsonl"), compression: 0 };
    let mut numbers = crate::journal::children::Numbers(3);
    for round in 0..15 {
        record(&journal, round * 1_000, 400);
        let role = Role { root: root.clone(), place: place.clone(), kill: None };
        let mut child = process(&role);
        let goal = numbers.below(2_000_000);
        let written = || files_size(&folder);
        let before = written();
        until("it writes", || written() > before || child.try_wait().unwrap().is_some());
        let began = std::time::Instant::now();
        until("it is time", || began.elapsed().as_nanos() as u64 > goal);
        let _it_may_have_ended = child.kill();
        child.wait().unwrap();
    }
    let role = Role { root: root.clone(), place, kill: None };
    assert!(process(&role).wait().unwrap().success());
    journal.close().unwrap();
    let expected: Vec<_> = recorded(&root).into_iter().filter(|(seq, _)| *seq <= cursor(&root, "jsonl")).collect();
    assert!(expected.len() > 6_000);
    assert_eq!(lines(&folder), expected);
}

fn files_size(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    entries.filter_map(|entry| entry.ok()?.metadata().ok()).map(|metadata| metadata.len()).sum()
}

/// Every event at least once, first times in order, and repetitions only with the same id.
fn at_least_once(root: &Path, sink: &str, given: &[(u64, String)]) {
    let expected: Vec<_> = recorded(root).into_iter().filter(|(seq, _)| *seq <= cursor(root, sink)).collect();
    assert!(expected.len() > 800);
    let mut first = Vec::new();
    for event in given {
        if !first.contains(event) {
            first.push(event.clone());
        }
    }
    assert_eq!(first, expected);
    assert!(given.len() < 2 * expected.len(), "{} for {}", given.len(), expected.len());
}

#[test]
fn g5_a_webhook_has_every_event_at_least_once_with_its_id_however_its_sink_is_killed_between_two_steps() {
    let scratch = tempfile::tempdir().unwrap();
    let peer = Peer::start(|_request| Reply::status(204));
    kill_at_each_step(scratch.path(), &Place::Webhook { url: peer.url() }, |_, _| false);
    at_least_once(scratch.path(), "webhook", &peer.events());
    // The same batch has the same id, so that a receiver that keeps ids of batches can tell too.
    let mut batches = std::collections::BTreeMap::new();
    for request in peer.requests() {
        let id = request.header("webhook-id").to_owned();
        assert_eq!(batches.entry(id).or_insert_with(|| request.body.clone()), &request.body);
    }
}

#[test]
fn a_dead_letter_is_sent_at_least_once_with_its_id_however_often_its_sink_is_killed_before_the_outcome_is_on_record() {
    let scratch = tempfile::tempdir().unwrap();
    let root = scratch.path();
    let peer = Peer::start(|_request| Reply::status(204));
    let journal = journal(root, 10);
    let letter = |seq| DeadLetterRow { sink: "webhook".to_owned(), seq, time_us: 0, attempts: 1, reason: "HTTP 422".to_owned() };
    let mut cursors = CursorStore::open(&DataDir::at(root)).unwrap();
    cursors.advance("sink/webhook", head(root), &[letter(3), letter(7)]).unwrap();
    cursors.ask_again("webhook", &DeadLetters::All).unwrap();
    let place = Place::Webhook { url: peer.url() };
    // Before the first outcome, twice; then before the second.
    for (times, left) in [(1, &[3, 7][..]), (1, &[3, 7]), (2, &[7])] {
        let role = Role { root: root.to_owned(), place: place.clone(), kill: Some((SENT_AGAIN, times)) };
        assert!(!process(&role).wait().unwrap().success(), "it was not killed");
        let kept: Vec<u64> = dead_letters(root, "webhook").into_iter().map(|letter| letter.seq).collect();
        assert_eq!((kept.as_slice(), cursors.next_asked("webhook", 0).unwrap()), (left, left.first().copied()));
    }
    let role = Role { root: root.to_owned(), place, kill: Some((SENT_AGAIN, u32::MAX)) };
    assert!(process(&role).wait().unwrap().success());
    assert_eq!((dead_letters(root, "webhook").len(), cursors.next_asked("webhook", 0).unwrap()), (0, None));
    let ids: Vec<String> = recorded(root).into_iter().filter(|(seq, _)| [3, 7].contains(seq)).map(|(_, id)| id).collect();
    let again: Vec<(u64, String)> = peer.events().into_iter().filter(|(seq, _)| [3, 7].contains(seq)).collect();
    let expected = [(3, &ids[0]), (3, &ids[0]), (3, &ids[0]), (7, &ids[1]), (7, &ids[1])].map(|(seq, id)| (seq, id.clone()));
    assert_eq!(again, expected);
    journal.close().unwrap();
}

#[test]
fn g5_a_syslog_receiver_has_every_event_at_least_once_with_its_id_however_its_sink_is_killed_between_two_steps() {
    let scratch = tempfile::tempdir().unwrap();
    let receiver = Receiver::start();
    // What was sent settles for a second, so that the cursor is written once, at the end.
    kill_at_each_step(scratch.path(), &Place::Syslog { address: receiver.address() }, |step, times| step >= 2 && times > 1);
    at_least_once(scratch.path(), "syslog", &receiver.events());
}

/// `seq` and id of every message of the stream.
fn streamed(server: &NatsServer) -> Vec<(u64, String)> {
    let seq = |body: &[u8]| serde_json::from_slice::<serde_json::Value>(body).unwrap()["seq"].as_u64().unwrap();
    server.messages("AGENTSH").into_iter().map(|(_, id, body)| (seq(&body), id)).collect()
}

#[test]
fn g5_a_stream_has_every_event_exactly_once_however_its_sink_is_killed_between_two_steps() {
    if !has_program("nats-server", "g5_a_stream_has_every_event_exactly_once") {
        return;
    }
    let scratch = tempfile::tempdir().unwrap();
    let root = scratch.path().join("data");
    let server = NatsServer::start(&scratch.path().join("nats"), &[]);
    kill_at_each_step(&root, &Place::Nats { url: server.url(), window: 600_000 }, |_, _| false);
    let expected: Vec<_> = recorded(&root).into_iter().filter(|(seq, _)| *seq <= cursor(&root, "nats")).collect();
    assert!(expected.len() > 800);
    assert_eq!(streamed(&server), expected);
}

#[test]
fn g5_a_stream_that_forgets_ids_has_every_event_at_least_once_however_its_sink_is_killed_between_two_steps() {
    if !has_program("nats-server", "g5_a_stream_that_forgets_ids") {
        return;
    }
    let scratch = tempfile::tempdir().unwrap();
    let root = scratch.path().join("data");
    let server = NatsServer::start(&scratch.path().join("nats"), &[]);
    kill_at_each_step(&root, &Place::Nats { url: server.url(), window: 100 }, |_, _| false);
    at_least_once(&root, "nats", &streamed(&server));
}

#[test]
fn g5_a_stream_has_every_event_exactly_once_however_its_sink_is_killed_while_messages_are_under_way() {
    if !has_program("nats-server", "g5_a_stream_has_every_event_exactly_once_while_messages_are_under_way") {
        return;
    }
    let scratch = tempfile::tempdir().unwrap();
    let root = scratch.path().join("data");
    let server = NatsServer::start(&scratch.path().join("nats"), &[]);
    let place = Place::Nats { url: server.url(), window: 600_000 };
    let journal = journal(&root, 0);
    let mut numbers = crate::journal::children::Numbers(5);
    for round in 0..10 {
        record(&journal, round * 1_000, 300);
        let mut child = process(&Role { root: root.clone(), place: place.clone(), kill: None });
        let before = cursor(&root, "nats");
        until("it delivers", || cursor(&root, "nats") > before || child.try_wait().unwrap().is_some());
        let (began, goal) = (std::time::Instant::now(), numbers.below(40_000_000));
        until("it is time", || began.elapsed().as_nanos() as u64 > goal);
        let _it_may_have_ended = child.kill();
        child.wait().unwrap();
    }
    assert!(process(&Role { root: root.clone(), place, kill: None }).wait().unwrap().success());
    journal.close().unwrap();
    let expected: Vec<_> = recorded(&root).into_iter().filter(|(seq, _)| *seq <= cursor(&root, "nats")).collect();
    assert!(expected.len() > 3_000);
    assert_eq!(streamed(&server), expected);
}
