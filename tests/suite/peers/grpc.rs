//! grpcio in Python, with messages generated from `proto/` and with those that the server describes: the stream is the journal.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use agentsh::event::{Kind, SessionId};
use agentsh::journal::{Journal, JournalConfig};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use super::{python_with, script};
use crate::support::{has_program, sqlite3};
use crate::vocabulary::samples::Schema;
use crate::wire::events::{arbitrary, extreme, full, hostile};

/// `agentsh server` on free ports. It is told to end when it is dropped.
struct Server {
    process: Child,
    address: String,
}

impl Server {
    fn start(data: &Path) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_agentsh"))
            .args(["server", "--addr", "127.0.0.1:0", "--grpc", "127.0.0.1:0", "--data-dir"])
            .arg(data)
            // A variable of this name would be a key of the configuration.
            .env_remove("TEST_PEERS")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let address = lines.map_while(Result::ok).find_map(|line| Some(line.split_once("grpc://")?.1.trim().to_owned()));
        Self { process, address: address.expect("the server says where it listens") }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let pid = nix::unistd::Pid::from_raw(i32::try_from(self.process.id()).unwrap());
        let _it_may_have_ended = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM);
        let _status = self.process.wait();
    }
}

/// A journal with events of every kind: full ones, ones at the ends of their ranges, hostile ones and arbitrary ones.
fn record(data: &Path) {
    let schema = Schema::new();
    let journal = Journal::open(data, &JournalConfig::default()).unwrap();
    let mut runner = TestRunner::deterministic();
    for kind in Kind::ALL {
        let texts = hostile().map(|text| extreme(&schema, *kind, text));
        let any = arbitrary(&schema, *kind);
        let mut some = (0..20).map(|_| any.new_tree(&mut runner).unwrap().current());
        for mut event in std::iter::once(full(&schema, *kind)).chain(texts).chain(some.by_ref()) {
            // Sensors' numbers are kept apart by the journal, and here they repeat.
            event.sensor = None;
            event.session_id = event.session_id.or_else(|| Some(SessionId::new("s-peer")));
            journal.channel().publish(&event);
        }
    }
    assert!(journal.flush());
    journal.close().unwrap();
}

fn client(python: &Path, server: &Server, database: &Path, more: &[&str]) -> Output {
    Command::new(python)
        .arg(script("grpc_client.py"))
        .args(["--address", &server.address, "--database"])
        .arg(database)
        .args(["--proto", concat!(env!("CARGO_MANIFEST_DIR"), "/proto"), "--messages"])
        .args(more)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn read(python: &Path, server: &Server, database: &Path, more: &[&str]) -> Value {
    let output = client(python, server, database, more);
    assert!(output.status.success(), "{more:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn grpcio_reads_every_field_of_every_event_with_generated_messages_and_by_reflection() {
    let test = "grpcio";
    let Some(python) = python_with(test, "grpc, grpc_tools, grpc_reflection") else { return };
    if !has_program("sqlite3", test) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    record(folder.path());
    let server = Server::start(folder.path());
    let database = folder.path().join("journal.db");
    for more in [["generated"].as_slice(), &["generated", "--gzip"], &["reflection"], &["reflection", "--gzip"]] {
        let read = read(&python, &server, &database, more);
        // What the stock sqlite3 counts up to where the stream ended.
        let through = read["through_seq"].as_u64().unwrap();
        let count = sqlite3(&database, &format!("SELECT count(*) FROM events WHERE seq <= {through}"));
        assert_eq!(read["events"].to_string(), count, "{more:?}");
        let kinds = sqlite3(
            &database,
            &format!("SELECT kind || '=' || count(*) FROM events WHERE seq <= {through} GROUP BY kind ORDER BY kind"),
        );
        let mut lines: Vec<String> =
            read["kinds"].as_object().unwrap().iter().map(|(kind, count)| format!("{kind}={count}")).collect();
        lines.sort();
        assert_eq!(lines.join("\n"), kinds, "{more:?}");
        assert_eq!(lines.len(), Kind::ALL.len(), "every kind was read");
        assert!(read["fields"].as_u64().unwrap() > 5_000, "{}", read["fields"]);
        assert_eq!(read["end"]["reason"], "REASON_HEAD_REACHED");
        assert_eq!(read["health"], json!({"": 1, "agentsh.v1.EventService": 1}), "SERVING");
        if more[0] == "reflection" {
            let services = read["services"].as_array().unwrap();
            for service in ["agentsh.v1.EventService", "agentsh.v1.PolicyService", "grpc.health.v1.Health"] {
                assert!(services.contains(&service.into()), "{services:?}");
            }
        }
    }

    // And it would see a difference: of one field of one event.
    let other = folder.path().join("other.db");
    sqlite3(&database, &format!("VACUUM INTO '{}'", other.display()));
    for (change, wanted) in [
        ("payload = json_replace(payload, '$.flags', 7)", "file_open"),
        ("payload = json_insert(payload, '$.more', 1)", "file_open"),
        ("payload = json_remove(payload, '$.actor.exe')", "actor"),
        ("time_us = time_us + 1", "time_us"),
        ("kind = 'dir_list'", "kind"),
    ] {
        let changed = folder.path().join("changed.db");
        std::fs::copy(&other, &changed).unwrap();
        let seq = sqlite3(&changed, "SELECT min(seq) FROM events WHERE kind = 'file_open'");
        sqlite3(&changed, &format!("DROP TRIGGER events_refuse_update; UPDATE events SET {change} WHERE seq = {seq}"));
        let output = client(&python, &server, &changed, &["generated"]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains(&format!("event {seq}: {wanted}")), "{change}: {said}");
    }
}
