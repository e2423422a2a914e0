//! JSON lines of agentsh and of Sysmon, compressed or not.

use std::io::Write as _;

use agentsh::event::{FileDelete, ImportSource, JournaledEvent, Kind, Payload, Seq};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;

use super::rig::{Read, kinds, one, read, shared};
use crate::support;

const SOURCE: ImportSource = ImportSource::Jsonl;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn an_event_of_agentsh_keeps_all_that_it_says() {
    let event = support::event(FileDelete { path: "/home/dev/a\\b".into(), ..FileDelete::default() });
    let line = serde_json::to_string(&JournaledEvent { seq: Seq::FIRST, kind: Kind::FileDelete, event: event.clone() }).unwrap();
    let told = one(SOURCE, &line);
    assert_eq!((told.time, told.actor, told.payload), (event.time, event.actor, event.payload));
    let own = told.own.unwrap();
    assert_eq!((own.id, own.session.as_deref(), own.severity), (event.id, Some("s-test"), event.severity));
}

#[test]
fn what_only_concerns_the_other_recorder_is_counted_and_not_taken() {
    let line = |payload: Payload| {
        let event = support::event(payload);
        serde_json::to_string(&JournaledEvent { seq: Seq::FIRST, kind: event.kind(), event }).unwrap()
    };
    let all = ["events_lost", "session_ended", "detection", "journal_checkpoint"].map(|kind| {
        let kind: Kind = kind.parse().unwrap();
        line(Payload::from_json(kind, "{}").unwrap())
    });
    let all = read(SOURCE, all.join("\n")).unwrap();
    assert_eq!(all.len(), 4);
    assert!(all.iter().all(|read| matches!(read, Read::Unmapped(_))), "{all:?}");
}

#[test]
fn compressed_lines_and_lines_of_utf_16_are_the_same_lines() {
    let line = json!({"EventID": 11, "Image": "C:\\ä.exe", "TargetFilename": "C:\\ö"}).to_string();
    let wide: Vec<u8> = [0xff, 0xfe].into_iter().chain(line.encode_utf16().flat_map(u16::to_le_bytes)).collect();
    for bytes in [line.clone().into_bytes(), gzip(line.as_bytes()), wide.clone(), gzip(&wide)] {
        let all = read(SOURCE, bytes).unwrap();
        assert!(matches!(&all[0], Read::Told(told) if told[0].payload.subject().unwrap() == "C:\\\\ö"), "{all:?}");
    }
}

#[test]
fn the_sample_of_sysmon_events_is_read_whole() {
    let Some(path) = shared("sysmon/otrf.jsonl.gz", "the_sample_of_sysmon_events_is_read_whole") else { return };
    let all = read(SOURCE, std::fs::read(path).unwrap()).unwrap();
    assert_eq!(all.len(), 22_887);
    let unread: Vec<_> = all.iter().filter(|read| matches!(read, Read::Unread(_))).collect();
    assert!(unread.is_empty(), "{unread:?}");
    let kinds = kinds(&all);
    assert!(kinds.contains(&Kind::RegistrySetValue) && kinds.contains(&Kind::NetConnect) && kinds.contains(&Kind::DnsQuery));
    // The sample has events 12 without `EventType`: whether a key was made or removed cannot be told.
    let unmapped: Vec<_> =
        all.iter().filter_map(|read| if let Read::Unmapped(name) = read { Some(name.as_str()) } else { None }).collect();
    assert!(unmapped.iter().all(|name| *name == "Microsoft-Windows-Sysmon 12"), "{unmapped:?}");
    assert_eq!(unmapped.len(), 4_171);
}
