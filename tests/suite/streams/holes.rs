//! What is missing is said in its place.

use std::path::Path;

use agentsh::encode::proto::stream_end::Reason;
use agentsh::encode::proto::subscribe_response::Message;
use agentsh::encode::proto::{EventFilter, SubscribeRequest, UpdateConsumerRequest};
use agentsh::journal::{DataDir, Journal, JournalConfig};
use tonic::Code;

use super::rig::*;
use crate::support::{has_program, sqlite3};

/// Deletes rows as somebody with the file in hand would.
fn delete(root: &Path, which: &str) {
    let sql = format!("DROP TRIGGER IF EXISTS events_refuse_delete; DELETE FROM events WHERE {which};");
    sqlite3(&DataDir::at(root).journal(), &sql);
}

/// What a stream says up to its end: `1-3` for events, `!4-5` for what is missing.
async fn told(client: &mut Client, request: SubscribeRequest) -> Vec<String> {
    let mut stream = subscribe(client, request).await;
    let mut told: Vec<String> = Vec::new();
    let mut run: Option<(u64, u64)> = None;
    loop {
        let message = message(&mut stream).await;
        if let Message::Batch(batch) = &message {
            for event in &batch.events {
                run = match run {
                    Some((first, last)) if last + 1 == event.seq => Some((first, event.seq)),
                    Some((first, last)) => {
                        told.push(format!("{first}-{last}"));
                        Some((event.seq, event.seq))
                    }
                    None => Some((event.seq, event.seq)),
                };
            }
            continue;
        }
        if let Some((first, last)) = run.take() {
            told.push(format!("{first}-{last}"));
        }
        match message {
            Message::EventsLost(missing) => {
                assert!(!missing.reason.is_empty());
                told.push(format!("!{}-{}", missing.from_seq, missing.to_seq));
            }
            Message::End(end) => {
                assert_eq!(end.reason(), Reason::HeadReached);
                return told;
            }
            Message::Heartbeat(_) | Message::Batch(_) => {}
        }
    }
}

#[test]
fn a_hole_in_the_journal_is_told_once_in_order() {
    let test = "a_hole_in_the_journal_is_told_once_in_order";
    if !has_program("sqlite3", test) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let journal = recorded(dir.path(), 9000);
    journal.close().unwrap();
    let last = head(dir.path());
    // Within a block, over the border of two, several whole blocks, and two beside one event.
    delete(dir.path(), "seq BETWEEN 10 AND 12 OR seq BETWEEN 2040 AND 2060 OR seq BETWEEN 3000 AND 7500 OR seq IN (8000, 8002)");
    let served = serve(dir.path());
    block_on(async {
        let mut client = served.client().await;
        let all = SubscribeRequest { end_at_head: true, ..from_start() };
        let expected = [
            "1-9",
            "!10-12",
            "13-2039",
            "!2040-2060",
            "2061-2999",
            "!3000-7500",
            "7501-7999",
            "!8000-8000",
            "8001-8001",
            "!8002-8002",
        ];
        let mut expected: Vec<String> = expected.iter().map(|part| (*part).to_owned()).collect();
        expected.push(format!("8003-{last}"));
        assert_eq!(told(&mut client, all).await, expected);
        // From within a hole only the rest of it is missing.
        let within = SubscribeRequest { end_at_head: true, ..after(7000) };
        assert_eq!(told(&mut client, within).await[..2], ["!7001-7500", "7501-7999"]);
        // A filter looks at what is there; what is not there may have matched.
        let filter = EventFilter { paths: vec!["*module_9.c".into()], ..EventFilter::default() };
        let chosen = told(&mut client, of(filter)).await;
        assert_eq!(chosen[1..], ["!2040-2060", "!3000-7500", "!8000-8000", "!8002-8002"], "{chosen:?}");
    });
}

