//! The spans of a session that was really recorded.

use std::collections::BTreeMap;

use agentsh::encode::otel::Bounds;
use agentsh::event::trace::{SpanId, TraceParent};
use agentsh::event::{Kind, Payload};
use opentelemetry_proto::tonic::trace::v1::Span;

use super::rig::{attribute, failed, spans_of};
use crate::run::support::Place;

const GIVEN: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

#[test]
fn a_shell_pipeline_is_one_tree_with_the_parents_that_it_really_had() {
    let place = Place::new();
    let script = "cat /etc/hostname >a.txt; (cat a.txt; true) | sort | tee b.txt >/dev/null; rm a.txt; exec ls nothing-here";
    let mut command = place.command(&["sh", "-c", script]);
    let output = command.env("TRACEPARENT", GIVEN).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", String::from_utf8_lossy(&output.stderr));
    let events = place.events();
    let (spans, _) = spans_of(&events, Bounds::default());
    assert_eq!(spans_of(&events, Bounds::default()).0, spans);

    let given: TraceParent = GIVEN.parse().unwrap();
    let by_id: BTreeMap<&[u8], &Span> = spans.iter().map(|span| (span.span_id.as_slice(), span)).collect();
    assert_eq!(by_id.len(), spans.len(), "an id twice");
    // Connected: from every span to the caller's.
    for span in &spans {
        assert_eq!(span.trace_id, given.trace.as_bytes());
        assert!(span.end_time_unix_nano >= span.start_time_unix_nano);
        let mut at = span;
        let mut depth = 0;
        while at.parent_span_id != given.span.as_bytes() {
            at = by_id.get(at.parent_span_id.as_slice()).unwrap_or_else(|| panic!("`{}` hangs in the air", at.name));
            depth += 1;
            assert!(depth < 20);
        }
        assert_eq!(at.name, "session");
    }

    // Processes: their parents are those that the recorder saw when they ran their programs.
    let pid = |span: &Span| attribute(&span.attributes, "process.pid");
    let process = |name: &str| -> Vec<&Span> { spans.iter().filter(|span| span.name == format!("process {name}")).collect() };
    let shell = spans.iter().find(|span| span.name == "process ls").expect("the shell became ls");
    assert_eq!(attribute(&shell.attributes, "process.exit.code").as_deref(), Some("2"));
    assert!(failed(shell));
    let command_span = spans.iter().find(|span| span.name == "command sh").unwrap();
    assert_eq!(shell.parent_span_id, command_span.span_id);
    assert!(failed(command_span));
    for name in ["sort", "tee", "rm", "cat"] {
        let found = process(name);
        assert!(!found.is_empty(), "{name}");
        for span in found {
            assert_eq!(span.parent_span_id, shell.span_id, "{name}");
        }
    }
    // One span for each process that ran a program, and its exit is within it.
    let execs = events.iter().filter(|event| event.kind == Kind::ProcessExec).count();
    let further = spans.iter().filter(|span| span.name == "process_exec").count();
    assert_eq!(spans.iter().filter(|span| span.name.starts_with("process ")).count() + further, execs);

    // Operations: below the process that did them, or its parent where it ran no program.
    for event in &events {
        if !matches!(event.kind, Kind::FileOpen | Kind::FileCreate | Kind::FileDelete) {
            continue;
        }
        let span = by_id[SpanId::of_event(event.event.id).as_bytes().as_slice()];
        let actor = event.event.actor.as_ref().unwrap();
        let parent = by_id[span.parent_span_id.as_slice()];
        let its =
            pid(parent).is_some_and(|pid| pid == actor.pid.to_string() || Some(pid) == actor.ppid.map(|ppid| ppid.to_string()));
        assert!(its || parent.name.starts_with("command"), "{} {:?} below `{}`", event.kind.as_str(), actor, parent.name);
        if let Payload::FileDelete(delete) = &event.event.payload {
            assert_eq!(parent.name, "process rm");
            assert_eq!(attribute(&span.attributes, "file.path"), Some(delete.path.as_text().into_owned()));
        }
    }
}
