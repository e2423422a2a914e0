//! What is no row and what is no message: an error that names the place, nothing half done, and never a panic.

use std::sync::LazyLock;

use agentsh::encode::proto::{self, EncodeError, Mask, WireProblem};
use agentsh::encode::stored::Columns;
use agentsh::event::{Event, FileOpen, Kind};
use proptest::prelude::*;
use prost::Message;

use super::events::{arbitrary, bytes, columns, frame, full, message};
use crate::support::{event, open_event};
use crate::vocabulary::samples::Schema;

/// Puts the event with another payload column on the wire.
fn with_payload(payload: &str) -> Result<proto::Event, EncodeError> {
    static FRAME: LazyLock<Vec<u8>> = LazyLock::new(|| frame(&open_event(1)));
    let mut out = b"before".to_vec();
    let put = proto::put_event(7, &Columns { payload, ..columns(&FRAME) }, &Mask::all(), &mut out);
    if put.is_err() {
        assert_eq!(out, b"before", "nothing is appended");
    }
    put.map(|()| proto::Event::decode(&out[6..]).unwrap())
}

#[test]
fn a_payload_that_is_no_json_of_its_kind_is_refused_at_its_byte() {
    for (payload, at, expected) in [
        ("", 0, "an object"),
        ("[]", 0, "an object"),
        ("{", 1, "a string"),
        ("{\"path\"}", 7, "`:`"),
        ("{\"path\":}", 8, "a string"),
        ("{\"path\":7}", 8, "a string"),
        ("{\"path\":\"a}", 11, "the end of a string"),
        ("{\"path\":\"a\n\"}", 10, "no control character in a string"),
        ("{\"path\":\"a\\q\"}", 10, "an escape"),
        ("{\"path\":\"a\\", 11, "the end of a string"),
        ("{\"path\":\"\\u12\"}", 9, "four hex digits of a character"),
        ("{\"path\":\"\\ud800\"}", 9, "four hex digits of a character"),
        ("{\"path\":\"\\ud800\\u0041\"}", 9, "four hex digits of a character"),
        ("{\"path\":null}", 8, "a string"),
        ("{\"flags\":-1}", 11, "before this an integer of the field's width"),
        ("{\"flags\":4294967296}", 19, "before this an integer of the field's width"),
        ("{\"flags\":1.5}", 10, "an integer of the field's width"),
        ("{\"flags\":1e3}", 10, "an integer of the field's width"),
        ("{\"flags\":01}", 11, "an integer of the field's width"),
        ("{\"access\":\"execute\"}", 19, "before this a word of the field's list"),
        ("{\"actor\":{\"pid\":1,}}", 18, "a string"),
        ("{\"unknown\":[1,{\"a\":nul}]}", 19, "a value"),
        ("{\"unknown\":[1}", 13, "`,` or `]`"),
        ("{\"flags\":1 \"path\":\"a\"}", 11, "`,` or `}`"),
        ("{} {}", 3, "the end of the text"),
    ] {
        match with_payload(payload) {
            Err(EncodeError::Json { seq: 7, column: "payload", source }) => {
                assert_eq!((source.at, source.expected), (at, expected), "{payload}");
            }
            other => panic!("{payload}: {other:?}"),
        }
    }
    let deep = format!("{{\"unknown\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(matches!(with_payload(&deep), Err(EncodeError::Json { .. })), "a stack has an end");
}

#[test]
fn json_that_is_written_another_way_is_read_too() {
    let right = with_payload("{\"actor\":{\"pid\":1},\"path\":\"/a\",\"access\":\"write\",\"flags\":2}").unwrap();
    for payload in [
        " {\n\"actor\" : { \"pid\" : 1 } ,\t\"path\" : \"/a\" , \"access\":\"write\",\r\n\"flags\": 2 } ",
        // Another order, keys of tomorrow, the envelope's keys behind the payload's.
        "{\"flags\":2,\"of_tomorrow\":[1,-2.5e+3,{\"a\":null,\"b\":[true,false,\"\\ud83e\\udd80\"]}],\"access\":\"write\",\"path\":\"/a\",\"actor\":{\"pid\":1}}",
        // Escapes that nobody needs.
        "{\"\\u0061ctor\":{\"pid\":1},\"p\\u0061th\":\"\\/\\u0061\",\"access\":\"write\",\"flags\":2}",
        "{\"actor\":{\"pid\":1,\"exe\":null},\"path\":\"/a\",\"access\":\"write\",\"flags\":2}",
    ] {
        assert_eq!(with_payload(payload).unwrap(), right, "{payload}");
    }
    // What an older version did not store is not there.
    let empty = with_payload("{}").unwrap();
    assert_eq!(empty.payload, Some(proto::event::Payload::FileOpen(proto::FileOpen::default())));
}

#[test]
fn a_column_that_holds_no_value_of_its_type_is_named() {
    let frame = frame(&open_event(1));
    let good = columns(&frame);
    let error = |columns: Columns<'_>| {
        let mut out = Vec::new();
        let error = proto::put_event(7, &columns, &Mask::all(), &mut out).unwrap_err();
        assert_eq!(out, b"");
        error.to_string()
    };
    let value = |column: &str| format!("event 7: column `{column}` does not hold a value of its type");
    assert_eq!(error(Columns { id: b"short", ..good }), value("id"));
    assert_eq!(error(Columns { cause: Some(b""), ..good }), value("cause"));
    assert_eq!(error(Columns { severity: 0, ..good }), value("severity"));
    assert_eq!(error(Columns { severity: 7, ..good }), value("severity"));
    assert_eq!(error(Columns { kind: "file_eat", ..good }), "event 7: `file_eat` is not an event kind");
    assert_eq!(error(Columns { kind: "", ..good }), "event 7: `` is not an event kind");
    assert_eq!(error(Columns { attack: Some("{}"), ..good }), "event 7: column `attack`, byte 0: expected a list");
    assert_eq!(
        error(Columns { attack: Some("[\"a\"]]"), ..good }),
        "event 7: column `attack`, byte 5: expected the end of the text"
    );
    assert_eq!(error(Columns { payload: "{", ..good }), "event 7: column `payload`, byte 1: expected a string");
}

