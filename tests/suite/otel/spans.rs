//! Spans of events that a test makes up: parents, times, failures, bounds.

use agentsh::encode::otel::{Bounds, Tracer};
use agentsh::event::trace::{SpanId, TraceId, TraceParent};
use agentsh::event::{
    ApprovalOutcome, ApprovalRequested, ApprovalResolved, CommandFinished, CommandStarted, Decision, Detection, DnsQuery,
    EventId, FileAccess, FileClose, FileCreate, FileDelete, FileOpen, HttpRequest, HttpResponse, Kind, NetClose, NetConnect,
    OperationFailed, PolicyDecision, ProcessExec, ProcessExit, SessionCreated, SessionEnded,
};
use opentelemetry_proto::tonic::trace::v1::Span;

use super::rig::{Tape, attribute, command, failed, named, names, session, spans_of};

const GIVEN: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// A session with a command that has begun.
fn begun(session_caller: Option<&str>, command_caller: Option<&str>) -> (Tape, EventId) {
    let mut tape = Tape::default();
    tape.told(None, SessionCreated { traceparent: session_caller.map(str::to_owned), ..SessionCreated::default() });
    let started = tape.told(
        None,
        CommandStarted {
            argv: vec!["/bin/make".into()],
            traceparent: command_caller.map(str::to_owned),
            ..CommandStarted::default()
        },
    );
    (tape, started)
}

fn ended(mut tape: Tape, started: EventId) -> Tape {
    tape.told(Some(started), CommandFinished { program: "/bin/make".into(), ..CommandFinished::default() });
    tape.told(None, SessionEnded { reason: "finished".to_owned(), ..SessionEnded::default() });
    tape
}

fn exec(path: &str) -> ProcessExec {
    ProcessExec { path: path.into(), argv: vec![path.into()], ..ProcessExec::default() }
}

fn exit(path: &str, code: i32) -> ProcessExit {
    ProcessExit { path: Some(path.into()), exit_code: Some(code), ..ProcessExit::default() }
}

fn decision(operation: Kind, decision: Decision) -> PolicyDecision {
    PolicyDecision {
        operation,
        decision,
        rule: Some("a-rule".to_owned()),
        reason: "for a test".to_owned(),
        ..PolicyDecision::default()
    }
}

fn child(span: &Span, parent: &Span) {
    assert_eq!(span.parent_span_id, parent.span_id, "`{}` is no child of `{}`", span.name, parent.name);
    assert_eq!(span.trace_id, parent.trace_id);
}

fn micros(span: &Span) -> u64 {
    (span.end_time_unix_nano - span.start_time_unix_nano) / 1_000
}

#[test]
fn a_session_is_a_tree_of_commands_processes_and_operations() {
    let (mut tape, started) = begun(None, None);
    let make = tape.add(10, 1, Some(started), exec("/bin/make"));
    let compiler = tape.add(11, 10, Some(make), exec("/bin/cc"));
    let open =
        tape.add(11, 10, None, FileOpen { path: "/w/a.c".into(), access: FileAccess::Read, flags: 0, ..FileOpen::default() });
    tape.told(Some(open), decision(Kind::FileOpen, Decision::Allow));
    tape.add(11, 10, Some(open), FileClose { path: "/w/a.c".into(), bytes_read: 7, ..FileClose::default() });
    tape.add(10, 1, None, FileDelete { path: "/w/a.o".into(), ..FileDelete::default() });
    tape.add(11, 10, Some(compiler), exit("/bin/cc", 0));
    tape.add(10, 1, Some(make), exit("/bin/make", 2));
    let spans = ended(tape, started).spans();
    let (root, command, make, cc) =
        (named(&spans, "session"), named(&spans, "command make"), named(&spans, "process make"), named(&spans, "process cc"));
    assert!(root.parent_span_id.is_empty());
    child(command, root);
    child(make, command);
    child(cc, make);
    let (open, delete) = (named(&spans, "file_open"), named(&spans, "file_delete"));
    child(open, cc);
    child(delete, make);
    assert_eq!((micros(open), micros(delete)), (2_000, 0));
    assert_eq!(attribute(&open.attributes, "agentsh.io.bytes_read").as_deref(), Some("7"));
    assert_eq!(attribute(&open.attributes, "agentsh.decision").as_deref(), Some("allow"));
    assert_eq!(attribute(&open.attributes, "agentsh.rule").as_deref(), Some("a-rule"));
    assert_eq!(attribute(&make.attributes, "process.exit.code").as_deref(), Some("2"));
    assert!(failed(make) && !failed(cc) && !failed(open));
    assert_eq!(spans.len(), 6, "{:?}", names(&spans));
}

