//! Streams that are full, and servers that do not let us: the sink says why and waits, and goes on when it is mended.

use std::path::Path;

use agentsh::runtime::units::Millis;
use agentsh::sink::nats::{NatsConfig, NatsSink};
use async_nats::jetstream::stream::{Config, DiscardPolicy};

use super::nats_server::NatsServer;
use crate::sinks::rig::*;
use crate::support::{has_program, until};

fn config(server: &NatsServer) -> NatsConfig {
    NatsConfig { servers: vec![server.url()], ack_timeout: Millis::new(1_000), ..NatsConfig::default() }
}

/// Makes the stream, or changes it.
fn stream(server: &NatsServer, config: Config) {
    let config = Config { name: "AGENTSH".to_owned(), subjects: vec!["agentsh.>".to_owned()], ..config };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let context = async_nats::jetstream::new(async_nats::connect(server.url()).await.unwrap());
        if context.get_or_create_stream(config.clone()).await.unwrap().cached_info().config.max_messages != config.max_messages {
            context.update_stream(config).await.unwrap();
        }
    });
}

/// `seq` of every message.
fn seqs(server: &NatsServer) -> Vec<u64> {
    let seq = |body: &[u8]| serde_json::from_slice::<serde_json::Value>(body).unwrap()["seq"].as_u64().unwrap();
    server.messages("AGENTSH").iter().map(|(_, _, body)| seq(body)).collect()
}

fn run(root: &Path, config: NatsConfig, reports: &Reports) -> agentsh::sink::Deliverer {
    start("nats", NatsSink::new(config), delivery(root, reports))
}

#[test]
fn g5_a_stream_that_is_full_and_takes_nothing_stalls_the_sink_until_it_has_room() {
    if !has_program("nats-server", "g5_a_stream_that_is_full_and_takes_nothing") {
        return;
    }
    let scratch = tempfile::tempdir().unwrap();
    let server = NatsServer::start(&scratch.path().join("nats"), &[]);
    stream(&server, Config { max_messages: 30, discard: DiscardPolicy::New, ..Config::default() });
    let root = scratch.path().join("data");
    let journal = journal(&root, 200);
    let reports = Reports::default();
    let running = run(&root, config(&server), &reports);
    until("the stall is told", || !reports.stalls().is_empty());
    assert!(reports.stalls()[0].contains("maximum messages exceeded"), "{:?}", reports.stalls());
    assert!(cursor(&root, "nats") <= 30);
    stream(&server, Config { max_messages: 10_000, discard: DiscardPolicy::New, ..Config::default() });
    caught_up(&root, "nats");
    until("the recovery is told", || reports.recoveries() == 1);
    assert!(running.end());
    assert_eq!(seqs(&server), (1..=head(&root)).collect::<Vec<_>>());
    assert!(dead_letters(&root, "nats").is_empty());
    journal.close().unwrap();
}

#[test]
fn a_stream_that_drops_its_oldest_messages_keeps_the_newest_in_order() {
    if !has_program("nats-server", "a_stream_that_drops_its_oldest_messages") {
        return;
    }
    let scratch = tempfile::tempdir().unwrap();
    let server = NatsServer::start(&scratch.path().join("nats"), &[]);
    let root = scratch.path().join("data");
    let journal = journal(&root, 400);
    let reports = Reports::default();
    let running = run(&root, NatsConfig { create_stream: true, stream_max_bytes: 50_000, ..config(&server) }, &reports);
    caught_up(&root, "nats");
    assert!(running.end());
    let (kept, head) = (seqs(&server), head(&root));
    assert!((20..200).contains(&kept.len()), "{}", kept.len());
    assert_eq!(kept, (head + 1 - kept.len() as u64..=head).collect::<Vec<_>>());
    assert!(reports.all().is_empty(), "{:?}", reports.all());
    journal.close().unwrap();
}

#[test]
fn a_subject_that_we_may_not_publish_to_stalls_the_sink_with_the_servers_words() {
    if !has_program("nats-server", "a_subject_that_we_may_not_publish_to") {
        return;
    }
    let scratch = tempfile::tempdir().unwrap();
    let file = scratch.path().join("users.conf");
    let users = "authorization { users: [ { user: u, password: p, permissions: { publish: { deny: 'agentsh.>' } } } ] }\n";
    std::fs::write(&file, users).unwrap();
    let server = NatsServer::start(&scratch.path().join("nats"), &["-c", file.to_str().unwrap()]);
    let root = scratch.path().join("data");
    let journal = journal(&root, 5);
    let reports = Reports::default();
    let (user, password) = (Some("u".to_owned()), Some(agentsh::sink::Secret::new("p")));
    let running = run(&root, NatsConfig { create_stream: true, user, password, ..config(&server) }, &reports);
    until("the stall is told", || !reports.stalls().is_empty());
    assert!(reports.stalls()[0].contains("Permissions Violation for Publish to \"agentsh."), "{:?}", reports.stalls());
    assert!(running.end());
    assert_eq!(cursor(&root, "nats"), 0);
    journal.close().unwrap();
}

#[test]
fn a_server_without_jetstream_stalls_the_sink_and_says_so() {
    if !has_program("nats-server", "a_server_without_jetstream") {
        return;
    }
    let scratch = tempfile::tempdir().unwrap();
    let file = scratch.path().join("accounts.conf");
    // An account that has no JetStream on a server that has.
    std::fs::write(&file, "accounts: { A: { users: [ { user: u, password: p } ] } }\n").unwrap();
    let server = NatsServer::start(&scratch.path().join("nats"), &["-c", file.to_str().unwrap()]);
    let root = scratch.path().join("data");
    let journal = journal(&root, 5);
    for create_stream in [false, true] {
        let reports = Reports::default();
        let (user, password) = (Some("u".to_owned()), Some(agentsh::sink::Secret::new("p")));
        let running = run(&root, NatsConfig { create_stream, user, password, ..config(&server) }, &reports);
        until("the stall is told", || !reports.stalls().is_empty());
        let expected = if create_stream { "jetstream" } else { "no stream takes the subjects" };
        assert!(reports.stalls()[0].to_lowercase().contains(expected), "{:?}", reports.stalls());
        assert!(running.end());
    }
    journal.close().unwrap();
}
