//! Named consumers: acknowledged and resumed by name, whatever dies in between.

use agentsh::encode::proto::stream_end::Reason;
use agentsh::encode::proto::subscribe_request::Start;
use agentsh::encode::proto::subscribe_response::Message;
use agentsh::encode::proto::{
    AckRequest, Consumer, EventBatch, EventFilter, ListConsumersRequest, SubscribeRequest, SubscribeResponse,
    UpdateConsumerRequest,
};
use agentsh::serve::stream::Limits;
use tonic::{Code, Streaming};

use super::rig::*;

fn named(name: &str) -> SubscribeRequest {
    SubscribeRequest { consumer: name.to_owned(), heartbeat_ms: 100, ..SubscribeRequest::default() }
}

async fn ack(client: &mut Client, consumer: &str, seq: u64) -> Result<u64, tonic::Status> {
    let request = AckRequest { consumer: consumer.to_owned(), seq };
    client.ack(request).await.map(|response| response.into_inner().acked_seq)
}

async fn update(client: &mut Client, name: &str, change: impl FnOnce(&mut UpdateConsumerRequest)) -> Option<Consumer> {
    let mut request = UpdateConsumerRequest { name: name.to_owned(), ..UpdateConsumerRequest::default() };
    change(&mut request);
    client.update_consumer(request).await.unwrap().into_inner().consumer
}

async fn list(client: &mut Client) -> Vec<Consumer> {
    client.list_consumers(ListConsumersRequest {}).await.unwrap().into_inner().consumers
}

/// Batches until `seq` was looked at.
async fn batches(stream: &mut Streaming<SubscribeResponse>, seq: u64) -> Vec<EventBatch> {
    let mut batches = Vec::new();
    loop {
        batches.push(batch(stream).await);
        if batches.last().unwrap().through_seq >= seq {
            return batches;
        }
    }
}

fn flagged(batches: &[EventBatch]) -> Vec<(u64, bool)> {
    let events = batches.iter().flat_map(|batch| batch.events.iter().map(|event| (event.seq, batch.redelivered)));
    events.collect()
}

#[test]
fn g5_a_consumer_resumes_behind_what_it_acknowledged_also_after_the_server_died() {
    let dir = tempfile::tempdir().unwrap();
    let journal = recorded(dir.path(), 100);
    let last = journal.head();
    for round in 0..4_u64 {
        let served = serve(dir.path());
        let place = round * 20;
        block_on(async {
            let mut client = served.client().await;
            let mut stream = subscribe(&mut client, SubscribeRequest { max_batch_events: 7, ..named("etl") }).await;
            let batches = batches(&mut stream, last).await;
            let seen: Vec<u64> = flagged(&batches).iter().map(|(seq, _)| *seq).collect();
            assert_eq!(seen, (place + 1..=last).collect::<Vec<_>>(), "round {round}");
            assert_eq!(ack(&mut client, "etl", place + 20).await.unwrap(), place + 20);
        });
        // Killed right behind the answer: the place is on record.
        drop(served);
    }
}

#[test]
fn what_was_delivered_before_is_marked_when_it_comes_again() {
    let dir = tempfile::tempdir().unwrap();
    let journal = recorded(dir.path(), 30);
    let last = journal.head();
    let served = serve(dir.path());
    block_on(async {
        let mut client = served.client().await;
        let mut stream =
            subscribe(&mut client, SubscribeRequest { max_batch_events: 10, max_ack_pending: 20, ..named("c") }).await;
        let first = batches(&mut stream, 20).await;
        assert!(flagged(&first).iter().all(|(_, again)| !again));
        ack(&mut client, "c", 5).await.unwrap();
        let more = batches(&mut stream, 25).await;
        assert_eq!(flagged(&more), (21..=25).map(|seq| (seq, false)).collect::<Vec<_>>());
        drop(stream);
        let mut stream = subscribe(&mut client, SubscribeRequest { max_ack_pending: 100, ..named("c") }).await;
        let again = batches(&mut stream, last).await;
        assert_eq!(flagged(&again), (6..=last).map(|seq| (seq, seq <= 25)).collect::<Vec<_>>());
    });
    drop(served);
    // What the next server marks is what was written of it before this one died: at least what was acknowledged.
    let served = serve(dir.path());
    block_on(async {
        let mut client = served.client().await;
        let mut stream = subscribe(&mut client, named("c")).await;
        let again = flagged(&batches(&mut stream, last).await);
        assert_eq!(again.iter().map(|(seq, _)| *seq).collect::<Vec<_>>(), (6..=last).collect::<Vec<_>>());
        let fresh = again.iter().position(|(_, again)| !again).unwrap_or(again.len());
        assert!(again[fresh..].iter().all(|(_, again)| !again), "{again:?}");
    });
}

