//! G-5: history and live meet without gap or repeat, whoever writes and whenever a subscriber comes or goes.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use agentsh::encode::proto::subscribe_request::Start;
use agentsh::encode::proto::{EventFilter, SubscribeRequest};
use agentsh::journal::{Journal, JournalConfig};
use agentsh::serve::stream::Limits;

use super::rig::*;
use crate::support::open_event;

/// Publishes from a thread of its own, in bursts, until it is dropped.
struct Writer {
    stop: Arc<AtomicBool>,
    written: Arc<AtomicU64>,
    thread: Option<std::thread::JoinHandle<Journal>>,
}

impl Writer {
    fn start(journal: Journal) -> Self {
        let (stop, written) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let (stopped, counted) = (Arc::clone(&stop), Arc::clone(&written));
        let thread = std::thread::spawn(move || {
            let mut number = 0_u64;
            while !stopped.load(SeqCst) {
                journal.channel().publish(&open_event(number));
                number += 1;
                counted.store(number, SeqCst);
                if number.is_multiple_of(97) {
                    std::thread::park_timeout(Duration::from_millis(number % 5));
                }
            }
            journal
        });
        Self { stop, written, thread: Some(thread) }
    }

    fn stop(&mut self) -> Journal {
        self.stop.store(true, SeqCst);
        let journal = self.thread.take().unwrap().join().unwrap();
        assert!(journal.flush());
        journal
    }
}

/// A number that looks random and is the same each time.
fn dice(seed: &mut u64) -> u64 {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    *seed
}

/// Reads from `position` on until `rounds` connections were broken off, each after some messages; returns what was seen, and checks that
/// nothing is left out or comes twice.
async fn come_and_go(served: &Served, mut position: u64, rounds: u64, mut seed: u64) -> u64 {
    for _ in 0..rounds {
        let mut client = served.client().await;
        let max_batch_events = u32::try_from(dice(&mut seed) % 300 + 1).unwrap();
        let request = SubscribeRequest { max_batch_events, ..after(position) };
        let mut stream = subscribe(&mut client, request).await;
        for _ in 0..dice(&mut seed) % 20 + 1 {
            let batch = batch(&mut stream).await;
            for event in &batch.events {
                assert_eq!(event.seq, position + 1);
                position = event.seq;
            }
            assert_eq!(batch.through_seq, position);
        }
    }
    position
}

async fn read_up_to(served: &Served, mut position: u64, last: u64) {
    let mut client = served.client().await;
    let mut stream = subscribe(&mut client, after(position)).await;
    while position < last {
        for event in batch(&mut stream).await.events {
            assert_eq!(event.seq, position + 1);
            position = event.seq;
        }
    }
    assert_eq!(position, last);
}

fn meet(limits: Limits) {
    let dir = tempfile::tempdir().unwrap();
    let journal = recorded(dir.path(), 3000);
    let served = Arc::new(serve_with(dir.path(), limits));
    let mut writer = Writer::start(journal);
    block_on(async {
        let mut readers = Vec::new();
        for reader in 1..=6_u64 {
            let served = Arc::clone(&served);
            readers.push(tokio::spawn(async move {
                let start = reader * 400 % 2400;
                come_and_go(&served, start, 6, reader.wrapping_mul(0x9E37_79B9_7F4A_7C15)).await
            }));
        }
        let mut positions = Vec::new();
        for reader in readers {
            positions.push(reader.await.unwrap());
        }
        let journal = writer.stop();
        let last = journal.head();
        assert!(last > 3000 + writer.written.load(SeqCst).min(1), "nothing was written meanwhile");
        for position in positions {
            read_up_to(&served, position, last).await;
        }
    });
}

#[test]
fn g5_history_and_live_meet_without_gap_or_repeat_while_others_write() {
    meet(Limits::default());
}

#[test]
fn g5_holds_also_where_the_ring_holds_next_to_nothing() {
    // Every subscriber falls out of the ring all the time, and blocks of history end within what is new.
    meet(Limits { ring_bytes: 20_000, cache_bytes: 40_000, block_events: 64, ..Limits::default() });
}

#[test]
fn g5_from_now_on_and_from_a_time_nothing_is_left_out_either() {
    let dir = tempfile::tempdir().unwrap();
    let journal = recorded(dir.path(), 10);
    let served = serve(dir.path());
    let mut writer = Writer::start(journal);
    block_on(async {
        let mut client = served.client().await;
        for _ in 0..10 {
            let known = head(dir.path());
            let request = SubscribeRequest { start: Some(Start::FromNow(true)), ..SubscribeRequest::default() };
            let mut stream = subscribe(&mut client, request).await;
            let mut position = None;
            for _ in 0..5 {
                for event in batch(&mut stream).await.events {
                    assert!(position.is_none_or(|position: u64| position + 1 == event.seq));
                    position = Some(event.seq);
                    assert!(event.seq > known, "an old event came");
                }
            }
        }
    });
    writer.stop();
}

#[test]
fn g5_a_filter_leaves_nothing_out_between_history_and_live() {
    let dir = tempfile::tempdir().unwrap();
    let journal = recorded(dir.path(), 3000);
    let served = serve(dir.path());
    let mut writer = Writer::start(journal);
    let filter = || EventFilter { paths: vec!["*3.c".into()], ..EventFilter::default() };
    block_on(async {
        let mut client = served.client().await;
        let request = SubscribeRequest { filter: Some(filter()), ..from_start() };
        let mut stream = subscribe(&mut client, request).await;
        let mut seen = Vec::new();
        while writer.written.load(SeqCst) < 5000 {
            seen.extend(numbers(&batch(&mut stream).await.events));
        }
        let journal = writer.stop();
        let expected = seqs(dir.path(), |_, subject| subject.is_some_and(|subject| subject.ends_with("3.c")));
        while seen.len() < expected.len() {
            seen.extend(numbers(&batch(&mut stream).await.events));
        }
        assert_eq!(seen, expected);
        drop(journal);
    });
}

#[test]
fn what_another_recorder_writes_is_seen_live() {
    let dir = tempfile::tempdir().unwrap();
    let here = recorded(dir.path(), 10);
    let served = serve(dir.path());
    let other = Journal::open(dir.path(), &JournalConfig::default()).unwrap();
    let last = |root: &Path| head(root);
    block_on(async {
        let mut client = served.client().await;
        let mut stream = subscribe(&mut client, from_start()).await;
        let mut position = 0;
        for round in 0..20 {
            for journal in [&here, &other] {
                publish(journal, round * 10..round * 10 + 10);
                assert!(journal.flush());
            }
            let head = last(dir.path());
            let seen = through(&mut stream, head).await;
            assert_eq!(seen, (position + 1..=head).collect::<Vec<_>>());
            position = head;
        }
        other.close().unwrap();
        assert_eq!(numbers(&batch(&mut stream).await.events), [position + 1], "the checkpoint of the other");
    });
}
