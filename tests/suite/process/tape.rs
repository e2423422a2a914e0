//! A recording double of the channel, and how tests run a command under it.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use agentsh::capture::exec::{
    CommandHandle, CommandOutcome, CommandSpec, ExecConfig, MountSpec, PreparedSession, Recorder, Redact, SessionSpec,
    run_command,
};
use agentsh::channel::{Gatekeeper, Outcome, Refusal, RefusedBy, Verdict};
use agentsh::event::{Actor, CommandFinished, EventId, Kind, OperationFailed, OsText, Payload, ProcessExec, ProcessExit};
use agentsh::runtime::{clock, ids};

/// One event as the channel would have got it.
#[derive(Clone, Debug)]
pub struct Recorded {
    pub id: EventId,
    pub payload: Payload,
    pub actor: Option<Actor>,
    pub cause: Option<EventId>,
}

/// Says whether an exec is refused, and by what.
pub type Rule = Box<dyn Fn(&ProcessExec) -> Option<RefusedBy> + Send + Sync>;

/// The channel's double: keeps events in the order in which they came.
#[derive(Default)]
pub struct Tape {
    events: Mutex<Vec<Recorded>>,
    rule: Option<Rule>,
}

impl Tape {
    pub fn refusing(rule: impl Fn(&ProcessExec) -> Option<RefusedBy> + Send + Sync + 'static) -> Self {
        Self { rule: Some(Box::new(rule)), ..Self::default() }
    }

    fn keep(&self, payload: Payload, actor: Option<Actor>, cause: Option<EventId>) -> EventId {
        let id = ids::event_id(clock::now());
        self.events.lock().unwrap().push(Recorded { id, payload, actor, cause });
        id
    }

    pub fn events(&self) -> Vec<Recorded> {
        self.events.lock().unwrap().clone()
    }

    pub fn execs(&self) -> Vec<(Recorded, ProcessExec)> {
        self.pick(|payload| match payload {
            Payload::ProcessExec(exec) => Some(exec.clone()),
            _ => None,
        })
    }

    pub fn exits(&self) -> Vec<(Recorded, ProcessExit)> {
        self.pick(|payload| match payload {
            Payload::ProcessExit(exit) => Some(exit.clone()),
            _ => None,
        })
    }

    pub fn failures(&self) -> Vec<(Recorded, OperationFailed)> {
        self.pick(|payload| match payload {
            Payload::OperationFailed(failed) => Some(failed.clone()),
            _ => None,
        })
    }

    pub fn finished(&self) -> CommandFinished {
        let all = self.pick(|payload| match payload {
            Payload::CommandFinished(finished) => Some(finished.clone()),
            _ => None,
        });
        assert_eq!(all.len(), 1, "one command_finished");
        all.into_iter().next().unwrap().1
    }

    fn pick<T>(&self, choose: impl Fn(&Payload) -> Option<T>) -> Vec<(Recorded, T)> {
        self.events().into_iter().filter_map(|event| choose(&event.payload).map(|content| (event, content))).collect()
    }
}

impl Gatekeeper for Tape {
    fn gate(&self, payload: Payload, actor: Option<Actor>, cause: Option<EventId>) -> Verdict {
        let refused = match (&self.rule, &payload) {
            (Some(rule), Payload::ProcessExec(exec)) => rule(exec),
            _ => None,
        };
        let event = self.keep(payload, actor, cause);
        let outcome = match refused {
            Some(by) => Outcome::Refuse(Refusal { by, rule: Some("no-such-thing".into()), reason: "a test says so".into() }),
            None => Outcome::Proceed,
        };
        Verdict { event, outcome }
    }

    fn observe(&self, payload: Payload, actor: Option<Actor>, cause: Option<EventId>) -> EventId {
        self.keep(payload, actor, cause)
    }

    fn judge_in_hindsight(&self, _: Payload, _: Option<Actor>) -> EventId {
        unreachable!("the process layer refuses what it wants refused before it happens")
    }

    fn failed(&self, operation: EventId, kind: Kind, subject: Option<String>, actor: Option<Actor>, errno: i32) {
        let error = format!("{:?}", nix::errno::Errno::from_raw(errno));
        self.keep(OperationFailed { operation: kind, subject, errno, error }.into(), actor, Some(operation));
    }
}

/// A session and the command in it.
pub struct Setup {
    pub argv: Vec<OsText>,
    pub env: Vec<(OsText, OsText)>,
    pub cwd: PathBuf,
    pub private: bool,
    pub mount: Option<MountSpec>,
    pub hide: Vec<PathBuf>,
    pub config: ExecConfig,
    pub handle: Arc<CommandHandle>,
    pub redact: Redact,
    pub launcher: PathBuf,
}

impl Setup {
    pub fn new<I: AsRef<OsStr>>(argv: impl IntoIterator<Item = I>) -> Self {
        Self {
            argv: argv.into_iter().map(|argument| OsText::from(argument.as_ref())).collect(),
            env: [("PATH", "/usr/local/bin:/usr/bin:/bin"), ("LC_ALL", "C")]
                .map(|(name, value)| (name.into(), value.into()))
                .into(),
            cwd: PathBuf::from("/"),
            private: true,
            mount: None,
            hide: Vec::new(),
            config: ExecConfig::default(),
            handle: Arc::default(),
            redact: |argv| argv.to_vec(),
            launcher: PathBuf::from(env!("CARGO_BIN_EXE_agentsh")),
        }
    }

    pub fn shell(script: &str) -> Self {
        Self::new(["sh", "-c", script])
    }

    pub fn cwd(mut self, cwd: &Path) -> Self {
        self.cwd = cwd.to_owned();
        self
    }

    pub fn open(&self) -> agentsh::capture::exec::Session {
        let spec = SessionSpec { program: self.launcher.clone(), private: self.private, mount: self.mount.clone() };
        PreparedSession::open(&spec).unwrap().confine(&self.hide).unwrap()
    }

    pub fn run(&self, tape: &Tape) -> CommandOutcome {
        let session = self.open();
        let command = CommandSpec {
            argv: self.argv.clone(),
            env: self.env.clone(),
            cwd: OsText::from(self.cwd.as_path()),
            traceparent: None,
        };
        let recorder = Recorder { gatekeeper: tape, observer: &(), redact: self.redact };
        run_command(session, &command, recorder, &self.handle, &self.config)
    }
}
