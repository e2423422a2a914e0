//! The tracer: takes events in the journal's order, gives spans as they end.

use std::collections::{BTreeMap, VecDeque};

use super::processes::Exec;
use super::role::{Role, changes_spans, role};
use super::session::{Session, close, own};
use crate::encode::otel::attributes::text;
use crate::encode::otel::span::{OpenSpan, TimedSpan, failure};
use crate::event::trace::{SpanId, TraceParent};
use crate::event::{ApprovalOutcome, Decision, JournaledEvent, Kind, Payload, SessionId, Timestamp};

/// How much a tracer keeps. What is beyond is given up, the oldest first: sent with what is known of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Processes and operations that are open, of all sessions.
    pub open_spans: usize,
    /// Sessions.
    pub sessions: usize,
}

impl Default for Bounds {
    /// About 100 MiB when all of it is used.
    fn default() -> Self {
        Self { open_spans: 65_536, sessions: 1_024 }
    }
}

/// Makes spans of events.
#[derive(Debug, Default)]
pub struct Tracer {
    bounds: Bounds,
    sessions: BTreeMap<SessionId, Session>,
    /// Those that are over, oldest first: their place in a trace is kept for what comes late.
    over: VecDeque<SessionId>,
    open: usize,
}

impl Tracer {
    /// A tracer that knows nothing yet.
    #[must_use]
    pub fn new(bounds: Bounds) -> Self {
        Self { bounds, ..Self::default() }
    }

    /// Whether events of the kind can change what a tracer knows. A tracer that is fed only these is as good as one that saw all.
    #[must_use]
    pub fn needs(kind: Kind) -> bool {
        changes_spans(kind)
    }

    /// Takes the next event, appends the spans that are over with it, and says which span the event belongs to.
    pub fn take(&mut self, event: &JournaledEvent, out: &mut Vec<TimedSpan>) -> Option<TraceParent> {
        let id = event.event.session_id.as_ref()?;
        self.make_room(id, event.seq.get(), out);
        let session = self.sessions.entry(id.clone()).or_insert_with(|| Session::new(id));
        let before = session.open();
        session.last = event.event.time;
        let at = session.take(event, id, out);
        session.operations.settle(event.seq.get(), out);
        self.open = (self.open + session.open()).saturating_sub(before);
        if event.kind == Kind::SessionEnded {
            self.over.push_back(id.clone());
        }
        while self.open > self.bounds.open_spans && self.give_up_oldest(event.seq.get(), event.event.time, out) {}
        Some(at)
    }

    /// Ends what has no end of its own. For when nothing new comes: a failure would have come by now.
    pub fn settle(&mut self, out: &mut Vec<TimedSpan>) {
        for session in self.sessions.values_mut() {
            let before = session.open();
            session.operations.settle(u64::MAX, out);
            self.open = (self.open + session.open()).saturating_sub(before);
        }
    }

    /// Spans of processes and operations that are open.
    #[must_use]
    pub const fn open(&self) -> usize {
        self.open
    }

    /// Makes room for one more session: the one that was over first goes, or else the one that was quiet for longest.
    fn make_room(&mut self, id: &SessionId, seq: u64, out: &mut Vec<TimedSpan>) {
        if self.sessions.len() < self.bounds.sessions || self.sessions.contains_key(id) {
            return;
        }
        let quiet = || self.sessions.iter().min_by_key(|(_, session)| session.last).map(|(id, _)| id.clone());
        let Some(leaves) = self.over.pop_front().or_else(quiet) else { return };
        if let Some(session) = self.sessions.remove(&leaves) {
            self.open = self.open.saturating_sub(session.open());
            session.give_up(seq, out);
        }
    }

    /// Gives up one span, of the session that has most.
    fn give_up_oldest(&mut self, seq: u64, time: Timestamp, out: &mut Vec<TimedSpan>) -> bool {
        let Some(session) = self.sessions.values_mut().max_by_key(|session| session.open()) else { return false };
        let before = session.open();
        let given_up = if session.operations.len() >= session.processes.len() {
            session.operations.give_up_oldest(seq, time)
        } else {
            session.processes.give_up_oldest(seq, time)
        };
        let any = given_up.is_some();
        out.extend(given_up);
        self.open = (self.open + session.open()).saturating_sub(before);
        any
    }
}

