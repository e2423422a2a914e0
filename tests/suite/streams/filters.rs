//! Filters: a row in memory matches exactly where the database says that it does, and over the wire the same events come.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use agentsh::encode::proto::{self, EventFilter, QueryRequest, SubscribeRequest};
use agentsh::encode::stored::Columns;
use agentsh::event::{Decision, EventId, Family, Kind, OsText, SensorOrigin, Severity, TechniqueId, Timestamp};
use agentsh::journal::{DataDir, Journal, JournalConfig, ReaderStore, StoreError};
use agentsh::query::{Filter, Matcher};
use tonic::Code;

use super::rig::*;
use crate::readers::recorded::RECORDED;
use crate::support::{connect_event, exit_event, judgement, open_event};

/// All rows of a journal, as frames.
fn frames(data_dir: &DataDir) -> Vec<(u64, Vec<u8>)> {
    let mut frames = Vec::new();
    ReaderStore::open(&data_dir.journal())
        .unwrap()
        .rows::<StoreError>(0, &[], None, |row| {
            frames.push((row.seq, row.frame.to_vec()));
            Ok(ControlFlow::Continue(()))
        })
        .unwrap();
    frames
}

fn columns(frame: &[u8]) -> Columns<'_> {
    Columns::parse(frame).unwrap().0
}

fn in_memory(frames: &[(u64, Vec<u8>)], filter: &Filter) -> Vec<u64> {
    let matcher = Matcher::new(filter, None);
    let next = |at: usize| frames.get(at + 1).map(|(_, frame)| columns(frame));
    let matching = frames.iter().enumerate().filter(|(at, (seq, frame))| matcher.matches(*seq, &columns(frame), || next(*at)));
    matching.map(|(_, (seq, _))| *seq).collect()
}

fn in_database(data_dir: &DataDir, filter: &Filter) -> Vec<u64> {
    let mut seqs = Vec::new();
    ReaderStore::open(&data_dir.journal())
        .unwrap()
        .rows::<StoreError>(0, &filter.conditions(), None, |row| {
            seqs.push(row.seq);
            Ok(ControlFlow::Continue(()))
        })
        .unwrap();
    seqs
}

/// Filters made of what is in the journal: every value of every field, and some that are nearly it.
fn filters(frames: &[(u64, Vec<u8>)]) -> Vec<Filter> {
    let mut texts: [BTreeSet<String>; 7] = Default::default();
    let mut filters = Vec::new();
    let mut add = |change: &dyn Fn(&mut Filter)| {
        let mut filter = Filter::default();
        change(&mut filter);
        filters.push(filter);
    };
    let id = |bytes: &[u8]| EventId::from_bytes(bytes.try_into().unwrap());
    for (_, frame) in frames {
        let row = columns(frame);
        let payload: serde_json::Value = serde_json::from_str(row.payload).unwrap();
        let mut keep = |place: usize, text: Option<&str>| texts[place].extend(text.map(str::to_owned));
        keep(0, row.session_id);
        keep(1, row.command_id);
        keep(2, row.rule);
        for path in [row.subject, payload["to"].as_str()].into_iter().flatten() {
            keep(3, Some(path));
            keep(3, path.rsplit_once('/').map(|(folder, _)| folder));
            keep(3, Some(&format!("*{}", path.chars().skip(3).collect::<String>())));
            keep(3, Some(&path.replacen('/', "[/x]", 1).replace('m', "?")));
            keep(6, Some(&path.chars().skip(1).take(5).collect::<String>().to_uppercase()));
        }
        for host in ["host", "name", "sni"].into_iter().filter_map(|key| payload[key].as_str()) {
            keep(4, Some(host));
            keep(4, Some(&host.to_uppercase()));
            keep(4, host.split_once('.').map(|(_, above)| above));
        }
        for program in [payload["actor"]["exe"].as_str(), row.subject].into_iter().flatten() {
            keep(5, Some(program));
            keep(5, program.rsplit_once('/').map(|(_, name)| name));
        }
        keep(6, row.payload.get(row.payload.len() / 2..row.payload.len() / 2 + 6));
        add(&|filter| filter.ids = vec![id(row.id)]);
        if let Some(cause) = row.cause {
            add(&|filter| filter.causes = vec![id(cause), id(row.id)]);
        }
        add(&|filter| filter.since = Some(Timestamp::from_micros(row.time_us)));
        add(&|filter| filter.until = Some(Timestamp::from_micros(row.time_us)));
        if let Some(pid) = row.pid {
            add(&|filter| filter.pids = vec![u32::try_from(pid).unwrap(), 1]);
        }
    }
    let [sessions, commands, rules, paths, hosts, programs, parts] = texts;
    for value in &sessions {
        add(&|filter| filter.sessions = vec![value.clone()]);
    }
    for value in &commands {
        add(&|filter| filter.command_ids = vec![value.clone()]);
        add(&|filter| filter.command = Some(value.clone()));
    }
    for value in &rules {
        add(&|filter| filter.rules = vec![value.clone()]);
    }
    for value in paths.iter().filter(|value| !value.is_empty()) {
        add(&|filter| filter.paths = vec![value.clone()]);
    }
    for value in &hosts {
        add(&|filter| filter.hosts = vec![value.clone()]);
    }
    for value in &programs {
        add(&|filter| filter.programs = vec![value.clone()]);
        add(&|filter| filter.command = Some(value.clone()));
    }
    for value in parts.iter().filter(|value| !value.is_empty()) {
        add(&|filter| filter.text = Some(value.clone()));
    }
    for value in ["\"", "\\", "%", "_", "é", "É", "\n", "caf"] {
        add(&|filter| filter.text = Some(value.to_owned()));
    }
    for kind in Kind::ALL {
        add(&|filter| filter.kinds = vec![*kind]);
    }
    for family in Family::ALL {
        add(&|filter| filter.families = vec![family]);
    }
    for decision in Decision::ALL {
        add(&|filter| filter.decisions = vec![*decision]);
        add(&|filter| {
            filter.decisions = vec![*decision, Decision::Deny];
            filter.families = vec![Family::File];
        });
    }
    for technique in ["T1552", "T1552.004", "T155", "T1059"] {
        add(&|filter| filter.techniques = vec![technique.to_owned(), "T0000".to_owned()]);
    }
    for severity in (1..=6).filter_map(Severity::from_number) {
        add(&|filter| filter.min_severity = Some(severity));
    }
    for sensor in ["edge-1", "edge-2", "nobody"] {
        add(&|filter| filter.sensors = vec![sensor.to_owned()]);
    }
    add(&|filter| {
        filter.sessions = sessions.iter().cloned().collect();
        filter.paths = paths.iter().take(4).cloned().collect();
    });
    filters
}