/// A message of the kind with one thing changed, and how it is refused.
fn refused(kind: Kind, change: impl FnOnce(&mut proto::Event)) -> (String, WireProblem) {
    let mut sent = message(1, &full(&Schema::new(), kind), &Mask::all());
    assert!(proto::to_event(sent.clone()).is_ok());
    change(&mut sent);
    let error = proto::to_event(sent).unwrap_err();
    (error.field, error.problem)
}

macro_rules! payload {
    ($sent:ident, $kind:ident) => {
        match &mut $sent.payload {
            Some(proto::event::Payload::$kind(payload)) => payload,
            other => panic!("{other:?}"),
        }
    };
}

#[test]
fn a_message_that_is_no_event_is_refused_by_the_name_of_the_field() {
    use WireProblem::{NotAnAddress, NotAnId, NotSet, OtherKind, TooLarge, UnknownNumber};
    let of = |field: &str, problem: WireProblem| (field.to_owned(), problem);
    assert_eq!(refused(Kind::FileOpen, |e| e.payload = None), of("payload", NotSet));
    assert_eq!(refused(Kind::FileOpen, |e| e.id.clear()), of("id", NotSet));
    assert_eq!(refused(Kind::FileOpen, |e| e.id = "7".into()), of("id", NotAnId));
    assert_eq!(refused(Kind::FileOpen, |e| e.cause = Some("x".into())), of("cause", NotAnId));
    assert_eq!(refused(Kind::FileOpen, |e| e.severity = 0), of("severity", NotSet));
    assert_eq!(refused(Kind::FileOpen, |e| e.severity = 7), of("severity", UnknownNumber { number: 7 }));
    assert_eq!(refused(Kind::FileOpen, |e| e.kind = 1), of("kind", UnknownNumber { number: 1 }));
    let other = OtherKind { kind: Kind::DirList, payload: Kind::FileOpen };
    assert_eq!(refused(Kind::FileOpen, |e| e.kind = proto::Kind::DirList as i32), of("kind", other));
    assert_eq!(refused(Kind::FileOpen, |e| payload!(e, FileOpen).access = 0), of("file_open.access", NotSet));
    assert_eq!(
        refused(Kind::FileOpen, |e| payload!(e, FileOpen).access = -4),
        of("file_open.access", UnknownNumber { number: -4 })
    );
    assert_eq!(refused(Kind::FileCreate, |e| payload!(e, FileCreate).access = Some(0)), of("file_create.access", NotSet));
    let most = TooLarge { number: 65_536, most: 65_535 };
    assert_eq!(refused(Kind::NetConnect, |e| payload!(e, NetConnect).port = 65_536), of("net_connect.port", most));
    assert_eq!(
        refused(Kind::NetConnect, |e| payload!(e, NetConnect).address = Some("localhost".into())),
        of("net_connect.address", NotAnAddress)
    );
    assert_eq!(refused(Kind::Detection, |e| payload!(e, Detection).events = vec![3, 0]), of("detection.events[1]", NotSet));
    assert_eq!(
        refused(Kind::PolicyDecision, |e| payload!(e, PolicyDecision).operation = 99),
        of("policy_decision.operation", UnknownNumber { number: 99 })
    );
    assert_eq!(
        refused(Kind::CapabilityReport, |e| payload!(e, CapabilityReport).layers[1].state = 0),
        of("capability_report.layers[1].state", NotSet)
    );
    assert_eq!(
        refused(Kind::ProcessExit, |e| payload!(e, ProcessExit).statistics.as_mut().unwrap().source = Some(77)),
        of("process_exit.statistics.source", UnknownNumber { number: 77 })
    );
    let (field, problem) = refused(Kind::ProcessExec, |e| payload!(e, ProcessExec).argv = vec!["a".into(), "b\\".into()]);
    assert_eq!(
        (field.as_str(), problem.to_string().as_str()),
        ("process_exec.argv[1]", "is not text of the operating system: a backslash at byte 1 starts neither `\\\\` nor `\\xNN`")
    );
    let (field, _) = refused(Kind::ProcessExec, |e| e.actor.as_mut().unwrap().cwd = Some("\\x".into()));
    assert_eq!(field, "actor.cwd");
}

