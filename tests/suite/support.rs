//! What several tests need: events to publish, verdicts, a stock `sqlite3`, waiting for a condition.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use agentsh::event::{Actor, Decision, Event, FileAccess, FileOpen, NetConnect, Payload, ProcessExit, SessionId, Severity};
use agentsh::policy::{Judgement, OnAuditFailure, Policy};
use agentsh::runtime::{clock, ids};

/// How long a test waits for what must come.
pub const DEADLINE: Duration = Duration::from_secs(30);

pub fn event(payload: impl Into<Payload>) -> Event {
    let time = clock::now();
    Event {
        id: ids::event_id(time),
        time,
        session_id: Some(SessionId::new("s-test")),
        command_id: None,
        cause: None,
        actor: Some(Actor {
            pid: 4242,
            ppid: Some(1),
            exe: Some("/usr/bin/cc1".into()),
            comm: Some("cc1".into()),
            uid: Some(1000),
            gid: Some(1000),
            cwd: Some("/home/dev/project".into()),
            ..Actor::default()
        }),
        sensor: None,
        attack: Vec::new(),
        severity: Severity::Informational,
        payload: payload.into(),
        imported: None,
    }
}

/// An event of the family `file`.
pub fn open_event(number: u64) -> Event {
    event(FileOpen {
        path: format!("/home/dev/project/src/module_{number}.c").into(),
        access: FileAccess::Read,
        flags: 0,
        ..FileOpen::default()
    })
}

/// An event of the family `process`.
pub fn exit_event(number: u64) -> Event {
    event(ProcessExit { path: Some(format!("/bin/{number}").into()), exit_code: Some(0), ..ProcessExit::default() })
}

/// An event of the family `network`.
pub fn connect_event(number: u64) -> Event {
    event(NetConnect { host: Some(format!("host-{number}.test")), port: 443, ..NetConnect::default() })
}

/// A policy without rules.
pub fn policy(on_audit_failure: OnAuditFailure) -> Policy {
    let word = match on_audit_failure {
        OnAuditFailure::Deny => "deny",
        OnAuditFailure::Allow => "allow",
    };
    let text = format!("version: 1\nname: test\non_audit_failure: {word}\ndefaults: {{ network: allow }}\n");
    Policy::parse_and_compile("test", &text, &agentsh::policy::Variables::new()).unwrap()
}

/// A verdict, as a rule named `rule-<decision>` would give it.
pub fn judgement(decision: Decision) -> Judgement {
    Judgement::new(decision, Some(format!("rule-{}", decision.as_str()).into()), "for a test")
}

/// Waits for a condition.
pub fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < DEADLINE, "not within {DEADLINE:?}: {what}");
        std::thread::park_timeout(Duration::from_micros(500));
    }
}

/// What the stock `sqlite3` program prints for `sql`; it must succeed.
pub fn sqlite3(database: &Path, sql: &str) -> String {
    let (output, error) = try_sqlite3(database, sql);
    assert_eq!(error, "", "{sql}");
    output
}

/// What the stock `sqlite3` program prints for `sql`, and what it complains about.
pub fn try_sqlite3(database: &Path, sql: &str) -> (String, String) {
    let output = Command::new("sqlite3").arg("-batch").arg(database).arg(sql).stdin(Stdio::null()).output().unwrap();
    (String::from_utf8_lossy(&output.stdout).trim_end().to_owned(), String::from_utf8_lossy(&output.stderr).trim_end().to_owned())
}

/// Whether a program is installed; says that the test is skipped if it is not.
pub fn has_program(name: &str, test: &str) -> bool {
    let there =
        Command::new(name).arg("--version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok();
    if !there {
        eprintln!("skipped: {test}: {name} is not installed");
    }
    there
}

/// Whether the test runs as root; says that it is skipped if not.
pub fn is_root(test: &str) -> bool {
    let root = nix::unistd::geteuid().is_root();
    if !root {
        eprintln!("skipped: {test}: it needs root");
    }
    root
}