#[test]
fn no_more_than_max_ack_pending_is_delivered_until_it_is_acknowledged() {
    let dir = tempfile::tempdir().unwrap();
    let journal = recorded(dir.path(), 100);
    let served = serve(dir.path());
    block_on(async {
        let mut client = served.client().await;
        let mut stream = subscribe(&mut client, SubscribeRequest { max_ack_pending: 12, ..named("c") }).await;
        let mut position = 0;
        for _ in 0..4 {
            while position % 12 != 0 || position == 0 {
                position = batch(&mut stream).await.through_seq;
                assert!(position <= 12 * position.div_ceil(12));
            }
            // It waits, and says so.
            let Message::Heartbeat(beat) = message(&mut stream).await else { panic!("more than 12 came") };
            assert_eq!((beat.ack_pending, beat.through_seq, beat.head_seq), (12, position, journal.head()));
            ack(&mut client, "c", position).await.unwrap();
            let next = batch(&mut stream).await;
            position = next.through_seq;
            assert_eq!(next.events.len(), 12);
        }
        // A part of it makes room for a part.
        ack(&mut client, "c", position - 9).await.unwrap();
        assert_eq!(batch(&mut stream).await.events.len(), 3);
        let large = SubscribeRequest { max_ack_pending: u32::MAX, ..named("d") };
        is(&refused(&mut client, large).await, Code::InvalidArgument, &["max_ack_pending"]);
    });
}

#[test]
fn an_acknowledgement_of_what_was_never_sent_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let journal = recorded(dir.path(), 50);
    let served = serve(dir.path());
    block_on(async {
        let mut client = served.client().await;
        is(&ack(&mut client, "nobody", 1).await.unwrap_err(), Code::NotFound, &["nobody"]);
        let mut stream = subscribe(&mut client, SubscribeRequest { max_ack_pending: 10, ..named("c") }).await;
        batches(&mut stream, 10).await;
        is(&ack(&mut client, "c", 11).await.unwrap_err(), Code::FailedPrecondition, &["11", "10"]);
        is(&ack(&mut client, "c", journal.head() + 1).await.unwrap_err(), Code::FailedPrecondition, &[]);
        assert_eq!(ack(&mut client, "c", 10).await.unwrap(), 10);
        // Cumulative: an older one changes nothing.
        assert_eq!(ack(&mut client, "c", 4).await.unwrap(), 10);
        for name in ["", "a b", "ü", &"x".repeat(129)] {
            if !name.is_empty() {
                is(&refused(&mut client, named(name)).await, Code::InvalidArgument, &["name"]);
            }
        }
    });
}

#[test]
fn a_newer_stream_takes_a_consumer_over_and_the_older_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let journal = recorded(dir.path(), 30);
    let last = journal.head();
    let served = serve(dir.path());
    block_on(async {
        let (mut one, mut two) = (served.client().await, served.client().await);
        let mut older = subscribe(&mut one, named("c")).await;
        batches(&mut older, last).await;
        ack(&mut one, "c", 10).await.unwrap();
        let mut newer = subscribe(&mut two, named("c")).await;
        let (events, end) = to_the_end(&mut older).await;
        assert_eq!((events.len(), end.reason(), end.through_seq), (0, Reason::ConsumerTaken, last));
        let again = batches(&mut newer, last).await;
        assert_eq!(flagged(&again), (11..=last).map(|seq| (seq, true)).collect::<Vec<_>>());
        // What comes now goes to the newer one alone, which is the one that is connected.
        publish(&journal, 0..3);
        assert_eq!(
            flagged(&batches(&mut newer, last + 3).await),
            (last + 1..=last + 3).map(|seq| (seq, false)).collect::<Vec<_>>()
        );
        let listed = list(&mut two).await;
        assert_eq!((listed.len(), listed[0].connected, listed[0].acked_seq), (1, true, 10));
        drop(newer);
        until_async("the consumer is free", async || !list(&mut one.clone()).await[0].connected).await;
    });
}

