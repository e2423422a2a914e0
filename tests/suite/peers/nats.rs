//! NATS JetStream, against Debian's `nats-server`: counts, order, ids, a server that is killed, a window that drops repetitions.

use std::path::Path;

use agentsh::event::{JournaledEvent, Seq, SessionId};
use agentsh::runtime::units::Millis;
use agentsh::sink::nats::{NatsConfig, NatsSink, subject};
use agentsh::sink::{Deliverer, Secret};

use super::nats_server::{Message, NatsServer};
use crate::sinks::rig::*;
use crate::support::{has_program, open_event, until};

fn config(server: &NatsServer) -> NatsConfig {
    NatsConfig {
        servers: vec![server.url()],
        create_stream: true,
        in_flight: 32,
        ack_timeout: Millis::new(2_000),
        ..NatsConfig::default()
    }
}

fn run(root: &Path, name: &str, config: NatsConfig, reports: &Reports) -> Deliverer {
    start(name, NatsSink::new(config), delivery(root, reports))
}

fn ids(messages: &[Message]) -> Vec<String> {
    messages.iter().map(|(_, id, _)| id.clone()).collect()
}

#[test]
fn a_stream_has_every_event_in_order_with_its_id_and_subject_and_drops_what_comes_again() {
    if !has_program("nats-server", "a_stream_has_every_event_in_order") {
        return;
    }
    let scratch = tempfile::tempdir().unwrap();
    let server = NatsServer::start(&scratch.path().join("nats"), &[]);
    let journal = journal(scratch.path(), 300);
    let running = run(scratch.path(), "nats", config(&server), &Reports::default());
    caught_up(scratch.path(), "nats");
    record(&journal, 300, 200);
    caught_up(scratch.path(), "nats");
    assert!(running.end());
    let expected: Vec<String> = recorded(scratch.path()).into_iter().map(|(_, id)| id).collect();
    let messages = server.messages("AGENTSH");
    assert_eq!(ids(&messages), expected);
    assert_eq!(messages[0].0, "agentsh._.pipeline.journal_opened");
    assert_eq!(messages[1].0, "agentsh.s-test.file.file_open");
    for (number, (_, id, body)) in messages.iter().enumerate() {
        let value: serde_json::Value = serde_json::from_slice(body).unwrap();
        assert_eq!((value["seq"].as_u64(), value["id"].as_str()), (Some(number as u64 + 1), Some(id.as_str())));
    }
    // Another sink that begins at the first event sends the same ids.
    let running = run(scratch.path(), "nats-again", config(&server), &Reports::default());
    caught_up(scratch.path(), "nats-again");
    assert!(running.end());
    assert_eq!(ids(&server.messages("AGENTSH")), expected);
    journal.close().unwrap();
}

#[test]
fn g5_a_server_that_is_killed_again_and_again_has_every_event_once_and_in_order() {
    if !has_program("nats-server", "a_server_that_is_killed_again_and_again") {
        return;
    }
    let scratch = tempfile::tempdir().unwrap();
    let mut server = NatsServer::start(&scratch.path().join("nats"), &[]);
    let journal = journal(scratch.path(), 200);
    let reports = Reports::default();
    let running = run(scratch.path(), "nats", config(&server), &reports);
    for round in 0..5 {
        let before = cursor(scratch.path(), "nats");
        record(&journal, 200 + round * 400, 400);
        until("some are delivered", || cursor(scratch.path(), "nats") > before);
        server.kill();
        record(&journal, 5_000 + round * 100, 100);
        server.restart();
        until("it is reached again", || cursor(scratch.path(), "nats") > before + 300);
    }
    caught_up(scratch.path(), "nats");
    assert!(running.end());
    let expected: Vec<String> = recorded(scratch.path()).into_iter().map(|(_, id)| id).collect();
    assert_eq!(ids(&server.messages("AGENTSH")), expected, "{:?}", reports.all());
    journal.close().unwrap();
}