#[test]
fn g6_the_same_events_give_the_same_spans() {
    let make = || {
        let (mut tape, started) = begun(Some(GIVEN), None);
        let shell = tape.add(10, 1, Some(started), exec("/bin/sh"));
        tape.add(10, 1, None, FileDelete { path: "/w/a".into(), ..FileDelete::default() });
        tape.add(10, 1, Some(shell), exit("/bin/sh", 0));
        ended(tape, started)
    };
    assert_eq!(make().spans(), make().spans());
    // Cut anywhere, and begun again from the start without what was sent, nothing differs.
    let tape = make();
    let whole = tape.spans();
    for cut in 0..tape.events.len() {
        let mut tracer = Tracer::new(Bounds::default());
        let (mut before, mut after) = (Vec::new(), Vec::new());
        for (at, event) in tape.events.iter().enumerate() {
            tracer.take(event, if at < cut { &mut before } else { &mut after });
        }
        let sent: Vec<Span> = before.into_iter().chain(after).map(|timed| timed.span).collect();
        assert_eq!(sent, whole);
    }
}

#[test]
fn a_callers_trace_goes_on_through_the_session() {
    let (tape, started) = begun(Some(GIVEN), None);
    let spans = ended(tape, started).spans();
    let given: TraceParent = GIVEN.parse().unwrap();
    let root = named(&spans, "session");
    assert_eq!(root.trace_id, given.trace.as_bytes());
    assert_eq!(root.parent_span_id, given.span.as_bytes());
    child(named(&spans, "command make"), root);
    assert_eq!(root.span_id, SpanId::of_session(&session()).as_bytes());
}

#[test]
fn a_command_with_a_caller_of_its_own_is_in_that_trace_and_names_its_session() {
    let (mut tape, started) = begun(None, Some(GIVEN));
    let shell = tape.add(10, 1, Some(started), exec("/bin/sh"));
    tape.add(10, 1, Some(shell), exit("/bin/sh", 0));
    let spans = ended(tape, started).spans();
    let given: TraceParent = GIVEN.parse().unwrap();
    let command = named(&spans, "command make");
    assert_eq!(
        (command.trace_id.as_slice(), command.parent_span_id.as_slice()),
        (&given.trace.as_bytes()[..], &given.span.as_bytes()[..])
    );
    child(named(&spans, "process sh"), command);
    assert_eq!(command.links[0].span_id, named(&spans, "session").span_id);
    assert_eq!(command.links[0].trace_id, TraceId::of_session(&session()).as_bytes());
}

#[test]
fn a_malformed_traceparent_counts_as_none() {
    let (tape, started) = begun(Some("00-zz"), Some("nonsense"));
    let spans = ended(tape, started).spans();
    let root = named(&spans, "session");
    assert_eq!(root.trace_id, TraceId::of_session(&session()).as_bytes());
    child(named(&spans, "command make"), root);
}

#[test]
fn a_refused_operation_is_over_at_once_and_failed() {
    let (mut tape, started) = begun(None, None);
    let open =
        tape.add(10, 1, None, FileOpen { path: "/w/key".into(), access: FileAccess::Read, flags: 0, ..FileOpen::default() });
    tape.told(Some(open), decision(Kind::FileOpen, Decision::Deny));
    let delete = tape.add(10, 1, None, FileDelete { path: "/w/x".into(), ..FileDelete::default() });
    tape.told(Some(delete), decision(Kind::FileDelete, Decision::Deny));
    let (spans, _) = spans_of(&tape.events, Bounds::default());
    let _ = started;
    for name in ["file_open", "file_delete"] {
        let span = named(&spans, name);
        assert!(failed(span));
        assert!(span.status.as_ref().unwrap().message.contains("a-rule"));
        assert_eq!((span.events.len(), span.events[0].name.as_str()), (1, "policy_decision"));
        assert_eq!(span.parent_span_id, SpanId::of_command(&session(), &command()).as_bytes());
    }
}

