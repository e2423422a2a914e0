//! Whom the process layer tells what it sees: the gate, and who wants to know of programs and ends.

use std::os::fd::OwnedFd;

use crate::channel::Gatekeeper;
use crate::event::{EventId, OsText, ProcessExec};

/// Is told when what is known of a process changes; other layers keep their knowledge of actors by it.
pub trait ProcessObserver: Sync {
    /// The process is about to run another program: what is known of it is out of date as soon as it does. Called before it does, and
    /// again should the exec turn out to have failed, with the program that it still runs.
    fn program_changed(&self, program: &RunningProgram<'_>);

    /// The process has ended; its number may be used again.
    fn ended(&self, pid: u32);

    /// What the program is to have in the place of its standard error, for programs that only speak to the recorder there. Called once
    /// for an exec that goes ahead.
    fn standard_error(&self, exec: &ProcessExec) -> Option<OwnedFd> {
        let _ = exec;
        None
    }
}

/// What a process runs.
#[derive(Clone, Copy, Debug)]
pub struct RunningProgram<'a> {
    /// The process.
    pub pid: u32,
    /// The file that it runs, as `/proc/<pid>/exe` will show it: for a script, its interpreter.
    pub exe: Option<&'a OsText>,
    /// The `process_exec` that started it, if it was recorded.
    pub exec: Option<EventId>,
}

impl<O: ProcessObserver + Send> ProcessObserver for &O {
    fn program_changed(&self, program: &RunningProgram<'_>) {
        (**self).program_changed(program);
    }

    fn ended(&self, pid: u32) {
        (**self).ended(pid);
    }

    fn standard_error(&self, exec: &ProcessExec) -> Option<OwnedFd> {
        (**self).standard_error(exec)
    }
}

/// Nobody wants to know.
impl ProcessObserver for () {
    fn program_changed(&self, _program: &RunningProgram<'_>) {}

    fn ended(&self, _pid: u32) {}
}

/// Takes secrets out of a list of arguments (G-7).
pub type Redact = fn(&[OsText]) -> Vec<OsText>;

/// Whom a command's events go to.
#[derive(Clone, Copy)]
pub struct Recorder<'a> {
    /// Decides and records.
    pub gatekeeper: &'a dyn Gatekeeper,
    /// Is told of programs and ends.
    pub observer: &'a dyn ProcessObserver,
    /// Runs over all arguments before an event is made.
    pub redact: Redact,
}
