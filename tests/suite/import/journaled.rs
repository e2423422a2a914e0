//! The real program, into a real journal: once, whatever happens; with policy, provenance and without secrets.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;
use std::process::Stdio;

use serde_json::{Value, json};

use super::rig::{command, import, import_stream, imported, imported_ids, regression, report};
use crate::support::{sqlite3, try_sqlite3, until};

/// An audit log with so many program starts.
fn audit_log(events: u64) -> String {
    (0..events).fold(String::new(), |mut text, serial| {
        let stamp = format!("17000{:05}.{:03}:{serial}", serial / 1_000, serial % 1_000);
        let _ = writeln!(
            text,
            "node=web1 type=SYSCALL msg=audit({stamp}): arch=c000003e syscall=59 success=yes exit=0 a0=1 ppid=1 pid={} auid=1000 uid=0 euid=0 egid=0 ses=3 comm=\"curl\" exe=\"/usr/bin/curl\" key=\"exec\"\n\
             node=web1 type=EXECVE msg=audit({stamp}): argc=3 a0=\"curl\" a1=\"--password=hunter2hunter2\" a2=\"https://a.test/{serial}\"\n\
             node=web1 type=PROCTITLE msg=audit({stamp}): proctitle=6375726C",
            serial + 100
        );
        text
    })
}

fn write(folder: &Path, name: &str, text: impl AsRef<[u8]>) -> std::path::PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path
}

fn numbers(root: &Path, sql: &str) -> String {
    sqlite3(&root.join("journal.db"), sql).trim().to_owned()
}

#[test]
fn an_import_keeps_time_host_and_origin_and_the_same_file_twice_adds_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("data");
    let log =
        write(folder.path(), "audit.log", audit_log(300) + "node=web1 type=USER_LOGIN msg=audit(1700000001.000:900): pid=1\n");
    let first = import(&root, "auditd", &[&log]);
    assert!(first.status.success(), "{}", String::from_utf8_lossy(&first.stderr));
    let told = report(&first);
    assert_eq!((&told["records"], &told["known"], &told["unread"]), (&json!(301), &json!(0), &json!(0)));
    assert_eq!(told["unmapped"], json!({"auditd USER_LOGIN": 1}));
    assert_eq!((&told["events"]["process_exec"], &told["events"]["policy_decision"]), (&json!(300), &json!(300)));

    let events = imported(&root);
    let (kind, payload) = &events[0];
    assert_eq!(kind, "process_exec");
    let origin = &payload["imported"];
    assert_eq!(
        (&origin["host"], &origin["source"], &origin["code"], &origin["tag"]),
        (&json!("web1"), &json!("auditd"), &json!("execve"), &json!("exec"))
    );
    assert_eq!((&origin["record"], &origin["digest"], &origin["file"]), (&json!(1), &told["digest"], &json!(log)));
    assert_eq!(events[1].1["imported"], events[0].1["imported"], "the decision says where its operation stood");
    assert_eq!(numbers(&root, "SELECT time_us FROM events WHERE kind = 'process_exec' ORDER BY seq LIMIT 1"), "1700000000000000");
    let session = told["session"].as_str().unwrap();
    assert_eq!(numbers(&root, &format!("SELECT end_reason, denied FROM sessions WHERE session_id = '{session}'")), "imported|0");

    let before = numbers(&root, "SELECT count(*) FROM events WHERE session_id IS NOT NULL");
    let again = report(&import(&root, "auditd", &[&log]));
    assert_eq!((&again["known"], &again["events"]), (&json!(301), &json!({})));
    assert_eq!(numbers(&root, "SELECT count(*) FROM events WHERE session_id IS NOT NULL"), before);
    // Under another name it is the same file.
    let copy = folder.path().join("copy.log");
    std::fs::copy(&log, &copy).unwrap();
    assert_eq!(report(&import(&root, "auditd", &[&copy]))["known"], json!(301));
    assert_eq!(imported_ids(&root).len(), imported_ids(&root).into_iter().collect::<BTreeSet<_>>().len());
}