#[test]
fn what_was_only_judged_in_hindsight_did_happen_and_is_not_failed() {
    let hindsight = |kind| PolicyDecision { enforced: Some(false), ..decision(kind, Decision::Deny) };
    let (mut tape, started) = begun(None, None);
    let shell = tape.add(10, 1, Some(started), exec("/bin/sh"));
    tape.told(Some(shell), hindsight(Kind::ProcessExec));
    let delete = tape.add(10, 1, None, FileDelete { path: "/w/x".into(), ..FileDelete::default() });
    tape.told(Some(delete), hindsight(Kind::FileDelete));
    tape.add(10, 1, Some(shell), exit("/bin/sh", 0));
    let spans = ended(tape, started).spans();
    let (sh, delete) = (named(&spans, "process sh"), named(&spans, "file_delete"));
    assert!(!failed(sh) && !failed(delete), "{sh:?} {delete:?}");
    // It is its process's, which a refused program would not have been.
    child(delete, sh);
    assert!(
        delete.events.iter().any(|event| event.name == "policy_decision"
            && event.attributes.iter().any(|attribute| attribute.key == "agentsh.decision.enforced")),
        "{delete:?}"
    );
}

#[test]
fn an_operation_that_fails_is_failed_also_when_other_events_come_between() {
    let (mut tape, _) = begun(None, None);
    let delete = tape.add(10, 1, None, FileDelete { path: "/w/x".into(), ..FileDelete::default() });
    tape.told(Some(delete), decision(Kind::FileDelete, Decision::Allow));
    for number in 0..50 {
        tape.add(20, 1, None, FileDelete { path: format!("/w/{number}").into(), ..FileDelete::default() });
    }
    tape.told(Some(delete), OperationFailed { operation: Kind::FileDelete, errno: 2, error: "ENOENT".to_owned(), subject: None });
    let failed: Vec<Span> = tape.spans().into_iter().filter(failed).collect();
    assert_eq!(failed.len(), 1);
    assert_eq!(attribute(&failed[0].attributes, "file.path").as_deref(), Some("/w/x"));
    assert_eq!(attribute(&failed[0].attributes, "error.type").as_deref(), Some("ENOENT"));
}

#[test]
fn what_a_person_must_allow_stays_open_until_the_answer() {
    for (outcome, fails) in [(ApprovalOutcome::Allowed, false), (ApprovalOutcome::TimedOut, true)] {
        let (mut tape, started) = begun(None, None);
        let delete = tape.add(10, 1, None, FileDelete { path: "/w/x".into(), ..FileDelete::default() });
        tape.told(Some(delete), decision(Kind::FileDelete, Decision::Approve));
        tape.told(Some(delete), ApprovalRequested { operation: Kind::FileDelete, ..ApprovalRequested::default() });
        for number in 0..400 {
            tape.told(
                None,
                DnsQuery { name: format!("{number}.test"), rcode: Some("NOERROR".to_owned()), ..DnsQuery::default() },
            );
        }
        let before = spans_of(&tape.events, Bounds::default()).0;
        assert!(!names(&before).contains(&"file_delete"));
        tape.told(Some(delete), ApprovalResolved { outcome, ..ApprovalResolved::default() });
        let spans = ended(tape, started).spans();
        let span = named(&spans, "file_delete");
        assert_eq!(failed(span), fails);
        let events: Vec<&str> = span.events.iter().map(|event| event.name.as_str()).collect();
        assert_eq!(events, ["policy_decision", "approval_requested", "approval_resolved"]);
    }
}

