//! The example sensor against a real server: verdicts, the deadline in both fail modes, the cache and its reports.

use std::path::PathBuf;
use std::time::Duration;

use agentsh::encode::proto::{self, Event, Kind, event::Payload};
use agentsh::serve::auth::{KeyFile, Role};
use nix::sys::signal::Signal;

use super::program::sensor::{Answer, FailMode, From, Options, Sensor};
use crate::grpc::rig::{Process, make_key, runtime};
use crate::support::sqlite3;

const RUN: &str = r"\REGISTRY\USER\S-1-5-21-7\Software\Microsoft\Windows\CurrentVersion\Run";

pub(super) struct Rig {
    folder: tempfile::TempDir,
    pub(super) key: String,
}

impl Rig {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let key = make_key(&KeyFile::at(folder.path().join("data/keys/api.json")), "edge-7", &[Role::Sensor], None);
        std::fs::create_dir(folder.path().join("policies")).unwrap();
        let rig = Self { folder, key };
        rig.policy("deny");
        rig
    }

    /// Writes a policy that refuses or allows one key.
    fn policy(&self, decision: &str) {
        let rule = format!(r"{{name: locked, paths: ['HKLM\SOFTWARE\Locked\**'], operations: [write], decision: {decision}}}");
        let text = format!("version: 1\nname: site\nregistry_rules:\n  - {rule}\n");
        std::fs::write(self.folder.path().join("policies/site.yaml"), text).unwrap();
    }

    pub(super) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub(super) fn server(&self) -> Process {
        let policies = self.folder.path().join("policies");
        let dir = policies.to_str().unwrap();
        Process::start(&self.data(), &[], &[("AGENTSH_POLICIES__DIR", dir), ("AGENTSH_POLICIES__DEFAULT", "site")])
    }

    fn sensor(&self, server: &Process, fail: FailMode, deadline: Duration) -> Sensor {
        Sensor::new(Options { address: server.grpc().to_string(), key: self.key.clone(), deadline, fail })
    }

    /// The registry's operations with their decisions, in order.
    pub(super) fn recorded(&self) -> Vec<String> {
        let query = "SELECT o.kind || ' ' || o.subject || ' ' || d.decision || ' ' || coalesce(d.rule, '-') || ' ' || coalesce(d.attack, '-') \
                     FROM events o JOIN events d ON d.cause = o.id AND d.kind = 'policy_decision' WHERE o.kind LIKE 'registry%' ORDER BY o.seq";
        sqlite3(&self.data().join("journal.db"), query).lines().map(str::to_owned).collect()
    }

    pub(super) fn reasons(&self) -> Vec<String> {
        let query = "SELECT payload ->> '$.reason' FROM events WHERE kind = 'policy_decision' ORDER BY seq";
        sqlite3(&self.data().join("journal.db"), query).lines().map(str::to_owned).collect()
    }
}

fn set(key: &str, value_name: &str) -> Event {
    let set = proto::RegistrySetValue {
        key: key.to_owned(),
        value_name: value_name.to_owned(),
        value_type: proto::RegistryValueType::Sz.into(),
        data: Some("x".to_owned()),
        ..proto::RegistrySetValue::default()
    };
    Event { kind: Kind::RegistrySetValue.into(), payload: Some(Payload::RegistrySetValue(set)), ..Event::default() }
}

/// Long enough for a server that answers, on a machine with much to do.
const PATIENT: Duration = Duration::from_secs(60);
/// What a server that is stopped is waited for.
const SHORT: Duration = Duration::from_millis(300);

fn got(answer: &Answer) -> (bool, From) {
    (answer.allow, answer.from)
}

#[test]
fn g1_a_sensor_is_answered_and_both_are_on_record_under_the_spelling_of_events() {
    let rig = Rig::new();
    let server = rig.server();
    runtime().block_on(async {
        let mut sensor = rig.sensor(&server, FailMode::Closed, PATIENT);
        assert_eq!(got(&sensor.decide(set(r"\REGISTRY\MACHINE\SOFTWARE\Mine", "a")).await), (true, From::Server));
        let refused = sensor.decide(set(RUN, "Evil")).await;
        assert_eq!((got(&refused), refused.attack), ((false, From::Server), vec!["T1547.001".to_owned()]));
        assert!(refused.reason.contains("T1547.001"), "{}", refused.reason);
        assert_eq!(
            got(&sensor.decide(set(r"\REGISTRY\MACHINE\SOFTWARE\WOW6432Node\Locked\x", "a")).await),
            (false, From::Server)
        );
        sensor.flush().await.unwrap();
    });
    assert_eq!(
        rig.recorded(),
        [
            r"registry_set_value HKLM\SOFTWARE\Mine\a allow - -",
            r#"registry_set_value HKU\S-1-5-21-7\Software\Microsoft\Windows\CurrentVersion\Run\Evil deny - ["T1547.001"]"#,
            r"registry_set_value HKLM\SOFTWARE\WOW6432Node\Locked\x\a deny locked -",
        ]
    );
}

