//! The process layer: the command's whole tree, its figures, its verdicts, its end.

mod exact;
mod figures;
mod own_process;
mod parsing;
mod programs;
mod session;
mod signals;
mod tape;
mod tree;
mod verdicts;

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// Waits until the condition holds; fails the test when it does not in time.
fn wait_for(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !condition() {
        assert!(Instant::now() < deadline, "waited in vain: {what}");
        std::thread::park_timeout(Duration::from_millis(2));
    }
}

/// Whether a process is there and has not ended.
fn is_running(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| !stat.rsplit(')').next().unwrap_or_default().trim_start().starts_with('Z'))
}

/// Whether a program can be run here; a test that needs it is skipped otherwise, and says so.
fn has(program: &str) -> bool {
    let found =
        Command::new("sh").args(["-c", &format!("command -v {program}")]).output().is_ok_and(|output| output.status.success());
    if !found {
        eprintln!("skipped: needs {program}: it is not installed");
    }
    found
}

/// Builds a C program; `false`, with the reason said, when this machine cannot.
fn compile(source: &str, flags: &[&str], program: &Path) -> bool {
    if !has("gcc") {
        return false;
    }
    let file = program.with_extension("c");
    std::fs::write(&file, source).unwrap();
    let output = Command::new("gcc").args(flags).arg("-o").arg(program).arg(&file).output().unwrap();
    if !output.status.success() {
        eprintln!("skipped: gcc {flags:?} cannot build: {}", String::from_utf8_lossy(&output.stderr));
    }
    output.status.success()
}