#[test]
fn a_refused_program_is_no_process() {
    let (mut tape, started) = begun(None, None);
    let shell = tape.add(10, 1, Some(started), exec("/bin/sh"));
    let refused = tape.add(11, 10, Some(shell), exec("/bin/nc"));
    tape.told(Some(refused), decision(Kind::ProcessExec, Decision::Deny));
    tape.add(11, 10, None, FileDelete { path: "/w/x".into(), ..FileDelete::default() });
    tape.add(11, 10, None, exit("/bin/sh", 126));
    tape.add(10, 1, Some(shell), exit("/bin/sh", 0));
    let spans = ended(tape, started).spans();
    let (sh, nc) = (named(&spans, "process sh"), named(&spans, "process nc"));
    child(nc, sh);
    assert!(failed(nc) && micros(nc) <= 1_000);
    // What the process does after that is its parent's, as far as programs go.
    child(named(&spans, "file_delete"), sh);
    child(named(&spans, "process"), sh);
}

#[test]
fn a_process_that_runs_one_more_program_stays_one_process() {
    let (mut tape, started) = begun(None, None);
    let first = tape.add(10, 1, Some(started), exec("/usr/bin/env"));
    let second = tape.add(10, 1, Some(first), exec("/usr/bin/perl"));
    let grandchild = tape.add(12, 11, Some(second), exec("/bin/true"));
    tape.add(12, 11, Some(grandchild), exit("/bin/true", 0));
    tape.add(10, 1, Some(second), exit("/usr/bin/perl", 0));
    let spans = ended(tape, started).spans();
    let perl = named(&spans, "process perl");
    assert_eq!(perl.span_id, SpanId::of_event(first).as_bytes());
    child(named(&spans, "process_exec"), perl);
    // Its own parent, 11, never ran a program: the cause says whose child it is.
    child(named(&spans, "process true"), perl);
}

#[test]
fn requests_have_their_names_and_connections_below_them() {
    let (mut tape, started) = begun(None, None);
    let request = tape.told(None, HttpRequest { method: "GET".to_owned(), path: "/".to_owned(), ..HttpRequest::default() });
    tape.told(Some(request), decision(Kind::HttpRequest, Decision::Allow));
    tape.told(
        Some(request),
        DnsQuery { name: "a.test".to_owned(), rcode: Some("NOERROR".to_owned()), latency_us: 500, ..DnsQuery::default() },
    );
    let connect = tape.told(Some(request), NetConnect { port: 80, ..NetConnect::default() });
    tape.told(Some(request), HttpResponse { status: Some(404), connection: Some(connect), ..HttpResponse::default() });
    let again = HttpRequest { method: "PUT".to_owned(), connection: Some(connect), ..HttpRequest::default() };
    let again = tape.told(None, again);
    tape.told(Some(again), HttpResponse { status: Some(200), ..HttpResponse::default() });
    tape.told(Some(connect), NetClose { port: 80, bytes_sent: 9, ..NetClose::default() });
    let spans = ended(tape, started).spans();
    let (get, put, dns, connect) =
        (named(&spans, "GET"), named(&spans, "PUT"), named(&spans, "dns_query"), named(&spans, "net_connect"));
    child(dns, get);
    child(connect, get);
    assert_eq!((micros(dns), get.kind), (500, 3));
    assert!(failed(get) && !failed(put));
    assert_eq!(attribute(&get.attributes, "http.response.status_code").as_deref(), Some("404"));
    assert_eq!(put.links[0].span_id, connect.span_id);
    child(put, named(&spans, "command make"));
}

#[test]
fn detections_are_remarks_on_what_they_are_about() {
    let (mut tape, started) = begun(None, None);
    let open =
        tape.add(10, 1, None, FileOpen { path: "/w/key".into(), access: FileAccess::Read, flags: 0, ..FileOpen::default() });
    tape.told(Some(open), Detection { title: "Key read".to_owned(), ..Detection::default() });
    tape.told(None, Detection { title: "Odd".to_owned(), ..Detection::default() });
    tape.told(Some(open), FileClose { path: "/w/key".into(), ..FileClose::default() });
    let spans = ended(tape, started).spans();
    assert_eq!(named(&spans, "file_open").events[0].name, "detection");
    assert_eq!(named(&spans, "command make").events.len(), 1);
}

