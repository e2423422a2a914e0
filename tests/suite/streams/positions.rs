//! Where streams begin and end, and what they say between.

use std::time::Instant;

use agentsh::encode::proto::stream_end::Reason;
use agentsh::encode::proto::subscribe_request::Start;
use agentsh::encode::proto::subscribe_response::Message;
use agentsh::encode::proto::{EventFilter, SubscribeRequest};
use agentsh::event::{FileOpen, SessionEnded, SessionId};
use tonic::Code;

use super::rig::*;
use crate::support::{event, open_event};

#[test]
fn a_stream_begins_where_it_was_asked_to() {
    let dir = tempfile::tempdir().unwrap();
    let journal = recorded(dir.path(), 3000);
    let last = journal.head();
    let time = {
        let row = crate::support::sqlite3(&journal.data_dir().journal(), "SELECT time_us FROM events WHERE seq = 2500");
        row.parse::<i64>().unwrap()
    };
    let served = serve(dir.path());
    block_on(async {
        let mut client = served.client().await;
        for (start, first) in [
            (Start::FromStart(true), 1),
            (Start::AfterSeq(0), 1),
            (Start::AfterSeq(1), 2),
            (Start::AfterSeq(2047), 2048),
            (Start::AfterSeq(2048), 2049),
            (Start::AfterSeq(last), last + 1),
        ] {
            let request = SubscribeRequest { start: Some(start), end_at_head: true, ..SubscribeRequest::default() };
            let (events, end) = to_the_end(&mut subscribe(&mut client, request).await).await;
            assert_eq!(numbers(&events), (first..=last).collect::<Vec<_>>(), "{start:?}");
            assert_eq!((end.reason(), end.through_seq), (Reason::HeadReached, last));
        }
        let since = SubscribeRequest { start: Some(Start::SinceUs(time)), end_at_head: true, ..SubscribeRequest::default() };
        let (events, _) = to_the_end(&mut subscribe(&mut client, since).await).await;
        assert!(events[0].time_us >= time && events[0].seq <= 2500, "{:?}", events[0]);
        assert_eq!(numbers(&events), (events[0].seq..=last).collect::<Vec<_>>());

        let later = SubscribeRequest { start: Some(Start::SinceUs(i64::MAX)), ..SubscribeRequest::default() };
        let now = SubscribeRequest { start: Some(Start::FromNow(true)), ..SubscribeRequest::default() };
        let mut streams = [subscribe(&mut client, later).await, subscribe(&mut client, now).await];
        publish(&journal, 0..1);
        for stream in &mut streams {
            assert_eq!(numbers(&batch(stream).await.events), [last + 1]);
        }
    });
}

#[test]
fn g5_history_of_large_events_is_streamed_to_its_end() {
    let dir = tempfile::tempdir().unwrap();
    let journal = recorded(dir.path(), 0);
    // Some MiB in fewer events than a block of history has: the journal's pages are full before the block is.
    for number in 0..400 {
        let path = format!("/{number}/{}", "long".repeat(2_500));
        journal.channel().publish(&event(FileOpen { path: path.into(), ..FileOpen::default() }));
    }
    assert!(journal.flush());
    let served = serve(dir.path());
    block_on(async {
        let mut client = served.client().await;
        let request = SubscribeRequest { end_at_head: true, ..from_start() };
        let (events, end) = to_the_end(&mut subscribe(&mut client, request).await).await;
        assert_eq!(numbers(&events), (1..=journal.head()).collect::<Vec<_>>());
        assert_eq!(end.reason(), Reason::HeadReached);
    });
}

#[test]
fn a_position_that_cannot_be_read_from_is_refused_with_where_to_read_on() {
    let dir = tempfile::tempdir().unwrap();
    let journal = recorded(dir.path(), 50);
    let last = journal.head();
    let served = serve(dir.path());
    block_on(async {
        let mut client = served.client().await;
        let status = refused(&mut client, after(last + 1)).await;
        is(&status, Code::OutOfRange, &[&last.to_string(), "future"]);
        assert_eq!(status.metadata().get(agentsh::serve::grpc::JOURNAL_HEAD).unwrap(), &last.to_string());
        is(
            &refused(&mut client, SubscribeRequest::default()).await,
            Code::InvalidArgument,
            &["after_seq", "from_start", "consumer"],
        );
        let no = SubscribeRequest { start: Some(Start::FromNow(false)), ..SubscribeRequest::default() };
        is(&refused(&mut client, no).await, Code::InvalidArgument, &["from_now"]);
        let large = SubscribeRequest { max_batch_events: 1_000_000, ..from_start() };
        is(&refused(&mut client, large).await, Code::InvalidArgument, &["max_batch_events", "1000000", "16384"]);
        let nobody = SubscribeRequest { end_with_session: true, ..from_start() };
        is(&refused(&mut client, nobody).await, Code::InvalidArgument, &["session_ids"]);
    });
}

#[test]
fn a_silent_stream_says_with_heartbeats_where_it_stands() {
    let dir = tempfile::tempdir().unwrap();
    let journal = recorded(dir.path(), 10);
    let served = serve(dir.path());
    block_on(async {
        let mut client = served.client().await;
        let filter = EventFilter { session_ids: vec!["another".into()], ..EventFilter::default() };
        let request = SubscribeRequest { heartbeat_ms: 50, filter: Some(filter), ..from_start() };
        let mut stream = subscribe(&mut client, request).await;
        let mut last = 0;
        for round in 0..3 {
            publish(&journal, 0..5);
            assert!(journal.flush());
            let head = journal.head();
            loop {
                let Message::Heartbeat(beat) = message(&mut stream).await else { panic!("nothing matches") };
                assert!(beat.through_seq >= last && beat.through_seq <= beat.head_seq && beat.time_us > 0 && !beat.paused);
                last = beat.through_seq;
                if last >= head {
                    break;
                }
            }
            assert!(last >= head, "round {round}");
        }
    });
}