#[test]
fn g7_no_secret_of_an_imported_file_enters_the_journal() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("data");
    let sysmon = json!({
        "EventID": 1, "Image": "C:\\a.exe", "ProcessId": 7, "CommandLine": "a.exe --token hunter2hunter2 https://u:hunter2hunter2@a.test",
        "ParentCommandLine": "cmd /c set API_KEY=hunter2hunter2",
    });
    let value = json!({"EventID": 13, "EventType": "SetValue", "Image": "x", "TargetObject": "HKLM\\A\\DefaultPassword", "Details": "hunter2hunter2"});
    let broken = "{\"EventID\": 1, \"password\": \"hunter2hunter2\"";
    let lines = write(folder.path(), "lines.jsonl", [sysmon.to_string(), value.to_string(), broken.to_owned()].join("\n"));
    let log = write(folder.path(), "audit.log", audit_log(3));
    let output = import(&root, "jsonl", &[&lines]);
    assert_eq!(output.status.code(), Some(1), "a record was not read");
    assert_eq!(report(&output)["unread"], json!(1));
    assert!(import(&root, "auditd", &[&log]).status.success());
    let all: Vec<String> = imported(&root).into_iter().map(|(_, payload)| payload.to_string()).collect();
    assert_eq!(all.iter().filter(|payload| payload.contains("hunter2")).collect::<Vec<_>>(), Vec::<&String>::new());
    assert!(all.iter().any(|payload| payload.contains("a.exe --token ")), "what is no secret stays: {all:?}");
}

#[test]
fn a_record_that_cannot_be_read_is_in_the_journal_with_what_stood_there() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("data");
    let log = write(folder.path(), "audit.log", audit_log(1) + "garbage \u{1}\n");
    let output = import(&root, "auditd", &[&log]);
    assert_eq!(output.status.code(), Some(1));
    let events = imported(&root);
    let (kind, payload) = events.last().unwrap();
    assert_eq!((kind.as_str(), &payload["raw"], &payload["raw_size"]), ("record_unread", &json!("garbage \u{1}"), &json!(9)));
    assert_eq!(payload["imported"]["record"], json!(4));
    assert_eq!(numbers(&root, "SELECT kind FROM pipeline_events WHERE kind = 'record_unread'"), "record_unread");
}

#[test]
fn policy_says_what_would_have_been_decided_and_nobody_claims_that_it_was_refused() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("data");
    let policy = write(
        folder.path(),
        "policy.yaml",
        "version: 1\nname: strict\ncommand_rules:\n  - name: no-curl\n    commands: [curl]\n    decision: deny\n",
    );
    let log = write(folder.path(), "audit.log", audit_log(2));
    let output = command(&root, "auditd", &[&log]).arg("--policy").arg(&policy).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let told = report(&output);
    assert_eq!(told["verdicts"], json!({"deny": 2}));
    let decisions: Vec<Value> =
        imported(&root).into_iter().filter(|(kind, _)| kind == "policy_decision").map(|(_, payload)| payload).collect();
    assert!(
        decisions.iter().all(|decision| decision["decision"] == json!("deny") && decision["enforced"] == json!(false)),
        "{decisions:?}"
    );
    let session = told["session"].as_str().unwrap();
    assert_eq!(numbers(&root, &format!("SELECT decisions, denied FROM sessions WHERE session_id = '{session}'")), "2|0");
    assert_eq!(
        numbers(&root, "SELECT DISTINCT decision, outcome FROM operations WHERE operation = 'process_exec'"),
        "deny|imported"
    );
    let table = std::process::Command::new(env!("CARGO_BIN_EXE_agentsh"))
        .arg("--data-dir")
        .arg(&root)
        .args(["events", "--kind", "process_exec"])
        .output()
        .unwrap();
    let table = String::from_utf8_lossy(&table.stdout).into_owned();
    assert!(table.contains("would be ✗ denied by no-curl"), "{table}");
}

#[test]
fn an_import_that_is_killed_goes_on_where_it_was_and_adds_every_event_once() {
    let folder = tempfile::tempdir().unwrap();
    let log = write(folder.path(), "audit.log", audit_log(20_000));
    let whole = folder.path().join("whole");
    assert!(import(&whole, "auditd", &[&log]).status.success());
    let expected = imported_ids(&whole);
    assert_eq!(expected.len(), 40_000);

    let root = folder.path().join("data");
    for round in 1..=3_u64 {
        let mut child = command(&root, "auditd", &[&log]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        // A journal that is being made cannot be asked yet.
        let starts = || {
            let database = root.join("journal.db");
            let count = "SELECT count(*) FROM events WHERE kind = 'process_exec'";
            if database.exists() { try_sqlite3(&database, count).0.trim().parse().unwrap_or(0) } else { 0_u64 }
        };
        until("the import has begun", || starts() >= round * 500 || child.try_wait().unwrap().is_some());
        let _gone_already = child.kill();
        child.wait().unwrap();
    }
    let rest = import(&root, "auditd", &[&log]);
    assert!(rest.status.success(), "{}", String::from_utf8_lossy(&rest.stderr));
    assert_eq!(imported_ids(&root), expected);
}

#[test]
fn a_stream_goes_on_where_it_was_and_another_one_that_begins_alike_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("data");
    let text = audit_log(50);
    let (part, _) = text.split_at(text.match_indices("type=SYSCALL").nth(20).unwrap().0 - "node=web1 ".len());
    let told = report(&import_stream(&root, "auditd", part.as_bytes()));
    assert_eq!((&told["records"], &told["known"]), (&json!(20), &json!(0)));
    let told = report(&import_stream(&root, "auditd", text.as_bytes()));
    assert_eq!((&told["records"], &told["known"]), (&json!(50), &json!(20)));
    let told = report(&import_stream(&root, "auditd", text.as_bytes()));
    assert_eq!((&told["known"], &told["events"]), (&json!(50), &json!({})));
    assert_eq!(imported_ids(&root).into_iter().collect::<BTreeSet<_>>().len(), 100);

    let other = text.replacen("pid=120", "pid=999", 1);
    let refused = import_stream(&root, "auditd", other.as_bytes());
    assert_eq!(refused.status.code(), Some(125));
    assert!(
        String::from_utf8_lossy(&refused.stderr).contains("then differs from it"),
        "{}",
        String::from_utf8_lossy(&refused.stderr)
    );
}