impl Session {
    fn take(&mut self, event: &JournaledEvent, id: &SessionId, out: &mut Vec<TimedSpan>) -> TraceParent {
        match role(&event.event.payload) {
            Role::SessionBegins => self.begin(event, id),
            Role::SessionEnds => {
                self.end(event, out);
                self.at
            }
            Role::CommandBegins => self.begin_command(event, id, out),
            Role::CommandEnds => self.end_command(event, id, out),
            Role::Executes => self.execute(event, id),
            Role::Exits => self.exit(event, id, out),
            Role::Begins => self.begin_operation(event, id, true),
            Role::Happens => self.begin_operation(event, id, false),
            Role::Ends => self.end_operation(event, id, out),
            Role::Remarks => self.remark_on_cause(event, id, out),
            Role::Notes => {
                self.note(event);
                self.command_at(&event.event, id)
            }
            Role::Nothing => self.parent(event, id),
        }
    }

    /// Where the span stands that an event happens within: the operation or the process that it derives from, or else its command.
    fn parent(&self, event: &JournaledEvent, id: &SessionId) -> TraceParent {
        let operation = event.event.cause.and_then(|cause| self.operations.at(cause));
        operation.or_else(|| self.processes.of(&event.event)).unwrap_or_else(|| self.command_at(&event.event, id))
    }

    fn execute(&mut self, event: &JournaledEvent, id: &SessionId) -> TraceParent {
        let within = self.command_at(&event.event, id);
        match self.processes.exec(event, within) {
            Exec::First(at) => at,
            Exec::Further(process) => {
                let at = own(&event.event, process);
                let span = OpenSpan::begin(event, event.kind.as_str().to_owned(), at, Some(process.span));
                self.operations.insert(event.event.id, event.seq.get(), span, false);
                at
            }
        }
    }

    fn exit(&mut self, event: &JournaledEvent, id: &SessionId, out: &mut Vec<TimedSpan>) -> TraceParent {
        if let Some(at) = self.processes.exit(event, out) {
            return at;
        }
        // A process that never ran a program of its own (a subshell): known by its end alone.
        let parent = self.parent(event, id);
        let at = own(&event.event, parent);
        let mut span = OpenSpan::begin(event, "process".to_owned(), at, Some(parent.span));
        if let Payload::ProcessExit(exit) = &event.event.payload {
            span.began_before(exit.statistics.wall_time_us.unwrap_or(0));
        }
        close(&mut span, event);
        out.push(span.end(event.seq.get(), event.event.time));
        at
    }

    fn begin_operation(&mut self, event: &JournaledEvent, id: &SessionId, has_end: bool) -> TraceParent {
        let parent = self.parent(event, id);
        let at = own(&event.event, parent);
        let mut span = OpenSpan::begin(event, name(event), at, Some(parent.span));
        if let Payload::HttpRequest(request) = &event.event.payload
            && let Some(connection) = request.connection
        {
            span.link(at.at(SpanId::of_event(connection)), "connection");
        } else if let Payload::DnsQuery(query) = &event.event.payload {
            span.began_before(query.latency_us);
        }
        if let Some(failure) = failure(&event.event.payload) {
            span.fail(failure);
        }
        self.operations.insert(event.event.id, event.seq.get(), span, has_end);
        at
    }