fn compare(data_dir: &DataDir) {
    let frames = frames(data_dir);
    let (mut some, all) = (0, filters(&frames));
    assert!(all.len() > 100, "{}", all.len());
    for filter in &all {
        let (memory, database) = (in_memory(&frames, filter), in_database(data_dir, filter));
        assert_eq!(memory, database, "{filter:?}");
        some += usize::from(!memory.is_empty() && memory.len() < frames.len());
    }
    assert!(some * 2 > all.len(), "too few of the filters tell events apart: {some} of {}", all.len());
}

/// A journal with what `RECORDED` has not: sensors, severities, verdicts at the border of blocks.
fn others(root: &std::path::Path) -> Journal {
    let journal = Journal::open(root, &JournalConfig::default()).unwrap();
    for number in 0..40_u64 {
        let mut event = match number % 3 {
            0 => open_event(number),
            1 => exit_event(number),
            _ => connect_event(number),
        };
        if number % 4 == 0 {
            let name = format!("edge-{}", number % 8 / 4 + 1);
            event.sensor = Some(SensorOrigin { name, sequence: number + 1 });
        }
        event.severity = Severity::from_number((number % 6 + 1).try_into().unwrap()).unwrap();
        if number % 5 == 0 {
            event.attack = vec![TechniqueId::new("T1552.004"), TechniqueId::new("T1059")];
        }
        if number % 7 == 0 {
            event.actor.as_mut().unwrap().exe = Some(OsText::from_bytes(b"/opt/caf\xe9/cc1".to_vec()));
        }
        journal.channel().publish(&event);
    }
    let policy = crate::support::policy(agentsh::policy::OnAuditFailure::Deny);
    for (number, decision) in (40..60).zip(Decision::ALL.iter().cycle()) {
        let _answer = journal.channel().gate(&open_event(number), &judgement(*decision), &policy);
    }
    assert!(journal.flush());
    journal
}

#[test]
fn a_filter_means_in_memory_what_it_means_in_the_database() {
    compare(&RECORDED.data_dir);
    let dir = tempfile::tempdir().unwrap();
    let journal = others(dir.path());
    compare(journal.data_dir());
}

#[test]
fn a_filter_that_means_something_else_would_be_noticed() {
    let frames = frames(&RECORDED.data_dir);
    let wide = Filter { decisions: vec![Decision::Deny], ..Filter::default() };
    let narrow = Filter { kinds: vec![Kind::PolicyDecision], ..wide.clone() };
    assert_ne!(in_memory(&frames, &wide), in_database(&RECORDED.data_dir, &narrow));
}