#[test]
fn a_batch_is_as_large_and_waits_as_long_as_was_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let journal = recorded(dir.path(), 100);
    let served = serve(dir.path());
    block_on(async {
        let mut client = served.client().await;
        let request = SubscribeRequest { max_batch_events: 7, end_at_head: true, ..from_start() };
        let mut stream = subscribe(&mut client, request).await;
        let last = journal.head();
        let mut through = 0;
        while through < last {
            let batch = batch(&mut stream).await;
            assert!(batch.events.len() == 7 || batch.through_seq == last, "{}", batch.events.len());
            through = batch.through_seq;
        }
        let request = SubscribeRequest { linger_ms: 400, max_batch_events: 3, ..after(last) };
        let mut stream = subscribe(&mut client, request).await;
        let start = Instant::now();
        publish(&journal, 0..1);
        assert_eq!(batch(&mut stream).await.events.len(), 1);
        assert!(start.elapsed().as_millis() >= 350, "it did not linger: {:?}", start.elapsed());
        // A full one does not wait.
        publish(&journal, 0..3);
        assert_eq!(batch(&mut stream).await.events.len(), 3);
    });
}

#[test]
fn a_stream_of_sessions_ends_once_they_have_ended_and_all_of_them_was_sent() {
    let dir = tempfile::tempdir().unwrap();
    let journal = recorded(dir.path(), 20);
    let of_session = |name: &str, payload: agentsh::event::Payload| {
        let mut event = event(payload);
        event.session_id = Some(SessionId::new(name));
        event
    };
    let send = |name: &str, end: bool| {
        let payload = if end { SessionEnded::default().into() } else { open_event(7).payload };
        journal.channel().publish(&of_session(name, payload));
    };
    let served = serve(dir.path());
    block_on(async {
        let mut client = served.client().await;
        send("a", false);
        send("a", true);
        assert!(journal.flush());
        let request = |names: &[&str]| SubscribeRequest {
            filter: Some(EventFilter {
                session_ids: names.iter().map(|name| (*name).to_owned()).collect(),
                ..EventFilter::default()
            }),
            end_with_session: true,
            ..from_start()
        };
        let (events, end) = to_the_end(&mut subscribe(&mut client, request(&["a"])).await).await;
        assert_eq!((events.len(), end.reason()), (2, Reason::SessionEnded));
        let mut stream = subscribe(&mut client, request(&["a", "b"])).await;
        assert_eq!(batch(&mut stream).await.events.len(), 2);
        send("b", false);
        send("c", true);
        send("b", true);
        send("b", false);
        let (events, end) = to_the_end(&mut stream).await;
        assert_eq!((events.len(), end.reason()), (2, Reason::SessionEnded));
        assert_eq!(end.through_seq, events[1].seq);
    });
}

#[test]
fn shutting_down_ends_every_stream_with_its_place() {
    let dir = tempfile::tempdir().unwrap();
    let journal = recorded(dir.path(), 20);
    let last = journal.head();
    let served = serve(dir.path());
    block_on(async {
        let mut client = served.client().await;
        let mut streams = Vec::new();
        for request in [from_start(), after(5), SubscribeRequest { consumer: "c".into(), ..SubscribeRequest::default() }] {
            let mut stream = subscribe(&mut client, request).await;
            through(&mut stream, last).await;
            streams.push(stream);
        }
        served.streams.shut_down();
        for stream in &mut streams {
            let (events, end) = to_the_end(stream).await;
            assert_eq!((events.len(), end.reason(), end.through_seq), (0, Reason::Shutdown, last));
        }
        is(&refused(&mut client, from_start()).await, Code::Unavailable, &["shuts down"]);
    });
}

#[test]
fn one_subscribers_mask_never_changes_anothers_event() {
    let dir = tempfile::tempdir().unwrap();
    let journal = recorded(dir.path(), 500);
    let served = serve(dir.path());
    block_on(async {
        let mut client = served.client().await;
        let masked = |paths: &[&str]| SubscribeRequest {
            field_mask: Some(prost_types::FieldMask { paths: paths.iter().map(|path| (*path).to_owned()).collect() }),
            ..from_start()
        };
        let requests = [from_start(), masked(&["kind"]), masked(&["file_open.path", "actor.pid"]), from_start()];
        let mut streams = Vec::new();
        for request in requests {
            streams.push(subscribe(&mut client, request).await);
        }
        // Half of it is history, half comes live.
        publish(&journal, 500..1000);
        assert!(journal.flush());
        let mut all = Vec::new();
        for stream in &mut streams {
            let mut events = Vec::new();
            while (events.len() as u64) < journal.head() {
                events.extend(batch(stream).await.events);
            }
            all.push(events);
        }
        assert_eq!(all[0], all[3]);
        for ((whole, kind), path) in all[0].iter().zip(&all[1]).zip(&all[2]) {
            assert!(!whole.id.is_empty() && whole.payload.is_some());
            assert_eq!((whole.seq, whole.seq), (kind.seq, path.seq));
            assert_eq!(kind.kind, whole.kind);
            assert!(kind.id.is_empty() && kind.payload.is_none() && kind.actor.is_none(), "{kind:?}");
            assert!(path.id.is_empty() && path.kind == 0);
            assert_eq!(path.actor.as_ref().map(|actor| actor.pid), whole.actor.as_ref().map(|actor| actor.pid));
        }
        let status = refused(&mut client, masked(&["file_open.paht"])).await;
        is(&status, Code::InvalidArgument, &["file_open.paht", "file_open.path"]);
    });
}
