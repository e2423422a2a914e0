//! What the stock `sqlite3` program reads: the views, `operations`, and the tables.

use std::collections::BTreeMap;
use std::path::Path;

use agentsh::channel::decision_event;
use agentsh::event::*;
use agentsh::journal::{DataDir, Journal};
use agentsh::policy::OnAuditFailure;

use super::rig::{open, small};
use crate::support::{event, has_program, judgement, policy, sqlite3, try_sqlite3};

fn query(root: &Path, sql: &str) -> String {
    sqlite3(&DataDir::at(root).journal(), sql)
}

fn gate(journal: &Journal, payload: impl Into<Payload>, decision: Decision) -> EventId {
    let event = event(payload);
    journal.channel().gate(&event, &judgement(decision), &policy(OnAuditFailure::Deny)).unwrap();
    event.id
}

fn complete(journal: &Journal, cause: EventId, payload: impl Into<Payload>) {
    let mut event = event(payload);
    event.cause = Some(cause);
    journal.channel().publish(&event);
}

#[test]
fn every_family_has_a_view_that_shows_its_kinds_and_no_others() {
    if !has_program("sqlite3", "views") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    open(folder.path()).close().unwrap();
    let mut shown = BTreeMap::new();
    for family in Family::ALL {
        let view = format!("{}_events", family.as_str());
        let text = query(folder.path(), &format!("SELECT sql FROM sqlite_schema WHERE type = 'view' AND name = '{view}'"));
        // The kinds that the view's condition lists.
        let listed = text.rsplit("WHERE kind IN (").next().unwrap().trim_end_matches([')', ';']).to_owned();
        for kind in listed.split(',').map(|kind| kind.trim().trim_matches('\'')) {
            assert_eq!(shown.insert(kind.to_owned(), family), None, "{kind} stands in two views");
        }
        // And it can be selected from.
        query(folder.path(), &format!("SELECT * FROM {view}"));
    }
    let kinds: BTreeMap<_, _> = Kind::ALL.iter().map(|kind| (kind.as_str().to_owned(), kind.family())).collect();
    assert_eq!(shown, kinds);
    let views = query(folder.path(), "SELECT count(*) FROM sqlite_schema WHERE type = 'view'");
    assert_eq!(views, (Family::ALL.len() + 1).to_string(), "and `operations`");
}

#[test]
fn views_show_the_columns_of_their_family() {
    if !has_program("sqlite3", "views") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    let rename = FileRename { path: "/w/a'b".into(), to: "/w/\u{fc}".into(), flags: 0 };
    journal.channel().publish(&event(rename));
    let request = HttpRequest {
        method: "GET".into(),
        host: "h.test".into(),
        port: 80,
        path: "/x".into(),
        scheme: "http".into(),
        ..HttpRequest::default()
    };
    journal.channel().publish(&event(request));
    let exec =
        ProcessExec { path: "/bin/sh".into(), argv: vec!["sh".into(), "-c".into(), "a \"b\"".into()], ..ProcessExec::default() };
    journal.channel().publish(&event(exec));
    let statistics = ExecStatistics { user_cpu_us: Some(5), ..ExecStatistics::default() };
    let exit = ProcessExit { signal: Some("SIGKILL".into()), statistics, ..ProcessExit::default() };
    journal.channel().publish(&event(exit));
    journal.channel().publish(&event(UnixSocketConnect { address: "/run/x".into(), ..UnixSocketConnect::default() }));
    let set = RegistrySetValue {
        key: "HKCU\\Run".into(),
        value_name: "x".into(),
        data: Some("1".into()),
        ..RegistrySetValue::default()
    };
    journal.channel().publish(&event(set));
    let failed = OperationFailed { operation: Kind::FileOpen, error: "ENOENT".into(), ..OperationFailed::default() };
    journal.channel().publish(&event(failed));
    journal.close().unwrap();
    let at = folder.path();
    assert_eq!(query(at, "SELECT path, new_path, exe FROM file_events"), "/w/a'b|/w/\u{fc}|/usr/bin/cc1");
    assert_eq!(query(at, "SELECT method, host, path, subject FROM network_events"), "GET|h.test|/x|http://h.test:80/x");
    assert_eq!(
        query(at, "SELECT argv, ppid, cwd FROM process_events WHERE kind = 'process_exec'"),
        "[\"sh\",\"-c\",\"a \\\"b\\\"\"]|1|/home/dev/project"
    );
    assert_eq!(query(at, "SELECT signal, user_cpu_us FROM process_events WHERE kind = 'process_exit'"), "SIGKILL|5");
    assert_eq!(query(at, "SELECT address, namespace FROM ipc_events"), "/run/x|path");
    assert_eq!(query(at, "SELECT key, value_name, data FROM registry_events"), "HKCU\\Run|x|1");
    assert_eq!(query(at, "SELECT operation, error FROM outcome_events"), "file_open|ENOENT");
    assert_eq!(
        query(at, "SELECT group_concat(kind) FROM (SELECT kind FROM pipeline_events ORDER BY seq)"),
        "journal_opened,journal_checkpoint"
    );
    // Times are ISO 8601 in UTC.
    let time = query(at, "SELECT time FROM file_events");
    assert!(time.len() == 24 && time.ends_with('Z') && &time[10..11] == "T", "{time}");
}

