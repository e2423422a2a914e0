//! Following: history, then what comes, from every recorder, until the limit, a signal or a closed pipe.

use std::io::{BufRead as _, BufReader, PipeReader};
use std::os::fd::AsFd as _;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use agentsh::cli::events;
use agentsh::cli::output::{Exit, Output};
use agentsh::event::{Decision, FileAccess, FileOpen};
use agentsh::journal::{DataDir, Journal, JournalConfig};

use super::recorded::{Scribe, args};

const DEADLINE: Duration = Duration::from_secs(20);

/// Where the process that is interrupted finds its journal.
const DATA_DIR: &str = "AGENTSH_TEST_FOLLOW";

fn open(name: u64) -> FileOpen {
    FileOpen { path: format!("/work/{name}").into(), access: FileAccess::Read, flags: 0, ..FileOpen::default() }
}

/// Follows in a thread of its own, writing to a pipe.
fn follow(data_dir: &DataDir, line: &str) -> (BufReader<PipeReader>, Receiver<anyhow::Result<Exit>>) {
    let (reader, mut writer) = std::io::pipe().unwrap();
    let (data_dir, args) = (data_dir.clone(), args(line));
    let (end, ended) = channel();
    std::thread::spawn(move || {
        let descriptor = writer.try_clone().unwrap();
        let mut notes = Vec::new();
        let mut output = Output::new(&mut writer, &mut notes).to_descriptor(descriptor.as_fd());
        // Nobody waits any more when the test has failed.
        let _unheard = end.send(events::run(&args, &data_dir, &mut output));
    });
    (BufReader::new(reader), ended)
}

fn next_seq(reader: &mut impl std::io::BufRead) -> u64 {
    let mut line = String::new();
    assert_ne!(reader.read_line(&mut line).unwrap(), 0, "the output ended");
    serde_json::from_str::<serde_json::Value>(&line).unwrap()["seq"].as_u64().unwrap()
}

/// Waits until it ends; a test that waits for ever says nothing.
fn ended(end: &Receiver<anyhow::Result<Exit>>) -> anyhow::Result<Exit> {
    end.recv_timeout(DEADLINE).expect("it goes on")
}

#[test]
fn g5_history_and_what_comes_join_without_gap_or_repeat_across_recorders() {
    let folder = tempfile::tempdir().unwrap();
    let first = Journal::open(folder.path(), &JournalConfig::default()).unwrap();
    let mut scribe = Scribe::new(&first);
    for number in 0..10 {
        scribe.observe(open(number), None);
    }
    assert!(first.flush());
    let (mut reader, end) = follow(first.data_dir(), "--follow --format jsonl --limit 35");
    for expected in 1..=11 {
        assert_eq!(next_seq(&mut reader), expected);
    }
    // A second recorder on the same journal, while the first goes on.
    let second = Journal::open(folder.path(), &JournalConfig::default()).unwrap();
    let mut other = Scribe::new(&second);
    for number in 0..10 {
        scribe.observe(open(number), None);
        other.observe(open(number), None);
    }
    assert!(first.flush() && second.flush());
    for expected in 12..=32 {
        assert_eq!(next_seq(&mut reader), expected);
    }
    first.close().unwrap();
    // The checkpoint of the first one's end.
    assert_eq!(next_seq(&mut reader), 33);
    other.judged(open(1), Decision::Allow, None);
    assert_eq!(next_seq(&mut reader), 34);
    assert_eq!(next_seq(&mut reader), 35);
    assert_eq!(ended(&end).unwrap(), Exit::Done);
    second.close().unwrap();
}

#[test]
fn g5_a_follower_that_comes_back_with_its_last_position_gets_what_follows() {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::open(folder.path(), &JournalConfig::default()).unwrap();
    let mut scribe = Scribe::new(&journal);
    for number in 0..5 {
        scribe.observe(open(number), None);
    }
    assert!(journal.flush());
    let (mut reader, end) = follow(journal.data_dir(), "--follow --format jsonl --limit 3");
    let last = (0..3).map(|_| next_seq(&mut reader)).last().unwrap();
    assert_eq!(ended(&end).unwrap(), Exit::Done);
    scribe.observe(open(6), None);
    assert!(journal.flush());
    let (mut reader, end) = follow(journal.data_dir(), &format!("--follow --format jsonl --limit 4 --after {last}"));
    assert_eq!((0..4).map(|_| next_seq(&mut reader)).collect::<Vec<_>>(), [4, 5, 6, 7]);
    assert_eq!(ended(&end).unwrap(), Exit::Done);
    journal.close().unwrap();
}

