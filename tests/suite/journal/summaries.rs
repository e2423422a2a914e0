//! Summaries of blocks: a filter gives the same with them as without, and passes over what cannot match.

use std::ops::ControlFlow;
use std::path::Path;

use agentsh::event::*;
use agentsh::journal::{Condition, DataDir, Journal, Page, ReaderStore, StoreError, rebuild};
use agentsh::policy::OnAuditFailure;

use super::rig::{open, store};
use crate::support::{event, judgement, policy};

/// Positions of a block.
const BLOCK: u64 = 4_096;

fn change(root: &Path, sql: &str) {
    rusqlite::Connection::open(DataDir::at(root).journal()).unwrap().execute_batch(sql).unwrap();
}

/// What a search gives: all that matches, where the last one and the last three start, the first page.
#[derive(Debug, PartialEq)]
struct Found {
    seqs: Vec<u64>,
    behind_two: Vec<u64>,
    before_last: [u64; 2],
    page: Vec<u64>,
}

fn search(store: &ReaderStore, conditions: &[Condition]) -> Found {
    let seqs = |after: u64, limit: Option<u64>| {
        let mut seqs = Vec::new();
        store
            .rows::<StoreError>(after, conditions, limit, |row| {
                seqs.push(row.seq);
                Ok(ControlFlow::Continue(()))
            })
            .unwrap();
        seqs
    };
    let all = seqs(0, None);
    let mut page = Page::default();
    store.page(BLOCK / 2, conditions, 7, &mut page).unwrap();
    Found {
        behind_two: seqs(all.get(1).copied().unwrap_or(3), Some(3)),
        seqs: all,
        before_last: [1, 3].map(|count| store.before_last(count, 5, conditions).unwrap()),
        page: page.seqs().collect(),
    }
}

/// Events of five blocks. Each block has its own folder, program, process, host and session; some things stand only once, at borders too.
fn record(journal: &Journal) {
    let channel = journal.channel();
    let allowed = policy(OnAuditFailure::Deny);
    let mut seq = 2;
    while seq <= 5 * BLOCK + 100 {
        let block = (seq - 1) / BLOCK;
        let mut event = match seq % 50 {
            7 => event(DnsQuery { name: format!("b{block}.Example.test"), ..DnsQuery::default() }),
            8 => event(FileRename {
                path: format!("/w/b{block}/old").into(),
                to: format!("/moved/b{block}").into(),
                ..FileRename::default()
            }),
            9 => event(ProcessExec { path: format!("/opt/b{block}/bin/tool").into(), ..ProcessExec::default() }),
            _ => event(FileOpen { path: format!("/w/b{block}/f{}", seq % 30).into(), ..FileOpen::default() }),
        };
        event.time = Timestamp::from_micros(1_700_000_000_000_000 + i64::try_from(seq).unwrap() * 1_000);
        event.session_id = Some(SessionId::new(format!("session-{}", block / 2)));
        event.command_id = Some(CommandId::new(format!("command-{block}")));
        if let Some(actor) = &mut event.actor {
            actor.pid = 100 + u32::try_from(block).unwrap();
            actor.exe = Some(format!("/usr/lib/b{block}/cc").into());
        }
        match seq {
            // The time of another day, among those of this one.
            5_000 => event.time = Timestamp::from_micros(1_600_000_000_000_000),
            // The last event of a block is denied: its decision is the first of the next.
            s if s == 2 * BLOCK => {
                channel.gate(&event, &judgement(Decision::Deny), &allowed).unwrap();
                seq += 2;
                continue;
            }
            // Both stand in one block.
            13_000 => {
                channel.gate(&event, &judgement(Decision::Audit), &allowed).unwrap();
                seq += 2;
                continue;
            }
            14_000 => {
                event.severity = Severity::High;
                event.attack = vec![TechniqueId::new("T1059.004")];
                event.sensor = Some(SensorOrigin { name: "edge".to_owned(), sequence: 1 });
                event.payload = TerminalOutput { data: "a Needle in \"the\" hay".into(), ..TerminalOutput::default() }.into();
            }
            _ => {}
        }
        channel.publish(&event);
        seq += 1;
    }
}