#[test]
fn a_paused_consumer_gets_nothing_until_it_is_resumed() {
    let dir = tempfile::tempdir().unwrap();
    let journal = recorded(dir.path(), 10);
    let last = journal.head();
    {
        let served = serve(dir.path());
        block_on(async {
            let mut client = served.client().await;
            let mut stream = subscribe(&mut client, named("c")).await;
            batches(&mut stream, last).await;
            assert!(update(&mut client, "c", |request| request.paused = Some(true)).await.unwrap().paused);
            publish(&journal, 0..5);
            for _ in 0..3 {
                let Message::Heartbeat(beat) = message(&mut stream).await else { panic!("it is paused") };
                assert!(beat.paused || beat.through_seq == last);
            }
        });
    }
    // A pause outlives the server.
    let served = serve(dir.path());
    block_on(async {
        let mut client = served.client().await;
        let mut stream = subscribe(&mut client, named("c")).await;
        let Message::Heartbeat(beat) = message(&mut stream).await else { panic!("it is paused") };
        assert!(beat.paused);
        update(&mut client, "c", |request| request.paused = Some(false)).await;
        let seen: Vec<u64> = flagged(&batches(&mut stream, last + 5).await).iter().map(|(seq, _)| *seq).collect();
        assert_eq!(seen, (1..=last + 5).collect::<Vec<_>>());
    });
}

#[test]
fn a_consumer_is_moved_and_deleted_and_its_stream_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let journal = recorded(dir.path(), 40);
    let last = journal.head();
    let served = serve(dir.path());
    block_on(async {
        let mut client = served.client().await;
        let mut stream = subscribe(&mut client, named("c")).await;
        batches(&mut stream, last).await;
        ack(&mut client, "c", 30).await.unwrap();
        assert_eq!(update(&mut client, "c", |request| request.reset_to = Some(5)).await.unwrap().acked_seq, 5);
        let (_, end) = to_the_end(&mut stream).await;
        assert_eq!(end.reason(), Reason::ConsumerChanged);
        // The old stream's acknowledgement comes too late and must not undo the move.
        is(&ack(&mut client, "c", 30).await.unwrap_err(), Code::FailedPrecondition, &[]);
        let mut stream = subscribe(&mut client, named("c")).await;
        assert_eq!(flagged(&batches(&mut stream, last).await), (6..=last).map(|seq| (seq, true)).collect::<Vec<_>>());
        // Forwards too, but not beyond the end.
        update(&mut client, "c", |request| request.reset_to = Some(last - 1)).await;
        let (_, end) = to_the_end(&mut stream).await;
        assert_eq!(end.reason(), Reason::ConsumerChanged);
        let beyond = UpdateConsumerRequest { name: "c".into(), reset_to: Some(last + 1), ..UpdateConsumerRequest::default() };
        is(&client.update_consumer(beyond).await.unwrap_err(), Code::OutOfRange, &["future"]);
        let nothing = UpdateConsumerRequest { name: "c".into(), ..UpdateConsumerRequest::default() };
        is(&client.update_consumer(nothing).await.unwrap_err(), Code::InvalidArgument, &[]);
        let mut stream = subscribe(&mut client, named("c")).await;
        assert_eq!(numbers(&batch(&mut stream).await.events), [last]);
        assert!(update(&mut client, "c", |request| request.delete = true).await.is_none());
        let (_, end) = to_the_end(&mut stream).await;
        assert_eq!(end.reason(), Reason::ConsumerChanged);
        assert!(list(&mut client).await.is_empty());
        // A name that is made again begins anew.
        let fresh = SubscribeRequest { start: Some(Start::AfterSeq(last - 2)), ..named("c") };
        let mut stream = subscribe(&mut client, fresh.clone()).await;
        assert_eq!(flagged(&batches(&mut stream, last).await), [(last - 1, false), (last, false)]);
        // Where it is known the place on record counts.
        ack(&mut client, "c", last).await.unwrap();
        publish(&journal, 0..1);
        let mut stream = subscribe(&mut client, fresh).await;
        assert_eq!(numbers(&batch(&mut stream).await.events), [last + 1]);
    });
}

