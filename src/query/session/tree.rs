//! The processes of a session: who started whom, what each ran, how it ended, and what it did.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::event::{
    Actor, CommandId, Decision, Event, EventId, ExecStatistics, Family, JournaledEvent, OsText, Payload, TechniqueId,
};

/// A program that a process ran, or was refused.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Run {
    /// Position of its `process_exec`.
    pub seq: u64,
    /// The program.
    pub path: OsText,
    /// Its arguments, redacted.
    pub argv: Vec<OsText>,
    /// The arguments as one text, of a system where a process is given one.
    pub command_line: Option<String>,
    /// Policy's verdict, where it is not plain `allow`.
    pub decision: Option<Decision>,
    /// The rule that decided.
    pub rule: Option<String>,
    /// Why it failed.
    pub error: Option<String>,
}

/// How a process ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Exit {
    /// Position of its `process_exit`.
    pub seq: u64,
    /// Exit code.
    pub code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<String>,
}

/// What a rule detected in a process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Detected {
    /// Position of the detection.
    pub seq: u64,
    /// The rule's title.
    pub title: String,
    /// The rule's level.
    pub level: String,
    /// ATT&CK techniques.
    pub techniques: Vec<TechniqueId>,
}

/// One process.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Process {
    /// Process id.
    pub pid: u32,
    /// The parent's process id when it was first seen.
    pub ppid: Option<u32>,
    /// The command that it belongs to.
    pub command_id: Option<CommandId>,
    /// What it ran when it was first seen, where no `process_exec` of its own says so: it was forked.
    pub forked_from: Option<OsText>,
    /// What it ran, in order.
    pub runs: Vec<Run>,
    /// How it ended, where that was seen.
    pub exit: Option<Exit>,
    /// Positions of its first and its last event.
    pub seqs: (u64, u64),
    /// Times of its first and its last event, in microseconds since 1970.
    pub times_us: (i64, i64),
    /// What it used.
    pub statistics: Option<ExecStatistics>,
    /// Operations of its own that were seen: files, network, processes, sockets, registry.
    pub operations: u64,
    /// Operations that were refused.
    pub refused: u64,
    /// Operations that failed.
    pub failed: u64,
    /// What rules detected in it.
    pub detections: Vec<Detected>,
    /// The processes that it started: their places in the tree's list.
    pub children: Vec<usize>,
}

impl Process {
    /// What it ran last, of what it was let run.
    #[must_use]
    pub fn program(&self) -> Option<&OsText> {
        let ran = self.runs.iter().rev().find(|run| run.decision != Some(Decision::Deny) && run.error.is_none());
        ran.map(|run| &run.path).or(self.forked_from.as_ref())
    }
}

/// The processes of a session. A list with places, since processes may nest deeper than a stack does.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Tree {
    /// Every process, in the order in which they were first seen.
    pub processes: Vec<Process>,
    /// Places of those whose parent was not seen, which the session's commands are.
    pub roots: Vec<usize>,
}

/// A process among those that led to something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Ancestor {
    /// Process id.
    pub pid: u32,
    /// What it ran at that moment.
    pub program: Option<OsText>,
    /// The arguments, redacted.
    pub argv: Vec<OsText>,
    /// Position of the `process_exec`, where there was one.
    pub seq: Option<u64>,
}

/// A process and the place of its parent.
struct Seen {
    process: Process,
    parent: Option<usize>,
}

/// Builds the tree from the events of one session, in order.
#[derive(Default)]
pub struct ProcessTree {
    seen: Vec<Seen>,
    /// Which process has a pid now, of a host that was imported from or of this one.
    live: BTreeMap<(Option<String>, u32), usize>,
    /// Which one had it last.
    gone: BTreeMap<(Option<String>, u32), usize>,
    /// The last operation and who did it: its decision stands right behind it and gives a pid alone.
    last: Option<(EventId, usize)>,
}

