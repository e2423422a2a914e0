//! What a recorded command takes longer than the command.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::median;

const ROUNDS: usize = 41;

pub fn run(folder: &Path) -> String {
    let workspace = folder.join("workspace");
    std::fs::create_dir_all(&workspace).unwrap();
    let data = folder.join("start-data");
    let recorded = |command: &[&str]| {
        let mut run = Command::new(env!("CARGO_BIN_EXE_agentsh"));
        run.args(["run", "--data-dir"]).arg(&data).arg("--workspace").arg(&workspace).arg("--").args(command);
        time(&mut run)
    };
    let mut text = String::from(
        "Whole processes, interleaved, with workspace mount, proxy and process capture on, the session's journal opened and closed.\n\n\
         | command | alone, ms | recorded, ms | added, ms (median of pairs) |\n|---|---|---|---|\n",
    );
    for command in [&["true"][..], &["sh", "-c", "i=0; while [ $i -lt 100 ]; do /bin/true; i=$((i+1)); done"][..]] {
        let (mut alone, mut with, mut added) = (Vec::new(), Vec::new(), Vec::new());
        for round in 0..ROUNDS {
            let first = time(Command::new(command[0]).args(&command[1..]));
            let second = recorded(command);
            if round > 0 {
                alone.push(first);
                with.push(second);
                added.push(second - first);
            }
        }
        let name = if command.len() == 1 { "`true`" } else { "a shell that starts `/bin/true` 100 times" };
        text += &format!("| {name} | {:.1} | {:.1} | {:.1} |\n", median(&alone), median(&with), median(&added));
    }
    text
}

/// Milliseconds from start to end.
fn time(command: &mut Command) -> f64 {
    let begun = Instant::now();
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
    assert!(status.success(), "{command:?}: {status}");
    begun.elapsed().as_secs_f64() * 1e3
}