#[test]
fn a_consumer_belongs_to_the_key_that_made_it() {
    let dir = tempfile::tempdir().unwrap();
    let _journal = recorded(dir.path(), 20);
    let served = serve(dir.path());
    block_on(async {
        let mut client = served.client().await;
        let mut stream = client.subscribe(keyed("alice", named("a"))).await.unwrap().into_inner();
        batch(&mut stream).await;
        let acking = AckRequest { consumer: "a".into(), seq: 3 };
        let delete = UpdateConsumerRequest { name: "a".into(), delete: true, ..UpdateConsumerRequest::default() };
        for status in [
            client.subscribe(keyed("bob", named("a"))).await.map(drop).unwrap_err(),
            client.ack(keyed("bob", acking.clone())).await.map(drop).unwrap_err(),
            client.update_consumer(keyed("bob", delete.clone())).await.map(drop).unwrap_err(),
        ] {
            is(&status, Code::PermissionDenied, &["`a`", "another key"]);
        }
        let seen = |consumers: Vec<Consumer>| consumers.into_iter().map(|consumer| consumer.name).collect::<Vec<_>>();
        let of_bob = client.list_consumers(keyed("bob", ListConsumersRequest {})).await.unwrap().into_inner().consumers;
        assert!(of_bob.is_empty());
        for key in ["alice", "admin"] {
            let listed = client.list_consumers(keyed(key, ListConsumersRequest {})).await.unwrap().into_inner().consumers;
            assert_eq!(listed[0].owner, "alice");
            assert_eq!(seen(listed), ["a"]);
        }
        assert_eq!(client.ack(keyed("alice", acking)).await.unwrap().into_inner().acked_seq, 3);
        client.update_consumer(keyed("admin", delete)).await.unwrap();
    });
}

#[test]
fn a_consumer_with_a_filter_acknowledges_what_was_looked_at() {
    let dir = tempfile::tempdir().unwrap();
    let journal = recorded(dir.path(), 2000);
    let last = journal.head();
    let served = serve(dir.path());
    block_on(async {
        let mut client = served.client().await;
        let filter = EventFilter { paths: vec!["*module_7.c".into()], ..EventFilter::default() };
        let request = SubscribeRequest { filter: Some(filter), ..named("c") };
        let mut stream = subscribe(&mut client, request.clone()).await;
        let found = batch(&mut stream).await;
        assert_eq!(found.events.len(), 1);
        // A heartbeat moves the place through what does not match.
        loop {
            let Message::Heartbeat(beat) = message(&mut stream).await else { panic!("one event matches") };
            assert_eq!(beat.ack_pending, 1);
            if beat.through_seq == last {
                break;
            }
        }
        assert_eq!(ack(&mut client, "c", last).await.unwrap(), last);
        drop(stream);
        publish(&journal, 7..8);
        let mut stream = subscribe(&mut client, request).await;
        assert_eq!(numbers(&batch(&mut stream).await.events), [last + 1]);
    });
}

#[test]
fn acknowledgements_of_many_consumers_are_on_record_when_they_are_answered() {
    let dir = tempfile::tempdir().unwrap();
    let journal = recorded(dir.path(), 30);
    let last = journal.head();
    let served = serve(dir.path());
    block_on(async {
        let client = served.client().await;
        let mut tasks = Vec::new();
        for number in 0..40 {
            let mut client = client.clone();
            tasks.push(tokio::spawn(async move {
                let name = format!("c{number}");
                let mut stream = subscribe(&mut client, named(&name)).await;
                batches(&mut stream, last).await;
                for seq in 1..=20 {
                    assert_eq!(ack(&mut client, &name, seq).await.unwrap(), seq);
                }
            }));
        }
        for task in tasks {
            task.await.unwrap();
        }
    });
    drop(served);
    let kept = crate::support::sqlite3(&journal.data_dir().journal(), "SELECT count(*), min(acked), max(acked) FROM consumers");
    assert_eq!(kept, "40|20|20");
    let served = serve_with(dir.path(), Limits { consumers: 40, ..Limits::default() });
    block_on(async {
        let mut client = served.client().await;
        is(&refused(&mut client, named("one-more")).await, Code::ResourceExhausted, &["40"]);
        subscribe(&mut client, named("c7")).await;
    });
}