#[test]
fn an_event_of_a_sensor_may_leave_out_what_follows_from_the_rest() {
    let told = open_event(1);
    let mut sent = message(1, &told, &Mask::all());
    (sent.seq, sent.kind, sent.subject) = (0, 0, Some("whatever".into()));
    assert_eq!(proto::to_event(sent), Ok(told));
    let exit = event(agentsh::event::ProcessExit::default());
    let mut sent = message(1, &exit, &Mask::all());
    payload!(sent, ProcessExit).statistics = None;
    assert_eq!(proto::to_event(sent), Ok(exit));
}

fn any_event() -> impl Strategy<Value = Event> {
    let schema = Schema::new();
    prop::sample::select(Kind::ALL).prop_flat_map(move |kind| arbitrary(&schema, kind))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_damaged_message_is_an_error_or_an_event_and_never_a_panic(
        event in any_event(), at in any::<prop::sample::Index>(), new in any::<u8>(), cut in any::<prop::sample::Index>(),
    ) {
        let mut sent = bytes(1, &event, &Mask::all());
        let place = at.index(sent.len());
        sent[place] = new;
        for part in [&sent[..], &sent[..cut.index(sent.len())]] {
            if let Ok(message) = proto::Event::decode(part)
                && let Ok(event) = proto::to_event(message)
            {
                // Whatever it became: it can be stored and sent again.
                prop_assert_eq!(proto::to_event(super::events::message(1, &event, &Mask::all())), Ok(event));
            }
        }
    }

    #[test]
    fn arbitrary_bytes_are_an_error_or_an_event_and_never_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(message) = proto::Event::decode(bytes.as_slice()) {
            let _an_event_or_an_error = proto::to_event(message);
        }
    }

    #[test]
    fn a_damaged_row_is_read_as_serde_reads_it(
        event in any_event(), at in any::<prop::sample::Index>(), new in "[\\PC\"\\\\{}\\[\\],:0-9a-z\u{0}-\u{1f}]", attack in any::<Option<String>>(),
    ) {
        let whole = frame(&event);
        let good = columns(&whole);
        let chars: Vec<char> = good.payload.chars().collect();
        let place = at.index(chars.len());
        let payload: String = chars[..place].iter().copied().chain(new.chars()).chain(chars[place + 1..].iter().copied()).collect();
        let row = Columns { payload: &payload, attack: attack.as_deref(), ..good };
        let mut out = Vec::new();
        match proto::put_event(3, &row, &Mask::all(), &mut out) {
            Ok(()) => {
                prop_assert!(proto::Event::decode(out.as_slice()).is_ok());
                prop_assert!(serde_json::from_str::<serde::de::IgnoredAny>(&payload).is_ok(), "no JSON: {}", payload);
            }
            Err(error) => {
                prop_assert!(out.is_empty());
                prop_assert!(row.to_event().is_err(), "{}: {}", error, payload);
            }
        }
    }

    #[test]
    fn arbitrary_text_is_an_error_or_a_message_and_never_a_panic(payload in "[\\[\\]{}\",:\\\\u0-9a-e\\-+. ]{0,60}") {
        if with_payload(&payload).is_ok() {
            prop_assert!(serde_json::from_str::<serde::de::IgnoredAny>(&payload).is_ok(), "no JSON: {}", payload);
        }
    }
}

#[test]
fn a_path_that_is_not_utf_8_is_text_on_the_wire_and_comes_back() {
    let bytes: Vec<u8> = (1..=255).collect();
    let told = event(FileOpen { path: agentsh::event::OsText::from_bytes(bytes.clone()), ..FileOpen::default() });
    let sent = message(1, &told, &Mask::all());
    let Some(proto::event::Payload::FileOpen(open)) = &sent.payload else { panic!("another payload") };
    assert!(open.path.contains("\\xff") && open.path.contains("\\\\"));
    let agentsh::event::Payload::FileOpen(back) = proto::to_event(sent).unwrap().payload else { panic!("another payload") };
    assert_eq!(back.path.as_bytes(), bytes);
}
