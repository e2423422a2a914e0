//! Known answers of the ready questions that ask about several sessions: each expected by hand from the events beneath.

use std::sync::LazyLock;

use agentsh::event::*;
use agentsh::query::sql::questions;
use serde_json::{Value, json};

use super::rig::{engine, rows};
use crate::readers::recorded::{Recorded, Scribe, record};

/// Comments give the `seq` and the second; 1 is `journal_opened`. The second session begins an hour after the first.
static STORY: LazyLock<Recorded> = LazyLock::new(|| record(write));

/// A second of the first session, and one of the second.
fn first(second: u32) -> String {
    format!("2026-11-24T10:00:{second:02}.123456Z")
}

fn second(second: u32) -> String {
    format!("2026-11-24T11:00:{second:02}.123456Z")
}

fn exec(path: &str) -> ProcessExec {
    ProcessExec { path: path.into(), argv: vec![path.into()], ..ProcessExec::default() }
}

fn open(path: &str, access: FileAccess) -> FileOpen {
    FileOpen { path: path.into(), access, flags: 0, ..FileOpen::default() }
}

fn create(path: &str) -> FileCreate {
    FileCreate { path: path.into(), mode: 0o755, access: Some(FileAccess::Write), ..FileCreate::default() }
}

fn close(path: &str, bytes_written: u64, bytes_read: u64) -> FileClose {
    FileClose { path: path.into(), bytes_written, bytes_read, ..FileClose::default() }
}

fn request(method: &str, host: &str, path: &str, body: u64) -> HttpRequest {
    HttpRequest {
        method: method.into(),
        scheme: "https".into(),
        host: host.into(),
        port: 443,
        path: path.into(),
        body_size: Some(body),
        ..HttpRequest::default()
    }
}

fn detected(scribe: &mut Scribe, title: &str, level: &str, severity: Severity) {
    let detection = Detection { rule_id: "r1".into(), title: title.into(), level: level.into(), ..Detection::default() };
    scribe.severe(detection, severity);
}

