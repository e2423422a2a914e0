//! Known answers over the recorded journal: see `readers::recorded` for what stands at which `seq`.

use agentsh::query::sql::questions;
use serde_json::{Value, json};

use super::rig::{engine, rows};
use crate::readers::recorded::RECORDED;

#[track_caller]
fn check(sql: &str, expected: &Value) {
    let engine = engine(&RECORDED.data_dir, None);
    assert_eq!(rows(&engine, sql), *expected, "{sql}");
}

/// One of the ready questions.
#[track_caller]
fn check_ready(name: &str, parameters: &[(&str, &str)], expected: &Value) {
    let question = questions().iter().find(|question| question.name == name).unwrap();
    let value = |key: &str| parameters.iter().find(|(known, _)| *known == key).map(|(_, value)| (*value).to_owned());
    check(&question.sql(value), expected);
}

const FIRST: &str = "2026-11-24T10:00:";

#[test]
fn every_event_is_a_row_with_its_columns() {
    check("SELECT count(*), min(seq), max(seq), count(DISTINCT seq) FROM events", &json!([[41, 1, 41, 41]]));
    check(
        "SELECT seq, kind, family, subject, exe, pid, decision, rule FROM events WHERE seq IN (10, 11)",
        &json!([
            [10, "file_open", "file", "/home/dev/.ssh/id_ed25519", "/usr/bin/cc1", 102, null, null],
            [11, "policy_decision", "derived", "/home/dev/.ssh/id_ed25519", null, 102, "deny", "protect-private-keys"],
        ]),
    );
    check("SELECT argv, session_id, command_id FROM events WHERE seq = 5", &json!([[["make", "it so"], "s0alpha1", "c0one"]]));
}

#[test]
fn a_view_for_each_family_has_its_events_and_its_columns() {
    check(
        "SELECT seq, path, access FROM file_events WHERE kind = 'file_open' ORDER BY seq",
        &json!([
            [7, "/work/src/main.c", "read"],
            [10, "/home/dev/.ssh/id_ed25519", "read"],
            [39, "/work/app/[id].tsx", "read_write"],
        ]),
    );
    check(
        "SELECT seq, host, port, method FROM network_events WHERE port IS NOT NULL AND method IS NOT NULL ORDER BY seq",
        &json!([[21, "api.corp.test", 80, "GET"], [24, "evilcorp.test", 8443, "POST"],]),
    );
    check("SELECT seq, exit_code, wall_time_us FROM process_events WHERE kind = 'process_exit'", &json!([[34, 2, 1_250_000]]));
    check(
        "SELECT registry_key, value_name, registry_data FROM registry_events",
        &json!([["HKLM\\SOFTWARE\\Acme", "Run", "calc \"now\""]]),
    );
    check("SELECT count(*) FROM ipc_events", &json!([[1]]));
    check("SELECT count(*) FROM pipeline_events", &json!([[3]]));
}

#[test]
fn operations_have_decision_and_outcome_in_one_row() {
    check(
        "SELECT seq, operation, subject, decision, rule, outcome FROM operations WHERE session_id = 's0alpha1' ORDER BY seq",
        &json!([
            [5, "process_exec", "/usr/bin/make", "allow", "allow-tools", "exit 2"],
            [7, "file_open", "/work/src/main.c", "allow", "workspace", "read 5000, wrote 0"],
            [10, "file_open", "/home/dev/.ssh/id_ed25519", "deny", "protect-private-keys", "refused"],
            [12, "file_create", "/work/out/a.o", "allow", "workspace", "failed: ENOSPC"],
            [14, "file_rename", "/work/out/a.o", "allow", "workspace", "let through"],
            [16, "file_delete", "/work/caf\\xe9 \"x\",\n.txt", "audit", "watch-deletes", "let through"],
            [19, "net_connect", "registry.corp.test:443", "allow", "registries", "sent 10, received 20"],
            [21, "http_request", "http://api.corp.test:80/v1/items", "allow", "registries", "status 200"],
            [24, "http_request", "https://evilcorp.test:8443/", "deny", null, "refused"],
            [28, "unix_socket_connect", "/run/docker.sock", "deny", "no-docker", "refused"],
        ]),
    );
}

