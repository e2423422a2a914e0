//! A sink that is killed with SIGKILL between any two steps: at least once, with ids that de-duplicate.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use agentsh::journal::DataDir;
use agentsh::runtime::units::Millis;
use agentsh::sink::otlp::{OtlpConfig, OtlpDestination, Transport};
use agentsh::sink::{Deliverer, Delivery, DeliveryConfig, SelectionConfig, Step};
use nix::sys::signal::{Signal, kill};
use opentelemetry_proto::tonic::trace::v1::Span;
use serde::{Deserialize, Serialize};

use super::collector::{Collector, Reply};
use super::delivery::journal;

const ROLE: &str = "AGENTSH_TEST_OTLP_ROLE";

/// Delivers a journal to a collector, and dies by SIGKILL when it comes to a step for the `times`th time.
#[derive(Serialize, Deserialize)]
struct Role {
    root: PathBuf,
    endpoint: String,
    http: bool,
    /// The step's number in the order of `STEPS`; none to live.
    step: Option<usize>,
    times: u64,
}

const STEPS: [Step; 4] = [Step::Read, Step::Delivered, Step::BeforeCursor, Step::AfterCursor];

#[test]
fn what_the_killed_process_runs() {
    let Ok(role) = std::env::var(ROLE) else { return };
    let role: Role = serde_json::from_str(&role).unwrap();
    let config = OtlpConfig {
        enabled: true,
        endpoint: role.endpoint,
        protocol: if role.http { Transport::Http } else { Transport::Grpc },
        ..OtlpConfig::default()
    };
    let (step, left) = (role.step.map(|step| STEPS[step]), AtomicU64::new(role.times));
    let at = move |now: Step| {
        if Some(now) == step && left.fetch_sub(1, Ordering::Relaxed) == 1 {
            kill(nix::unistd::getpid(), Signal::SIGKILL).unwrap();
        }
    };
    let quick = DeliveryConfig { page_events: 9, cursor_interval: Millis::new(0), ..DeliveryConfig::default() };
    let delivery = Delivery {
        data_dir: DataDir::at(&role.root),
        config: quick,
        selection: SelectionConfig::default(),
        report: Arc::new(|_| {}),
        at: Some(Arc::new(at)),
    };
    let destination = OtlpDestination::new(config, DataDir::at(&role.root));
    assert!(Deliverer::start("otlp", destination, delivery).unwrap().end());
}

/// Runs one; says whether it was killed.
fn killed(root: &Path, collector: &Collector, step: Option<usize>, times: u64) -> bool {
    let config = collector.config();
    let role = Role { root: root.to_owned(), endpoint: config.endpoint, http: config.protocol == Transport::Http, step, times };
    let status = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "otel::killing::what_the_killed_process_runs", "--nocapture", "--test-threads=1"])
        .env(ROLE, serde_json::to_string(&role).unwrap())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success() || std::os::unix::process::ExitStatusExt::signal(&status) == Some(9), "{status}");
    !status.success()
}

/// Spans by their ids; one that came twice is the same.
fn distinct(spans: Vec<Span>) -> BTreeMap<Vec<u8>, Span> {
    let mut distinct: BTreeMap<Vec<u8>, Span> = BTreeMap::new();
    for span in spans {
        if let Some(before) = distinct.insert(span.span_id.clone(), span.clone()) {
            assert_eq!(before, span);
        }
    }
    distinct
}

#[test]
fn g5_a_sink_that_is_killed_between_any_two_steps_loses_nothing() {
    for transport in [Transport::Grpc, Transport::Http] {
        let folder = tempfile::tempdir().unwrap();
        journal(folder.path(), 60);
        let collector = Collector::start(transport, |_| Reply::Take);
        let mut kills = 0;
        for step in 0..STEPS.len() {
            for times in [1, 2] {
                kills += usize::from(killed(folder.path(), &collector, Some(step), times));
            }
        }
        assert!(kills >= 6, "it was killed {kills} times only");
        assert!(!killed(folder.path(), &collector, None, 1));
        let store = agentsh::journal::ReaderStore::open(&DataDir::at(folder.path()).journal()).unwrap();
        let head = store.head().unwrap();
        assert_eq!(collector.seq_set(), (1..=head).collect::<BTreeSet<_>>());
        let uids = collector.uids();
        assert_eq!(uids.len() as u64, head);
        assert!(uids.values().any(|count| *count > 1), "nothing came twice, so nothing was shown");

        let undisturbed = Collector::start(transport, |_| Reply::Take);
        super::delivery::carry(folder.path(), undisturbed.config(), 0, 9, super::delivery::to_the_end).unwrap();
        assert_eq!(distinct(collector.spans()), distinct(undisturbed.spans()));
    }
}