fn write(scribe: &mut Scribe) {
    let credentials = "/home/dev/.aws/credentials";
    scribe.session(Some("s0first"));
    scribe.actor(200, "/usr/bin/agentsh");
    // 2 at :01
    scribe.observe(SessionCreated { workspace: "/work".into(), policy: "default".into(), ..SessionCreated::default() }, None);
    scribe.actor(201, "/usr/bin/sh");
    // 3, 4 at :02 and 5, 6 at :03
    scribe.judged(exec("/usr/bin/sh"), Decision::Allow, Some("tools"));
    scribe.judged(create("/work/tool"), Decision::Allow, Some("workspace"));
    // 7 at :04
    scribe.observe(close("/work/tool", 300, 0), None);
    scribe.actor(202, "/work/tool");
    // 8, 9 at :05
    scribe.judged(exec("/work/tool"), Decision::Allow, Some("tools"));
    // 10 at :06
    let query =
        DnsQuery { name: "drop.test".into(), record_type: "A".into(), rcode: Some("NXDOMAIN".into()), ..DnsQuery::default() };
    scribe.observe(query, None);
    // 11, 12 at :07 and 13, 14 at :08
    scribe.judged(request("POST", "drop.test", "/up", 5_000), Decision::Deny, Some("no-uploads"));
    let connect = NetConnect { host: Some("files.test".into()), port: 443, ..NetConnect::default() };
    let connected = scribe.judged(connect, Decision::Allow, Some("hosts"));
    // 15 at :09
    let closed =
        NetClose { host: Some("files.test".into()), port: 443, bytes_sent: 700, bytes_received: 9, ..NetClose::default() };
    scribe.observe(closed, Some(connected));
    // 16, 17 at :10 and 18, 19 at :11
    scribe.judged(open(credentials, FileAccess::Read), Decision::Audit, Some("watch-keys"));
    scribe.judged(open("/home/dev/.bashrc", FileAccess::Write), Decision::Deny, Some("protect-startup"));
    // 20 at :12
    scribe.observe(close("/work/log", 300, 50), None);
    // 21 at :13
    detected(scribe, "Shell profile changed", "medium", Severity::Medium);
    // 22 at :14
    let statistics = ExecStatistics {
        wall_time_us: Some(9_000_000),
        user_cpu_us: Some(1_000_000),
        system_cpu_us: Some(500_000),
        peak_memory_bytes: Some(1 << 20),
        ..ExecStatistics::default()
    };
    let exit = ProcessExit { path: Some("/work/tool".into()), exit_code: Some(0), statistics, ..ProcessExit::default() };
    scribe.observe(exit, None);
    // 23 at :15
    scribe.observe(SessionEnded { reason: "finished".into(), duration_us: 14_000_000, processes_ended: 0 }, None);

    scribe.later(3_600);
    scribe.session(Some("s0second"));
    scribe.actor(300, "/usr/bin/agentsh");
    // 24 at :16
    scribe.observe(SessionCreated { workspace: "/work".into(), policy: "default".into(), ..SessionCreated::default() }, None);
    scribe.actor(301, "/usr/bin/sh");
    // 25, 26 at :17
    scribe.judged(exec("/usr/bin/sh"), Decision::Allow, Some("tools"));
    scribe.actor(302, "/usr/bin/curl");
    // 27, 28 at :18, 29, 30 at :19, 31, 32 at :20, 33, 34 at :21, 35, 36 at :22
    scribe.judged(exec("/usr/bin/curl"), Decision::Allow, Some("tools"));
    scribe.judged(request("PUT", "files.test", "/a", 100), Decision::Allow, Some("hosts"));
    scribe.judged(request("POST", "drop.test", "/up", 8_000), Decision::Deny, Some("no-uploads"));
    scribe.judged(open(credentials, FileAccess::Read), Decision::Audit, Some("watch-keys"));
    scribe.judged(create("/work/.git/hooks/pre-commit"), Decision::Allow, Some("workspace"));
    scribe.actor(303, "/work/.git/hooks/pre-commit");
    // 37, 38 at :23
    scribe.judged(exec("/work/.git/hooks/pre-commit"), Decision::Allow, Some("tools"));
    scribe.actor(302, "/usr/bin/curl");
    // 39 at :24
    let statistics = ExecStatistics { wall_time_us: Some(500_000), ..ExecStatistics::default() };
    let exit =
        ProcessExit { path: Some("/usr/bin/curl".into()), signal: Some("SIGTERM".into()), statistics, ..ProcessExit::default() };
    scribe.observe(exit, None);
    // 40 at :25
    detected(scribe, "Git hook written", "high", Severity::High);
    // 41 at :26
    scribe.observe(EventsLost { hop: "proxy".into(), reason: "full".into(), count: 7, ..EventsLost::default() }, None);
    // 42 at :27
    scribe.observe(SessionEnded { reason: "finished".into(), duration_us: 11_000_000, processes_ended: 0 }, None);
}

#[track_caller]
fn check(name: &str, session: Option<&str>, expected: &Value) {
    let question = questions().iter().find(|question| question.name == name).unwrap();
    let sql = question.sql(|key| session.filter(|_| key == "session").map(str::to_owned));
    assert_eq!(rows(&engine(&STORY.data_dir, None), &sql), *expected, "{name}");
}

#[test]
fn sessions_have_their_counts_and_the_newest_is_first() {
    let expected = json!([["s0second", second(16), second(27), 19, 1, 1], ["s0first", first(1), first(15), 22, 2, 1]]);
    check("sessions", None, &expected);
}

#[test]
fn rules_that_refuse_are_counted_over_sessions() {
    let expected = json!([
        ["no-uploads", "http_request", 2, 2, first(7), second(20)],
        ["protect-startup", "file_open", 1, 1, first(11), first(11)],
    ]);
    check("refused-by-rule", None, &expected);
}

#[test]
fn what_left_is_summed_up_for_each_host_and_port() {
    let expected = json!([["drop.test", 443, 1, 0, 5_000, null], ["files.test", 443, 0, 1, null, 700]]);
    check("sent-out", Some("s0first"), &expected);
    let expected = json!([["drop.test", 443, 1, 0, 8_000, null], ["files.test", 443, 1, 0, 100, null]]);
    check("sent-out", Some("s0second"), &expected);
    check("sent-out", Some("s0none"), &json!([]));
}