#[test]
fn the_last_lines_come_first_and_a_decision_comes_with_its_operation() {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::open(folder.path(), &JournalConfig::default()).unwrap();
    let mut scribe = Scribe::new(&journal);
    for number in 0..20 {
        scribe.judged(open(number), Decision::Deny, Some("no"));
    }
    assert!(journal.flush());
    let (reader, end) = follow(journal.data_dir(), "--follow --tail 2");
    let mut lines = reader.lines().map(Result::unwrap);
    assert!(lines.next().unwrap().contains("SEQ"));
    assert!(lines.next().unwrap().ends_with("open       /work/18  ✗ denied by no"));
    assert!(lines.next().unwrap().ends_with("open       /work/19  ✗ denied by no"));
    for number in 20..30 {
        scribe.judged(open(number), Decision::Audit, Some("look"));
        assert!(lines.next().unwrap().ends_with(&format!("open       /work/{number}  ! flagged by look")));
    }
    drop(lines);
    assert_eq!(ended(&end).unwrap(), Exit::Done);
    journal.close().unwrap();
}

#[test]
fn a_closed_pipe_ends_it_and_is_no_failure() {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::open(folder.path(), &JournalConfig::default()).unwrap();
    let (mut reader, end) = follow(journal.data_dir(), "--follow --format jsonl");
    assert_eq!(next_seq(&mut reader), 1);
    // Nothing more is recorded, so no write can fail: the closing itself must be seen.
    drop(reader);
    assert_eq!(ended(&end).unwrap(), Exit::Done);
    assert_eq!(std::fs::read_dir(journal.data_dir().doorbell()).unwrap().count(), 0, "its bell still hangs");
    journal.close().unwrap();
}

struct Closed;

impl std::io::Write for Closed {
    fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
        Err(std::io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

struct Full;

impl std::io::Write for Full {
    fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
        Err(std::io::ErrorKind::StorageFull.into())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_write_into_a_closed_pipe_is_no_failure_and_into_a_full_disk_is_one() {
    let data_dir = &super::recorded::RECORDED.data_dir;
    for format in ["table", "json", "jsonl", "csv"] {
        let args = args(&format!("--format {format}"));
        let exit = events::run(&args, data_dir, &mut Output::new(&mut Closed, &mut Vec::new()));
        assert_eq!(exit.unwrap(), Exit::Done, "{format}");
        assert!(events::run(&args, data_dir, &mut Output::new(&mut Full, &mut Vec::new())).is_err(), "{format}");
    }
}

/// Run by itself it has no journal and nothing to do; the test below runs it in a process that can be interrupted.
#[test]
fn a_process_that_follows() {
    let Some(folder) = std::env::var_os(DATA_DIR) else {
        eprintln!("skipped: a_process_that_follows: it is the child of `an_interrupt_ends_it_cleanly`");
        return;
    };
    let (mut stdout, mut notes) = (std::io::stderr(), Vec::new());
    let exit =
        events::run(&args("--follow --format jsonl"), &DataDir::at(folder), &mut Output::new(&mut stdout, &mut notes)).unwrap();
    assert_eq!(exit, Exit::Done);
}

#[test]
fn an_interrupt_ends_it_cleanly() {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::open(folder.path(), &JournalConfig::default()).unwrap();
    for signal in [nix::sys::signal::Signal::SIGINT, nix::sys::signal::Signal::SIGTERM] {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "readers::follow::a_process_that_follows", "--nocapture", "--test-threads=1"])
            .env(DATA_DIR, folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut reader = BufReader::new(child.stderr.take().unwrap());
        assert_eq!(next_seq(&mut reader), 1);
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(child.id().cast_signed()), signal).unwrap();
        let status = child.wait().unwrap();
        assert_eq!((status.code(), status.signal()), (Some(0), None), "{signal}");
        assert_eq!(std::fs::read_dir(journal.data_dir().doorbell()).unwrap().count(), 0, "its bell still hangs");
    }
    journal.close().unwrap();
}

/// What a run prints, as positions.
fn seqs(data_dir: &DataDir, line: &str) -> Vec<u64> {
    let printed = super::recorded::ask(data_dir, line).unwrap();
    printed.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["seq"].as_u64().unwrap()).collect()
}

