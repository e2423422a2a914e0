//! Live delivery: how long an event takes from its making in one process to a client of a server's stream, with one subscriber, with a
//! hundred, and beside one that has stalled.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use agentsh::encode::proto::subscribe_request::Start;
use agentsh::encode::proto::{self, SubscribeRequest};
use agentsh::journal::{Journal, JournalConfig};
use agentsh::runtime::clock;

use super::streams::{LightResponse, MANY, Server, connect, fill, runtime, subscribe};
use super::{load, median};

/// Events a second of the live load.
const RATE: u64 = 20_000;
const LIVE: Duration = Duration::from_secs(10);
/// Pairs of rounds without and with a stalled subscriber.
const PAIRS: usize = 9;

/// The time of an event, and nothing else of it.
#[derive(Clone, PartialEq, prost::Message)]
struct Times {
    #[prost(int64, tag = "3")]
    time_us: i64,
}

/// Latencies in microseconds of live events.
struct Latencies(Vec<f64>);

impl Latencies {
    fn at(&mut self, quantile: f64) -> f64 {
        self.0.sort_by(f64::total_cmp);
        let index = ((self.0.len() as f64 - 1.0) * quantile).round() as usize;
        self.0.get(index).copied().unwrap_or(f64::NAN)
    }
}

/// Publishes at the rate for a while, from another process's point of view: the server follows through the doorbell.
fn load_live(data_dir: &Path, duration: Duration) -> u64 {
    let journal = Journal::open(data_dir, &JournalConfig::default()).unwrap();
    let began = Instant::now();
    let mut number = 0;
    while began.elapsed() < duration {
        let due = (began.elapsed().as_secs_f64() * RATE as f64) as u64;
        while number < due {
            journal.channel().publish(&load::event(load::open(number), None));
            number += 1;
        }
        std::thread::sleep(Duration::from_micros(200));
    }
    journal.close().unwrap();
    number
}

/// One round of the live load with so many subscribers; `stalled` of them never read. Every tenth subscriber takes
/// the time of each event; the others read and do not look.
fn live_round(folder: &Path, name: &str, subscribers: usize, stalled: usize, filter: bool) -> Latencies {
    let data_dir = folder.join(name);
    fill(&data_dir, 10);
    let server = Server::start(&data_dir);
    let runtime = runtime();
    let stop = Arc::new(AtomicBool::new(false));
    let ready = Arc::new(AtomicU64::new(0));
    let mut tasks = Vec::new();
    let mut held = Vec::new();
    for index in 0..subscribers + stalled {
        let (stop, ready, addr) = (Arc::clone(&stop), Arc::clone(&ready), server.grpc);
        let session = if filter && index % MANY != 0 { "another-session" } else { "s06ab3kq2f7vx9m1t" };
        let request = SubscribeRequest {
            start: Some(Start::FromNow(true)),
            filter: filter.then(|| proto::EventFilter { session_ids: vec![session.to_owned()], ..proto::EventFilter::default() }),
            heartbeat_ms: 1_000,
            ..SubscribeRequest::default()
        };
        if index >= subscribers {
            held.push(runtime.block_on(async { subscribe::<LightResponse>(connect(addr).await, request).await.unwrap() }));
            continue;
        }
        tasks.push(runtime.spawn(async move {
            let mut stream = subscribe::<LightResponse>(connect(addr).await, request).await.unwrap();
            ready.fetch_add(1, Ordering::Relaxed);
            // Nothing is allocated for the measurement while it runs.
            let events = if index % 10 == 0 { RATE.saturating_mul(LIVE.as_secs() + 1) } else { 0 };
            let mut latencies = Vec::with_capacity(usize::try_from(events).unwrap());
            while !stop.load(Ordering::Relaxed) {
                let Ok(Some(message)) = stream.message().await else { break };
                let now = clock::now().as_micros();
                let events = message.batch.map(|batch| batch.events).unwrap_or_default();
                let looked_at = if index % 10 == 0 { events.len() } else { 0 };
                for event in events.into_iter().take(looked_at) {
                    let times = <Times as prost::Message>::decode(event).unwrap();
                    latencies.push((now - times.time_us) as f64);
                }
            }
            latencies
        }));
    }
    while ready.load(Ordering::Relaxed) < subscribers as u64 {
        std::thread::sleep(Duration::from_millis(1));
    }
    load_live(&data_dir, LIVE);
    stop.store(true, Ordering::Relaxed);
    let mut all = Vec::new();
    for task in tasks {
        all.extend(runtime.block_on(task).unwrap());
    }
    drop(held);
    Latencies(all)
}

pub fn run(folder: &Path) -> String {
    let mut text = format!(
        "Live delivery: from the event's time (when it was made, before the gate) to its arrival at the client, ms, at {RATE} events/s from another \
         process for {} s. One session each: of 100 subscribers one follows the session that is loaded, 99 follow other sessions. \
         Every tenth subscriber takes the time of each event.\n\n\
         | subscribers | p50, ms | p99, ms | p99.9, ms |\n|---|---|---|---|\n",
        LIVE.as_secs()
    );
    for (name, subscribers, stalled, filter) in
        [("1", 1, 0, false), ("100, one session each", MANY, 0, true), ("100, each gets everything", MANY, 0, false)]
    {
        let mut latencies = live_round(folder, &format!("streams-live-{subscribers}-{filter}"), subscribers, stalled, filter);
        text += &row(name, &mut latencies);
    }
    // Interleaved, so that what else the machine does meets both.
    let (mut without, mut with, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..PAIRS {
        let a = live_round(folder, &format!("streams-stall-a{round}"), 10, 0, false).at(0.99);
        let b = live_round(folder, &format!("streams-stall-b{round}"), 10, 1, false).at(0.99);
        without.push(a);
        with.push(b);
        ratios.push(b / a);
    }
    text += &format!(
        "\nA stalled subscriber beside ten that read (p99, medians of {PAIRS} pairs): {:.2} ms without it, {:.2} ms with it, ratio {:.2}.\n",
        median(&without) / 1_000.0,
        median(&with) / 1_000.0,
        median(&ratios)
    );
    text
}

fn row(name: &str, latencies: &mut Latencies) -> String {
    let (p50, p99, p999) = (latencies.at(0.5) / 1_000.0, latencies.at(0.99) / 1_000.0, latencies.at(0.999) / 1_000.0);
    format!("| {name} | {p50:.2} | {p99:.2} | {p999:.2} |\n")
}
