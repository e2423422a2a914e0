//! Runs the program on a workspace and a data directory of its own, and reads the journal that it left.

use std::ffi::OsStr;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use agentsh::event::{JournaledEvent, Kind, Payload};
use agentsh::journal::{DataDir, ReaderStore, StoreError, verify};

pub(crate) const AGENTSH: &str = env!("CARGO_BIN_EXE_agentsh");

/// A workspace and a data directory beside it.
pub(crate) struct Place {
    folder: Arc<tempfile::TempDir>,
}

impl Place {
    pub(crate) fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("agentsh-run-").tempdir().unwrap();
        let place = Self { folder: Arc::new(folder) };
        std::fs::create_dir(place.workspace()).unwrap();
        place
    }

    /// The same, for the user `nobody`; `None` (and the reason on stderr) where this process is not root.
    pub(crate) fn for_nobody(test: &str) -> Option<Self> {
        if !nix::unistd::geteuid().is_root() {
            eprintln!("skipped: {test}: only root can become another user");
            return None;
        }
        let place = Self::new();
        for path in [place.folder.path().to_owned(), place.workspace()] {
            std::os::unix::fs::chown(path, Some(65_534), Some(65_534)).unwrap();
        }
        Some(place)
    }

    /// The same folders once more, for what comes after.
    pub(crate) fn again(&self) -> Self {
        Self { folder: Arc::clone(&self.folder) }
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn workspace(&self) -> PathBuf {
        self.folder.path().join("workspace")
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub(crate) fn data_dir(&self) -> DataDir {
        DataDir::at(self.data())
    }

    /// `agentsh run` of a command in the workspace.
    pub(crate) fn command<A: AsRef<OsStr>>(&self, argv: &[A]) -> Command {
        self.command_with(&[], argv)
    }

    /// `agentsh run` with options of its own.
    pub(crate) fn command_with<A: AsRef<OsStr>>(&self, options: &[&str], argv: &[A]) -> Command {
        let mut command = Command::new(AGENTSH);
        command.args(["run", "--data-dir"]).arg(self.data()).args(options).arg("--").args(argv);
        // The tests' own variable would be an unknown key of the configuration.
        command.current_dir(self.workspace()).stdin(Stdio::null()).env_remove("TEST_PEERS");
        command
    }

    /// The same as the user `nobody`.
    pub(crate) fn command_as_nobody<A: AsRef<OsStr>>(&self, argv: &[A]) -> Command {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups", AGENTSH, "run", "--data-dir"]);
        command.arg(self.data()).arg("--").args(argv);
        command.current_dir(self.workspace()).stdin(Stdio::null()).env("HOME", self.folder.path()).env_remove("TEST_PEERS");
        command
    }

    pub(crate) fn run<A: AsRef<OsStr>>(&self, argv: &[A]) -> Output {
        self.command(argv).output().unwrap()
    }

    pub(crate) fn shell(&self, script: &str) -> Output {
        self.run(&["sh", "-c", script])
    }

    /// What another subcommand says of what was recorded.
    pub(crate) fn agentsh(&self, arguments: &[&str]) -> Output {
        Command::new(AGENTSH).arg("--data-dir").arg(self.data()).args(arguments).stdin(Stdio::null()).output().unwrap()
    }

    /// What another subcommand prints of what was recorded.
    pub(crate) fn tell(&self, arguments: &[&str]) -> String {
        let output = self.agentsh(arguments);
        assert!(output.status.success(), "{}", text(&output.stderr));
        text(&output.stdout)
    }

    /// Every event of the journal, in order.
    pub(crate) fn events(&self) -> Vec<JournaledEvent> {
        let store = ReaderStore::open(&self.data_dir().journal()).unwrap();
        let mut events = Vec::new();
        store
            .rows::<StoreError>(0, &[], None, |row| {
                events.push(row.to_event().unwrap());
                Ok(ControlFlow::Continue(()))
            })
            .unwrap();
        events
    }

    /// Events of one kind.
    pub(crate) fn events_of(&self, kind: Kind) -> Vec<JournaledEvent> {
        self.events().into_iter().filter(|event| event.kind == kind).collect()
    }

    /// The subjects of a kind's events.
    pub(crate) fn subjects(&self, kind: Kind) -> Vec<String> {
        self.events_of(kind).iter().map(|event| event.event.subject().unwrap_or_default().into_owned()).collect()
    }

    /// The journal is whole, and its `seq` has no gap (G-3, G-4).
    pub(crate) fn check_whole(&self) {
        let report = verify(&self.data_dir(), None, &[], |_, _| {}).unwrap();
        assert!(report.is_whole(), "{:?}", report.findings);
        let seqs: Vec<u64> = self.events().iter().map(|event| event.seq.get()).collect();
        assert!(seqs.iter().copied().eq(1..=seqs.len() as u64));
    }

    /// Every operation that policy gates has one decision right behind it, and offered = journaled + lost (G-1, G-2).
    pub(crate) fn check_accounted(&self) {
        let events = self.events();
        for (index, event) in events.iter().enumerate().filter(|(_, event)| agentsh::policy::is_gated(event.kind)) {
            let next = events.get(index + 1).unwrap_or_else(|| panic!("nothing follows {event:?}"));
            assert!(matches!(next.event.payload, Payload::PolicyDecision(_)), "{event:?} is followed by {next:?}");
            assert_eq!(next.event.cause, Some(event.event.id));
        }
        let store = ReaderStore::open(&self.data_dir().journal()).unwrap();
        for intake in store.intakes().unwrap() {
            assert_eq!(intake.offered, intake.journaled + intake.lost, "{intake:?}");
        }
    }
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Waits for a condition, at most 20 seconds.
pub(crate) fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !condition() {
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        std::thread::yield_now();
    }
}
