//! Field masks: what is asked for is sent, nothing else, and nobody's mask changes another's event.

use agentsh::encode::proto::{self, Event, Mask, SensorOrigin};
use agentsh::event::Kind;
use prost::Message;

use super::events::{bytes, full, message};
use crate::vocabulary::samples::Schema;

fn mask(paths: &[&str]) -> Mask {
    Mask::compile(paths.iter().copied()).unwrap()
}

fn sent(kind: Kind, paths: &[&str]) -> Event {
    message(7, &full(&Schema::new(), kind), &mask(paths))
}

fn whole(kind: Kind) -> Event {
    message(7, &full(&Schema::new(), kind), &Mask::all())
}

#[test]
fn a_field_of_the_envelope_comes_alone_and_with_the_seq() {
    let all = whole(Kind::FileOpen);
    for (path, wanted) in [
        ("seq", Event { seq: 7, ..Event::default() }),
        ("id", Event { seq: 7, id: all.id.clone(), ..Event::default() }),
        ("time_us", Event { seq: 7, time_us: all.time_us, ..Event::default() }),
        ("session_id", Event { seq: 7, session_id: all.session_id.clone(), ..Event::default() }),
        ("command_id", Event { seq: 7, command_id: all.command_id.clone(), ..Event::default() }),
        ("cause", Event { seq: 7, cause: all.cause.clone(), ..Event::default() }),
        ("actor", Event { seq: 7, actor: all.actor.clone(), ..Event::default() }),
        ("sensor", Event { seq: 7, sensor: all.sensor.clone(), ..Event::default() }),
        ("kind", Event { seq: 7, kind: all.kind, ..Event::default() }),
        ("severity", Event { seq: 7, severity: all.severity, ..Event::default() }),
        ("attack", Event { seq: 7, attack: all.attack.clone(), ..Event::default() }),
        ("subject", Event { seq: 7, subject: all.subject.clone(), ..Event::default() }),
        ("file_open", Event { seq: 7, payload: all.payload.clone(), ..Event::default() }),
    ] {
        assert_eq!(sent(Kind::FileOpen, &[path]), wanted, "{path}");
    }
}

#[test]
fn a_part_of_a_message_is_sent_and_a_list_whole() {
    let all = whole(Kind::ProcessExit);
    let actor = all.actor.clone().unwrap();
    let part = proto::Actor { exe: actor.exe, uid: actor.uid, ..proto::Actor::default() };
    assert_eq!(
        sent(Kind::ProcessExit, &["actor.uid", "actor.exe", "sensor.name"]),
        Event {
            seq: 7,
            actor: Some(part),
            sensor: all.sensor.clone().map(|sensor| SensorOrigin { name: sensor.name, sequence: 0 }),
            ..Event::default()
        }
    );

    let Some(proto::event::Payload::ProcessExit(exit)) = all.payload else { panic!("another payload") };
    let statistics = exit.statistics.unwrap();
    let statistics = proto::ExecStatistics {
        user_cpu_us: statistics.user_cpu_us,
        io_source: statistics.io_source,
        ..proto::ExecStatistics::default()
    };
    let payload = proto::ProcessExit { exit_code: exit.exit_code, statistics: Some(statistics), ..proto::ProcessExit::default() };
    let paths = ["process_exit.statistics.user_cpu_us", "process_exit.statistics.io_source", "process_exit.exit_code"];
    let wanted = Event { seq: 7, payload: Some(proto::event::Payload::ProcessExit(payload)), ..Event::default() };
    assert_eq!(sent(Kind::ProcessExit, &paths), wanted);

    let Some(proto::event::Payload::HttpRequest(request)) = whole(Kind::HttpRequest).payload else { panic!("another payload") };
    let payload = proto::HttpRequest { headers: request.headers, ..proto::HttpRequest::default() };
    let wanted = Event { seq: 7, payload: Some(proto::event::Payload::HttpRequest(payload)), ..Event::default() };
    assert_eq!(sent(Kind::HttpRequest, &["http_request.headers"]), wanted);
}

