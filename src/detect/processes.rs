//! The processes of a session: which program each runs and with which arguments, for the fields of a process's parent.

use std::collections::{BTreeMap, VecDeque};

use crate::event::{Decision, Event, EventId, Kind, OsText, Payload};

/// Processes that are remembered of a session; the one that was started first is forgotten for a further one.
const MOST: usize = 1_024;

/// What a process runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// The `process_exec` that said so.
    pub exec: EventId,
    /// The program.
    pub path: OsText,
    /// Its arguments, redacted, joined by spaces.
    pub command_line: String,
    /// What it ran before: an exec that is refused or fails changes nothing.
    before: Option<Box<Process>>,
}

/// The processes of one session. Follows from the session's `process_exec`, `process_exit`, `policy_decision` and `operation_failed`
/// events alone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Processes {
    running: BTreeMap<u32, Process>,
    /// Pids in the order in which they were first seen; one that has ended may still stand here.
    order: VecDeque<u32>,
}

impl Processes {
    /// What a process runs, if that was seen.
    #[must_use]
    pub fn get(&self, pid: u32) -> Option<&Process> {
        self.running.get(&pid)
    }

    /// Takes an event in.
    pub fn take(&mut self, event: &Event) {
        let Some(pid) = event.actor.as_ref().map(|actor| actor.pid) else { return };
        if let Payload::ProcessExec(exec) = &event.payload {
            let before = self.running.remove(&pid).map(|mut process| {
                process.before = None;
                Box::new(process)
            });
            if before.is_none() {
                self.make_room();
                self.order.push_back(pid);
            }
            let process = Process {
                exec: event.id,
                path: exec.path.clone(),
                command_line: exec.command_line.clone().unwrap_or_else(|| command_line(&exec.argv)),
                before,
            };
            self.running.insert(pid, process);
        } else if let Payload::ProcessExit(_) = &event.payload {
            self.running.remove(&pid);
        } else if let Payload::PolicyDecision(decided) = &event.payload {
            let was_refused = decided.decision == Decision::Deny && decided.enforced != Some(false);
            if was_refused && decided.operation == Kind::ProcessExec {
                self.undo(pid, event.cause);
            }
        } else if let Payload::OperationFailed(failed) = &event.payload
            && failed.operation == Kind::ProcessExec
        {
            self.undo(pid, event.cause);
        }
    }

    /// The exec did not happen: the process still runs what it ran.
    fn undo(&mut self, pid: u32, exec: Option<EventId>) {
        let Some(process) = self.running.get_mut(&pid).filter(|process| Some(process.exec) == exec) else { return };
        match process.before.take() {
            Some(before) => *process = *before,
            None => {
                self.running.remove(&pid);
            }
        }
    }

    fn make_room(&mut self) {
        while self.running.len() >= MOST || self.order.len() >= 4 * MOST {
            let Some(oldest) = self.order.pop_front() else { return };
            // A pid that ended and was given out again stands twice; what runs under it now is as old as its last entry.
            if !self.order.contains(&oldest) {
                self.running.remove(&oldest);
            }
        }
    }
}

/// Arguments joined by spaces, as Sysmon for Linux writes them.
pub(super) fn command_line(argv: &[OsText]) -> String {
    let mut line = String::with_capacity(argv.iter().map(|argument| argument.as_bytes().len() + 1).sum());
    for (index, argument) in argv.iter().enumerate() {
        if index > 0 {
            line.push(' ');
        }
        line.push_str(&String::from_utf8_lossy(argument.as_bytes()));
    }
    line
}
