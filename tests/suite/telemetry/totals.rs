//! What the server's `/metrics` says of the whole journal is true for it, whoever recorded it.

use agentsh::event::{Decision, FileDelete, Kind, NetConnect};

use super::load::{Place, Server};
use crate::support;

fn journaled(kind: Kind) -> String {
    format!("agentsh_journal_events_total{{kind=\"{}\"}}", kind.as_str())
}

fn decided(decision: &str, rule: &str) -> String {
    format!("agentsh_journal_decisions_total{{decision=\"{decision}\",rule=\"{rule}\"}}")
}

fn detected(technique: &str) -> String {
    format!("agentsh_journal_detections_total{{technique=\"{technique}\"}}")
}

fn lag(reader: &str) -> String {
    format!("agentsh_reader_lag_events{{reader=\"{reader}\"}}")
}

#[test]
fn a_server_counts_what_other_recorders_wrote_before_and_while_it_runs() {
    let place = Place::new();
    let before = place.recorder();
    before.judge(FileDelete { path: "/a".into(), ..FileDelete::default() }, Decision::Deny);
    before.judge(NetConnect::default(), Decision::Allow);
    before.detect(&["T1552.004", "T1059"]);
    before.lose("fuse", 7);
    before.close();

    let mut server = Server::start(&place);
    server.wait_for(&journaled(Kind::FileDelete), 1.0);
    assert_eq!(server.value(&journaled(Kind::PolicyDecision)), Some(2.0));
    assert_eq!(server.value(&decided("deny", "rule-deny")), Some(1.0));
    assert_eq!(server.value(&decided("allow", "rule-allow")), Some(1.0));
    assert_eq!(server.value(&decided("deny", "rule-allow")), None);
    server.wait_for(&detected("T1059"), 1.0);
    assert_eq!(server.value("agentsh_journal_events_lost_total{hop=\"fuse\"}"), Some(7.0));
    // The server handed over none of these itself: its own counters say so.
    assert_eq!(server.value("agentsh_events_total{kind=\"file_delete\"}"), Some(0.0));
    assert_eq!(server.value("agentsh_events_lost_total{hop=\"fuse\"}"), None);

    let beside = place.recorder();
    beside.detect(&["T1059"]);
    beside.detect(&[]);
    beside.judge(FileDelete { path: "/b".into(), ..FileDelete::default() }, Decision::Deny);
    beside.flush();
    server.wait_for(&detected("T1059"), 2.0);
    server.wait_for(&detected("none"), 1.0);
    server.wait_for(&decided("deny", "rule-deny"), 2.0);
    server.wait_for("agentsh_recorders", 2.0);
    assert_eq!(server.value(&journaled(Kind::Detection)), Some(3.0));
    server.wait_for(&lag("server/metrics"), 0.0);
    beside.close();
    server.wait_for("agentsh_recorders", 1.0);
    assert_eq!(server.stop(), Some(0));

    // Another server counts from the beginning again: the totals are the journal's, and not a process's.
    let again = Server::start(&place);
    again.wait_for(&detected("T1059"), 2.0);
    again.wait_for(&journaled(Kind::FileDelete), 2.0);
}

#[test]
fn the_events_by_kind_add_up_to_the_journals_head() {
    let place = Place::new();
    let recorder = place.recorder();
    for number in 0..500 {
        recorder.publish(&support::open_event(number));
        recorder.judge(NetConnect::default(), Decision::Audit);
    }
    recorder.close();
    let server = Server::start(&place);
    server.wait_for(&lag("server/metrics"), 0.0);
    server.wait_for(&journaled(Kind::FileOpen), 500.0);
    let text = server.metrics();
    let value = |line: &str| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap();
    let sum: f64 = text.lines().filter(|line| line.starts_with("agentsh_journal_events_total{")).map(value).sum();
    let head = text.lines().find(|line| line.starts_with("agentsh_journal_head_seq ")).map(value).unwrap();
    assert_eq!(sum, head);
    assert!(head >= 1_500.0);
}

#[test]
fn a_recorded_session_is_counted_with_its_refusals_and_its_end() {
    let place = Place::new();
    place.record_a_session_with_a_refusal();
    let server = Server::start(&place);
    server.wait_for("agentsh_sessions{state=\"ended\"}", 1.0);
    assert_eq!(server.value("agentsh_sessions{state=\"open\"}"), Some(0.0));
    // A shell may try again what was refused.
    support::until("the refusal", || server.value(&decided("deny", "no-identity")).is_some_and(|count| count >= 1.0));
    assert_eq!(server.value(&journaled(Kind::SessionCreated)), Some(1.0));
}

#[test]
fn each_reader_that_keeps_a_place_has_its_lag() {
    if !support::has_program("sqlite3", "each_reader_that_keeps_a_place_has_its_lag") {
        return;
    }
    let place = Place::new();
    let recorder = place.recorder();
    (0..100).for_each(|number| recorder.publish(&support::open_event(number)));
    recorder.close();
    let server = Server::start(&place);
    let database = agentsh::journal::DataDir::at(place.data()).journal();
    let tell = |sql: &str| {
        support::until("the database is free", || {
            support::try_sqlite3(&database, &format!("PRAGMA busy_timeout = 5000; {sql}")).1.is_empty()
        });
    };
    tell("INSERT INTO cursors VALUES ('sink/jsonl', 40, 0);");
    tell("INSERT INTO consumers VALUES ('siem', 90, 90, 0, 1000, NULL, 0, 0);");
    let head = || server.value("agentsh_journal_head_seq").unwrap();
    support::until("the sink's lag", || server.value(&lag("sink/jsonl")) == Some(head() - 40.0));
    support::until("the consumer's lag", || server.value(&lag("siem")) == Some(head() - 90.0));
    tell("DELETE FROM consumers;");
    support::until("a reader that is gone lags no more", || server.value(&lag("siem")).is_none());
    assert!(server.value(&lag("sink/jsonl")).is_some());
}