fn conditions() -> Vec<Vec<Condition>> {
    let text = |text: &str| vec![Condition::Text(text.to_owned())];
    let path = |path: &str| vec![Condition::Path(path.to_owned())];
    let network: Vec<Kind> = Kind::ALL.iter().copied().filter(|kind| kind.family() == Family::Network).collect();
    let host = |host: &str| vec![Condition::Kinds(network.clone()), Condition::Host(host.to_owned())];
    let mut all = vec![
        vec![],
        vec![Condition::Session("session-1".to_owned())],
        vec![Condition::Sessions(vec!["session-0".to_owned(), "session-2".to_owned()])],
        vec![Condition::Session("nobody".to_owned())],
        vec![Condition::Kinds(vec![Kind::TerminalOutput])],
        vec![Condition::Kinds(vec![Kind::TerminalOutput, Kind::Detection])],
        vec![Condition::Kinds(vec![Kind::JournalOpened, Kind::JournalCheckpoint])],
        vec![Condition::Decisions(vec![Decision::Deny])],
        vec![Condition::Decisions(vec![Decision::Audit, Decision::Redirect])],
        vec![Condition::Decisions(vec![Decision::Approve])],
        vec![Condition::Rules(vec!["rule-deny".to_owned()])],
        vec![Condition::Rules(vec!["rule-audit".to_owned(), "other".to_owned()])],
        vec![Condition::Since(1_700_000_000_000_000 + 15_000_000)],
        vec![Condition::Until(1_650_000_000_000_000)],
        vec![Condition::Since(1_700_000_000_000_000 + 9_000_000), Condition::Until(1_700_000_000_000_000 + 9_010_000)],
        vec![Condition::Command("command-3".to_owned())],
        vec![Condition::Command("cc".to_owned())],
        vec![Condition::Command("b2/cc".to_owned())],
        vec![Condition::Command("/opt/b4/bin/tool".to_owned())],
        vec![Condition::Program("tool".to_owned()), Condition::Pid(103)],
        vec![Condition::CommandId("command-1".to_owned())],
        vec![Condition::Pid(102)],
        vec![Condition::Pid(9)],
        vec![Condition::Technique("T1059".to_owned())],
        vec![Condition::Technique("T1059.004".to_owned())],
        vec![Condition::Technique("T105".to_owned())],
        vec![Condition::Severity(1)],
        vec![Condition::Severity(4)],
        vec![Condition::Severity(6)],
        vec![Condition::Sensors(vec!["edge".to_owned()])],
        vec![Condition::Any(vec![])],
        vec![Condition::Any(vec![Condition::Pid(104), Condition::Path("/w/b1/f3".to_owned())])],
        vec![Condition::Host("example.test".to_owned())],
        vec![
            Condition::Session("session-1".to_owned()),
            Condition::Path("/w/b3".to_owned()),
            Condition::Kinds(vec![Kind::FileRename]),
        ],
    ];
    all.extend(
        [
            "/w/b3",
            "/w/b3/",
            "/w",
            "/",
            "/w/b1/f7",
            "/moved/b2",
            "/w/b3/f*",
            "*/f2[0-9]",
            "*b4/o*",
            "/mov?d/b0",
            "old",
            "*/old",
            "*/b3/f2?",
            "*.c",
            "/w/b?/f1[1]",
            "*/f1[1]",
            "*[0-9]/f17",
        ]
        .map(path),
    );
    all.extend(["b2.example.test", "EXAMPLE.test", "2.example.test", "test"].map(host));
    all.extend(["needle IN", "in \"the\"", "b3/f", "ol", "", "nowhere at all", "/usr/lib/b4/cc", "100%"].map(text));
    all
}

#[test]
fn a_filter_gives_the_same_with_summaries_as_without() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    record(&journal);
    journal.close().unwrap();
    let without: Vec<Found> = {
        change(folder.path(), "DELETE FROM summaries");
        let store = store(folder.path());
        conditions().iter().map(|conditions| search(&store, conditions)).collect()
    };
    rebuild(&DataDir::at(folder.path())).unwrap();
    let store = store(folder.path());
    for (conditions, expected) in conditions().iter().zip(&without) {
        assert_eq!(&search(&store, conditions), expected, "{conditions:?}");
    }
    assert!(without.iter().filter(|found| !found.seqs.is_empty()).count() > 35, "most of them find something");
    // Some blocks alone, as while they are being made.
    change(folder.path(), "DELETE FROM summaries WHERE block IN (1, 4)");
    for (conditions, expected) in conditions().iter().zip(&without) {
        assert_eq!(&search(&store, conditions), expected, "without two of five: {conditions:?}");
    }
    let since = 1_700_000_000_000_000 + 15_000_000;
    let first = search(&store, &[Condition::Since(since)]).seqs.first().copied();
    assert_eq!(store.first_since(since).unwrap(), first);
    assert_eq!(store.first_since(i64::MAX).unwrap(), None);
}

#[test]
fn a_block_that_cannot_match_is_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    record(&journal);
    journal.close().unwrap();
    rebuild(&DataDir::at(folder.path())).unwrap();
    let store = store(folder.path());
    let whole: Vec<Found> = conditions().iter().map(|conditions| search(&store, conditions)).collect();
    // A summary that says of a block that it has nothing: what stands there is not found, since nobody looks.
    change(
        folder.path(),
        "UPDATE summaries SET words = zeroblob(16384), runs = zeroblob(16384), first_us = 9223372036854775807, last_us = -1 \
         WHERE block = 3",
    );
    for (conditions, whole) in conditions().into_iter().zip(whole) {
        let blind = search(&store, &conditions);
        let is_in = |seq: &&u64| (**seq - 1) / BLOCK == 3;
        let narrowed = whole.seqs.iter().filter(|seq| !is_in(seq)).copied().collect::<Vec<_>>();
        let says_nothing = match conditions.as_slice() {
            [] => true,
            [Condition::Severity(least)] => *least == 1,
            [Condition::Host(_)] => true,
            [Condition::Text(text)] => text.len() < 3,
            _ => false,
        };
        assert_eq!(blind.seqs, if says_nothing { whole.seqs } else { narrowed }, "{conditions:?}");
    }
}

#[test]
fn a_recorder_sums_up_what_it_records_while_it_is_quiet() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    for number in 0..9_000 {
        journal.channel().publish(&crate::support::open_event(number));
    }
    assert!(journal.flush());
    let summed_up = || {
        let connection = rusqlite::Connection::open(DataDir::at(folder.path()).journal()).unwrap();
        connection.query_row("SELECT count(*) FROM summaries", [], |row| row.get::<_, u64>(0)).unwrap()
    };
    crate::support::until("two blocks are summed up", || summed_up() == 2);
    journal.close().unwrap();
}