#[test]
fn an_event_log_of_windows_is_imported_with_its_own_host() {
    let logs = regression("an_event_log_of_windows_is_imported_with_its_own_host");
    let Some(log) = logs.iter().find(|log| log.to_string_lossy().contains("proc_creation")) else { return };
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("data");
    let output = import(&root, "evtx", &[log]);
    assert!(output.status.success(), "{} {}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let events = imported(&root);
    let (_, payload) = events.iter().find(|(kind, _)| kind == "process_exec").unwrap();
    assert_eq!(
        (&payload["imported"]["provider"], &payload["imported"]["code"]),
        (&json!("Microsoft-Windows-Sysmon"), &json!("1"))
    );
    assert!(!payload["imported"]["host"].as_str().unwrap().is_empty());
    assert!(payload["command_line"].is_string() && payload["hashes"].is_array());
}

#[test]
fn events_of_another_journal_are_imported_as_they_were_with_their_links() {
    let folder = tempfile::tempdir().unwrap();
    let (root, other) = (folder.path().join("data"), folder.path().join("other"));
    let log = write(folder.path(), "audit.log", audit_log(3));
    assert!(import(&other, "auditd", &[&log]).status.success());
    let lines = std::process::Command::new(env!("CARGO_BIN_EXE_agentsh"))
        .arg("--data-dir")
        .arg(&other)
        .args(["events", "--format", "jsonl"])
        .output()
        .unwrap();
    let lines = write(folder.path(), "events.jsonl", lines.stdout);
    let output = import(&root, "jsonl", &[&lines]);
    assert!(output.status.success(), "{} {}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(numbers(&root, "SELECT count(*) FROM operations WHERE operation = 'process_exec'"), "3");
    assert_eq!(imported(&root)[0].1["imported"]["host"], json!("web1"));
    assert_ne!(imported_ids(&root), imported_ids(&other), "an id stands for one event of one journal");
    assert_eq!(report(&import(&root, "jsonl", &[&lines]))["events"], json!({}));
}

#[test]
fn a_record_that_is_larger_than_the_intake_takes_is_kept_by_its_beginning() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("data");
    let long = json!({"EventID": 1, "Image": "C:\\a.exe", "CommandLine": "x".repeat(3_000_000)});
    let short = json!({"EventID": 5, "Image": "C:\\a.exe"});
    let lines = write(folder.path(), "lines.jsonl", [short.to_string(), long.to_string(), short.to_string()].join("\n"));
    let told = report(&import(&root, "jsonl", &[&lines]));
    assert_eq!((&told["records"], &told["unread"], &told["events"]["process_exit"]), (&json!(3), &json!(1), &json!(2)));
    assert_eq!(report(&import(&root, "jsonl", &[&lines]))["events"], json!({}));
    assert_eq!(numbers(&root, "SELECT count(*) FROM events WHERE kind = 'events_lost'"), "0");
}

#[test]
fn a_file_that_is_not_there_or_of_another_type_is_an_error_with_a_way_out() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("data");
    for (source, file, words) in [
        ("evtx", folder.path().join("nothing.evtx"), "check the path"),
        ("evtx", write(folder.path(), "a.evtx", "{\"a\":1}"), "agentsh import jsonl"),
        ("auditd", folder.path().to_owned(), "cannot be read"),
    ] {
        let output = import(&root, source, &[&file]);
        assert_eq!(output.status.code(), Some(125));
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(error.lines().any(|line| line.starts_with("error: ") && line.contains(words)), "{error}");
    }
}