#[test]
fn g5_a_named_reader_goes_on_where_it_ended_whether_it_follows_or_not() {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::open(folder.path(), &JournalConfig::default()).unwrap();
    let mut scribe = Scribe::new(&journal);
    for number in 0..9 {
        scribe.observe(open(number), None);
    }
    assert!(journal.flush());
    let data_dir = journal.data_dir();
    let (mut reader, end) = follow(data_dir, "--follow --format jsonl --consumer watch --limit 3");
    assert_eq!((0..3).map(|_| next_seq(&mut reader)).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(ended(&end).unwrap(), Exit::Done);
    assert_eq!(seqs(data_dir, "--format jsonl --consumer watch --limit 2"), [4, 5]);
    assert_eq!(seqs(data_dir, "--format jsonl --consumer watch --limit 0"), [0; 0]);
    assert_eq!(seqs(data_dir, "--format jsonl --consumer watch"), [6, 7, 8, 9, 10]);
    scribe.observe(open(9), None);
    assert!(journal.flush());
    // What the filter leaves out has been looked at as well.
    assert_eq!(seqs(data_dir, "--format jsonl --consumer watch --path /nowhere"), [0; 0]);
    assert_eq!(seqs(data_dir, "--format jsonl --consumer watch"), [0; 0]);
    assert_eq!(seqs(data_dir, "--format jsonl --consumer other --limit 1"), [1]);
    assert_eq!(seqs(data_dir, "--format jsonl --consumer watch --after 8"), [9, 10, 11]);
    assert_eq!(seqs(data_dir, "--format jsonl --consumer watch --after 0 --limit 1"), [1]);
    assert_eq!(seqs(data_dir, "--format jsonl --consumer watch --limit 1"), [2]);
    journal.close().unwrap();
}

#[test]
fn a_line_that_waited_for_its_decision_when_the_limit_was_reached_comes_the_next_time() {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::open(folder.path(), &JournalConfig::default()).unwrap();
    let mut scribe = Scribe::new(&journal);
    for number in 0..6 {
        if number % 2 == 0 {
            scribe.observe(open(number), None)
        } else {
            scribe.judged(open(number), Decision::Deny, Some("no"))
        };
    }
    assert!(journal.flush());
    let mut printed = String::new();
    loop {
        let (mut out, mut notes) = (Vec::new(), Vec::new());
        let args = args("--consumer watch --kind file_open --limit 1");
        events::run(&args, journal.data_dir(), &mut Output::new(&mut out, &mut notes)).unwrap();
        if out.is_empty() {
            break;
        }
        printed.push_str(std::str::from_utf8(&out).unwrap());
    }
    for number in 0..6 {
        assert_eq!(printed.matches(&format!("/work/{number}")).count(), 1, "{printed}");
    }
    assert_eq!(printed.matches("denied by no").count(), 3, "{printed}");
    journal.close().unwrap();
}

#[test]
fn what_could_not_be_written_is_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::open(folder.path(), &JournalConfig::default()).unwrap();
    assert!(journal.flush());
    let gone = events::run(&args("--consumer watch"), journal.data_dir(), &mut Output::new(&mut Closed, &mut Vec::new()));
    assert_eq!(gone.unwrap(), Exit::Done);
    assert!(events::run(&args("--consumer watch"), journal.data_dir(), &mut Output::new(&mut Full, &mut Vec::new())).is_err());
    assert_eq!(seqs(journal.data_dir(), "--format jsonl --consumer watch"), [1]);
    journal.close().unwrap();
}

#[test]
fn one_name_has_one_reader_and_is_a_name() {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::open(folder.path(), &JournalConfig::default()).unwrap();
    assert!(journal.flush());
    let (mut reader, end) = follow(journal.data_dir(), "--follow --format jsonl --consumer watch");
    assert_eq!(next_seq(&mut reader), 1);
    let refused = super::recorded::ask(journal.data_dir(), "--consumer watch").unwrap_err();
    assert!(refused.to_string().contains("another process reads as `watch`"), "{refused}");
    drop(reader);
    assert_eq!(ended(&end).unwrap(), Exit::Done);
    assert_eq!(seqs(journal.data_dir(), "--format jsonl --consumer watch"), [0; 0]);
    for name in ["../x", "", "-x", "a/b", &"x".repeat(65)] {
        let refused = super::recorded::ask(journal.data_dir(), &format!("--consumer={name}"));
        assert!(refused.is_err_and(|error| error.to_string().contains("cannot name a reader")), "{name}");
    }
    journal.close().unwrap();
}
