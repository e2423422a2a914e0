//! The stored form of events: whatever an event holds, its frame, its row and its JSON give it back.

use agentsh::encode::stored::{self, Columns, DecodeError};
use agentsh::event::*;
use proptest::prelude::*;

use crate::support::{event, open_event};

fn text() -> impl Strategy<Value = String> {
    prop_oneof![any::<String>(), Just(String::new()), Just("\0\"\\\u{7f}\u{2028}\u{1f980}".to_owned()), "[a-z/]{0,40}"]
}

fn os_text() -> impl Strategy<Value = OsText> {
    prop_oneof![prop::collection::vec(any::<u8>(), 0..60).prop_map(OsText::from_bytes), text().prop_map(OsText::from)]
}

fn event_id() -> impl Strategy<Value = EventId> {
    any::<[u8; 16]>().prop_map(EventId::from_bytes)
}

fn actor() -> impl Strategy<Value = Actor> {
    let ids = (any::<u32>(), any::<Option<u32>>(), any::<Option<u32>>(), any::<Option<u32>>());
    let names = (prop::option::of(os_text()), prop::option::of(os_text()), prop::option::of(os_text()));
    (ids, names).prop_map(|((pid, ppid, uid, gid), (exe, comm, cwd))| Actor {
        pid,
        ppid,
        exe,
        comm,
        uid,
        gid,
        cwd,
        ..Actor::default()
    })
}

fn payload() -> impl Strategy<Value = Payload> {
    let numbers = || (any::<u64>(), any::<u64>(), any::<Option<u64>>());
    prop_oneof![
        (os_text(), any::<u32>()).prop_map(|(path, flags)| FileOpen {
            path,
            flags,
            access: FileAccess::ReadWrite,
            ..FileOpen::default()
        }
        .into()),
        (os_text(), numbers()).prop_map(|(path, (reads, bytes_read, size_after))| {
            FileClose { path, reads, bytes_read, size_after, ..FileClose::default() }.into()
        }),
        (os_text(), os_text(), any::<u32>()).prop_map(|(path, to, flags)| FileRename { path, to, flags }.into()),
        (os_text(), prop::option::of(any::<i64>()))
            .prop_map(|(path, atime_ns)| FileUtimens { path, atime_ns, mtime_ns: None }.into()),
        (prop::option::of(text()), any::<Option<std::net::IpAddr>>(), any::<u16>())
            .prop_map(|(host, address, port)| NetConnect { host, address, port, ..NetConnect::default() }.into()),
        (text(), text(), prop::collection::vec((text(), text()), 0..5), prop::option::of(event_id())).prop_map(
            |(method, path, headers, connection)| {
                let headers = headers.into_iter().map(|(name, value)| Header { name, value }).collect();
                HttpRequest { method, path, headers, connection, ..HttpRequest::default() }.into()
            }
        ),
        (os_text(), prop::collection::vec(os_text(), 0..8))
            .prop_map(|(path, argv)| { ProcessExec { path, argc: argv.len() as u64, argv, ..ProcessExec::default() }.into() }),
        (any::<Option<i32>>(), prop::option::of(text()), numbers()).prop_map(|(exit_code, signal, (_, _, wall_time_us))| {
            let statistics = ExecStatistics { wall_time_us, ..ExecStatistics::default() };
            ProcessExit { path: None, exit_code, signal, statistics }.into()
        }),
        (os_text(), any::<u64>()).prop_map(|(data, offset_us)| TerminalOutput {
            stream: TerminalStream::Stderr,
            data,
            offset_us
        }
        .into()),
        (text(), text()).prop_map(|(key, value_name)| RegistryQueryValue { key, value_name }.into()),
        (prop::option::of(text()), prop::option::of(text()), text()).prop_map(|(subject, rule, reason)| {
            PolicyDecision {
                subject,
                rule,
                reason,
                decision: Decision::Audit,
                operation: Kind::DirList,
                ..PolicyDecision::default()
            }
            .into()
        }),
        (text(), prop::collection::vec(1..u64::MAX, 0..4)).prop_map(|(title, seqs)| {
            Detection { title, events: seqs.into_iter().filter_map(Seq::new).collect(), ..Detection::default() }.into()
        }),
        Just(CapabilityReport::default().into()),
        Just(ResourceUsage::default().into()),
        (text(), any::<u64>(), any::<i64>()).prop_map(|(hop, count, from_us)| EventsLost {
            hop,
            count,
            from_us,
            ..EventsLost::default()
        }
        .into()),
    ]
}

