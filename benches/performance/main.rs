//! `make bench`: measures and writes `docs/performance.md`. Peers run the same work in the same run, interleaved; medians count.
//!
//! Arguments: names of sections to run (`journal gate registry start memory lake import otlp sinks streams live wire detect questions quality verify first_row`), all if none. `BENCH_DIR` is
//! where journals are made
//! (default: the target folder), so that another disk can be measured.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    missing_docs,
    unreachable_pub,
    reason = "a benchmark that cannot go on stops, and says where"
)]

mod archive;
mod detect;
mod gate;
mod import;
mod journal;
mod lake;
mod live;
mod load;
mod memory;
mod otlp;
mod quality;
mod questions;
mod raw_stream;
mod reading;
mod registry;
mod report;
mod sinks;
mod start;
mod streams;
mod wire;

use std::path::PathBuf;

/// Measures beneath a folder and returns what the report says.
type Section = fn(&std::path::Path) -> String;

fn main() {
    raw_stream::serve_if_asked();
    if archive::make_if_asked() {
        return;
    }
    let wanted: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let folder =
        std::env::var_os("BENCH_DIR").map_or_else(|| PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("bench"), PathBuf::from);
    std::fs::create_dir_all(&folder).unwrap();
    let mut report = report::Report::load();
    let sections: [(&str, Section); 17] = [
        ("journal", journal::run),
        ("gate", gate::run),
        ("registry", registry::run_section),
        ("start", start::run),
        ("memory", memory::run),
        ("lake", lake::run),
        ("import", import::run),
        ("otlp", otlp::run),
        ("sinks", sinks::run),
        ("streams", streams::run),
        ("live", live::run),
        ("wire", wire::run),
        ("detect", detect::run),
        ("questions", questions::run),
        ("quality", quality::run),
        ("verify", reading::verify),
        ("first_row", reading::first_rows),
    ];
    for (name, run) in sections {
        if wanted.is_empty() || wanted.iter().any(|wanted| wanted == name) {
            eprintln!("measuring: {name}");
            let text = run(&folder);
            println!("{text}");
            report.replace(name, &text);
        }
    }
    report.save();
    let _ = std::fs::remove_dir_all(&folder);
}

/// The middle of the values; for an even number the lower one of the two.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[(sorted.len() - 1) / 2]
}
