//! Recorders and readers in processes of their own: this test binary, started again with a role.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use agentsh::event::{Decision, Event};
use agentsh::journal::{DataDir, Follower, Journal, JournalConfig, StoreError};
use agentsh::policy::OnAuditFailure;
use agentsh::runtime::clock;
use serde::{Deserialize, Serialize};

use super::rig::{mixed, open_with, small};
use crate::support::{connect_event, exit_event, judgement, open_event, policy, until};

const ROLE: &str = "AGENTSH_TEST_ROLE";

/// What a process does.
#[derive(Serialize, Deserialize)]
pub enum Role {
    /// Hands over events of all durabilities from several threads until `stop` exists, and notes each answer.
    Record { root: PathBuf, answers: PathBuf, stop: PathBuf, threads: u64, seed: u64 },
    /// Hands over so many events, closes the journal and ends.
    Write { root: PathBuf, count: u64, first: u64 },
    /// Hands over so many buffered events, says so, and waits to be killed.
    Buffer { root: PathBuf, count: u64, opened: PathBuf, go: PathBuf, done: PathBuf },
    /// Notes `seq`, time of the event and time of its arrival of every event behind `after`, until there are `count`.
    Follow { root: PathBuf, after: u64, count: u64, seen: PathBuf },
}

/// A process that is killed at the end of its test, whatever happens.
pub struct Process(Child);

impl Process {
    pub fn start(role: &Role) -> Self {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "journal::children::what_other_processes_of_these_tests_run", "--nocapture", "--test-threads=1"])
            .env(ROLE, serde_json::to_string(role).unwrap())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn();
        Self(child.unwrap())
    }

    pub fn id(&self) -> u32 {
        self.0.id()
    }

    /// SIGKILL, and waits until it is gone with its locks.
    pub fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }

    /// Waits for its end, which must be a good one.
    pub fn finish(mut self) {
        until("the other process ends", || self.0.try_wait().unwrap().is_some());
        assert!(self.0.wait().unwrap().success());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _it_may_have_ended = self.0.kill();
        let _it_may_have_been_waited_for = self.0.wait();
    }
}

/// A small generator of repeatable numbers (splitmix64).
pub struct Numbers(pub u64);

impl Numbers {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}

/// One answer that a recorder gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Answer {
    pub id: [u8; 16],
    /// Only `buffered`: may be lost, and must then be declared.
    pub buffered: bool,
    /// 2 with a decision.
    pub events: u8,
}

const ANSWER: usize = 18;

impl Answer {
    fn note(self, file: &File) {
        let mut bytes = self.id.to_vec();
        bytes.push(u8::from(self.buffered));
        bytes.push(self.events);
        let mut file = file;
        file.write_all(&bytes).unwrap();
    }

    /// All answers that were noted.
    pub fn read(path: &Path) -> Vec<Answer> {
        let bytes = std::fs::read(path).unwrap_or_default();
        let whole = bytes.chunks_exact(ANSWER);
        whole.map(|part| Answer { id: part[..16].try_into().unwrap(), buffered: part[16] == 1, events: part[17] }).collect()
    }

    /// Waits until so many were noted.
    pub fn wait(path: &Path, count: u64) {
        let bytes = count * ANSWER as u64;
        until("the recorder answers", || std::fs::metadata(path).is_ok_and(|metadata| metadata.len() >= bytes));
    }
}

#[test]
fn what_other_processes_of_these_tests_run() {
    let Ok(role) = std::env::var(ROLE) else { return };
    match serde_json::from_str(&role).unwrap() {
        Role::Record { root, answers, stop, threads, seed } => record(&root, &answers, &stop, threads, seed),
        Role::Write { root, count, first } => write(&root, count, first),
        Role::Buffer { root, count, opened, go, done } => buffer(&root, count, &opened, &go, &done),
        Role::Follow { root, after, count, seen } => follow(&root, after, count, &seen),
    }
}