#[test]
fn functions_know_attack_retired_ids_and_the_payload() {
    check(
        "SELECT technique_name('T1552.004'), tactic('T1552.004')",
        &json!([["Unsecured Credentials: Private Keys", "credential-access"]]),
    );
    // T1562.001 was retired in v19; T1685 took its place.
    check("SELECT technique_name('T1562.001') = technique_name('T1685'), technique_name('T0000')", &json!([[true, null]]));
    check("SELECT seq FROM events WHERE has_technique(attack, 'T1552')", &json!([[33]]));
    check("SELECT seq FROM events WHERE has_technique(attack, 'T1055')", &json!([]));
    check(
        "SELECT json_get(payload, 'argv.1'), json_get(payload, 'argv'), json_get(payload, 'nothing.here') FROM events WHERE seq = 5",
        &json!([["it so", "[\"make\",\"it so\"]", null]]),
    );
    check("SELECT count(*) FROM events o JOIN events d ON event_id(id_text(o.id)) = d.cause WHERE o.seq = 10", &json!([[1]]));
}

#[test]
fn the_ready_questions_answer_what_they_say() {
    check_ready(
        "refused",
        &[("session", "s0alpha1")],
        &json!([
            [11, format!("{FIRST}07.123456Z"), "file_open", "/home/dev/.ssh/id_ed25519", "protect-private-keys", "because"],
            [25, format!("{FIRST}15.123456Z"), "http_request", "https://evilcorp.test:8443/", null, "because"],
            [29, format!("{FIRST}18.123456Z"), "unix_socket_connect", "/run/docker.sock", "no-docker", "because"],
        ]),
    );
    check_ready(
        "who-touched",
        &[("path", "/work/src/main.c")],
        &json!([
            ["/usr/bin/cc1", "file_close", 1, 1, format!("{FIRST}06.123456Z"), format!("{FIRST}06.123456Z")],
            ["/usr/bin/cc1", "file_open", 1, 1, format!("{FIRST}05.123456Z"), format!("{FIRST}05.123456Z")],
        ]),
    );
    check_ready(
        "techniques",
        &[],
        &json!([["T1552.004", "Unsecured Credentials: Private Keys", "credential-access", 1, 1, format!("{FIRST}22.123456Z")],]),
    );
    check_ready("failures", &[], &json!([["file_create", "ENOSPC", 1, 1, "/work/out/a.o"]]));
    check_ready(
        "after-exec",
        &[("seq", "5")],
        &json!([
            [5, format!("{FIRST}04.123456Z"), 101, "process_exec", "/usr/bin/make"],
            [6, format!("{FIRST}04.123456Z"), 101, "policy_decision", "/usr/bin/make"],
            [34, format!("{FIRST}23.123456Z"), 101, "process_exit", "/usr/bin/make"],
            [35, format!("{FIRST}24.123456Z"), 101, "command_finished", "make"],
            [36, format!("{FIRST}25.123456Z"), 101, "capability_report", null],
            [37, format!("{FIRST}26.123456Z"), 101, "session_ended", "finished"],
        ]),
    );
    check_ready("losses", &[], &json!([]));
}

#[test]
fn a_value_for_a_ready_question_is_a_value_and_no_sql() {
    check_ready("who-touched", &[("path", "x' OR '1'='1")], &json!([]));
    check_ready("refused", &[("session", "'; DROP TABLE events; --")], &json!([]));
}

#[test]
fn there_are_twenty_questions_each_with_a_name_and_a_title_of_its_own() {
    assert_eq!(questions().len(), 20);
    let mut titles: Vec<&str> = questions().iter().map(|question| question.title()).collect();
    titles.sort_unstable();
    titles.dedup();
    assert_eq!(titles.len(), 20);
    assert!(questions().iter().all(|question| !question.title().is_empty() && !question.sql(|_| None).contains("-- ")));
}
