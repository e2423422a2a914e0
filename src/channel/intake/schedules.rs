//! Schedules of producers and consumer, explored by shuttle: `cargo test --features shuttle --lib schedules`.
//!
//! Shuttle's waits never time out, so a lost wake-up shows as a deadlock. A failing schedule is printed and can be replayed.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test that cannot go on fails, and says where")]

use std::collections::BTreeSet;

use shuttle::scheduler::{PctScheduler, RandomScheduler};
use shuttle::sync::{Arc, Condvar, Mutex};
use shuttle::{Config, Runner, thread};

use super::{AppendError, Batch, FailingPart, Hop, Intake, IntakeId, WhenFull};
use crate::event::Timestamp;

/// Room for seven records of these tests, so that producers are often blocked.
const RING: u64 = 4096;
const PAYLOAD: usize = 520;

fn explore(schedules: usize, check: impl Fn() + Send + Sync + Clone + 'static) {
    let config = || {
        let mut config = Config::new();
        // A page of a real ring is copied by each append: the default stack is too small for that in a debug build.
        config.stack_size = 256 * 1024;
        config
    };
    Runner::new(RandomScheduler::new(schedules), config()).run(check.clone());
    Runner::new(PctScheduler::new(3, schedules), config()).run(check);
}

fn intake() -> (tempfile::TempDir, Arc<Intake>) {
    let folder = tempfile::tempdir().unwrap();
    let intake = Intake::create(folder.path(), IntakeId::from_bytes([1; 16]), RING, Timestamp::from_micros(1)).unwrap();
    (folder, Arc::new(intake))
}

fn payload(producer: u8, number: u8) -> Vec<u8> {
    let mut payload = vec![0; PAYLOAD];
    payload[0] = producer;
    payload[1] = number;
    payload
}

/// What a producer's record says: producer and number.
fn read(frames: &[u8]) -> Vec<(u8, u8)> {
    assert_eq!(frames.len() % PAYLOAD, 0);
    frames.chunks(PAYLOAD).map(|record| (record[0], record[1])).collect()
}

/// Drains and frees until the intake is closed and empty; returns the records in order.
fn drain(intake: &Intake) -> Vec<(u8, u8)> {
    let mut batch = Batch::default();
    let mut all = Vec::new();
    loop {
        intake.take(PAYLOAD * 2, &mut batch).unwrap();
        if batch.last {
            return all;
        }
        if batch.events == 0 {
            intake.declared(&batch.counters);
            intake.wait_for_work(None);
            continue;
        }
        all.extend(read(&batch.frames));
        intake.free(batch.mark.position);
    }
}

fn in_order_of_each_producer(records: &[(u8, u8)], producers: u8, each: u8) {
    for producer in 0..producers {
        let own: Vec<u8> = records.iter().filter(|(by, _)| *by == producer).map(|(_, number)| *number).collect();
        assert_eq!(own, (0..each).collect::<Vec<u8>>(), "producer {producer}");
    }
}

#[test]
fn producers_blocked_by_a_full_ring_go_on_and_each_record_comes_once_in_its_producers_order() {
    explore(2_000, || {
        let (_folder, intake) = intake();
        let producers: Vec<_> = (0..3_u8)
            .map(|producer| {
                let intake = Arc::clone(&intake);
                thread::spawn(move || {
                    for number in 0..5_u8 {
                        let record = payload(producer, number);
                        if number % 2 == 0 {
                            intake.append(&record, 1, WhenFull::Wait).unwrap();
                        } else {
                            intake.append_buffered(&record, 1, WhenFull::Wait).unwrap();
                        }
                    }
                })
            })
            .collect();
        let consumer = {
            let intake = Arc::clone(&intake);
            thread::spawn(move || drain(&intake))
        };
        for producer in producers {
            producer.join().unwrap();
        }
        intake.close();
        in_order_of_each_producer(&consumer.join().unwrap(), 3, 5);
        assert_eq!(intake.counters().offered, 15);
    });
}

#[test]
fn a_parked_consumer_is_woken_by_a_record_and_by_a_loss() {
    explore(2_000, || {
        let (_folder, intake) = intake();
        // What the consumer has seen: events and losses. Only the end of the wait for both closes the intake.
        let seen = Arc::new((Mutex::new((0, 0)), Condvar::new()));
        let consumer = {
            let (intake, seen) = (Arc::clone(&intake), Arc::clone(&seen));
            thread::spawn(move || {
                let mut batch = Batch::default();
                loop {
                    intake.take(1 << 20, &mut batch).unwrap();
                    intake.declared(&batch.counters);
                    intake.free(batch.mark.position);
                    {
                        let mut seen = seen.0.lock().unwrap();
                        *seen = (seen.0 + batch.events, batch.counters.lost());
                    }
                    seen.1.notify_all();
                    if batch.last {
                        return;
                    }
                    intake.wait_for_work(None);
                }
            })
        };
        let loser = {
            let intake = Arc::clone(&intake);
            thread::spawn(move || intake.lose(Hop::IntakeFull, 2, Timestamp::from_micros(5)))
        };
        intake.append(&payload(0, 0), 1, WhenFull::Wait).unwrap();
        drop(seen.1.wait_while(seen.0.lock().unwrap(), |seen| *seen != (1, 2)).unwrap());
        loser.join().unwrap();
        intake.close();
        consumer.join().unwrap();
    });
}

