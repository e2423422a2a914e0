//! A written session: one event behind another.

use agentsh::channel::decision_event;
use agentsh::event::*;
use agentsh::policy::Judgement;

use crate::support::event;

/// Events of one session, as a journal would give them.
#[derive(Default)]
pub struct Story {
    pub events: Vec<JournaledEvent>,
    pid: u32,
    ppid: Option<u32>,
    exe: String,
}

impl Story {
    /// Who does what comes.
    pub fn by(mut self, pid: u32, ppid: u32, exe: &str) -> Self {
        (self.pid, self.ppid, self.exe) = (pid, Some(ppid), exe.to_owned());
        self
    }

    pub fn then(mut self, payload: impl Into<Payload>) -> Self {
        self.push(payload.into(), None);
        self
    }

    /// An operation that policy judged.
    pub fn judged(mut self, payload: impl Into<Payload>, decision: Decision, rule: &str) -> Self {
        let operation = self.push(payload.into(), None);
        let judged = decision_event(&operation, &Judgement::new(decision, Some(rule.into()), "because"), "d1ge57");
        self.journal(judged);
        self
    }

    /// The last operation failed.
    pub fn failed(mut self, error: &str) -> Self {
        let last = self.events.iter().rev().find(|event| event.kind.family() != Family::Derived).unwrap().clone();
        let failed = OperationFailed { operation: last.kind, error: error.into(), ..OperationFailed::default() };
        self.push(failed.into(), Some(last.event.id));
        self
    }

    fn push(&mut self, payload: Payload, cause: Option<EventId>) -> Event {
        let mut event = event(payload);
        event.cause = cause;
        let comm = self.exe.rsplit('/').next().map(OsText::from);
        event.actor =
            Some(Actor { pid: self.pid, ppid: self.ppid, exe: Some(self.exe.as_str().into()), comm, ..Actor::default() });
        self.journal(event.clone());
        event
    }

    fn journal(&mut self, event: Event) {
        let seq = Seq::new(self.events.len() as u64 + 1).unwrap();
        self.events.push(JournaledEvent { seq, kind: event.kind(), event });
    }
}

pub fn exec(path: &str, argv: &[&str]) -> ProcessExec {
    ProcessExec { path: path.into(), argv: argv.iter().map(|argument| (*argument).into()).collect(), ..ProcessExec::default() }
}

pub fn exit(code: i32) -> ProcessExit {
    ProcessExit { exit_code: Some(code), ..ProcessExit::default() }
}

pub fn create(path: &str) -> FileCreate {
    FileCreate { path: path.into(), ..FileCreate::default() }
}

pub fn open(path: &str) -> FileOpen {
    FileOpen { path: path.into(), access: FileAccess::ReadWrite, ..FileOpen::default() }
}

pub fn wrote(path: &str, before: u64, after: u64) -> FileClose {
    FileClose {
        path: path.into(),
        writes: 1,
        bytes_written: after,
        size_before: Some(before),
        size_after: Some(after),
        ..FileClose::default()
    }
}

pub fn delete(path: &str) -> FileDelete {
    FileDelete { path: path.into(), ..FileDelete::default() }
}

pub fn rename(from: &str, to: &str) -> FileRename {
    FileRename { path: from.into(), to: to.into(), flags: 0 }
}

pub fn mkdir(path: &str) -> DirCreate {
    DirCreate { path: path.into(), mode: 0o755 }
}
