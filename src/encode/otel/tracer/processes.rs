//! The processes of one session: which span an event of a process belongs to.

use std::collections::{BTreeMap, VecDeque};

use super::session::{close, own};
use crate::encode::otel::attributes::text;
use crate::encode::otel::operation::base_name;
use crate::encode::otel::span::{OpenSpan, TimedSpan};
use crate::event::trace::TraceParent;
use crate::event::{Event, EventId, JournaledEvent, OsText, Payload, Timestamp};

/// Processes of one session that are remembered after their end: what they left open is closed late.
const MOST_ENDED: usize = 1_024;

/// Programs of one process that are remembered. An older one is not found as a cause any more; its process is, by its number.
const MOST_EXECS: usize = 16;

/// The processes of one session.
#[derive(Debug, Default)]
pub(super) struct Processes {
    /// In the order in which they began.
    all: BTreeMap<u64, Process>,
    next: u64,
    /// Which process has a number now, or had it last.
    by_pid: BTreeMap<u32, u64>,
    /// Which process an exec was of.
    by_exec: BTreeMap<EventId, u64>,
    ended: VecDeque<u64>,
    open: usize,
}

#[derive(Debug)]
struct Process {
    pid: u32,
    at: TraceParent,
    span: Option<OpenSpan>,
    execs: VecDeque<EventId>,
}

/// What an exec turned out to be.
pub(super) enum Exec {
    /// The first of its process, whose span began.
    First(TraceParent),
    /// One more of a process that has a span: an operation of it.
    Further(TraceParent),
}

impl Processes {
    pub(super) const fn len(&self) -> usize {
        self.open
    }

    /// Where the span of the process stands that an event is of, or of its parent, or of the process that ran its cause.
    pub(super) fn of(&self, event: &Event) -> Option<TraceParent> {
        let actor = event.actor.as_ref();
        let by_pid = |pid: u32| self.by_pid.get(&pid);
        let key = actor
            .and_then(|actor| by_pid(actor.pid))
            .or_else(|| event.cause.and_then(|cause| self.by_exec.get(&cause)))
            .or_else(|| actor.and_then(|actor| actor.ppid).and_then(by_pid))?;
        self.all.get(key).map(|process| process.at)
    }

    /// An exec. `within` is where its command stands.
    pub(super) fn exec(&mut self, event: &JournaledEvent, within: TraceParent) -> Exec {
        let Payload::ProcessExec(exec) = &event.event.payload else { return Exec::Further(within) };
        let pid = event.event.actor.as_ref().map(|actor| actor.pid);
        let same = pid.and_then(|pid| self.by_pid.get(&pid)).copied();
        if let Some(key) = same
            && let Some(process) = self.all.get_mut(&key)
            && process.span.is_some()
        {
            process.execs.push_back(event.event.id);
            if process.execs.len() > MOST_EXECS
                && let Some(oldest) = process.execs.pop_front()
            {
                self.by_exec.remove(&oldest);
            }
            self.by_exec.insert(event.event.id, key);
            return Exec::Further(process.at);
        }
        // The image that a process had before its first exec is its parent's, so the cause names the parent, also where a process
        // that never ran a program stands between them. Its number may be one that was used before.
        let cause = event.event.cause.and_then(|cause| self.by_exec.get(&cause));
        let by_parent = || event.event.actor.as_ref().and_then(|actor| actor.ppid).and_then(|ppid| self.by_pid.get(&ppid));
        let parent = cause.or_else(by_parent).and_then(|key| self.all.get(key)).map_or(within, |process| process.at);
        let at = own(&event.event, within);
        let span = OpenSpan::begin(event, name(&exec.path), at, Some(parent.span));
        let key = self.next;
        self.next += 1;
        let pid = pid.unwrap_or(0);
        self.all.insert(key, Process { pid, at, span: Some(span), execs: VecDeque::from([event.event.id]) });
        self.open += 1;
        if pid != 0 {
            self.by_pid.insert(pid, key);
        }
        self.by_exec.insert(event.event.id, key);
        Exec::First(at)
    }

    /// The process whose first program an exec is, for a remark on it.
    pub(super) fn begun_by(&mut self, exec: EventId) -> Option<(TraceParent, Option<&mut OpenSpan>)> {
        let key = self.by_exec.get(&exec)?;
        let process = self.all.get_mut(key)?;
        own_span(process, exec).then_some((process.at, process.span.as_mut()))
    }

    /// The first exec of a process did not happen: what follows is not of that process.
    pub(super) fn undo(&mut self, exec: EventId) -> Option<OpenSpan> {
        let key = *self.by_exec.get(&exec)?;
        let span = self.all.get_mut(&key)?.span.take()?;
        self.open -= 1;
        self.forget(key);
        Some(span)
    }

    /// The end of a process. `None` if its beginning was not seen.
    pub(super) fn exit(&mut self, event: &JournaledEvent, out: &mut Vec<TimedSpan>) -> Option<TraceParent> {
        let pid = event.event.actor.as_ref().map(|actor| actor.pid);
        let by_cause = event.event.cause.and_then(|cause| self.by_exec.get(&cause)).copied();
        let key = by_cause.or_else(|| pid.and_then(|pid| self.by_pid.get(&pid)).copied())?;
        let process = self.all.get_mut(&key)?;
        // A process that never ran a program has its parent's exec as its cause.
        if pid.is_some_and(|pid| pid != process.pid) {
            return None;
        }
        let at = process.at;
        let mut span = process.span.take()?;
        self.open -= 1;
        if let Payload::ProcessExit(exit) = &event.event.payload
            && let Some(path) = &exit.path
        {
            span.rename(name(path));
            span.set_attribute(text("process.executable.path", path.as_text()));
            span.set_attribute(text("process.executable.name", base_name(path)));
        }
        close(&mut span, event);
        out.push(span.end(event.seq.get(), event.event.time));
        self.ended.push_back(key);
        if self.ended.len() > MOST_ENDED
            && let Some(oldest) = self.ended.pop_front()
        {
            self.forget(oldest);
        }
        Some(at)
    }

    fn forget(&mut self, key: u64) {
        let Some(process) = self.all.remove(&key) else { return };
        if self.by_pid.get(&process.pid) == Some(&key) {
            self.by_pid.remove(&process.pid);
        }
        for exec in process.execs {
            self.by_exec.remove(&exec);
        }
    }

    /// Gives up the oldest that is open.
    pub(super) fn give_up_oldest(&mut self, seq: u64, time: Timestamp) -> Option<TimedSpan> {
        let key = *self.all.iter().find(|(_, process)| process.span.is_some())?.0;
        let span = self.all.get_mut(&key)?.span.take()?;
        self.open -= 1;
        self.forget(key);
        Some(span.give_up(seq, time))
    }

    pub(super) fn give_up_all(&mut self, seq: u64, time: Timestamp, out: &mut Vec<TimedSpan>) {
        out.extend(self.all.values_mut().filter_map(|process| process.span.take()).map(|span| span.give_up(seq, time)));
        *self = Self { next: self.next, ..Self::default() };
    }
}

/// Whether the exec is the one that gave the process its span.
fn own_span(process: &Process, exec: EventId) -> bool {
    process.at.span == crate::event::trace::SpanId::of_event(exec)
}

fn name(path: &OsText) -> String {
    format!("process {}", base_name(path))
}