#[test]
fn over_the_wire_a_filter_gives_the_same_events_to_streams_and_pages() {
    let dir = tempfile::tempdir().unwrap();
    let journal = others(dir.path());
    let served = serve(dir.path());
    let file = || vec!["file".to_owned()];
    let cases: Vec<(EventFilter, Filter)> = vec![
        (
            EventFilter { decisions: vec![proto::Decision::Deny as i32], ..EventFilter::default() },
            Filter { decisions: vec![Decision::Deny], ..Filter::default() },
        ),
        (
            EventFilter { rules: vec!["rule-audit".into()], families: file(), ..EventFilter::default() },
            Filter { rules: vec!["rule-audit".into()], families: vec![Family::File], ..Filter::default() },
        ),
        (
            EventFilter { kinds: vec![proto::Kind::ProcessExit as i32], min_severity: 4, ..EventFilter::default() },
            Filter { kinds: vec![Kind::ProcessExit], min_severity: Severity::from_number(4), ..Filter::default() },
        ),
        (
            EventFilter { sensors: vec!["edge-2".into()], techniques: vec!["T1552".into()], ..EventFilter::default() },
            Filter { sensors: vec!["edge-2".into()], techniques: vec!["T1552".into()], ..Filter::default() },
        ),
        (
            EventFilter { hosts: vec!["host-5.test".into(), "host-8.test".into()], ..EventFilter::default() },
            Filter { hosts: vec!["host-5.test".into(), "host-8.test".into()], ..Filter::default() },
        ),
        (
            EventFilter {
                programs: vec!["cc1".into()],
                pids: vec![4242],
                text: Some("MODULE_1".into()),
                ..EventFilter::default()
            },
            Filter { programs: vec!["cc1".into()], pids: vec![4242], text: Some("MODULE_1".into()), ..Filter::default() },
        ),
    ];
    block_on(async {
        let mut client = served.client().await;
        for (asked, same) in cases {
            let expected = in_database(journal.data_dir(), &same);
            assert!(!expected.is_empty(), "{same:?}");
            for max_batch_events in [0, 1] {
                let request = SubscribeRequest { max_batch_events, ..of(asked.clone()) };
                let (events, _) = to_the_end(&mut subscribe(&mut client, request).await).await;
                assert_eq!(numbers(&events), expected, "{same:?}");
            }
            let page = client.query(QueryRequest { filter: Some(asked), ..QueryRequest::default() }).await.unwrap().into_inner();
            assert_eq!(numbers(&page.events), expected, "{same:?}");
        }
    });
}

#[test]
fn the_verdict_is_found_beyond_the_border_of_a_block() {
    let dir = tempfile::tempdir().unwrap();
    let journal = others(dir.path());
    let denied = Filter { decisions: vec![Decision::Deny], ..Filter::default() };
    let expected = in_database(journal.data_dir(), &denied);
    // With blocks of one, two and three events each operation stands at the end of one somewhere.
    for block_events in 1..=3 {
        let limits = agentsh::serve::stream::Limits { block_events, ..agentsh::serve::stream::Limits::default() };
        let served = serve_with(dir.path(), limits);
        block_on(async {
            let mut client = served.client().await;
            let filter = EventFilter { decisions: vec![proto::Decision::Deny as i32], ..EventFilter::default() };
            let (events, _) = to_the_end(&mut subscribe(&mut client, of(filter)).await).await;
            assert_eq!(numbers(&events), expected, "{block_events}");
        });
    }
}

#[test]
fn a_filter_with_a_value_that_cannot_be_is_refused_with_its_name() {
    let dir = tempfile::tempdir().unwrap();
    let _journal = recorded(dir.path(), 1);
    let served = serve(dir.path());
    block_on(async {
        let mut client = served.client().await;
        let empty = EventFilter::default;
        for (filter, words) in [
            (EventFilter { kinds: vec![77], ..empty() }, ["kinds", "77"]),
            (EventFilter { kinds: vec![0], ..empty() }, ["kinds", "0"]),
            (EventFilter { families: vec!["fille".into()], ..empty() }, ["families", "file"]),
            (EventFilter { decisions: vec![99], ..empty() }, ["decisions", "99"]),
            (EventFilter { min_severity: 9, ..empty() }, ["min_severity", "9"]),
            (EventFilter { ids: vec!["x".into()], ..empty() }, ["ids", "`x`"]),
            (EventFilter { causes: vec!["1-2".into()], ..empty() }, ["causes", "`1-2`"]),
            (EventFilter { paths: vec![String::new()], ..empty() }, ["paths", "empty"]),
            (EventFilter { text: Some("x".repeat(5000)), ..empty() }, ["text", "4096"]),
            (EventFilter { pids: vec![1; 1001], ..empty() }, ["pids", "1001"]),
        ] {
            is(&refused(&mut client, of(filter.clone())).await, Code::InvalidArgument, &words);
            let page = client.query(QueryRequest { filter: Some(filter), ..QueryRequest::default() }).await;
            is(&page.unwrap_err(), Code::InvalidArgument, &words);
        }
    });
}
