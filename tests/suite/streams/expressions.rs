//! CEL: what an expression sees, and what is said of one that does not compile.

use agentsh::encode::proto::EventFilter;
use agentsh::query::{Cel, Filter, Matcher};
use agentsh::runtime::metrics::metrics;
use tonic::Code;

use super::rig::*;
use crate::support::{connect_event, exit_event, open_event};

fn check(source: &str, expected: &[&str]) {
    let events = [open_event(1), exit_event(2), connect_event(3)];
    let matcher = Matcher::new(&Filter::default(), Some(Cel::compile(source).unwrap()));
    let mut matching = Vec::new();
    for (event, seq) in events.iter().zip(1..) {
        let mut frame = Vec::new();
        agentsh::encode::stored::encode(event, &mut frame);
        let (columns, _) = agentsh::encode::stored::Columns::parse(&frame).unwrap();
        if matcher.matches(seq, &columns, || None) {
            matching.push(event.kind().as_str());
        }
    }
    assert_eq!(matching, expected, "{source}");
}

#[test]
fn an_expression_sees_envelope_and_payload() {
    check("true", &["file_open", "process_exit", "net_connect"]);
    check("false", &[]);
    check("kind == 'file_open'", &["file_open"]);
    check("family in ['process', 'network']", &["process_exit", "net_connect"]);
    check("seq > 1 && seq + 1 < 4", &["process_exit"]);
    check("payload.port == 443", &["net_connect"]);
    check("has(payload.port) && payload.port > 400 && payload.host.endsWith('.test')", &["net_connect"]);
    check("subject.startsWith('/home/dev')", &["file_open"]);
    check("subject.matches('module_[0-9]+')", &["file_open"]);
    check("actor.pid == 4242 && pid == 4242 && actor.exe == '/usr/bin/cc1'", &["file_open", "process_exit", "net_connect"]);
    check("session_id == 's-test' && command_id == null && cause == null", &["file_open", "process_exit", "net_connect"]);
    check("severity == 1 && size(attack) == 0 && sensor == null", &["file_open", "process_exit", "net_connect"]);
    check("size(id) == 36 && time_us > 0", &["file_open", "process_exit", "net_connect"]);
    check("['a', 'exit'].exists(x, kind.contains(x))", &["process_exit"]);
    check("type(payload) == map && decision == null && rule == null", &["file_open", "process_exit", "net_connect"]);
}

#[test]
fn an_expression_that_fails_on_an_event_does_not_match_it_and_is_counted() {
    let before = metrics().filter_errors.get();
    check("payload.port > 400", &["net_connect"]);
    check("payload.path + 1 == 2", &[]);
    check("seq", &[]);
    check("kind.matches('(')", &[]);
    assert!(metrics().filter_errors.get() >= before + 10, "{}", metrics().filter_errors.get() - before);
    // Where the other side says it already nothing fails.
    check("kind == 'file_open' || payload.port > 400", &["file_open", "net_connect"]);
}

#[test]
fn an_expression_that_does_not_compile_is_refused_with_position_and_reason() {
    for (source, line, column, word) in [
        ("kind ==", 1, 8, ""),
        ("kind == 'a' &&\n  kimd == 'b'", 2, 3, "kimd"),
        ("payload.bytes > 1 && siez(subject) > 2", 1, 26, "siez"),
        ("subject.startWith('/x')", 1, 18, "startWith"),
        ("Foo{a: 1} == 2", 1, 4, "Foo"),
        ("(", 1, 2, ""),
    ] {
        let error = Cel::compile(source).unwrap_err();
        assert!(error.reason.contains(word), "{source}: {error}");
        assert_eq!(error.line, line, "{source}: {error}");
        assert!(error.column.abs_diff(column) <= 5, "{source}: {error} instead of column {column}");
    }
    assert!(Cel::compile(&format!("seq == {}1", "0 + ".repeat(2000))).unwrap_err().reason.contains("4096"));
    assert!(Cel::compile(&"(".repeat(4000)).is_err());
}

#[test]
fn over_the_wire_an_expression_chooses_and_a_bad_one_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let _journal = recorded(dir.path(), 300);
    let served = serve(dir.path());
    let with = |source: &str| EventFilter { cel: Some(source.to_owned()), ..EventFilter::default() };
    block_on(async {
        let mut client = served.client().await;
        let source = "kind == 'file_open' && payload.path.endsWith('7.c')";
        let (events, _) = to_the_end(&mut subscribe(&mut client, of(with(source))).await).await;
        let expected = seqs(dir.path(), |kind, subject| kind == "file_open" && subject.unwrap().ends_with("7.c"));
        assert_eq!(numbers(&events), expected);
        assert_eq!(expected.len(), 30);
        let page = agentsh::encode::proto::QueryRequest { filter: Some(with(source)), limit: 4, ..Default::default() };
        let first = client.query(page.clone()).await.unwrap().into_inner();
        assert_eq!((numbers(&first.events), first.next_after_seq), (expected[..4].to_vec(), Some(expected[3])));
        let newest = agentsh::encode::proto::QueryRequest { newest: true, ..page };
        assert_eq!(numbers(&client.query(newest).await.unwrap().into_inner().events), expected[26..]);
        is(&refused(&mut client, of(with("kind = 'x'"))).await, Code::InvalidArgument, &["filter.cel", "line 1, column"]);
    });
}
