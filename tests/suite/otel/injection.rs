//! The caller's `TRACEPARENT`: into the journal, down to the command, and into requests where that is asked for.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;

use agentsh::event::trace::{SpanId, TraceId, TraceParent};
use agentsh::event::{Kind, Payload};

use crate::run::support::Place;

const GIVEN: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

fn created(place: &Place) -> Option<String> {
    let events = place.events_of(Kind::SessionCreated);
    let Payload::SessionCreated(created) = &events[0].event.payload else { panic!() };
    created.traceparent.clone()
}

/// What a command that is run with this variable sees of it.
fn handed_down(place: &Place, given: Option<&str>) -> String {
    let mut command = place.command(&["sh", "-c", "printf %s \"$TRACEPARENT\""]);
    command.env_remove("TRACEPARENT").envs(given.map(|given| ("TRACEPARENT", given)));
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Where the recorded command's span stands, as the journal has it.
fn commands_span(place: &Place) -> (agentsh::event::SessionId, SpanId) {
    let started = place.events_of(Kind::CommandStarted).remove(0).event;
    let (session, command) = (started.session_id.unwrap(), started.command_id.unwrap());
    let span = SpanId::of_command(&session, &command);
    (session, span)
}

#[test]
fn a_callers_trace_is_on_record_and_goes_on_in_the_command() {
    let place = Place::new();
    let seen: TraceParent = handed_down(&place, Some(GIVEN)).parse().unwrap();
    let given: TraceParent = GIVEN.parse().unwrap();
    assert_eq!(created(&place).as_deref(), Some(GIVEN));
    assert_eq!((seen.trace, seen.span), (given.trace, commands_span(&place).1));
}

#[test]
fn without_a_caller_the_command_gets_the_sessions_own_trace() {
    let place = Place::new();
    let seen: TraceParent = handed_down(&place, None).parse().unwrap();
    let (session, span) = commands_span(&place);
    assert_eq!(created(&place), None);
    assert_eq!((seen.trace, seen.span), (TraceId::of_session(&session), span));
}

#[test]
fn a_malformed_traceparent_is_ignored_with_a_warning() {
    let place = Place::new();
    let mut command = place.command(&["sh", "-c", "printf %s \"$TRACEPARENT\""]);
    let output = command.env("TRACEPARENT", "00-nonsense-01").output().unwrap();
    let seen: TraceParent = String::from_utf8(output.stdout).unwrap().parse().unwrap();
    assert_eq!(created(&place), None);
    assert_eq!(seen.trace, TraceId::of_session(&commands_span(&place).0));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("TRACEPARENT is ignored"), "{said}");
}

/// Runs a request through the session's proxy and returns what the origin saw of its head.
fn requested(place: &Place, mode: Option<&str>, header: &str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let origin = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(crate::support::DEADLINE)).unwrap();
        let (mut head, mut buffer) = (Vec::new(), [0; 1_024]);
        while !head.windows(4).any(|bytes| bytes == b"\r\n\r\n") {
            let read = stream.read(&mut buffer).unwrap();
            assert!(read > 0);
            head.extend_from_slice(&buffer[..read]);
        }
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").unwrap();
        String::from_utf8(head).unwrap()
    });
    let script = format!(
        "exec 3<>/dev/tcp/127.0.0.1/${{HTTP_PROXY##*:}}; \
         printf 'GET http://127.0.0.1:{port}/ HTTP/1.1\\r\\nHost: x\\r\\n{header}Connection: close\\r\\n\\r\\n' >&3; cat <&3"
    );
    let mut command = place.command(&["bash", "-c", &script]);
    command.env_remove("TRACEPARENT").envs(mode.map(|mode| ("AGENTSH_SANDBOX__NETWORK__TRACE_CONTEXT", mode)));
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(String::from_utf8_lossy(&output.stdout).contains("200 OK"), "{}", String::from_utf8_lossy(&output.stdout));
    origin.join().unwrap()
}

fn traceparent(head: &str) -> Option<&str> {
    head.lines().find_map(|line| line.strip_prefix("traceparent: "))
}

#[test]
fn a_proxied_request_gets_its_place_in_the_trace_on_demand() {
    let place = Place::new();
    let head = requested(&place, Some("inject"), "");
    let seen: TraceParent = traceparent(&head).unwrap().parse().unwrap();
    let request = place.events_of(Kind::HttpRequest).remove(0).event;
    assert_eq!(seen.span, SpanId::of_event(request.id));
    assert_eq!(seen.trace, TraceId::of_session(&request.session_id.unwrap()));
}

#[test]
fn a_request_that_has_a_place_keeps_it_and_without_demand_none_is_added() {
    let place = Place::new();
    let head = requested(&place, Some("inject"), &format!("traceparent: {GIVEN}\\r\\n"));
    assert_eq!(traceparent(&head), Some(GIVEN));
    assert_eq!(traceparent(&requested(&Place::new(), None, "")), None);
    assert_eq!(traceparent(&requested(&Place::new(), Some("none"), "")), None);
}