#[test]
fn a_wrong_token_and_a_stream_that_is_missing_stall_the_sink_with_what_to_do() {
    if !has_program("nats-server", "a_wrong_token_and_a_stream_that_is_missing") {
        return;
    }
    let scratch = tempfile::tempdir().unwrap();
    let journal = journal(scratch.path(), 5);
    let server = NatsServer::start(&scratch.path().join("nats"), &["--auth", "right-token"]);
    for (name, token) in [("none", None), ("wrong", Some("wrong-token"))] {
        let reports = Reports::default();
        let config = NatsConfig { token: token.map(Secret::new), ..config(&server) };
        let running = run(scratch.path(), name, config, &reports);
        until("the stall is told", || !reports.stalls().is_empty());
        assert!(reports.stalls()[0].contains("authorization violation"), "{:?}", reports.stalls());
        assert!(running.end());
    }
    let file = scratch.path().join("token");
    std::fs::write(&file, "right-token\n").unwrap();
    let reports = Reports::default();
    let config = NatsConfig { token_file: Some(file), create_stream: false, ..config(&server) };
    let running = run(scratch.path(), "missing", config.clone(), &reports);
    until("the stall is told", || !reports.stalls().is_empty());
    assert!(reports.stalls()[0].contains("create_stream: true"), "{:?}", reports.stalls());
    assert!(running.end());
    assert_eq!(cursor(scratch.path(), "missing"), 0);
    let running = run(scratch.path(), "right", NatsConfig { create_stream: true, ..config }, &Reports::default());
    caught_up(scratch.path(), "right");
    assert!(running.end());
    journal.close().unwrap();
}

#[test]
fn an_event_that_is_larger_than_the_server_takes_is_a_dead_letter() {
    if !has_program("nats-server", "an_event_that_is_larger_than_the_server_takes") {
        return;
    }
    let scratch = tempfile::tempdir().unwrap();
    let limits = scratch.path().join("limits.conf");
    std::fs::write(&limits, "max_payload: 4096\n").unwrap();
    let server = NatsServer::start(&scratch.path().join("nats"), &["-c", limits.to_str().unwrap()]);
    let journal = journal(&scratch.path().join("data"), 2);
    let scratch = scratch.path().join("data");
    let mut event = open_event(9);
    event.actor.as_mut().unwrap().cwd = Some("x".repeat(9_000).as_str().into());
    publish(&journal, &event);
    record(&journal, 3, 2);
    let running = run(&scratch, "nats", config(&server), &Reports::default());
    caught_up(&scratch, "nats");
    assert!(running.end());
    let letters = dead_letters(&scratch, "nats");
    assert_eq!(letters.iter().map(|letter| letter.seq).collect::<Vec<_>>(), [4]);
    assert_eq!(server.messages("AGENTSH").len() as u64, cursor(&scratch, "nats") - 1);
    journal.close().unwrap();
}

#[test]
fn a_dead_letter_is_published_again_once_the_server_takes_it() {
    if !has_program("nats-server", "a_dead_letter_is_published_again_once_the_server_takes_it") {
        return;
    }
    let scratch = tempfile::tempdir().unwrap();
    let server = NatsServer::start(&scratch.path().join("nats"), &[]);
    let journal = journal(scratch.path(), 5);
    let letter = agentsh::journal::DeadLetterRow {
        sink: "nats".to_owned(),
        seq: 2,
        time_us: 0,
        attempts: 1,
        reason: "too large".to_owned(),
    };
    let data_dir = agentsh::journal::DataDir::at(scratch.path());
    agentsh::journal::CursorStore::open(&data_dir).unwrap().advance("sink/nats", 4, &[letter]).unwrap();
    let running = run(scratch.path(), "nats", config(&server), &Reports::default());
    until("it has the sink", || data_dir.claim_reader("nats").unwrap().is_none());
    let all = agentsh::app::dead_letters::DeadLetters::All;
    let found = agentsh::app::dead_letters::send_again(&data_dir, "nats", &all, std::time::Duration::from_secs(30)).unwrap();
    assert_eq!(found.delivered, [2]);
    caught_up(scratch.path(), "nats");
    assert!(running.end());
    let mut sent: Vec<String> = ids(&server.messages("AGENTSH"));
    let recorded = recorded(scratch.path());
    let mut expected: Vec<String> = recorded.iter().filter(|(seq, _)| *seq == 2 || *seq > 4).map(|(_, id)| id.clone()).collect();
    sent.sort();
    expected.sort();
    assert_eq!(sent, expected);
    journal.close().unwrap();
}

#[test]
fn a_subject_holds_only_what_subjects_can() {
    let check = |session: Option<&str>, expected: &str| {
        let mut event = open_event(1);
        event.session_id = session.map(SessionId::new);
        let event = JournaledEvent { seq: Seq::FIRST, kind: event.kind(), event };
        assert_eq!(subject("audit.prod", &event), expected);
    };
    check(Some("s01ab-2"), "audit.prod.s01ab-2.file.file_open");
    check(None, "audit.prod._.file.file_open");
    check(Some(""), "audit.prod._.file.file_open");
    check(Some("_"), "audit.prod.%5F.file.file_open");
    check(Some("a.b*c>d e\n"), "audit.prod.a%2Eb%2Ac%3Ed%20e%0A.file.file_open");
    check(Some("é"), "audit.prod.%C3%A9.file.file_open");
}