#[test]
fn what_is_open_when_the_session_ends_is_sent_and_says_so() {
    let (mut tape, started) = begun(None, None);
    tape.add(10, 1, Some(started), exec("/bin/sleep"));
    tape.add(10, 1, None, FileOpen { path: "/w/a".into(), access: FileAccess::Read, flags: 0, ..FileOpen::default() });
    tape.add(10, 1, None, FileCreate { path: "/w/pipe".into(), ..FileCreate::default() });
    let spans = ended(tape, started).spans();
    let incomplete = |name| attribute(&named(&spans, name).attributes, "agentsh.span.incomplete");
    assert_eq!(incomplete("process sleep").as_deref(), Some("true"));
    assert_eq!(incomplete("file_open").as_deref(), Some("true"));
    assert_eq!((incomplete("file_create"), incomplete("session"), incomplete("command make")), (None, None, None));
}

#[test]
fn an_end_without_its_beginning_has_the_id_that_the_beginning_would_have() {
    let mut tape = Tape::default();
    let open = EventId::from_bytes([9; 16]);
    tape.add(10, 1, Some(open), FileClose { path: "/w/a".into(), ..FileClose::default() });
    let spans = tape.spans();
    let span = named(&spans, "file_close");
    assert_eq!(span.span_id, SpanId::of_event(open).as_bytes());
    assert_eq!(attribute(&span.attributes, "agentsh.span.incomplete").as_deref(), Some("true"));
}

#[test]
fn open_spans_are_bounded_and_the_oldest_is_given_up() {
    let (mut tape, _) = begun(None, None);
    for number in 0..20 {
        tape.add(
            10,
            1,
            None,
            FileOpen { path: format!("/w/{number}").into(), access: FileAccess::Read, flags: 0, ..FileOpen::default() },
        );
    }
    let mut tracer = Tracer::new(Bounds { open_spans: 8, sessions: 4 });
    let mut spans = Vec::new();
    for event in &tape.events {
        tracer.take(event, &mut spans);
        assert!(tracer.open() <= 8);
    }
    let given_up: Vec<String> = spans.iter().filter_map(|timed| attribute(&timed.span.attributes, "file.path")).collect();
    assert_eq!(given_up, (0..12).map(|number| format!("/w/{number}")).collect::<Vec<_>>());
    assert!(spans.iter().all(|timed| attribute(&timed.span.attributes, "agentsh.span.incomplete").is_some()));
}

#[test]
fn sessions_are_bounded() {
    let mut tracer = Tracer::new(Bounds { open_spans: 100, sessions: 3 });
    let mut spans = Vec::new();
    for number in 0..10 {
        let mut tape = Tape::default();
        tape.told(None, SessionCreated::default());
        tape.events[0].event.session_id = Some(agentsh::event::SessionId::new(format!("s-{number}")));
        tracer.take(&tape.events[0], &mut spans);
    }
    assert_eq!(spans.len(), 7);
}

#[test]
fn each_log_record_names_a_span_that_is_sent() {
    let (mut tape, started) = begun(None, None);
    let shell = tape.add(10, 1, Some(started), exec("/bin/sh"));
    let open = tape.add(10, 1, None, FileOpen { path: "/w/a".into(), access: FileAccess::Read, flags: 0, ..FileOpen::default() });
    tape.told(Some(open), decision(Kind::FileOpen, Decision::Allow));
    tape.told(Some(open), FileClose::default());
    tape.add(10, 1, Some(shell), exit("/bin/sh", 0));
    let tape = ended(tape, started);
    let (spans, places) = spans_of(&tape.events, Bounds::default());
    for (event, place) in tape.events.iter().zip(places) {
        let place = place.unwrap();
        let sent = spans.iter().any(|span| span.span_id == place.span.as_bytes() && span.trace_id == place.trace.as_bytes());
        assert!(sent, "{:?}", event.kind);
    }
}
