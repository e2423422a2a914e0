//! A session that is exported, and the program that is asked about it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use agentsh::event::{Decision, FileCreate, FileDelete, FileOpen, SessionCreated, SessionEnded};
use agentsh::journal::bundle::export;
use agentsh::journal::{DataDir, JournalKey};

use crate::readers::recorded::{Recorded, Scribe, record};

/// The full name of the session that is exported.
pub const SESSION: &str = "s0mine11";

fn begin(scribe: &mut Scribe, name: &str) {
    scribe.session(Some(name));
    scribe.actor(200, "/usr/bin/make");
    scribe.observe(SessionCreated { workspace: "/work".into(), policy: "default".into(), ..SessionCreated::default() }, None);
}

/// Two sessions at once: what one did stands between what the other did.
pub fn interleaved() -> Recorded {
    record(|scribe| {
        begin(scribe, SESSION);
        begin(scribe, "s0other2");
        for number in 0..40 {
            scribe.session(Some("s0other2"));
            let secret = format!("/other/secret-{number}");
            scribe.judged(FileOpen { path: secret.into(), ..FileOpen::default() }, Decision::Allow, Some("workspace"));
            scribe.session(Some(SESSION));
            let path = format!("/work/{number}");
            scribe.judged(FileCreate { path: path.as_str().into(), ..FileCreate::default() }, Decision::Allow, Some("workspace"));
            if number % 3 == 0 {
                scribe.judged(FileDelete { path: path.into(), ..FileDelete::default() }, Decision::Deny, Some("keep"));
            }
        }
        scribe.observe(SessionEnded { reason: "finished".into(), ..SessionEnded::default() }, None);
        scribe.session(Some("s0other2"));
        scribe.observe(SessionEnded { reason: "finished".into(), ..SessionEnded::default() }, None);
    })
}

/// The bundle of a session, in memory.
pub fn bundle_of(data_dir: &DataDir, session: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    export(data_dir, session, &mut bytes, |_, _| {}).unwrap();
    bytes
}

/// A key that is not the journal's.
pub fn other_key(folder: &Path) -> JournalKey {
    JournalKey::open_or_create(&folder.join("other.key"), "agentsh.journal/other").unwrap()
}

pub fn agentsh(data: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_agentsh"))
        .arg("--data-dir")
        .arg(data)
        .args(arguments)
        .env("TZ", "UTC")
        .env("AGENTSH_DETECT__ENABLED", "false")
        .output()
        .unwrap()
}

/// What it prints, where it succeeds or finds something not in order.
pub fn told(data: &Path, arguments: &[&str]) -> String {
    let output = agentsh(data, arguments);
    assert_ne!(output.status.code(), Some(125), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    assert!(!output.stdout.is_empty(), "{arguments:?} says nothing");
    String::from_utf8(output.stdout).unwrap()
}

/// What it says is wrong.
pub fn refused(data: &Path, arguments: &[&str]) -> String {
    let output = agentsh(data, arguments);
    assert_eq!(output.status.code(), Some(125), "{arguments:?}: {}", String::from_utf8_lossy(&output.stdout));
    String::from_utf8(output.stderr).unwrap()
}

/// Every way to tell of a session, its name and where it is read from left out.
pub const WAYS: &[&[&str]] = &[
    &["report", "--format", "text"],
    &["report", "--format", "md"],
    &["report", "--format", "html"],
    &["report", "--format", "json"],
    &["replay", "--plain"],
    &["tree"],
    &["tree", "--json"],
    &["files"],
    &["files", "--json"],
];

pub fn with<'a>(way: &[&'a str], more: &[&'a str]) -> Vec<&'a str> {
    way.iter().chain(more).copied().collect()
}

pub fn path(folder: &Path, name: &str) -> (PathBuf, String) {
    let path = folder.join(name);
    let text = path.to_str().unwrap().to_owned();
    (path, text)
}