fn record(root: &Path, answers: &Path, stop: &Path, threads: u64, seed: u64) {
    let journal = open_with(root, &JournalConfig { durability: mixed(), ..small() });
    let answers = OpenOptions::new().create(true).append(true).open(answers).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let (journal, answers) = (&journal, &answers);
            scope.spawn(move || {
                let mut numbers = Numbers(seed ^ thread);
                while !stop.exists() {
                    let answer = hand_over(journal, &mut numbers);
                    answer.note(answers);
                }
            });
        }
    });
    journal.close().unwrap();
}

/// One event of a random kind; returns when it is answered.
fn hand_over(journal: &Journal, numbers: &mut Numbers) -> Answer {
    let number = numbers.next();
    let gate = |event: &Event, decision| {
        journal.channel().gate(event, &judgement(decision), &policy(OnAuditFailure::Deny)).unwrap();
    };
    let (event, buffered, events) = match number % 16 {
        0 => (connect_event(number), false, 2),
        1..=5 => (exit_event(number), true, 1),
        6..=10 => (open_event(number), false, 1),
        _ => (open_event(number), false, 2),
    };
    match events {
        1 => journal.channel().publish(&event),
        _ if number.is_multiple_of(3) => gate(&event, Decision::Deny),
        _ => gate(&event, Decision::Allow),
    }
    Answer { id: *event.id.as_bytes(), buffered, events }
}

fn write(root: &Path, count: u64, first: u64) {
    let journal = open_with(root, &small());
    for number in first..first + count {
        journal.channel().publish(&open_event(number));
    }
    journal.close().unwrap();
}

fn buffer(root: &Path, count: u64, opened: &Path, go: &Path, done: &Path) {
    let journal = open_with(root, &JournalConfig { durability: mixed(), ..small() });
    File::create(opened).unwrap();
    until("the parent is ready", || go.exists());
    for number in 0..count {
        journal.channel().publish(&exit_event(number));
    }
    File::create(done).unwrap();
    until("the parent kills this process", || false);
}

fn follow(root: &Path, after: u64, count: u64, seen: &Path) {
    let mut follower = Follower::new(&DataDir::at(root), after).unwrap();
    let mut seen = OpenOptions::new().create(true).append(true).open(seen).unwrap();
    let mut left = count;
    // Says that the bell hangs.
    seen.write_all(b"following\n").unwrap();
    while left > 0 {
        let flow = follower.next::<StoreError>(&[], |row| {
            let now = clock::now().as_micros();
            seen.write_all(format!("{} {} {now}\n", row.seq, row.columns.time_us).as_bytes()).unwrap();
            left -= 1;
            Ok(if left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        });
        let _ = flow.unwrap();
    }
}

/// What a follower has noted: `seq`, time of the event, time of its arrival.
pub fn seen(path: &Path) -> Vec<(u64, i64, i64)> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    let lines = whole.lines().filter(|line| *line != "following");
    let numbers = lines.map(|line| line.split(' ').map(|number| number.parse::<i64>().unwrap()).collect::<Vec<_>>());
    numbers.map(|numbers| (u64::try_from(numbers[0]).unwrap(), numbers[1], numbers[2])).collect()
}

/// Waits until a follower hangs its bell.
pub fn following(path: &Path) {
    until("the follower follows", || std::fs::metadata(path).is_ok_and(|metadata| metadata.len() > 0));
}

/// A recorder that died, with whatever it left; for tests that need one.
pub fn dead_recorder(root: &Path, answers: u64) -> Vec<Answer> {
    let scratch = tempfile::tempdir().unwrap();
    let (noted, stop) = (scratch.path().join("answers"), scratch.path().join("stop"));
    let role = Role::Record { root: root.to_owned(), answers: noted.clone(), stop, threads: 1, seed: 1 };
    let recorder = Process::start(&role);
    Answer::wait(&noted, answers);
    recorder.kill();
    Answer::read(&noted)
}
