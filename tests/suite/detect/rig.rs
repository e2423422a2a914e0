//! A data directory with rules of its own, the program that works on it, and files of events with times that the test chooses.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use agentsh::event::{JournaledEvent, Kind, OsText, Payload, ProcessExec, Seq, Timestamp};
use agentsh::journal::{Condition, ReaderStore, StoreError};
use serde_json::Value;

use crate::run::support::{AGENTSH, text};
use crate::support::event;

/// A data directory and a folder beside it. The program's own rules are left out.
pub struct Rig {
    pub folder: tempfile::TempDir,
}

impl Rig {
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// A file or, with `/` in its name, one in a folder.
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(AGENTSH);
        command.env_clear().env("HOME", self.folder.path()).env("PATH", "/usr/local/bin:/usr/bin:/bin");
        command.env("AGENTSH_DETECT__BUILT_IN", "false").arg("--data-dir").arg(self.data()).args(arguments);
        command.current_dir(self.folder.path()).stdin(Stdio::null());
        command
    }

    /// Exit code, standard output, standard error.
    pub fn agentsh(&self, arguments: &[&str]) -> (i32, String, String) {
        let Output { status, stdout, stderr } = self.command(arguments).output().unwrap();
        (status.code().unwrap(), text(&stdout), text(&stderr))
    }

    /// What it prints; it must succeed.
    pub fn ok(&self, arguments: &[&str]) -> String {
        let (code, out, err) = self.agentsh(arguments);
        assert_eq!(code, 0, "{arguments:?}: {out}{err}");
        out
    }

    pub fn json(&self, arguments: &[&str]) -> Value {
        let out = self.ok(arguments);
        serde_json::from_str(&out).unwrap_or_else(|error| panic!("{arguments:?}: {error}: {out}"))
    }

    pub fn add(&self, name: &str, rules: &str) -> Value {
        let path = self.write(name, rules);
        self.json(&["detect", "rules", "add", "--json", path.to_str().unwrap()])
    }

    /// Imports a file of events; answers with its session.
    pub fn import(&self, name: &str, lines: &str) -> String {
        let path = self.write(name, lines);
        let report = self.json(&["import", "--json", "jsonl", path.to_str().unwrap()]);
        report["files"][0]["session"].as_str().unwrap().to_owned()
    }

    /// The detections: title, session, id, in the order of the journal.
    pub fn detections(&self) -> Vec<Found> {
        detections(&self.data())
    }

    pub fn titles(&self) -> Vec<String> {
        self.detections().into_iter().map(|found| found.title).collect()
    }
}

/// A detection on record.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Found {
    pub title: String,
    pub session: String,
    pub id: String,
    /// How many events it is about.
    pub events: usize,
}

pub fn detections(data: &Path) -> Vec<Found> {
    let store = ReaderStore::open(&data.join("journal.db")).unwrap();
    let mut found = Vec::new();
    store
        .rows::<StoreError>(0, &[Condition::Kinds(vec![Kind::Detection])], None, |row| {
            let event = row.to_event().unwrap().event;
            let session = event.session_id.as_ref().map_or_else(String::new, ToString::to_string);
            let Payload::Detection(of) = event.payload else { panic!("{event:?}") };
            found.push(Found { title: of.title, session, id: event.id.to_string(), events: of.events.len() });
            Ok(std::ops::ControlFlow::Continue(()))
        })
        .unwrap();
    found
}

/// A program that is started so many seconds after noon, by a user.
#[derive(Clone, Copy, Debug)]
pub struct Start {
    pub after: f64,
    pub argv: &'static str,
    pub user: u32,
}

/// By the user 1000.
pub const fn at(after: f64, argv: &'static str) -> Start {
    Start { after, argv, user: 1000 }
}

/// Programs that are started, as `agentsh events --format jsonl` prints them.
pub fn starts(starts: &[Start]) -> String {
    let noon = 1_764_072_000_000_000_i64;
    let line = |(number, start): (usize, &Start)| {
        let argv: Vec<OsText> = start.argv.split(' ').map(OsText::from).collect();
        let path = format!("/usr/bin/{}", start.argv.split(' ').next().unwrap());
        let mut event = event(ProcessExec { path: path.as_str().into(), argv, ..ProcessExec::default() });
        event.time = Timestamp::from_micros(noon + (start.after * 1e6) as i64);
        event.actor.as_mut().unwrap().uid = Some(start.user);
        let seq = Seq::new(u64::try_from(number).unwrap() + 1).unwrap();
        serde_json::to_string(&JournaledEvent { seq, kind: Kind::ProcessExec, event }).unwrap() + "\n"
    };
    starts.iter().enumerate().map(line).collect()
}

/// A rule about a program.
pub fn about(title: &str, program: &str, more: &str) -> String {
    format!(
        "title: {title}\nid: rule-{title}\nlogsource: {{product: linux, category: process_creation}}\ndetection:\n  s:\n    \
         Image|endswith: '/{program}'\n  condition: s\nlevel: low\n{more}"
    )
}