#[test]
fn hosts_are_told_when_they_were_new_and_how_rare_they_are() {
    check("new-hosts", None, &json!([["files.test", first(8), "s0first", 3], ["drop.test", first(6), "s0first", 3]]));
    check("names", None, &json!([["files.test", 2, null, "s0first"], ["drop.test", 3, "NXDOMAIN", "s0first"]]));
}

#[test]
fn detections_are_ordered_by_how_severe_they_are() {
    let expected =
        json!([["high", "Git hook written", 1, 1, 40, second(25)], ["medium", "Shell profile changed", 1, 1, 21, first(13)],]);
    check("detections", None, &expected);
}

#[test]
fn who_reached_for_credentials_is_named_with_the_verdict() {
    let expected = json!([
        ["s0first", "/work/tool", "/home/dev/.aws/credentials", "audit", 1, first(10)],
        ["s0second", "/usr/bin/curl", "/home/dev/.aws/credentials", "audit", 1, second(21)],
    ]);
    check("secrets", None, &expected);
}

#[test]
fn a_program_of_two_sessions_is_not_a_new_one() {
    let expected = json!([
        ["/work/.git/hooks/pre-commit", "s0second", 1, second(23)],
        ["/usr/bin/curl", "s0second", 1, second(18)],
        ["/work/tool", "s0first", 1, first(5)],
    ]);
    check("new-programs", None, &expected);
}

#[test]
fn the_largest_body_is_first() {
    let expected = json!([
        [31, second(20), "s0second", "POST", "drop.test", "/up", 8_000],
        [11, first(7), "s0first", "POST", "drop.test", "/up", 5_000],
        [29, second(19), "s0second", "PUT", "files.test", "/a", 100],
    ]);
    check("uploads", None, &expected);
}

#[test]
fn a_file_is_written_before_it_is_run() {
    let expected = json!([["s0first", "/work/tool", 5, 8], ["s0second", "/work/.git/hooks/pre-commit", 35, 37]]);
    check("written-then-run", None, &expected);
}

#[test]
fn processes_are_ordered_by_how_long_they_ran() {
    let expected = json!([
        [22, "s0first", 202, "/work/tool", 9_000, 1_500, 1_048_576, 0, null],
        [39, "s0second", 302, "/usr/bin/curl", 500, null, null, null, "SIGTERM"],
    ]);
    check("longest", None, &expected);
}

#[test]
fn what_runs_at_a_start_is_found_where_it_is_written() {
    let expected = json!([
        [35, second(22), "s0second", "/usr/bin/curl", "file_create", "/work/.git/hooks/pre-commit"],
        [18, first(11), "s0first", "/work/tool", "file_open", "/home/dev/.bashrc"],
    ]);
    check("startup-files", None, &expected);
}

#[test]
fn each_hour_has_its_events() {
    let question = questions().iter().find(|question| question.name == "per-hour").unwrap();
    let found = rows(&engine(&STORY.data_dir, None), &question.sql(|_| None));
    // What opens and signs the journal has the time of this run.
    let story: Vec<&Value> =
        found.as_array().unwrap().iter().filter(|row| row[0].as_str().unwrap().starts_with("2026-11-24T1")).collect();
    let expected = [json!(["2026-11-24T11:00:00.000000Z", 19, 1, 1]), json!(["2026-11-24T10:00:00.000000Z", 22, 2, 1])];
    assert_eq!(story, expected.iter().collect::<Vec<_>>());
}

#[test]
fn programs_that_wrote_as_much_are_ordered_by_name() {
    let expected = json!([["/usr/bin/sh", 300, 0, 1, 1], ["/work/tool", 300, 50, 1, 1]]);
    check("largest-writers", None, &expected);
}

#[test]
fn a_loss_is_told_with_its_place() {
    check("losses", None, &json!([["events_lost", "proxy", 7, 41, second(26)]]));
}