#[test]
fn operations_give_operation_decision_and_outcome_in_one_row() {
    if !has_program("sqlite3", "operations") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    let open = || FileOpen { path: "/w/f".into(), ..FileOpen::default() };
    gate(&journal, open(), Decision::Allow);
    gate(&journal, open(), Decision::Deny);
    gate(&journal, open(), Decision::Audit);
    let failed = gate(&journal, open(), Decision::Allow);
    let closed = gate(&journal, open(), Decision::Allow);
    let exec = gate(&journal, ProcessExec { path: "/bin/true".into(), ..ProcessExec::default() }, Decision::Allow);
    let killed = gate(&journal, ProcessExec { path: "/bin/sleep".into(), ..ProcessExec::default() }, Decision::Allow);
    let request =
        || HttpRequest { scheme: "https".into(), host: "h.test".into(), port: 443, path: "/".into(), ..HttpRequest::default() };
    let answered = gate(&journal, request(), Decision::Allow);
    let unanswered = gate(&journal, request(), Decision::Allow);
    let connect = gate(&journal, NetConnect { host: Some("h.test".into()), port: 22, ..NetConnect::default() }, Decision::Allow);
    let command = gate(&journal, CommandStarted { argv: vec!["make".into()], ..CommandStarted::default() }, Decision::Allow);
    complete(
        &journal,
        failed,
        OperationFailed { operation: Kind::FileOpen, errno: 2, error: "ENOENT".into(), ..OperationFailed::default() },
    );
    complete(&journal, closed, FileClose { path: "/w/f".into(), bytes_read: 10, bytes_written: 3, ..FileClose::default() });
    // What else the operation caused is not its outcome.
    complete(&journal, closed, FileWrite { path: "/w/f".into(), ..FileWrite::default() });
    complete(&journal, exec, ProcessExit { exit_code: Some(7), ..ProcessExit::default() });
    complete(&journal, killed, ProcessExit { signal: Some("SIGTERM".into()), ..ProcessExit::default() });
    complete(&journal, answered, HttpResponse { status: Some(204), ..HttpResponse::default() });
    complete(&journal, unanswered, HttpResponse { error: Some("connection reset".into()), ..HttpResponse::default() });
    complete(&journal, connect, NetClose { bytes_sent: 1, bytes_received: 2, ..NetClose::default() });
    complete(&journal, command, CommandFinished { program: "make".into(), exit_code: 2, ..CommandFinished::default() });
    journal.close().unwrap();
    let rows = query(folder.path(), "SELECT operation, subject, decision, rule, outcome, exe FROM operations ORDER BY seq");
    let expected = [
        "file_open|/w/f|allow|rule-allow|let through",
        "file_open|/w/f|deny|rule-deny|refused",
        "file_open|/w/f|audit|rule-audit|let through",
        "file_open|/w/f|allow|rule-allow|failed: ENOENT",
        "file_open|/w/f|allow|rule-allow|read 10, wrote 3",
        "process_exec|/bin/true|allow|rule-allow|exit 7",
        "process_exec|/bin/sleep|allow|rule-allow|SIGTERM",
        "http_request|https://h.test:443/|allow|rule-allow|status 204",
        "http_request|https://h.test:443/|allow|rule-allow|failed: connection reset",
        "net_connect|h.test:22|allow|rule-allow|sent 1, received 2",
        "command_started|make|allow|rule-allow|exit 2",
    ];
    assert_eq!(rows.lines().collect::<Vec<_>>(), expected.map(|row| format!("{row}|/usr/bin/cc1")));
    // The outcome is found by its cause, not by looking through all events.
    let plan = query(folder.path(), "EXPLAIN QUERY PLAN SELECT outcome FROM operations");
    assert!(plan.contains("events_by_cause"), "{plan}");
}

#[test]
fn a_decision_without_its_operation_right_before_it_is_no_operation() {
    if !has_program("sqlite3", "operations") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    let operation = event(FileDelete { path: "/w/f".into(), ..FileDelete::default() });
    journal.channel().publish(&operation);
    journal.channel().publish(&event(FileDelete { path: "/w/g".into(), ..FileDelete::default() }));
    journal.channel().publish(&decision_event(&operation, &judgement(Decision::Deny), ""));
    journal.close().unwrap();
    assert_eq!(query(folder.path(), "SELECT count(*) FROM operations"), "0");
    assert_eq!(query(folder.path(), "SELECT count(*) FROM derived_events"), "1");
}

#[test]
fn the_tables_are_strict_and_say_who_recorded_what() {
    if !has_program("sqlite3", "tables") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    super::rig::open_with(folder.path(), &small()).close().unwrap();
    let database = DataDir::at(folder.path()).journal();
    let (_, error) = try_sqlite3(
        &database,
        "INSERT INTO events(seq, id, time_us, kind, severity, payload, leaf) VALUES (9, x'', 'noon', 'x', 1, '{}', x'')",
    );
    assert!(error.contains("cannot store TEXT value in INTEGER column"), "{error}");
    assert_eq!(
        query(folder.path(), "SELECT state, offered, journaled, lost, losses, pid FROM intakes"),
        format!("closed|0|0|0|{{}}|{}", std::process::id())
    );
    assert_eq!(query(folder.path(), "SELECT size FROM tree"), "2");
    assert_eq!(query(folder.path(), "PRAGMA integrity_check"), "ok");
    assert_eq!(query(folder.path(), "SELECT length(value) FROM meta WHERE key = 'journal_id'"), "16");
}
