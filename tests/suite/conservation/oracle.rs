//! The oracle: recorders in processes of their own that issue numbered events at full speed, and note each number once it is answered.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use agentsh::event::Decision;
use agentsh::journal::{Journal, JournalConfig};
use agentsh::policy::OnAuditFailure;
use serde::{Deserialize, Serialize};

use crate::journal::children::Numbers;
use crate::support::{judgement, open_event, policy};

const ROLE: &str = "TEST_ORACLE";

/// Events a second that one oracle issues, bursts and pauses taken together.
const RATE: u32 = 600;

/// What an oracle process does.
#[derive(Serialize, Deserialize)]
pub struct Order {
    /// The data directory.
    pub root: PathBuf,
    /// Where answered numbers are noted, 8 bytes each.
    pub answers: PathBuf,
    /// The first number.
    pub first: u64,
    /// Numbers at most.
    pub count: u64,
    pub seed: u64,
    /// The process ends in good order once this is there.
    pub stop: PathBuf,
}

/// A recorder that is killed at the end of the test, whatever happens.
pub struct Oracle {
    child: Child,
    stop: PathBuf,
}

impl Oracle {
    pub fn start(order: &Order) -> Self {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "conservation::oracle::what_an_oracle_process_runs", "--nocapture", "--test-threads=1"])
            .env(ROLE, serde_json::to_string(order).unwrap())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn();
        Self { child: child.unwrap(), stop: order.stop.clone() }
    }

    pub fn id(&self) -> i32 {
        i32::try_from(self.child.id()).unwrap()
    }

    pub fn kill(&mut self) {
        let _it_may_have_ended = self.child.kill();
        self.child.wait().unwrap();
    }

    /// Waits for an end in good order.
    pub fn finish(&mut self) {
        std::fs::write(&self.stop, "").unwrap();
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Oracle {
    fn drop(&mut self) {
        let _it_may_have_ended = self.child.kill();
        let _it_may_have_been_waited_for = self.child.wait();
    }
}

/// The numbers that were answered.
pub fn answered(path: &Path) -> Vec<u64> {
    let bytes = std::fs::read(path).unwrap_or_default();
    bytes.chunks_exact(8).map(|part| u64::from_le_bytes(part.try_into().unwrap())).collect()
}

#[test]
fn what_an_oracle_process_runs() {
    let Ok(order) = std::env::var(ROLE) else { return };
    let order: Order = serde_json::from_str(&order).unwrap();
    let journal = Journal::open(&order.root, &JournalConfig::default()).unwrap();
    let mut answers = OpenOptions::new().create(true).append(true).open(&order.answers).unwrap();
    let mut numbers = Numbers(order.seed);
    let mut number = order.first;
    while number < order.first + order.count && !order.stop.exists() {
        // Bursts at full speed, so that what follows the journal is behind again and again and must catch up; between them time, so
        // that the slowest reader of an unoptimised build can.
        let burst = 1 + numbers.below(3_000);
        for _ in 0..burst {
            let event = open_event(number);
            match numbers.below(8) {
                0 => journal.channel().gate(&event, &judgement(Decision::Deny), &policy(OnAuditFailure::Deny)).unwrap(),
                1 => journal.channel().gate(&event, &judgement(Decision::Allow), &policy(OnAuditFailure::Deny)).unwrap(),
                _ => journal.channel().publish(&event),
            }
            answers.write_all(&number.to_le_bytes()).unwrap();
            number += 1;
        }
        let until = Instant::now() + Duration::from_secs(burst) / RATE;
        while Instant::now() < until && !order.stop.exists() {
            std::thread::park_timeout(Duration::from_millis(5));
        }
    }
    journal.close().unwrap();
}