#[test]
fn a_kept_verdict_is_used_for_the_same_value_in_any_spelling_and_reported() {
    let rig = Rig::new();
    let server = rig.server();
    runtime().block_on(async {
        let mut sensor = rig.sensor(&server, FailMode::Closed, PATIENT);
        assert_eq!(got(&sensor.decide(set(r"HKLM\SOFTWARE\Locked\x", "a")).await), (false, From::Server));
        assert_eq!(got(&sensor.decide(set(r"\Registry\Machine\Software\LOCKED\x", "a")).await), (false, From::Cache));
        // Another value is another question.
        assert_eq!(got(&sensor.decide(set(r"HKLM\SOFTWARE\Locked\x", "b")).await), (false, From::Server));
        sensor.flush().await.unwrap();
        assert_eq!((sensor.acknowledged(), sensor.cached()), (3, 2));
    });
    let recorded = rig.recorded();
    assert_eq!(recorded.len(), 3, "{recorded:?}");
    assert!(recorded.iter().all(|line| line.ends_with("deny locked -")), "{recorded:?}");
    assert_eq!(rig.reasons().iter().filter(|reason| reason.ends_with("(from the sensor's cache)")).count(), 1);
}

#[test]
fn a_changed_policy_empties_the_cache() {
    let rig = Rig::new();
    let server = rig.server();
    let runtime = runtime();
    let mut sensor = rig.sensor(&server, FailMode::Closed, PATIENT);
    runtime.block_on(async {
        assert_eq!(got(&sensor.decide(set(r"HKLM\SOFTWARE\Locked\x", "a")).await), (false, From::Server));
        assert_eq!(got(&sensor.decide(set(r"HKLM\SOFTWARE\Locked\x", "a")).await), (false, From::Cache));
        sensor.flush().await.unwrap();
    });
    drop(server);
    rig.policy("allow");
    let server = rig.server();
    runtime.block_on(async {
        sensor.reconnect(server.grpc().to_string());
        sensor.connect().await.unwrap();
        assert_eq!(sensor.cached(), 0);
        assert_eq!(got(&sensor.decide(set(r"HKLM\SOFTWARE\Locked\x", "a")).await), (true, From::Server));
        sensor.flush().await.unwrap();
    });
    assert_eq!(rig.recorded().len(), 3);
}

fn without_an_answer(fail: FailMode) -> Vec<String> {
    let rig = Rig::new();
    let server = rig.server();
    runtime().block_on(async {
        let mut sensor = rig.sensor(&server, fail, PATIENT);
        assert_eq!(got(&sensor.decide(set(r"HKLM\SOFTWARE\Mine", "a")).await), (true, From::Server));
        server.signal(Signal::SIGSTOP);
        sensor.wait_at_most(SHORT);
        assert_eq!(got(&sensor.decide(set(RUN, "Evil")).await), (fail == FailMode::Open, From::FailMode));
        server.signal(Signal::SIGCONT);
        sensor.wait_at_most(PATIENT);
        sensor.flush().await.unwrap();
        assert_eq!(got(&sensor.decide(set(r"HKLM\SOFTWARE\Mine", "b")).await), (true, From::Server));
        sensor.flush().await.unwrap();
    });
    let of_run = |line: &&String| line.contains(r"\Run\Evil");
    let reasons = rig.reasons();
    assert_eq!(
        reasons.iter().filter(|reason| reason.starts_with("no answer came to the sensor in time")).count(),
        1,
        "{reasons:?}"
    );
    rig.recorded().iter().filter(of_run).cloned().collect()
}

#[test]
fn a_sensor_that_fails_closed_refuses_without_an_answer_and_says_so() {
    let recorded = without_an_answer(FailMode::Closed);
    // The question may have reached the server all the same; what was applied comes last.
    assert!(recorded.last().unwrap().contains(r#" deny - ["T1547.001"]"#), "{recorded:?}");
}

#[test]
fn a_sensor_that_fails_open_lets_through_without_an_answer_and_it_is_flagged() {
    let recorded = without_an_answer(FailMode::Open);
    assert!(recorded.last().unwrap().contains(r#" audit - ["T1547.001"]"#), "{recorded:?}");
}
