//! Tests: detect: the journal's reader: each detection once, whatever the moment at which it is killed.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use agentsh::app::detect::{Backfill, CURSOR, DetectConfig, Detector, backfill};
use agentsh::event::{Kind, OsText, ProcessExec};
use agentsh::journal::{Condition, Journal, JournalConfig, ReaderStore, StoreError};

use crate::support::event;

const RULES: &str = "title: base\nid: base-rule\nlogsource: {product: linux, category: process_creation}\ndetection:\n  s:\n    \
                     Image|endswith: '/id'\n  condition: s\nlevel: low\n---\ntitle: many\nid: many-rule\ncorrelation:\n  \
                     type: event_count\n  rules: [base-rule]\n  group-by: [User]\n  timespan: 10h\n  condition: {gte: 3}\n  \
                     generate: true\nlevel: high\n";

/// A journal with `count` starts of a program that a rule is about.
fn record(root: &Path, count: usize) {
    let journal = Journal::open(root, &JournalConfig::default()).unwrap();
    for _ in 0..count {
        let exec = ProcessExec { path: "/usr/bin/id".into(), argv: vec![OsText::from("id")], ..ProcessExec::default() };
        journal.channel().publish(&event(exec));
    }
    journal.close().unwrap();
}

pub fn config(folder: &Path) -> DetectConfig {
    let file = folder.join("rules.yml");
    std::fs::write(&file, RULES).unwrap();
    DetectConfig { built_in: false, rules: vec![file], ..DetectConfig::default() }
}

/// The detections: ids and payloads, in order.
fn detections(root: &Path) -> Vec<(Vec<u8>, String)> {
    let store = ReaderStore::open(&root.join("journal.db")).unwrap();
    let mut found = Vec::new();
    store
        .rows::<StoreError>(0, &[Condition::Kinds(vec![Kind::Detection])], None, |row| {
            found.push((row.columns.id.to_vec(), row.columns.payload.to_owned()));
            Ok(std::ops::ControlFlow::Continue(()))
        })
        .unwrap();
    found
}

fn detect(root: &Path, config: &DetectConfig) {
    let journal = Journal::open(root, &JournalConfig::default()).unwrap();
    let detector = Detector::start(config, journal.data_dir()).unwrap().unwrap();
    // What is found moves the head on.
    let head = journal.head();
    assert!(detector.finish(head, Duration::from_secs(30)) >= head);
    journal.close().unwrap();
}

#[test]
fn g6_the_same_events_give_the_same_detections_and_a_second_look_adds_none() {
    let scratch = tempfile::tempdir().unwrap();
    let (root, config) = (scratch.path().join("data"), config(scratch.path()));
    record(&root, 5);
    detect(&root, &config);
    let found = detections(&root);
    assert_eq!(found.len(), 5 + 3, "five by the rule, and from the third on by the correlation");
    detect(&root, &config);
    assert_eq!(detections(&root), found);
    let data_dir = agentsh::journal::DataDir::at(&root);
    let again = backfill(&config, &data_dir, &Backfill::default(), |_, _| ()).unwrap();
    assert_eq!((again.found, again.appended), (8, 0), "the ids are those that were made before");
    assert_eq!(detections(&root), found);
}

#[test]
fn g5_a_detector_that_dies_at_any_step_makes_no_detection_twice_and_loses_none() {
    let scratch = tempfile::tempdir().unwrap();
    let config = config(scratch.path());
    let steps = Arc::new(AtomicUsize::new(0));
    for dies_at in 0..12 {
        let root = scratch.path().join(format!("data-{dies_at}"));
        record(&root, 2);
        let journal = Journal::open(&root, &JournalConfig::default()).unwrap();
        let (counted, seen) = (Arc::clone(&steps), Arc::new(AtomicUsize::new(0)));
        // A panic ends the thread where a kill would end the process: nothing of it is committed behind that.
        let at = Arc::new(move |_step| {
            counted.fetch_add(1, Ordering::Relaxed);
            assert!(seen.fetch_add(1, Ordering::Relaxed) != dies_at, "dies here, as the test wants");
        });
        let detector = Detector::start_watched(&config, journal.data_dir(), Some(at)).unwrap().unwrap();
        let _died_or_not = detector.finish(journal.head(), Duration::from_secs(30));
        journal.close().unwrap();
        record(&root, 2);
        detect(&root, &config);
        let found = detections(&root);
        let ids: std::collections::BTreeSet<_> = found.iter().map(|(id, _)| id.clone()).collect();
        assert_eq!((found.len(), ids.len()), (4 + 2, 6), "killed at step {dies_at}");
    }
    assert!(steps.load(Ordering::Relaxed) > 12);
}

#[test]
fn a_page_in_which_nothing_is_found_commits_nothing_until_the_end() {
    let scratch = tempfile::tempdir().unwrap();
    let (root, config) = (scratch.path().join("data"), config(scratch.path()));
    let journal = Journal::open(&root, &JournalConfig::default()).unwrap();
    for number in 0..1_000 {
        journal.channel().publish(&crate::support::open_event(number));
    }
    assert!(journal.flush());
    let commits = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&commits);
    let at = Arc::new(move |step| {
        if step == agentsh::app::detect::DetectStep::AfterCommit {
            counted.fetch_add(1, Ordering::Relaxed);
        }
    });
    let head = journal.head();
    let detector = Detector::start_watched(&config, journal.data_dir(), Some(at)).unwrap().unwrap();
    assert_eq!(detector.finish(head, Duration::from_secs(30)), head);
    assert_eq!(commits.load(Ordering::Relaxed), 1, "the cursor, once");
    journal.close().unwrap();
    assert_eq!(ReaderStore::open(&root.join("journal.db")).unwrap().cursor(CURSOR).unwrap(), head);
}