    fn end_operation(&mut self, event: &JournaledEvent, id: &SessionId, out: &mut Vec<TimedSpan>) -> TraceParent {
        let begun = event.event.cause.and_then(|cause| self.operations.remove(cause));
        let mut span = begun.unwrap_or_else(|| {
            // What began it was not seen, or given up: its span has the same id all the same.
            let parent = self.processes.of(&event.event).unwrap_or_else(|| self.command_at(&event.event, id));
            let at = event.event.cause.map_or_else(|| own(&event.event, parent), |cause| parent.at(SpanId::of_event(cause)));
            let mut span = OpenSpan::begin(event, name(event), at, Some(parent.span));
            if event.event.cause.is_some() {
                span.incomplete();
            }
            span.began_before(duration(&event.event.payload));
            span
        });
        close(&mut span, event);
        let at = span.at;
        out.push(span.end(event.seq.get(), event.event.time));
        at
    }

    /// A verdict, an answer, a failure or a detection, on the span of the event that it is about.
    fn remark_on_cause(&mut self, event: &JournaledEvent, id: &SessionId, out: &mut Vec<TimedSpan>) -> TraceParent {
        let parent = self.parent(event, id);
        let Some(cause) = event.event.cause else {
            self.remark(event);
            return parent;
        };
        let stops = stops(&event.event.payload);
        if let Some(operation) = self.operations.get_mut(cause) {
            let at = operation.span.at;
            remark(&mut operation.span, event, stops.as_deref());
            if event.kind == Kind::ApprovalRequested {
                operation.held = true;
            } else if event.kind == Kind::ApprovalResolved {
                operation.held = false;
                self.operations.settle_again(cause, event.seq.get());
            }
            if stops.is_some() {
                out.extend(self.operations.remove(cause).map(|span| span.end(event.seq.get(), event.event.time)));
            }
            return at;
        }
        if let Some((at, span)) = self.processes.begun_by(cause) {
            if let Some(span) = span {
                remark(span, event, stops.as_deref());
            }
            if stops.is_some() {
                out.extend(self.processes.undo(cause).map(|span| span.end(event.seq.get(), event.event.time)));
            }
            return at;
        }
        self.remark(event);
        // The operation's span was sent before this came; the ids follow from the event all the same.
        if event.kind == Kind::Detection { parent } else { parent.at(SpanId::of_event(cause)) }
    }
}

/// Puts a verdict, an answer or a failure on a span.
fn remark(span: &mut OpenSpan, event: &JournaledEvent, stops: Option<&str>) {
    // That something was allowed by default is true of nearly every span: the attribute says it, without an event for each.
    let plain = event.event.payload.decision() == Some(Decision::Allow);
    if let Some(decision) = event.event.payload.decision() {
        span.set_attribute(text("agentsh.decision", decision.as_str()));
    }
    if let Some(rule) = event.event.payload.rule() {
        span.set_attribute(text("agentsh.rule", rule));
    }
    if !plain {
        span.remark(event);
    }
    if let Some(stops) = stops {
        span.fail(stops);
        if let Payload::OperationFailed(failed) = &event.event.payload {
            span.set_attribute(text("error.type", failed.error.as_str()));
        }
    }
}

/// Why an operation did not happen, if this is what says so.
fn stops(payload: &Payload) -> Option<String> {
    if let Payload::PolicyDecision(p) = payload {
        (p.decision == Decision::Deny && p.enforced != Some(false)).then(|| match &p.rule {
            Some(rule) => format!("refused by rule `{rule}`: {}", p.reason),
            None => format!("refused: {}", p.reason),
        })
    } else if let Payload::ApprovalResolved(p) = payload {
        (p.outcome != ApprovalOutcome::Allowed).then(|| format!("approval {}", p.outcome.as_str()))
    } else if let Payload::OperationFailed(p) = payload {
        Some(p.error.clone())
    } else {
        None
    }
}

/// A span's name: few different ones, as the conventions ask.
fn name(event: &JournaledEvent) -> String {
    if let Payload::HttpRequest(request) = &event.event.payload {
        return request.method.clone();
    }
    event.kind.as_str().to_owned()
}

/// How long what ended had taken, in microseconds, where its end says so.
fn duration(payload: &Payload) -> u64 {
    if let Payload::NetClose(p) = payload {
        p.duration_us
    } else if let Payload::HttpResponse(p) = payload {
        p.duration_us
    } else {
        0
    }
}
