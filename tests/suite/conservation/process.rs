//! Subscribers, collectors and a carrier of sinks in processes of their own, so that they can be killed and stopped.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

use super::{carrier, collectors, consumers};
use crate::support::until;

const ROLE: &str = "TEST_CONSERVATION_ROLE";

/// What a process does until it is killed.
#[derive(Serialize, Deserialize)]
pub enum Role {
    /// Takes what comes over HTTP.
    Webhook(collectors::Order),
    /// Takes logs over gRPC.
    Otlp(collectors::Order),
    /// Reads the stream.
    Subscribe(consumers::Order),
    /// Delivers to the places that the server's configuration has no room for.
    Carry(carrier::Order),
}

#[test]
fn what_a_process_of_the_conservation_test_runs() {
    let Ok(role) = std::env::var(ROLE) else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    match serde_json::from_str(&role).unwrap() {
        Role::Webhook(order) => runtime.block_on(collectors::webhook(&order)),
        Role::Otlp(order) => runtime.block_on(collectors::otlp(&order)),
        Role::Subscribe(order) => runtime.block_on(consumers::run(&order)),
        Role::Carry(order) => carrier::run(&order),
    }
}

/// A process that is killed at the end of the test, whatever happens.
pub struct Process(Child);

impl Process {
    pub fn start(role: &Role) -> Self {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "conservation::process::what_a_process_of_the_conservation_test_runs", "--nocapture"])
            .env(ROLE, serde_json::to_string(role).unwrap())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn();
        Self(child.unwrap())
    }

    pub fn pid(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.0.id()).unwrap())
    }

    pub fn kill(&mut self) {
        let _it_may_have_ended = self.0.kill();
        self.0.wait().unwrap();
    }

    /// Waits for an end in good order.
    pub fn finish(&mut self) {
        assert!(self.0.wait().unwrap().success());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _it_may_have_ended = self.0.kill();
        let _it_may_have_been_waited_for = self.0.wait();
    }
}

/// Says where a process listens.
pub fn say_address(file: &Path, addr: SocketAddr) {
    let whole = file.with_extension("new");
    std::fs::write(&whole, addr.to_string()).unwrap();
    std::fs::rename(whole, file).unwrap();
}

/// Where it says that it listens, once it does.
pub fn address(file: &Path) -> SocketAddr {
    let mut addr = None;
    until("a process says where it listens", || {
        addr = std::fs::read_to_string(file).ok().and_then(|text| text.parse().ok());
        addr.is_some()
    });
    let _the_next_one_says_its_own = std::fs::remove_file(file);
    addr.unwrap()
}

/// Opens a file of notes of one size behind its last whole note: a kill may have cut one.
pub fn notes(path: &Path, size: u64) -> std::fs::File {
    let file = std::fs::OpenOptions::new().create(true).append(true).open(path).unwrap();
    file.set_len(file.metadata().unwrap().len() / size * size).unwrap();
    file
}

/// Adds notes.
pub fn note(mut file: &std::fs::File, bytes: &[u8]) {
    file.write_all(bytes).unwrap();
}

/// Where the files of a process are.
pub fn beside(folder: &Path, name: &str, what: &str) -> PathBuf {
    folder.join(format!("{name}.{what}"))
}