#[test]
fn a_hole_that_a_live_stream_meets_is_told_in_its_place() {
    let test = "a_hole_that_a_live_stream_meets_is_told_in_its_place";
    if !has_program("sqlite3", test) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let journal = recorded(dir.path(), 20);
    let before = journal.head();
    let served = serve(dir.path());
    block_on(async {
        let mut client = served.client().await;
        let mut stream = subscribe(&mut client, after(before)).await;
        publish(&journal, 0..5);
        assert_eq!(through(&mut stream, before + 5).await, (before + 1..=before + 5).collect::<Vec<_>>());
        // The row comes with a gap before it.
        let sql = format!(
            "INSERT INTO events SELECT {}, randomblob(16), time_us, session_id, command_id, cause, kind, pid, subject, decision, rule, \
             severity, attack, payload, leaf FROM events WHERE seq = {before}",
            before + 9
        );
        sqlite3(&journal.data_dir().journal(), &sql);
        let Message::EventsLost(missing) = message(&mut stream).await else { panic!("the hole is not told") };
        assert_eq!((missing.from_seq, missing.to_seq), (before + 6, before + 8));
        assert_eq!(numbers(&batch(&mut stream).await.events), [before + 9]);
    });
}

#[test]
fn a_row_that_cannot_be_read_is_told_as_missing_with_its_reason() {
    let test = "a_row_that_cannot_be_read_is_told_as_missing_with_its_reason";
    if !has_program("sqlite3", test) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    recorded(dir.path(), 20).close().unwrap();
    let last = head(dir.path());
    let sql = "DROP TRIGGER events_refuse_update; UPDATE events SET subject = CAST(x'ff41' AS TEXT) WHERE seq IN (7, 8);";
    sqlite3(&DataDir::at(dir.path()).journal(), sql);
    let served = serve(dir.path());
    block_on(async {
        let mut client = served.client().await;
        let all = SubscribeRequest { end_at_head: true, ..from_start() };
        assert_eq!(told(&mut client, all).await, ["1-6".to_owned(), "!7-8".to_owned(), format!("9-{last}")]);
    });
}

#[test]
fn a_position_older_than_what_is_kept_is_refused_with_where_to_read_on() {
    let test = "a_position_older_than_what_is_kept_is_refused_with_where_to_read_on";
    if !has_program("sqlite3", test) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let journal = recorded(dir.path(), 100);
    {
        let served = serve(dir.path());
        block_on(async {
            let mut client = served.client().await;
            let request = SubscribeRequest { consumer: "late".into(), max_batch_events: 5, ..SubscribeRequest::default() };
            batch(&mut subscribe(&mut client, request).await).await;
            served.streams.ack("late", &anybody(), 5).await.unwrap();
        });
    }
    journal.close().unwrap();
    let last = head(dir.path());
    delete(dir.path(), "seq <= 50");
    let served = serve(dir.path());
    block_on(async {
        let mut client = served.client().await;
        let status = refused(&mut client, after(20)).await;
        is(&status, Code::OutOfRange, &["51", "after_seq 50"]);
        let read_on = status.metadata().get(agentsh::serve::grpc::READ_ON_AFTER).unwrap().to_str().unwrap();
        let expected = vec![format!("51-{last}")];
        let request = SubscribeRequest { end_at_head: true, ..after(read_on.parse().unwrap()) };
        assert_eq!(told(&mut client, request).await, expected);
        assert_eq!(told(&mut client, SubscribeRequest { end_at_head: true, ..from_start() }).await, expected);
        // A consumer that was away for too long is told so, and can be moved.
        let late = SubscribeRequest { consumer: "late".into(), end_at_head: true, ..SubscribeRequest::default() };
        is(&refused(&mut client, late.clone()).await, Code::OutOfRange, &["51"]);
        let early = UpdateConsumerRequest { name: "late".into(), reset_to: Some(20), ..UpdateConsumerRequest::default() };
        is(&client.update_consumer(early).await.unwrap_err(), Code::OutOfRange, &["after_seq 50"]);
        let moved = UpdateConsumerRequest { name: "late".into(), reset_to: Some(50), ..UpdateConsumerRequest::default() };
        client.update_consumer(moved).await.unwrap();
        assert_eq!(told(&mut client, late).await, expected);
    });
    drop(served);
    // Recording goes on beside all of this.
    Journal::open(dir.path(), &JournalConfig::default()).unwrap().close().unwrap();
}

fn anybody() -> agentsh::serve::stream::Asker {
    agentsh::serve::stream::Asker { name: None, all: true }
}
