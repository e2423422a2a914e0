//! A recorder in a process of its own: for what a test cannot do to the process that it runs in (signals, another user, SIGKILL).
//!
//! The test binary starts itself with the name of one test and a plan in its environment; that test then is the recorder.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use agentsh::capture::exec::BlockedSignals;
use agentsh::event::{LayerState, Payload};
use serde::{Deserialize, Serialize};

use super::session::tmpfs;
use super::tape::{Setup, Tape};

const PLAN: &str = "AGENTSH_TEST_PLAN";

/// What the recorder shall do.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Plan {
    pub script: String,
    pub launcher: PathBuf,
    pub mount: Option<PathBuf>,
    pub hide: Vec<PathBuf>,
    pub forward_signals: bool,
    pub rounds: u32,
    pub report: PathBuf,
}

/// What it says afterwards.
#[derive(Debug, Serialize, Deserialize)]
pub struct Report {
    pub exit_code: i32,
    pub interrupted_by: Option<String>,
    /// Layer and state of each layer.
    pub layers: Vec<(String, String)>,
    /// Program and parent of each exec, as process ids.
    pub execs: Vec<(String, u32, u32)>,
    /// Code and signal of each end.
    pub exits: Vec<(Option<i32>, Option<String>)>,
    /// Execs that could not be looked at.
    pub lost: usize,
    /// Descriptors, threads and children before the first round and after the last.
    pub before: (usize, usize, usize),
    pub after: (usize, usize, usize),
}

impl Plan {
    pub fn new(directory: &Path, script: &str) -> Self {
        Self {
            script: script.to_owned(),
            launcher: PathBuf::from(env!("CARGO_BIN_EXE_agentsh")),
            rounds: 1,
            report: directory.join("report.json"),
            ..Self::default()
        }
    }

    /// Starts the recorder by way of `wrapper`, a command line that it is appended to.
    pub fn start(&self, wrapper: &[&str]) -> Child {
        self.start_program(&std::env::current_exe().unwrap(), wrapper)
    }

    pub fn start_program(&self, program: &Path, wrapper: &[&str]) -> Child {
        let words = wrapper.iter().map(|word| word.to_string()).chain([program.to_str().unwrap().to_owned()]);
        let words: Vec<String> = words.collect();
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).args(["process::own_process::a_recorder_in_a_process_of_its_own", "--exact", "--nocapture"]);
        command.env(PLAN, serde_json::to_string(self).unwrap()).stdin(Stdio::null());
        let log = std::fs::File::create(self.log()).unwrap();
        command.stdout(log.try_clone().unwrap()).stderr(log);
        command.spawn().unwrap()
    }

    /// What the recorder prints.
    fn log(&self) -> PathBuf {
        self.report.with_extension("log")
    }

    /// Waits for a recorder that was started, which must not fail.
    pub fn finish(&self, mut recorder: Child) -> Report {
        let status = recorder.wait().unwrap();
        assert!(status.success(), "{status}: {}", std::fs::read_to_string(self.log()).unwrap());
        self.report()
    }

    pub fn report(&self) -> Report {
        serde_json::from_slice(&std::fs::read(&self.report).unwrap()).unwrap()
    }
}

#[test]
fn a_recorder_in_a_process_of_its_own() {
    match std::env::var(PLAN) {
        Ok(plan) => record(&serde_json::from_str(&plan).unwrap()),
        Err(_) => {
            let directory = tempfile::tempdir().unwrap();
            let plan = Plan::new(directory.path(), "exit 4");
            assert_eq!(plan.finish(plan.start(&["env"])).exit_code, 4);
        }
    }
}

fn record(plan: &Plan) {
    let mut setup = Setup::shell(&plan.script);
    setup.launcher = plan.launcher.clone();
    setup.mount = plan.mount.as_deref().map(tmpfs);
    setup.hide = plan.hide.clone();
    // The wrapper has blocked them already, for all threads of this process.
    let forwarder = plan.forward_signals.then(|| BlockedSignals::block().unwrap().forward_to(Arc::clone(&setup.handle)).unwrap());
    let session = setup.open();
    let state = |state: LayerState| state.as_str().to_owned();
    let layers = session.layers().iter().map(|report| (report.layer.as_str().to_owned(), state(report.state))).collect();
    drop(session);
    let before = usage();
    let mut last = None;
    for _ in 0..plan.rounds {
        let tape = Tape::default();
        let outcome = setup.run(&tape);
        last = Some((tape, outcome));
    }
    // A thread that has been waited for may still be listed for a moment.
    let deadline = Instant::now() + Duration::from_secs(5);
    let mut after = usage();
    while after != before && Instant::now() < deadline {
        std::thread::park_timeout(Duration::from_millis(2));
        after = usage();
    }
    let (tape, outcome) = last.unwrap();
    drop(forwarder);
    let report = Report {
        exit_code: outcome.ending.exit_code(),
        interrupted_by: setup.handle.interrupted_by().map(|signal| signal.as_str().to_owned()),
        layers,
        execs: tape
            .execs()
            .iter()
            .map(|(event, exec)| {
                let actor = event.actor.as_ref().unwrap();
                (exec.path.as_path().file_name().unwrap().to_str().unwrap().to_owned(), actor.pid, actor.ppid.unwrap())
            })
            .collect(),
        exits: tape.exits().into_iter().map(|(_, exit)| (exit.exit_code, exit.signal)).collect(),
        lost: tape.events().iter().filter(|event| matches!(event.payload, Payload::EventsLost(_))).count(),
        before,
        after,
    };
    std::fs::write(&plan.report, serde_json::to_vec(&report).unwrap()).unwrap();
}

/// Descriptors, threads and children of this process.
fn usage() -> (usize, usize, usize) {
    let count = |directory: &str| std::fs::read_dir(directory).unwrap().count();
    let threads = std::fs::read_dir("/proc/self/task").unwrap();
    let children = threads.map(|thread| {
        let children = std::fs::read_to_string(thread.unwrap().path().join("children")).unwrap_or_default();
        children.split_whitespace().count()
    });
    (count("/proc/self/fd"), count("/proc/self/task"), children.sum())
}
