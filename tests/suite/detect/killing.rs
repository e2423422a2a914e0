//! A recorder with a detector that is killed (SIGKILL) at random moments under load: each detection is in the journal exactly once.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use agentsh::app::detect::{CURSOR, Detector};
use agentsh::event::{Kind, OsText, ProcessExec};
use agentsh::journal::{Condition, Journal, JournalConfig, ReaderStore, StoreError};
use serde::{Deserialize, Serialize};

use super::reader::config;
use crate::journal::children::Numbers;
use crate::journal::rig::{gapless, whole};
use crate::support::{event, open_event, until};

const ROLE: &str = "TEST_DETECTING_PROCESS";

const SEED: u64 = 20_261_125;

/// What a process records and detects until it is killed.
#[derive(Serialize, Deserialize)]
struct Role {
    root: PathBuf,
    rules: PathBuf,
    /// Starts of the program that the rules are about.
    starts: u64,
}

#[test]
fn what_other_processes_of_these_tests_run() {
    let Ok(role) = std::env::var(ROLE) else { return };
    let role: Role = serde_json::from_str(&role).unwrap();
    let journal = Journal::open(&role.root, &JournalConfig::default()).unwrap();
    let _detector = Detector::start(&config(&role.rules), journal.data_dir()).unwrap().unwrap();
    for number in 0..role.starts {
        let exec = ProcessExec { path: "/usr/bin/id".into(), argv: vec![OsText::from("id")], ..ProcessExec::default() };
        journal.channel().publish(&event(exec));
        for other in 0..5 {
            journal.channel().publish(&open_event(number * 5 + other));
        }
    }
    loop {
        // Until it is killed.
        std::thread::park();
    }
}

fn process(role: &Role) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "detect::killing::what_other_processes_of_these_tests_run", "--nocapture", "--test-threads=1"])
        .env(ROLE, serde_json::to_string(role).unwrap())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

/// Causes of the events of a kind, by id of the event; of detections only those by one rule.
fn causes(root: &Path, kind: Kind, rule: Option<&str>) -> Vec<(Vec<u8>, Option<Vec<u8>>)> {
    let mut found = Vec::new();
    let Ok(store) = ReaderStore::open(&root.join("journal.db")) else { return found };
    let read = store.rows::<StoreError>(0, &[Condition::Kinds(vec![kind])], None, |row| {
        if rule.is_none_or(|rule| row.columns.payload.contains(&format!("\"rule_id\":\"{rule}\""))) {
            found.push((row.columns.id.to_vec(), row.columns.cause.map(<[u8]>::to_vec)));
        }
        Ok(ControlFlow::Continue(()))
    });
    read.unwrap();
    found
}

/// Detections that the journal has; none where it is only being made.
fn detections(root: &Path) -> u64 {
    let Ok(store) = ReaderStore::open(&root.join("journal.db")) else { return 0 };
    let mut count = 0;
    let _being_made = store.rows::<StoreError>(0, &[Condition::Kinds(vec![Kind::Detection])], None, |_row| {
        count += 1;
        Ok(ControlFlow::Continue(()))
    });
    count
}

#[test]
fn g5_each_detection_is_there_once_however_often_the_recorder_is_killed_under_load() {
    let scratch = tempfile::tempdir().unwrap();
    let root = scratch.path().join("data");
    let mut numbers = Numbers(SEED);
    for round in 0..24 {
        let role = Role { root: root.clone(), rules: scratch.path().to_owned(), starts: 120 };
        let before = detections(&root);
        let more = numbers.below(150);
        let mut child = process(&role);
        until(&format!("seed {SEED}, round {round}: detections are made"), || {
            root.join("journal.db").exists() && detections(&root) >= before + more
        });
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let journal = Journal::open(&root, &JournalConfig::default()).unwrap();
    assert!(journal.flush());
    let head = journal.head();
    let detector = Detector::start(&config(scratch.path()), journal.data_dir()).unwrap().unwrap();
    assert!(detector.finish(head, Duration::from_secs(60)) >= head);
    journal.close().unwrap();
    assert!(ReaderStore::open(&root.join("journal.db")).unwrap().cursor(CURSOR).unwrap() >= head);

    let starts: Vec<Vec<u8>> = causes(&root, Kind::ProcessExec, None).into_iter().map(|(id, _)| id).collect();
    assert!(starts.len() > 1_000, "seed {SEED}: {} starts are on record", starts.len());
    // By the rule for each; by the correlation from the third on, whichever process counted the first two.
    for (rule, expected) in [("base-rule", &starts[..]), ("many-rule", &starts[2..])] {
        let mut times: BTreeMap<Vec<u8>, u32> = BTreeMap::new();
        for (_, cause) in causes(&root, Kind::Detection, Some(rule)) {
            *times.entry(cause.unwrap()).or_default() += 1;
        }
        let expected: BTreeMap<Vec<u8>, u32> = expected.iter().map(|id| (id.clone(), 1)).collect();
        assert!(times == expected, "seed {SEED}: {rule}: {} causes for {} starts", times.len(), expected.len());
    }
    gapless(&root);
    whole(&root);
}