fn any_event() -> impl Strategy<Value = Event> {
    let names = (prop::option::of(text()), prop::option::of(text()), prop::collection::vec(text(), 0..3));
    let sensor = (text(), any::<u64>()).prop_map(|(name, sequence)| SensorOrigin { name, sequence });
    let imported = (text(), text(), any::<u64>()).prop_map(|(host, digest, record)| ImportOrigin {
        host,
        digest,
        record,
        ..ImportOrigin::default()
    });
    let told = (prop::option::of(actor()), prop::option::of(sensor), prop::option::of(imported));
    let rest = (event_id(), any::<i64>(), prop::option::of(event_id()), told, 1..=6_i64);
    (names, rest, payload()).prop_map(
        |((session, command, attack), (id, time, cause, (actor, sensor, imported), severity), payload)| Event {
            id,
            time: Timestamp::from_micros(time),
            session_id: session.map(SessionId::new),
            command_id: command.map(CommandId::new),
            cause,
            actor,
            sensor,
            attack: attack.into_iter().map(TechniqueId::new).collect(),
            severity: Severity::from_number(severity).unwrap(),
            payload,
            imported: imported.map(Into::into),
        },
    )
}

fn frame(event: &Event) -> Vec<u8> {
    let mut frame = Vec::new();
    stored::encode(event, &mut frame);
    frame
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_event_is_given_back_by_its_frame(events in prop::collection::vec(any_event(), 1..4)) {
        let frames: Vec<u8> = events.iter().flat_map(frame).collect();
        let mut rest = &frames[..];
        for event in &events {
            let (columns, behind) = Columns::parse(rest).unwrap();
            prop_assert_eq!(&columns.to_event().unwrap(), event);
            let mut again = Vec::new();
            columns.write(&mut again);
            prop_assert_eq!(&again[..], &rest[..rest.len() - behind.len()]);
            // What the columns say beside the payload is what the event says.
            prop_assert_eq!(columns.kind, event.kind().as_str());
            prop_assert_eq!(columns.subject.map(str::to_owned), event.subject().map(std::borrow::Cow::into_owned));
            prop_assert_eq!(columns.pid, event.actor.as_ref().map(|actor| i64::from(actor.pid)));
            serde_json::from_str::<serde_json::Value>(columns.payload).unwrap().as_object().unwrap();
            rest = behind;
        }
        prop_assert!(rest.is_empty());
    }

    #[test]
    fn bytes_that_are_no_frame_are_an_error_and_never_a_panic(
        event in any_event(), at in any::<prop::sample::Index>(), new in any::<u8>(), cut in any::<prop::sample::Index>(),
    ) {
        let whole = frame(&event);
        prop_assert!(Columns::parse(&whole[..cut.index(whole.len())]).is_err(), "a part is no frame");
        let mut changed = whole.clone();
        changed[at.index(whole.len())] = new;
        if let Ok((columns, _)) = Columns::parse(&changed) {
            let _an_event_or_an_error = columns.to_event();
            let mut again = Vec::new();
            columns.write(&mut again);
            prop_assert!(changed.starts_with(&again));
        }
    }

    #[test]
    fn the_leaf_is_of_the_position_and_of_every_byte(event in any_event(), at in any::<prop::sample::Index>()) {
        let whole = frame(&event);
        let leaf = stored::leaf_hash(Seq::FIRST, &whole);
        prop_assert_ne!(leaf, stored::leaf_hash(Seq::new(2).unwrap(), &whole));
        let mut changed = whole.clone();
        changed[at.index(whole.len())] ^= 1;
        prop_assert_ne!(leaf, stored::leaf_hash(Seq::FIRST, &changed));
    }
}

#[test]
fn a_column_that_holds_no_value_of_its_type_is_named() {
    let whole = frame(&open_event(1));
    let (columns, _) = Columns::parse(&whole).unwrap();
    let error = |columns: Columns<'_>| columns.to_event().unwrap_err();
    assert!(matches!(error(Columns { id: b"short", ..columns }), DecodeError::Value { column: "id" }));
    assert!(matches!(error(Columns { cause: Some(b""), ..columns }), DecodeError::Value { column: "cause" }));
    assert!(matches!(error(Columns { severity: 7, ..columns }), DecodeError::Value { column: "severity" }));
    assert!(matches!(error(Columns { kind: "file_eat", ..columns }), DecodeError::Kind(_)));
    assert!(matches!(error(Columns { payload: "[]", ..columns }), DecodeError::Payload { kind: "file_open", .. }));
    assert!(matches!(error(Columns { payload: "{\"path\":7}", ..columns }), DecodeError::Payload { .. }));
    assert!(matches!(error(Columns { attack: Some("{}"), ..columns }), DecodeError::Payload { .. }));
    for (at, column) in [(0, "id"), (21, "time_us"), (30, "session_id")] {
        let mut changed = whole.clone();
        changed[at] = 9;
        let error = Columns::parse(&changed).unwrap_err();
        assert!(matches!(error, DecodeError::Tag { column: named, tag: 9 } if named == column), "{error}");
    }
}

#[test]
fn a_payload_of_a_newer_version_with_more_keys_is_still_read() {
    let whole = frame(&event(DirCreate { path: "/d".into(), mode: 0o755 }));
    let (columns, _) = Columns::parse(&whole).unwrap();
    let payload = columns.payload.replacen('{', "{\"of_tomorrow\":[1,{}],", 1);
    let read = Columns { payload: &payload, ..columns }.to_event().unwrap();
    assert_eq!(read.payload, DirCreate { path: "/d".into(), mode: 0o755 }.into());
}
