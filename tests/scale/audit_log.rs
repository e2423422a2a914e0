//! An audit log of 2 GB through the real program, in bounded memory.

use std::fmt::Write as _;
use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

const SIZE: u64 = 2 * 1024 * 1024 * 1024;
/// What the program may have in memory, with the journal's caches and the intake.
const MOST_RESIDENT: u64 = 256 * 1024 * 1024;

/// `VmHWM` of a process that lives, in bytes.
fn peak(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse::<u64>().ok().map(|kib| kib * 1024)
}

/// A program start in a thousand events; the others have no kind, so that the journal stays small and the reader is what is measured.
fn events(serial: u64, text: &mut String) {
    text.clear();
    let stamp = format!("{}.{:03}:{serial}", 1_700_000_000 + serial / 1_000, serial % 1_000);
    if serial.is_multiple_of(1_000) {
        let _ = writeln!(
            text,
            "type=SYSCALL msg=audit({stamp}): arch=c000003e syscall=59 success=yes exit=0 ppid=1 pid=7 auid=1000 uid=0 euid=0 egid=0 ses=3 comm=\"ls\" exe=\"/usr/bin/ls\" key=\"exec\"\n\
             type=EXECVE msg=audit({stamp}): argc=2 a0=\"ls\" a1=\"/home/dev\"\ntype=PROCTITLE msg=audit({stamp}): proctitle=6C73"
        );
    } else {
        let _ = writeln!(
            text,
            "type=USER_ACCT msg=audit({stamp}): pid=1 uid=0 auid=1000 ses=3 msg='op=PAM:accounting grantors=pam_unix acct=\"dev\" exe=\"/usr/sbin/cron\" hostname=? addr=? terminal=cron res=success'{}",
            "x".repeat(800)
        );
    }
}

#[test]
fn an_audit_log_of_two_gigabytes_is_imported_in_bounded_memory() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("data");
    let mut child = Command::new(env!("CARGO_BIN_EXE_agentsh"))
        .arg("--data-dir")
        .arg(&root)
        .args(["import", "auditd", "-", "--json"])
        .env("HOME", folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = BufWriter::with_capacity(1 << 20, child.stdin.take().unwrap());
    let (mut written, mut serial, mut text, mut most) = (0, 0, String::new(), 0);
    while written < SIZE {
        events(serial, &mut text);
        input.write_all(text.as_bytes()).unwrap();
        written += text.len() as u64;
        serial += 1;
        if serial.is_multiple_of(10_000) {
            most = most.max(peak(child.id()).unwrap_or(0));
        }
    }
    drop(input);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let report = &report["files"][0];
    assert_eq!(report["records"].as_u64(), Some(serial));
    assert_eq!(report["events"]["process_exec"].as_u64(), Some(serial.div_ceil(1_000)));
    assert_eq!(report["unread"].as_u64(), Some(0));
    assert!(most > 0 && most < MOST_RESIDENT, "{} MiB resident", most >> 20);
    println!("{} MB, {serial} events, at most {} MiB resident", written / 1_000_000, most >> 20);
    assert!(Path::new(&root).join("journal.db").metadata().unwrap().len() < written / 10);
}
