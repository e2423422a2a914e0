//! What a tracer knows of one session.

use std::collections::BTreeMap;

use super::operations::Operations;
use super::processes::Processes;
use crate::encode::otel::attributes::text;
use crate::encode::otel::operation::base_name;
use crate::encode::otel::span::{OpenSpan, TimedSpan, failure};
use crate::event::trace::{Callers, SpanId, TraceParent};
use crate::event::{CommandId, Event, JournaledEvent, Payload, SessionId, Timestamp};

/// Commands of one session whose place in a trace is kept.
const MOST_COMMANDS: usize = 1_024;

/// One session.
#[derive(Debug)]
pub(super) struct Session {
    /// Where its own span stands.
    pub(super) at: TraceParent,
    caller: Option<TraceParent>,
    span: Option<OpenSpan>,
    /// In the order in which they began; their names sort by time.
    commands: BTreeMap<CommandId, Command>,
    pub(super) processes: Processes,
    pub(super) operations: Operations,
    /// The last event's time.
    pub(super) last: Timestamp,
}

#[derive(Debug)]
struct Command {
    at: TraceParent,
    span: Option<OpenSpan>,
}

impl Session {
    pub(super) fn new(id: &SessionId) -> Self {
        Self {
            at: TraceParent::of_session(id, None),
            caller: None,
            span: None,
            commands: BTreeMap::new(),
            processes: Processes::default(),
            operations: Operations::default(),
            last: Timestamp::from_micros(0),
        }
    }

    /// Begins the session's span.
    pub(super) fn begin(&mut self, event: &JournaledEvent, id: &SessionId) -> TraceParent {
        if let Payload::SessionCreated(created) = &event.event.payload {
            self.caller = created.traceparent.as_deref().and_then(|text| text.parse().ok());
        }
        self.at = TraceParent::of_session(id, self.caller);
        self.span = Some(OpenSpan::begin(event, "session".to_owned(), self.at, self.caller.map(|caller| caller.span)));
        self.at
    }

    /// Begins a command's span.
    pub(super) fn begin_command(&mut self, event: &JournaledEvent, id: &SessionId, out: &mut Vec<TimedSpan>) -> TraceParent {
        let (Some(command), Payload::CommandStarted(started)) = (&event.event.command_id, &event.event.payload) else {
            return self.at;
        };
        let caller: Option<TraceParent> = started.traceparent.as_deref().and_then(|text| text.parse().ok());
        let at = TraceParent::of_command(id, command, Callers { session: self.caller, command: caller });
        let parent = caller.map_or(self.at.span, |caller| caller.span);
        let name = started.argv.first().map(base_name).unwrap_or_default();
        let mut span = OpenSpan::begin(event, format!("command {name}"), at, Some(parent));
        // Whoever asked for the command is its parent; the session that it ran in must be found as well.
        if caller.is_some() {
            span.link(self.at, "session");
        }
        self.commands.insert(command.clone(), Command { at, span: Some(span) });
        if self.commands.len() > MOST_COMMANDS
            && let Some((_, oldest)) = self.commands.pop_first()
        {
            out.extend(oldest.span.map(|span| span.give_up(event.seq.get(), event.event.time)));
        }
        at
    }

    /// Ends a command's span.
    pub(super) fn end_command(&mut self, event: &JournaledEvent, id: &SessionId, out: &mut Vec<TimedSpan>) -> TraceParent {
        let at = self.command_at(&event.event, id);
        let span =
            event.event.command_id.as_ref().and_then(|id| self.commands.get_mut(id)).and_then(|command| command.span.take());
        let mut span = span.unwrap_or_else(|| {
            let mut span = OpenSpan::begin(event, "command".to_owned(), at, Some(self.at.span));
            span.incomplete();
            span
        });
        if let Payload::CommandFinished(finished) = &event.event.payload {
            span.set_attribute(text("process.executable.name", base_name(&finished.program)));
        }
        close(&mut span, event);
        out.push(span.end(event.seq.get(), event.event.time));
        at
    }

    /// Where the span of the event's command stands, or else the session's.
    pub(super) fn command_at(&self, event: &Event, id: &SessionId) -> TraceParent {
        let Some(command) = &event.command_id else { return self.at };
        let callers = Callers { session: self.caller, command: None };
        self.commands.get(command).map_or_else(|| TraceParent::of_command(id, command, callers), |command| command.at)
    }

    /// A remark on a command, or else on the session.
    pub(super) fn remark(&mut self, event: &JournaledEvent) {
        let command = event.event.command_id.as_ref().and_then(|id| self.commands.get_mut(id));
        if let Some(span) = command.and_then(|command| command.span.as_mut()).or(self.span.as_mut()) {
            span.remark(event);
        }
    }

    /// A remark on the session.
    pub(super) fn note(&mut self, event: &JournaledEvent) {
        if let Some(span) = &mut self.span {
            span.remark(event);
        }
    }

    /// Ends the session's span, if it began where this tracer could see it, and gives up what is still open in it.
    pub(super) fn end(&mut self, event: &JournaledEvent, out: &mut Vec<TimedSpan>) {
        let span = self.span.take();
        self.give_up_rest(event.seq.get(), event.event.time, out);
        let mut span = span.unwrap_or_else(|| {
            let mut span = OpenSpan::begin(event, "session".to_owned(), self.at, None);
            if let Payload::SessionEnded(ended) = &event.event.payload {
                span.began_before(ended.duration_us);
            }
            span.incomplete();
            span
        });
        close(&mut span, event);
        out.push(span.end(event.seq.get(), event.event.time));
    }

    /// Gives up everything that is open, the session itself last.
    pub(super) fn give_up(mut self, seq: u64, out: &mut Vec<TimedSpan>) {
        let (span, last) = (self.span.take(), self.last);
        self.give_up_rest(seq, last, out);
        out.extend(span.map(|span| span.give_up(seq, last)));
    }

    fn give_up_rest(&mut self, seq: u64, time: Timestamp, out: &mut Vec<TimedSpan>) {
        self.operations.give_up_all(seq, time, out);
        self.processes.give_up_all(seq, time, out);
        let open = self.commands.values_mut().filter_map(|command| command.span.take());
        out.extend(open.map(|span| span.give_up(seq, time)));
    }

    /// Spans that are open, but those of the session and its commands.
    pub(super) fn open(&self) -> usize {
        self.operations.len() + self.processes.len()
    }
}

/// What an end says about its span.
pub(super) fn close(span: &mut OpenSpan, event: &JournaledEvent) {
    span.add(&event.event.payload);
    if let Some(failure) = failure(&event.event.payload) {
        span.fail(failure);
    }
}

/// The id of the span that an event begins, within the trace of what it is part of.
pub(super) fn own(event: &Event, within: TraceParent) -> TraceParent {
    within.at(SpanId::of_event(event.id))
}
