//! A subscriber that does not read costs a bounded amount of memory and nobody's time.

use std::time::{Duration, Instant};

use agentsh::encode::proto::SubscribeRequest;

use super::rig::*;

/// Pages of this process in memory, in bytes.
fn resident() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    pages.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 4096
}

#[test]
fn a_subscriber_that_stops_reading_delays_nobody_and_gets_everything_later() {
    const EVENTS: u64 = 60_000;
    let dir = tempfile::tempdir().unwrap();
    let journal = recorded(dir.path(), 10);
    let served = serve(dir.path());
    block_on(async {
        let mut slow = Vec::new();
        for _ in 0..5 {
            // Each has the first message, and then takes no more. Its connection is its own: streams of one connection share its window.
            let mut slow_client = served.client().await;
            let mut stream = subscribe(&mut slow_client, from_start()).await;
            batch(&mut stream).await;
            slow.push(stream);
        }
        let mut client = served.client().await;
        let mut quick = subscribe(&mut client, after(journal.head())).await;
        let before = resident();
        let mut position = journal.head();
        let mut longest = Duration::ZERO;
        for round in 0..60 {
            publish(&journal, round * 1000..round * 1000 + 1000);
            assert!(journal.flush());
            let start = Instant::now();
            let head = journal.head();
            let seen = through(&mut quick, head).await;
            longest = longest.max(start.elapsed());
            assert_eq!(seen, (position + 1..=head).collect::<Vec<_>>());
            position = head;
        }
        assert!(position >= EVENTS);
        // The quick one got each thousand within a moment, whatever the others did.
        assert!(longest < Duration::from_secs(5), "{longest:?}");
        let grown = resident().saturating_sub(before);
        assert!(grown < 200 << 20, "{grown} bytes more");
        // Now they read on, all of it.
        for mut stream in slow {
            let mut next: Option<u64> = None;
            while next.is_none_or(|next| next < position) {
                for event in batch(&mut stream).await.events {
                    assert!(next.is_none_or(|next| next + 1 == event.seq), "{next:?} {}", event.seq);
                    next = Some(event.seq);
                }
            }
        }
    });
}

#[test]
fn each_batch_says_how_far_behind_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let journal = recorded(dir.path(), 5000);
    let served = serve(dir.path());
    let head = journal.head();
    block_on(async {
        let mut client = served.client().await;
        let request = SubscribeRequest { max_batch_events: 100, ..from_start() };
        let mut stream = subscribe(&mut client, request).await;
        let mut behind = head;
        while behind > 0 {
            let batch = batch(&mut stream).await;
            assert_eq!(batch.head_seq, head);
            let now = batch.head_seq - batch.through_seq;
            assert!(now < behind);
            behind = now;
        }
    });
}

#[test]
fn a_hundred_subscribers_read_history_that_is_read_once() {
    let dir = tempfile::tempdir().unwrap();
    let journal = recorded(dir.path(), 20_000);
    let head = journal.head();
    let served = serve(dir.path());
    block_on(async {
        let mut readers = Vec::new();
        for _ in 0..4 {
            let client = served.client().await;
            for _ in 0..25 {
                let mut client = client.clone();
                readers.push(tokio::spawn(async move {
                    let mut stream = subscribe(&mut client, from_start()).await;
                    through(&mut stream, head).await.len() as u64
                }));
            }
        }
        for reader in readers {
            assert_eq!(reader.await.unwrap(), head);
        }
    });
    // Those that ask while a block is read wait for it, and the cache holds all of this journal: each block once.
    let (read, blocks) = (served.streams.blocks_read(), head.div_ceil(2048));
    assert!((1..=blocks + 1).contains(&read), "{read} blocks were read, the journal has {blocks}");
}