#[test]
fn a_payload_of_another_kind_is_not_sent() {
    assert_eq!(sent(Kind::FileClose, &["file_open", "file_open.path"]), Event { seq: 7, ..Event::default() });
    let both = ["file_open.path", "file_close.path", "kind"];
    assert!(matches!(sent(Kind::FileClose, &both).payload, Some(proto::event::Payload::FileClose(close)) if close.reads == 0));
    assert!(matches!(sent(Kind::FileOpen, &both).payload, Some(proto::event::Payload::FileOpen(open)) if open.flags == 0));
}

#[test]
fn every_field_of_every_kind_can_be_asked_for_by_itself_and_all_of_them_together_are_the_event() {
    let schema = Schema::new();
    for kind in Kind::ALL {
        let event = full(&schema, *kind);
        let mut together = Vec::new();
        for field in schema.fields(*kind) {
            let path = format!("{}.{field}", kind.as_str());
            let one = bytes(0, &event, &mask(&[&path]));
            assert!(one.len() > 3, "{path} is sent");
            // Messages that stand one behind the other are one (protobuf's merge).
            together.extend(one);
        }
        let merged = Event::decode(together.as_slice()).unwrap();
        assert_eq!(merged.payload, message(0, &event, &Mask::all()).payload, "{}", kind.as_str());
    }
}

#[test]
fn a_whole_field_takes_in_its_parts_in_either_order() {
    for (paths, same) in [
        (["actor.exe", "actor"], "actor"),
        (["actor", "actor.exe"], "actor"),
        (["file_open", "file_open.path"], "file_open"),
        (["file_open.path", "file_open"], "file_open"),
        (["kind", "kind"], "kind"),
    ] {
        assert_eq!(mask(&paths), mask(&[same]), "{paths:?}");
    }
    assert_eq!(mask(&["actor.exe", "sensor.name"]), mask(&["sensor.name", "actor.exe"]));
}

#[test]
fn no_path_is_every_field() {
    assert!(mask(&[]).is_all() && Mask::all().is_all());
    assert_eq!(mask(&[]), Mask::all());
    assert!(!mask(&["seq"]).is_all());
}

#[test]
fn one_mask_never_changes_anothers_bytes() {
    let schema = Schema::new();
    let masks =
        [mask(&[]), mask(&["kind"]), mask(&["actor.exe", "process_exec.argv"]), mask(&["seq"]), mask(&["subject", "attack"])];
    for kind in [Kind::ProcessExec, Kind::FileOpen] {
        let event = full(&schema, kind);
        let alone: Vec<Vec<u8>> = masks.iter().map(|mask| bytes(9, &event, mask)).collect();
        // In any order, into one buffer, as streams of one event do it.
        for order in [[0, 1, 2, 3, 4], [4, 3, 2, 1, 0], [2, 0, 4, 1, 3]] {
            let mut shared = Vec::new();
            let frame = super::events::frame(&event);
            for at in order {
                let from = shared.len();
                proto::put_event(9, &super::events::columns(&frame), &masks[at], &mut shared).unwrap();
                assert_eq!(shared[from..], alone[at], "{order:?}");
            }
        }
    }
}

#[test]
fn a_path_that_is_no_field_is_refused_with_the_nearest_that_is() {
    for (path, nearest) in [
        ("kinds", Some("kind")),
        ("sesion_id", Some("session_id")),
        ("actor.exec", Some("actor.exe")),
        ("file_open.pth", Some("file_open.path")),
        ("fileopen", Some("file_open")),
        ("File-Open.Path", Some("file_open.path")),
        ("process_exit.statistics.user_cpu", Some("process_exit.statistics.user_cpu_us")),
        // A list is sent whole.
        ("http_request.headers.name", Some("http_request.headers")),
        // A field of a payload without its kind.
        ("path", Some("file_open.path")),
        ("kind.name", None),
        ("payload", None),
        ("", None),
        (".", None),
        ("kind.", Some("kind")),
        ("*", None),
    ] {
        let error = Mask::compile(["kind", path]).unwrap_err();
        assert_eq!((error.path.as_str(), error.nearest.as_deref()), (path, nearest), "{error}");
    }
    let error = Mask::compile(["file_open.pth"]).unwrap_err();
    assert_eq!(error.to_string(), "`file_open.pth` is no field of an event; `file_open.path` is");
    assert_eq!(Mask::compile(["\u{1f980}"]).unwrap_err().to_string(), "`\u{1f980}` is no field of an event");
}
