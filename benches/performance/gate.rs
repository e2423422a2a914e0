//! What a gated operation waits: policy, frame, intake; and the shared sync at `durable`.

use std::path::Path;
use std::time::{Duration, Instant};

use agentsh::channel::Durability;
use agentsh::journal::{Journal, JournalConfig};

use crate::load;

pub fn run(folder: &Path) -> String {
    let mut text = String::from(
        "Time in `SessionChannel::gate` for a `file_open` under the built-in policy (verdict, event and decision on record). \
         `buffered` and `crash_safe` at 20,000 operations/s for 10 s from one thread, `durable` from 1 and 16 threads without pause \
         for 5 s each. A `durable` gate waits for `fdatasync(2)`; the last column is that call alone, on the same disk, in the same run.\n\n\
         | durability | threads | operations/s | p50, µs | p90, µs | p99, µs | p99.9, µs | `fdatasync` p50, µs |\n|---|---|---|---|---|---|---|---|\n",
    );
    let sync = sync_alone(folder);
    for (durability, threads, rate) in [
        (Durability::Buffered, 1, Some(20_000)),
        (Durability::CrashSafe, 1, Some(20_000)),
        (Durability::Durable, 1, None),
        (Durability::Durable, 16, None),
    ] {
        let (times, elapsed) = measure(folder, durability, threads, rate);
        let at = |part: f64| times[((times.len() - 1) as f64 * part) as usize] as f64 / 1e3;
        let sync = if durability == Durability::Durable { format!("{sync:.0}") } else { "–".to_owned() };
        text += &format!(
            "| {} | {threads} | {:.0} | {:.2} | {:.2} | {:.2} | {:.1} | {sync} |\n",
            durability.as_str(),
            times.len() as f64 / elapsed.as_secs_f64(),
            at(0.5),
            at(0.9),
            at(0.99),
            at(0.999),
        );
    }
    text
}

fn measure(folder: &Path, durability: Durability, threads: u64, rate: Option<u64>) -> (Vec<u64>, Duration) {
    let folder = folder.join("gate");
    let _ = std::fs::remove_dir_all(&folder);
    let mut config = JournalConfig::default();
    config.durability.default = durability;
    let journal = Journal::open(&folder, &config).unwrap();
    let session = load::session(journal.channel());
    let started = Instant::now();
    let length = Duration::from_secs(if rate.is_some() { 10 } else { 5 });
    let mut times: Vec<u64> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|_| {
                let session = session.clone();
                scope.spawn(move || {
                    let mut times = Vec::new();
                    for number in 0.. {
                        if let Some(rate) = rate {
                            let due = started + Duration::from_nanos(1_000_000_000 / rate * number);
                            while Instant::now() < due {
                                std::hint::spin_loop();
                            }
                        }
                        if started.elapsed() > length {
                            break;
                        }
                        let (payload, actor) = (load::open(number), load::actor());
                        let begun = Instant::now();
                        let verdict = session.gate(payload, Some(actor), None);
                        times.push(begun.elapsed().as_nanos() as u64);
                        assert!(verdict.refusal().is_none());
                    }
                    times
                })
            })
            .collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });
    let elapsed = started.elapsed();
    times.sort_unstable();
    journal.close().unwrap();
    (times, elapsed)
}

/// Median of an `fdatasync` after 512 new bytes in a preallocated file, in microseconds.
fn sync_alone(folder: &Path) -> f64 {
    let path = folder.join("sync");
    let file = std::fs::OpenOptions::new().create(true).truncate(true).read(true).write(true).open(&path).unwrap();
    file.set_len(8 << 20).unwrap();
    let mut times = Vec::new();
    for number in 0..400_u64 {
        std::os::unix::fs::FileExt::write_all_at(&file, &[7; 512], number * 512).unwrap();
        let begun = Instant::now();
        file.sync_data().unwrap();
        times.push(begun.elapsed().as_nanos() as f64 / 1e3);
    }
    let _ = std::fs::remove_file(path);
    crate::median(&times)
}