impl ProcessTree {
    /// Takes an event in.
    pub fn take(&mut self, event: &JournaledEvent) {
        let JournaledEvent { seq, event, .. } = event;
        let seq = seq.get();
        if let Payload::PolicyDecision(decided) = &event.payload {
            let of = self.last.filter(|(operation, _)| Some(*operation) == event.cause).map(|(_, at)| at);
            if let Some(process) = of.and_then(|at| self.seen.get_mut(at)).map(|seen| &mut seen.process) {
                process.seqs.1 = seq;
                if decided.decision == Decision::Deny && decided.enforced != Some(false) {
                    process.refused += 1;
                }
                let run = process.runs.last_mut().filter(|run| run.seq + 1 == seq);
                if let Some(run) = run {
                    run.decision = (decided.decision != Decision::Allow).then_some(decided.decision);
                    run.rule.clone_from(&decided.rule);
                }
            }
            return;
        }
        let Some(actor) = &event.actor else { return };
        let at = self.process_of(actor, seq, event);
        self.last = Some((event.id, at));
        let Some(process) = self.seen.get_mut(at).map(|seen| &mut seen.process) else { return };
        process.seqs.1 = seq;
        process.times_us.1 = event.time.as_micros();
        let family = event.payload.kind().family();
        let operation = matches!(family, Family::File | Family::Network | Family::Process | Family::Ipc | Family::Registry);
        process.operations += u64::from(operation);
        if let Payload::ProcessExec(exec) = &event.payload {
            process.runs.push(Run {
                seq,
                path: exec.path.clone(),
                argv: exec.argv.clone(),
                command_line: exec.command_line.clone(),
                decision: None,
                rule: None,
                error: None,
            });
        } else if let Payload::ProcessExit(exit) = &event.payload {
            process.exit = Some(Exit { seq, code: exit.exit_code, signal: exit.signal.clone() });
            process.statistics = Some(exit.statistics.clone());
            let key = key(actor, event);
            self.live.remove(&key);
            self.gone.insert(key, at);
        } else if let Payload::Detection(found) = &event.payload {
            process.detections.push(Detected {
                seq,
                title: found.title.clone(),
                level: found.level.clone(),
                techniques: found.techniques.clone(),
            });
        } else if let Payload::OperationFailed(failed) = &event.payload {
            process.failed += 1;
            let run = process.runs.last_mut().filter(|_| failed.operation == crate::event::Kind::ProcessExec);
            if let Some(run) = run {
                run.error = Some(failed.error.clone());
            }
        }
    }

    /// The chain of processes that led to an event, from the session's command to the process that did it. To be asked right behind
    /// [`ProcessTree::take`] of the event.
    #[must_use]
    pub fn chain(&self, event: &Event) -> Vec<Ancestor> {
        let mut chain = Vec::new();
        let mut at = self.last.filter(|(operation, _)| *operation == event.id).map(|(_, at)| at);
        while let Some(seen) = at.and_then(|at| self.seen.get(at)) {
            let Process { pid, runs, .. } = &seen.process;
            let run = runs.iter().rev().find(|run| run.decision != Some(Decision::Deny) && run.error.is_none());
            chain.push(Ancestor {
                pid: *pid,
                program: seen.process.program().cloned(),
                argv: run.map(|run| run.argv.clone()).unwrap_or_default(),
                seq: run.map(|run| run.seq),
            });
            at = seen.parent;
        }
        chain.reverse();
        chain
    }

    /// The tree.
    #[must_use]
    pub fn finish(self) -> Tree {
        let mut tree = Tree { processes: Vec::with_capacity(self.seen.len()), roots: Vec::new() };
        for (at, Seen { process, parent }) in self.seen.into_iter().enumerate() {
            tree.processes.push(process);
            // A parent is seen before its children.
            match parent.and_then(|parent| tree.processes.get_mut(parent)) {
                Some(parent) => parent.children.push(at),
                None => tree.roots.push(at),
            }
        }
        tree
    }

    /// Which process did it; a new one where it was not seen before.
    fn process_of(&mut self, actor: &Actor, seq: u64, event: &Event) -> usize {
        let key = key(actor, event);
        if let Some(at) = self.live.get(&key) {
            return *at;
        }
        // What comes after the end (the release of a handle, a detection) is still of the one that ended; a program that starts is not.
        let starts = matches!(event.payload, Payload::ProcessExec(_) | Payload::ProcessFork(_));
        if let Some(at) = self.gone.get(&key).filter(|_| !starts) {
            return *at;
        }
        let parent = actor.ppid.and_then(|ppid| {
            let key = (key.0.clone(), ppid);
            self.live.get(&key).or_else(|| self.gone.get(&key)).copied()
        });
        let forked_from = if starts { None } else { actor.exe.clone().or_else(|| actor.comm.clone()) };
        let time = event.time.as_micros();
        self.seen.push(Seen {
            parent,
            process: Process {
                pid: actor.pid,
                ppid: actor.ppid,
                command_id: event.command_id.clone(),
                forked_from,
                seqs: (seq, seq),
                times_us: (time, time),
                ..Process::default()
            },
        });
        let at = self.seen.len() - 1;
        self.live.insert(key, at);
        at
    }
}

fn key(actor: &Actor, event: &Event) -> (Option<String>, u32) {
    (event.imported.as_ref().map(|imported| imported.host.clone()), actor.pid)
}
