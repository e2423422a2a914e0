//! Resident memory of a server that does nothing.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

pub fn run(folder: &Path) -> String {
    let mut server = Command::new(env!("CARGO_BIN_EXE_agentsh"))
        .args(["server", "--addr", "127.0.0.1:0", "--data-dir"])
        .arg(folder.join("idle-data"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(server.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let address = line.trim().rsplit("http://").next().unwrap().trim_end_matches('/').to_owned();
    let deadline = Instant::now() + Duration::from_secs(10);
    while !ready(&address) {
        assert!(Instant::now() < deadline, "the server did not become ready");
    }
    let mut resident = Vec::new();
    let end = Instant::now() + Duration::from_secs(10);
    while Instant::now() < end {
        resident.push(status_kib(server.id(), "VmRSS:") as f64 / 1024.0);
        std::thread::sleep(Duration::from_millis(200));
    }
    let peak = status_kib(server.id(), "VmHWM:") as f64 / 1024.0;
    let _ = Command::new("kill").arg(server.id().to_string()).status();
    let _ = server.wait();
    format!(
        "An idle `agentsh server` with an open journal: {:.1} MiB resident (median over 10 s), {peak:.1} MiB at its highest. Target: under 64 MiB.\n",
        crate::median(&resident)
    )
}

fn ready(address: &str) -> bool {
    let Ok(mut stream) = TcpStream::connect(address) else { return false };
    let mut answer = String::new();
    stream.write_all(format!("GET /health/ready HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").as_bytes()).is_ok()
        && stream.read_to_string(&mut answer).is_ok()
        && answer.starts_with("HTTP/1.1 200")
}

pub fn status_kib(pid: u32, key: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    status.lines().find_map(|line| line.strip_prefix(key)).unwrap().trim().trim_end_matches(" kB").parse().unwrap()
}
