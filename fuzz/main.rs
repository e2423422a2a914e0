//! `make fuzz`: readers of what others wrote, fed with inputs that are changed at random, for a bounded time and on a stable compiler.
//!
//! ```text
//! cargo test --test fuzz -- [--seconds N] [--seed N] [TARGET…]      targets: evtx auditd eslogger jsonl policy sigma
//! ```
//! Each target has seeds; an input is a seed with up to sixteen changes (bits, bytes, numbers, words of the format, pieces of another
//! seed, a cut), and one that makes the reader answer in a way that was not seen becomes a seed itself. A target fails when the reader panics,
//! takes longer than ten seconds, or breaks its own promise (every record is told, counted or kept). The input that did it is written to
//! `fuzz/crashes/`, and named with the seed that finds it again.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    missing_docs,
    unreachable_pub,
    reason = "a fuzzer that finds something stops, and says what"
)]

mod mutate;
mod targets;

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use mutate::Mutator;
use targets::Target;

/// How long a reader may take for one input.
const SLOW: Duration = Duration::from_secs(10);
/// Bytes of an input.
const LARGEST: usize = 128 * 1024;
/// Seeds that a target keeps.
const MOST_SEEDS: usize = 512;

struct Options {
    seconds: u64,
    seed: u64,
    targets: Vec<String>,
}

fn main() -> ExitCode {
    let options = options();
    let mut failed = false;
    for target in targets::ALL {
        if options.targets.is_empty() || options.targets.iter().any(|wanted| wanted == target.name) {
            failed |= !fuzz(target, &options);
        }
    }
    ExitCode::from(u8::from(failed))
}

fn options() -> Options {
    let mut options = Options { seconds: 10, seed: 1, targets: Vec::new() };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut number = || arguments.next().and_then(|number| number.parse().ok()).expect("a number follows");
        match argument.as_str() {
            "--seconds" => options.seconds = number(),
            "--seed" => options.seed = number(),
            // What the test runner passes on.
            other if other.starts_with('-') => {}
            target => options.targets.push(target.to_owned()),
        }
    }
    options
}

/// `false` when something was found.
fn fuzz(target: &Target, options: &Options) -> bool {
    let mut seeds = (target.seeds)();
    let given = seeds.len();
    let mut mutator = Mutator::new(options.seed, target.words);
    let (started, mut runs, mut seen) = (Instant::now(), 0_u64, BTreeSet::new());
    let mut slowest = Duration::ZERO;
    let quiet = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let mut found = None;
    while started.elapsed().as_secs() < options.seconds {
        // First each seed as it is.
        let input = match usize::try_from(runs).ok().filter(|run| *run < given).and_then(|run| seeds.get(run)) {
            Some(seed) => seed.clone(),
            None => mutator.next(&seeds, LARGEST),
        };
        runs += 1;
        let began = Instant::now();
        let answer = catch_unwind(AssertUnwindSafe(|| (target.run)(&input)));
        let took = began.elapsed();
        slowest = slowest.max(took);
        match answer {
            Ok(Ok(shape)) if took < SLOW => {
                if seen.insert(shape) && seeds.len() < MOST_SEEDS {
                    seeds.push(input);
                }
            }
            Ok(Ok(_)) => found = Some((input, format!("took {took:?}"))),
            Ok(Err(broken)) => found = Some((input, broken)),
            Err(panic) => {
                let text = panic
                    .downcast_ref::<String>()
                    .cloned()
                    .or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
                found = Some((input, format!("panicked: {}", text.unwrap_or_default())));
            }
        }
        if found.is_some() {
            break;
        }
    }
    std::panic::set_hook(quiet);
    let Some((input, what)) = found else {
        println!("{:<10} {runs} inputs, {} answers, slowest {slowest:?}: nothing found", target.name, seen.len());
        return true;
    };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/crashes");
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join(format!("{}-{}-{runs}", target.name, options.seed));
    std::fs::write(&file, &input).unwrap();
    println!("{:<10} input {runs} of seed {}: {what}\n           kept as {}", target.name, options.seed, file.display());
    false
}
