//! A double of the session's channel: it keeps what it is given, decides by a function, and can be made to block.

use std::sync::{Arc, Condvar, Mutex};
use std::time::Instant;

use agentsh::capture::proxy::NetworkGatekeeper;
use agentsh::channel::{Gatekeeper, Outcome, Refusal, RefusedBy, Verdict};
use agentsh::event::{Actor, EventId, Kind, OperationFailed, Payload};
use agentsh::runtime::{clock, ids};

use super::PATIENCE;

#[derive(Clone, Debug)]
pub struct Recorded {
    pub id: EventId,
    pub cause: Option<EventId>,
    pub gated: bool,
    pub payload: Payload,
}

type Rule = Box<dyn Fn(&Payload) -> Option<Refusal> + Send + Sync>;
type NameRule = Box<dyn Fn(&str, u16) -> Option<Refusal> + Send + Sync>;

pub struct Recording {
    events: Mutex<Vec<Recorded>>,
    changed: Condvar,
    rule: Rule,
    name_rule: NameRule,
    /// While true, gating an `http_request` blocks, as on a full intake.
    stalled: Mutex<bool>,
    waiting: Mutex<usize>,
}

impl Recording {
    pub fn new() -> Arc<Self> {
        Self::deciding(|_| None, |_, _| None)
    }

    pub fn deciding(
        rule: impl Fn(&Payload) -> Option<Refusal> + Send + Sync + 'static,
        name_rule: impl Fn(&str, u16) -> Option<Refusal> + Send + Sync + 'static,
    ) -> Arc<Self> {
        Arc::new(Self {
            events: Mutex::default(),
            changed: Condvar::new(),
            rule: Box::new(rule),
            name_rule: Box::new(name_rule),
            stalled: Mutex::new(false),
            waiting: Mutex::new(0),
        })
    }

    /// Refuses one host, as a rule for the host does: by name, for requests and for connections.
    pub fn refusing(host: &'static str) -> Arc<Self> {
        Self::deciding(
            move |payload| {
                let asked = match payload {
                    Payload::HttpRequest(request) => Some(request.host.clone()),
                    Payload::NetConnect(connect) => connect.host.clone(),
                    _ => None,
                };
                (asked.as_deref() == Some(host)).then(refusal)
            },
            move |asked, _| (asked == host).then(refusal),
        )
    }

    pub fn all(&self) -> Vec<Recorded> {
        self.events.lock().unwrap().clone()
    }

    pub fn of(&self, kind: Kind) -> Vec<Recorded> {
        self.all().into_iter().filter(|event| event.payload.kind() == kind).collect()
    }

    /// Everything as JSON, for looking for what must not be there.
    pub fn json(&self) -> String {
        self.all().iter().map(|event| serde_json::to_string(&event.payload).unwrap()).collect::<Vec<_>>().join("\n")
    }

    /// Waits until there are so many events of a kind, and gives them.
    pub fn wait(&self, kind: Kind, count: usize) -> Vec<Recorded> {
        self.wait_until(|events| events.iter().filter(|event| event.payload.kind() == kind).count() >= count);
        self.of(kind)
    }

    pub fn wait_until(&self, mut holds: impl FnMut(&[Recorded]) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        let mut events = self.events.lock().unwrap();
        while !holds(&events) {
            let left =
                deadline.checked_duration_since(Instant::now()).unwrap_or_else(|| panic!("not recorded in time: {events:#?}"));
            events = self.changed.wait_timeout(events, left).unwrap().0;
        }
    }

    pub fn stall(&self, stalled: bool) {
        *self.stalled.lock().unwrap() = stalled;
        self.changed.notify_all();
    }

    /// Waits until so many calls are blocked.
    pub fn wait_for_blocked(&self, count: usize) {
        let deadline = Instant::now() + PATIENCE;
        let mut waiting = self.waiting.lock().unwrap();
        while *waiting < count {
            let left = deadline.checked_duration_since(Instant::now()).expect("calls block in time");
            waiting = self.changed.wait_timeout(waiting, left).unwrap().0;
        }
    }

    fn keep(&self, payload: Payload, cause: Option<EventId>, gated: bool) -> EventId {
        let id = ids::event_id(clock::now());
        self.events.lock().unwrap().push(Recorded { id, cause, gated, payload });
        self.changed.notify_all();
        id
    }
}

impl Gatekeeper for Recording {
    fn gate(&self, payload: Payload, _: Option<Actor>, cause: Option<EventId>) -> Verdict {
        if payload.kind() == Kind::HttpRequest && *self.stalled.lock().unwrap() {
            *self.waiting.lock().unwrap() += 1;
            self.changed.notify_all();
            let mut stalled = self.stalled.lock().unwrap();
            while *stalled {
                stalled = self.changed.wait(stalled).unwrap();
            }
        }
        let outcome = match (self.rule)(&payload) {
            Some(refusal) => Outcome::Refuse(refusal),
            None => Outcome::Proceed,
        };
        Verdict { event: self.keep(payload, cause, true), outcome }
    }

    fn observe(&self, payload: Payload, _: Option<Actor>, cause: Option<EventId>) -> EventId {
        self.keep(payload, cause, false)
    }

    fn judge_in_hindsight(&self, _: Payload, _: Option<Actor>) -> EventId {
        unreachable!("a proxy refuses what it wants refused before it happens")
    }

    fn failed(&self, operation: EventId, kind: Kind, subject: Option<String>, _: Option<Actor>, errno: i32) {
        let error = format!("{:?}", nix::errno::Errno::from_raw(errno));
        self.keep(OperationFailed { operation: kind, subject, errno, error }.into(), Some(operation), false);
    }
}

impl NetworkGatekeeper for Recording {
    fn refused_by_name(&self, host: &str, port: u16) -> Option<Refusal> {
        (self.name_rule)(host, port)
    }
}

pub fn refusal() -> Refusal {
    Refusal { by: RefusedBy::Policy, rule: Some("no-such-host".into()), reason: "it is on the list".into() }
}

impl Recorded {
    pub fn request(&self) -> &agentsh::event::HttpRequest {
        match &self.payload {
            Payload::HttpRequest(request) => request,
            other => panic!("not an http_request: {other:?}"),
        }
    }

    pub fn response(&self) -> &agentsh::event::HttpResponse {
        match &self.payload {
            Payload::HttpResponse(response) => response,
            other => panic!("not an http_response: {other:?}"),
        }
    }

    pub fn connect(&self) -> &agentsh::event::NetConnect {
        match &self.payload {
            Payload::NetConnect(connect) => connect,
            other => panic!("not a net_connect: {other:?}"),
        }
    }

    pub fn close(&self) -> &agentsh::event::NetClose {
        match &self.payload {
            Payload::NetClose(close) => close,
            other => panic!("not a net_close: {other:?}"),
        }
    }

    pub fn query(&self) -> &agentsh::event::DnsQuery {
        match &self.payload {
            Payload::DnsQuery(query) => query,
            other => panic!("not a dns_query: {other:?}"),
        }
    }

    pub fn failure(&self) -> &OperationFailed {
        match &self.payload {
            Payload::OperationFailed(failure) => failure,
            other => panic!("not an operation_failed: {other:?}"),
        }
    }
}
