//! Conservation under faults: an oracle issues numbered events at full speed while recorder, server, subscribers, sinks and the network
//! between are killed, stopped, slowed, cut, refused and answered with garbage at random; afterwards everybody must have everything
//! (G-1, G-2, G-3, G-5). Places that this machine has no peer for (NATS, a bucket) are named and left out.
//!
//! The suite runs a short form. `make test-conservation` runs ten minutes; `CONSERVATION_SECONDS` and
//! `CONSERVATION_SEED` choose another length or repeat a run, `CONSERVATION_BINARY` another build of `agentsh`.

mod audit;
mod carrier;
mod collectors;
mod consumers;
mod faults;
mod link;
mod oracle;
mod process;
mod scene;
mod service;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use consumers::{Place, Subscriber};
use scene::Scene;

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().map_or(default, |text| text.parse().unwrap())
}

#[test]
fn g5_every_consumer_has_every_event_once_and_in_order_whatever_is_killed_stopped_cut_or_refused() {
    let seconds = number("CONSERVATION_SECONDS", 15);
    let seed = number("CONSERVATION_SEED", 20_261_124);
    eprintln!("conservation: {seconds} s, seed {seed}");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let subscribers = vec![
        Subscriber::new("plain", Place::Own, false, false),
        Subscriber::new("named", Place::Named("auditor"), false, false),
        Subscriber::new("slow", Place::Own, true, false),
        Subscriber::new("masked", Place::Own, false, true),
    ];
    let mut scene = runtime.block_on(Scene::set(folder.path(), seed));
    let stop = Arc::new(AtomicBool::new(false));
    let reading: Vec<_> = subscribers
        .iter()
        .map(|subscriber| runtime.spawn(Arc::clone(subscriber).run(scene.links[scene::STREAM].addr(), Arc::clone(&stop))))
        .collect();

    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(seconds) {
        scene.something_happens(&subscribers);
    }
    scene.calm_down();
    let head = scene.head();
    assert!(head > 400 * seconds, "the oracle was not stopped by the faults: {head} events");
    scene.wait_for_everybody(&subscribers, head);
    stop.store(true, Ordering::Relaxed);
    for task in reading {
        runtime.block_on(task).unwrap();
    }
    scene.end();

    scene.audit(&subscribers);
}
