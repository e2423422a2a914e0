//! W3C Trace Context: what is read, what is refused, what ids are made of.

use agentsh::event::trace::{BadTraceParent, Callers, SpanId, TraceId, TraceParent};
use agentsh::event::{CommandId, EventId, SessionId};

const GIVEN: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

fn check(text: &str, expected: Result<&str, BadTraceParent>) {
    let read: Result<TraceParent, _> = text.parse();
    assert_eq!(read.map(|read| read.to_string()), expected.map(str::to_owned), "{text}");
}

#[test]
fn a_traceparent_is_read_as_the_recommendation_says() {
    check(GIVEN, Ok(GIVEN));
    check(
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00",
        Ok("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"),
    );
    // A later version: what is known of it counts, the rest is left.
    check("cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-what-the-future-is", Ok(GIVEN));
    check("cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", Ok(GIVEN));
}

#[test]
fn a_malformed_traceparent_is_refused() {
    check("", Err(BadTraceParent::Form));
    check("garbage", Err(BadTraceParent::Form));
    check(&GIVEN[..54], Err(BadTraceParent::Form));
    check(&format!("{GIVEN}0"), Err(BadTraceParent::Form));
    check(&format!("{GIVEN}-00"), Err(BadTraceParent::Form));
    check(&format!(" {GIVEN}"), Err(BadTraceParent::Form));
    check(&GIVEN.to_uppercase(), Err(BadTraceParent::Form));
    check(&GIVEN.replace("0af7", "0ag7"), Err(BadTraceParent::Form));
    check(&GIVEN.replace('-', "_"), Err(BadTraceParent::Form));
    check(&GIVEN.replacen("00-", "ff-", 1), Err(BadTraceParent::Version));
    check("00-00000000000000000000000000000000-b7ad6b7169203331-01", Err(BadTraceParent::Zero("trace id")));
    check("00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01", Err(BadTraceParent::Zero("parent id")));
    check("cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01x", Err(BadTraceParent::Form));
    check("00-é0af7651916cd43dd8448eb211c80319-b7ad6b7169203331-01", Err(BadTraceParent::Form));
}

#[test]
fn g6_ids_follow_from_names_and_events_alone() {
    let (session, command) = (SessionId::new("s-1"), CommandId::new("c-1"));
    // Fixed for ever: what was sent yesterday must not get other ids tomorrow.
    assert_eq!(TraceId::of_session(&session).to_string(), "18704d6cdb4b3325476942022e812dc8");
    assert_eq!(SpanId::of_session(&session).to_string(), "2584e2000beea514");
    assert_eq!(SpanId::of_command(&session, &command).to_string(), "11b781a85dbb815b");
    assert_eq!(SpanId::of_event(EventId::from_bytes([7; 16])).to_string(), "180b5493e8b31452");
}

#[test]
fn names_that_run_together_give_different_ids() {
    let of = |session: &str, command: &str| SpanId::of_command(&SessionId::new(session), &CommandId::new(command));
    assert_ne!(of("ab", "c"), of("a", "bc"));
    assert_ne!(of("ab", ""), SpanId::of_session(&SessionId::new("ab")));
}

#[test]
fn a_command_stands_in_the_trace_of_who_asked_for_it() {
    let (session, command) = (SessionId::new("s-1"), CommandId::new("c-1"));
    let given: TraceParent = GIVEN.parse().unwrap();
    let other: TraceParent = "00-11111111111111111111111111111111-2222222222222222-00".parse().unwrap();
    let at = |session_caller, command_caller| {
        let callers = Callers { session: session_caller, command: command_caller };
        TraceParent::of_command(&session, &command, callers)
    };
    assert_eq!(at(None, None).trace, TraceId::of_session(&session));
    assert_eq!(at(Some(given), None).trace, given.trace);
    assert_eq!(at(Some(given), Some(other)).trace, other.trace);
    assert_eq!(at(Some(given), Some(other)).flags, 0);
    assert_eq!(at(Some(given), Some(other)).span, at(None, None).span);
    assert_eq!(TraceParent::of_session(&session, Some(given)).trace, given.trace);
}