#[test]
fn a_flush_is_not_slept_through() {
    explore(2_000, || {
        let (_folder, intake) = intake();
        let done = Arc::new((Mutex::new(0), Condvar::new()));
        let consumer = {
            let (intake, done) = (Arc::clone(&intake), Arc::clone(&done));
            thread::spawn(move || {
                let mut batch = Batch::default();
                loop {
                    intake.take(1 << 20, &mut batch).unwrap();
                    intake.free(batch.mark.position);
                    *done.0.lock().unwrap() += batch.events;
                    done.1.notify_all();
                    if batch.last {
                        return;
                    }
                    intake.wait_for_work(None);
                }
            })
        };
        let producers: Vec<_> = (0..2_u8)
            .map(|producer| {
                let (intake, done) = (Arc::clone(&intake), Arc::clone(&done));
                thread::spawn(move || {
                    intake.append_buffered(&payload(producer, 0), 1, WhenFull::Wait).unwrap();
                    let goal = intake.hurry();
                    assert!(goal.recorded >= 1);
                    drop(done.1.wait_while(done.0.lock().unwrap(), |done| *done < goal.recorded).unwrap());
                })
            })
            .collect();
        for producer in producers {
            producer.join().unwrap();
        }
        intake.close();
        consumer.join().unwrap();
    });
}

#[test]
fn a_failing_journal_ends_every_wait_for_room_and_nothing_is_lost_twice() {
    explore(2_000, || {
        let (_folder, intake) = intake();
        let producers: Vec<_> = (0..2_u8)
            .map(|producer| {
                let intake = Arc::clone(&intake);
                thread::spawn(move || {
                    let mut appended = 0_u64;
                    for number in 0..6_u8 {
                        match intake.append(&payload(producer, number), 1, WhenFull::Wait) {
                            Ok(_) => appended += 1,
                            Err(AppendError::Failing { .. }) => intake.lose(Hop::IntakeFull, 1, Timestamp::from_micros(1)),
                            Err(error) => panic!("{error}"),
                        }
                    }
                    appended
                })
            })
            .collect();
        // Nobody drains: the ring fills up, and only this ends the wait.
        intake.set_failure(FailingPart::Commit, Some("the disk is full".into()));
        let appended: u64 = producers.into_iter().map(|producer| producer.join().unwrap()).sum();
        let counters = intake.counters();
        assert_eq!(counters.offered, 12);
        assert_eq!(appended + counters.lost(), 12);
        intake.close();
        let drained = drain(&intake);
        assert_eq!(drained.len() as u64, appended);
        assert_eq!(drained.iter().collect::<BTreeSet<_>>().len(), drained.len());
    });
}

#[test]
fn a_close_serves_those_who_wait_for_room_and_refuses_those_who_come_later() {
    explore(2_000, || {
        let (_folder, intake) = intake();
        let producers: Vec<_> = (0..2_u8)
            .map(|producer| {
                let intake = Arc::clone(&intake);
                thread::spawn(move || {
                    let mut appended = Vec::new();
                    for number in 0..6_u8 {
                        match intake.append(&payload(producer, number), 1, WhenFull::Wait) {
                            Ok(_) => appended.push((producer, number)),
                            Err(AppendError::Closed) => {}
                            Err(error) => panic!("{error}"),
                        }
                    }
                    appended
                })
            })
            .collect();
        let consumer = {
            let intake = Arc::clone(&intake);
            thread::spawn(move || drain(&intake))
        };
        intake.close();
        let appended: BTreeSet<_> = producers.into_iter().flat_map(|producer| producer.join().unwrap()).collect();
        let drained = consumer.join().unwrap();
        assert_eq!(drained.len(), appended.len());
        assert_eq!(drained.into_iter().collect::<BTreeSet<_>>(), appended);
    });
}

#[test]
fn threads_that_wait_for_the_disk_at_once_all_get_an_answer() {
    explore(1_000, || {
        let (_folder, intake) = intake();
        let waiters: Vec<_> = (0..3_u8)
            .map(|producer| {
                let intake = Arc::clone(&intake);
                thread::spawn(move || {
                    let position = intake.append(&payload(producer, 0), 1, WhenFull::Wait).unwrap();
                    intake.sync_to(position).unwrap();
                })
            })
            .collect();
        for waiter in waiters {
            waiter.join().unwrap();
        }
    });
}
