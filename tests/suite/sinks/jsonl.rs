//! JSON lines in files: the lines, rotation, torn tails, full disks, and files that are not ours.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use agentsh::runtime::units::Millis;
use agentsh::sink::Shape;
use agentsh::sink::jsonl::{Compression, Fsync, JsonlConfig, JsonlSink};

use super::rig::*;
use crate::support::{is_root, until};

pub fn config(path: &Path, compression: Compression) -> JsonlConfig {
    JsonlConfig { enabled: true, path: Some(path.to_owned()), compression, fsync: Fsync::Never, ..JsonlConfig::default() }
}

pub fn sink(root: &Path, config: &JsonlConfig) -> JsonlSink {
    JsonlSink::new(config.clone(), agentsh::journal::DataDir::at(root))
}

/// Delivers everything that is in the journal.
fn deliver(root: &Path, config: &JsonlConfig) {
    // Another test's fork holds the claim of the sink before for a moment; one that is told to end meanwhile has delivered nothing.
    until("everything is delivered", || {
        assert!(start("jsonl", sink(root, config), delivery(root, &Reports::default())).end());
        cursor(root, "jsonl") == head(root)
    });
}

/// The files of a folder in the order of their events: the full ones by name, then the one that is appended to.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    found.sort_by_key(|path| {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        (!name.contains('-'), name)
    });
    found
}

pub fn text(path: &Path) -> String {
    let bytes = fs::read(path).unwrap();
    let mut text = String::new();
    if bytes.is_empty() {
        return text;
    }
    match path.extension().unwrap().to_str().unwrap() {
        "gz" => {
            flate2::read::MultiGzDecoder::new(bytes.as_slice()).read_to_string(&mut text).unwrap();
        }
        "zst" => {
            zstd::stream::read::Decoder::new(bytes.as_slice()).unwrap().read_to_string(&mut text).unwrap();
        }
        _ => text = String::from_utf8(bytes).unwrap(),
    }
    assert!(text.is_empty() || text.ends_with("\n"), "{}: {text}", path.display());
    text
}

/// Position and id of every line of a folder's files.
pub fn lines(folder: &Path) -> Vec<(u64, String)> {
    let texts: Vec<String> = files(folder).iter().map(|path| text(path)).collect();
    texts
        .iter()
        .flat_map(|text| text.lines())
        .map(|line| {
            let value: serde_json::Value = serde_json::from_str(line).unwrap();
            match value.get("seq") {
                Some(seq) => (seq.as_u64().unwrap(), value["id"].as_str().unwrap().to_owned()),
                None => (value["metadata"]["sequence"].as_u64().unwrap(), value["metadata"]["uid"].as_str().unwrap().to_owned()),
            }
        })
        .collect()
}

const ALL: [Compression; 3] = [Compression::None, Compression::Gzip, Compression::Zstd];

#[test]
fn g5_each_event_is_one_line_once_in_every_compression_and_shape_across_restarts() {
    for compression in ALL {
        for format in [Shape::Agentsh, Shape::Ocsf] {
            let scratch = tempfile::tempdir().unwrap();
            let (root, folder) = (scratch.path().join("data"), scratch.path().join("out"));
            let journal = journal(&root, 130);
            let config = JsonlConfig { format, ..config(&folder.join("events.jsonl"), compression) };
            deliver(&root, &config);
            record(&journal, 130, 40);
            deliver(&root, &config);
            deliver(&root, &config);
            assert_eq!(lines(&folder), recorded(&root), "{compression:?} {format:?}");
            assert_eq!(files(&folder).len(), 1);
            journal.close().unwrap();
        }
    }
}

#[test]
fn a_line_is_what_the_command_line_prints() {
    let scratch = tempfile::tempdir().unwrap();
    let (root, path) = (scratch.path().join("data"), scratch.path().join("events.jsonl"));
    let journal = journal(&root, 10);
    deliver(&root, &config(&path, Compression::None));
    journal.close().unwrap();
    let printed = std::process::Command::new(env!("CARGO_BIN_EXE_agentsh"))
        .args(["--data-dir", root.to_str().unwrap(), "events", "--format", "jsonl"])
        .output()
        .unwrap();
    let printed = String::from_utf8(printed.stdout).unwrap();
    let written = fs::read_to_string(&path).unwrap();
    assert!(!written.is_empty() && printed.starts_with(&written), "{written}\n{printed}");
}

#[test]
fn full_files_are_named_after_their_last_event_and_the_oldest_go() {
    for compression in ALL {
        let scratch = tempfile::tempdir().unwrap();
        let (root, folder) = (scratch.path().join("data"), scratch.path().join("out"));
        let journal = journal(&root, 0);
        let config = JsonlConfig { rotate_bytes: 4_096, ..config(&folder.join("events.jsonl"), compression) };
        for round in 0..12 {
            record(&journal, round * 120, 120);
            deliver(&root, &config);
        }
        assert_eq!(lines(&folder), recorded(&root), "{compression:?}");
        let found = files(&folder);
        assert!(found.len() > 3, "{found:?}");
        for path in &found[..found.len() - 1] {
            let last =
                text(path).lines().last().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["seq"].clone());
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            let number: u64 = name[7..19].parse().unwrap();
            assert_eq!((&name[..7], Some(number)), ("events-", last.and_then(|last| last.as_u64())), "{name}");
        }
        // A smaller number of files from now on.
        let config = JsonlConfig { keep_files: 2, ..config };
        record(&journal, 2_000, 200);
        deliver(&root, &config);
        let kept = files(&folder);
        assert!(kept.len() <= 3, "{kept:?}");
        let rest = lines(&folder);
        let all = recorded(&root);
        assert_eq!(rest, all[all.len() - rest.len()..]);
        journal.close().unwrap();
    }
}

#[test]
fn a_file_that_is_old_enough_makes_room_for_a_new_one() {
    let scratch = tempfile::tempdir().unwrap();
    let (root, folder) = (scratch.path().join("data"), scratch.path().join("out"));
    let journal = journal(&root, 5);
    let config = JsonlConfig { rotate_age: Millis::new(1), ..config(&folder.join("e.jsonl"), Compression::None) };
    let running = start("jsonl", sink(&root, &config), delivery(&root, &Reports::default()));
    until("the first file is full", || {
        folder.exists() && files(&folder).iter().any(|path| path.to_str().unwrap().contains("e-0"))
    });
    assert!(running.end());
    assert_eq!(lines(&folder), recorded(&root));
    journal.close().unwrap();
}

#[test]
fn g5_a_torn_tail_is_cut_off_and_written_again_wherever_it_is_torn() {
    for compression in ALL {
        let scratch = tempfile::tempdir().unwrap();
        let (root, folder) = (scratch.path().join("data"), scratch.path().join("out"));
        let journal = journal(&root, 20);
        let config = config(&folder.join("events.jsonl"), compression);
        deliver(&root, &config);
        let path = files(&folder)[0].clone();
        let whole = fs::metadata(&path).unwrap().len();
        record(&journal, 20, 3);
        deliver(&root, &config);
        let content = fs::read(&path).unwrap();
        let full = content.len() as u64;
        let step = usize::try_from(((full - whole) / 12).max(1)).unwrap();
        for length in (whole + 1..full).step_by(step).chain([whole, full - 1]) {
            fs::write(&path, &content[..usize::try_from(length).unwrap()]).unwrap();
            deliver(&root, &config);
            assert_eq!(lines(&folder), recorded(&root), "{compression:?}, torn at {length} of {whole} to {full}");
        }
        // Torn within the very first batch, and nothing at all.
        for length in [0, 1, 5] {
            fs::write(&path, &content[..length]).unwrap();
            // The cursor is ahead of a file that lost everything: what the cursor says is gone from the file counts as taken away.
            deliver(&root, &config);
            assert_eq!(lines(&folder), []);
        }
        journal.close().unwrap();
    }
}

#[test]
fn a_file_that_holds_something_else_is_not_touched() {
    let foreign: [(&str, &[u8]); 4] = [
        ("other lines", b"hello\nworld\n"),
        ("no line at all", b"hello"),
        ("other json", b"{\"seq\": \"one\"}\n"),
        ("events of another journal", b"{\"seq\":1,\"id\":\"019aa000-0000-7000-8000-000000000000\"}\n"),
    ];
    for (what, content) in foreign {
        let scratch = tempfile::tempdir().unwrap();
        let (root, path) = (scratch.path().join("data"), scratch.path().join("events.jsonl"));
        let journal = journal(&root, 3);
        fs::write(&path, content).unwrap();
        let reports = Reports::default();
        let running = start("jsonl", sink(&root, &config(&path, Compression::None)), delivery(&root, &reports));
        until("the stall is told", || !reports.stalls().is_empty());
        assert!(reports.stalls()[0].contains("move it away"), "{what}: {:?}", reports.stalls());
        assert_eq!(fs::read(&path).unwrap(), content, "{what}");
        // A person moves it away.
        fs::remove_file(&path).unwrap();
        caught_up(&root, "jsonl");
        assert!(running.end());
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(text.lines().count() as u64, head(&root), "{what}");
        journal.close().unwrap();
    }
}

#[test]
fn a_large_file_without_a_line_is_not_read_into_memory_and_not_touched() {
    const LENGTH: u64 = 200 << 20;
    let scratch = tempfile::tempdir().unwrap();
    let (root, path) = (scratch.path().join("data"), scratch.path().join("events.jsonl"));
    let journal = journal(&root, 3);
    // With a hole, so that it takes no room.
    fs::File::create(&path).unwrap().set_len(LENGTH).unwrap();
    let reports = Reports::default();
    let running = start("jsonl", sink(&root, &config(&path, Compression::None)), delivery(&root, &reports));
    until("the stall is told", || !reports.stalls().is_empty());
    assert!(reports.stalls()[0].contains("which none of an event has"), "{:?}", reports.stalls());
    assert_eq!(fs::metadata(&path).unwrap().len(), LENGTH);
    assert!(running.end());
    journal.close().unwrap();
}

#[test]
fn a_damaged_member_is_not_cut_off() {
    for compression in [Compression::Gzip, Compression::Zstd] {
        let scratch = tempfile::tempdir().unwrap();
        let (root, folder) = (scratch.path().join("data"), scratch.path().join("out"));
        let journal = journal(&root, 20);
        let config = config(&folder.join("events.jsonl"), compression);
        deliver(&root, &config);
        record(&journal, 20, 20);
        deliver(&root, &config);
        let path = files(&folder)[0].clone();
        let mut bytes = fs::read(&path).unwrap();
        for byte in &mut bytes[40..60] {
            *byte = !*byte;
        }
        fs::write(&path, &bytes).unwrap();
        let reports = Reports::default();
        let running = start("jsonl", sink(&root, &config), delivery(&root, &reports));
        until("the stall is told", || !reports.stalls().is_empty());
        assert!(reports.stalls()[0].contains("damaged"), "{compression:?}: {:?}", reports.stalls());
        assert!(running.end());
        assert_eq!(fs::read(&path).unwrap(), bytes);
        journal.close().unwrap();
    }
}

#[test]
fn a_file_that_is_moved_away_while_it_is_written_is_left_alone_and_a_new_one_begun() {
    let scratch = tempfile::tempdir().unwrap();
    let (root, folder) = (scratch.path().join("data"), scratch.path().join("out"));
    let journal = journal(&root, 10);
    let path = folder.join("events.jsonl");
    let running = start("jsonl", sink(&root, &config(&path, Compression::None)), delivery(&root, &Reports::default()));
    caught_up(&root, "jsonl");
    let moved = scratch.path().join("moved.jsonl");
    fs::rename(&path, &moved).unwrap();
    record(&journal, 10, 10);
    caught_up(&root, "jsonl");
    assert!(running.end());
    let all = fs::read_to_string(&moved).unwrap() + &fs::read_to_string(&path).unwrap();
    assert_eq!(all.lines().count() as u64, head(&root));
    journal.close().unwrap();
}

/// A small file system in memory that is gone with the test.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(at: &Path, size: &str) -> Option<Self> {
        fs::create_dir_all(at).unwrap();
        let options = format!("size={size}");
        let flags = nix::mount::MsFlags::empty();
        nix::mount::mount(Some("tmpfs"), at, Some("tmpfs"), flags, Some(options.as_str())).ok().map(|()| Self(at.to_owned()))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        nix::mount::umount2(&self.0, nix::mount::MntFlags::MNT_DETACH).unwrap();
    }
}

#[test]
fn a_full_disk_stalls_the_sink_with_the_reason_and_nothing_is_lost_or_repeated() {
    const TEST: &str = "a_full_disk_stalls_the_sink";
    if !is_root(TEST) {
        return;
    }
    for compression in ALL {
        let scratch = tempfile::tempdir().unwrap();
        let (root, folder) = (scratch.path().join("data"), scratch.path().join("out"));
        let Some(_disk) = SmallDisk::mount(&folder, "256k") else {
            eprintln!("skipped: {TEST}: tmpfs cannot be mounted here");
            return;
        };
        let ballast = folder.join("ballast-of-others");
        fs::write(&ballast, vec![7; 200 << 10]).unwrap();
        let journal = journal(&root, 1_000);
        let reports = Reports::default();
        let config = config(&folder.join("events.jsonl"), compression);
        let mut plan = delivery(&root, &reports);
        plan.config.page_events = 7;
        let running = start("jsonl", sink(&root, &config), plan);
        if compression == Compression::None {
            until("the stall is told", || !reports.stalls().is_empty());
            assert!(reports.stalls()[0].contains("the disk is full"), "{:?}", reports.stalls());
            assert!(cursor(&root, "jsonl") > 0);
        }
        fs::remove_file(&ballast).unwrap();
        // Room for some more, and full again; then a person takes files away.
        let mut read = Vec::new();
        until("everything is written", || {
            if fs::metadata(folder.join("events.jsonl")).is_ok_and(|metadata| metadata.len() > 100 << 10) {
                let taken = scratch.path().join(format!("taken-{:03}.jsonl", read.len()));
                // Copied and cut short would lose what comes in between; moved away it is whole.
                let inside = folder.join("moved");
                fs::rename(folder.join("events.jsonl"), &inside).unwrap();
                until("a new file is begun", || folder.join("events.jsonl").exists() || cursor(&root, "jsonl") >= head(&root));
                fs::copy(&inside, &taken).unwrap();
                fs::remove_file(&inside).unwrap();
                read.push(taken);
            }
            cursor(&root, "jsonl") >= head(&root)
        });
        assert!(running.end());
        let mut found = Vec::new();
        for path in read.into_iter().chain(files(&folder)) {
            for line in text(&path).lines() {
                let value: serde_json::Value = serde_json::from_str(line).unwrap();
                found.push((value["seq"].as_u64().unwrap(), value["id"].as_str().unwrap().to_owned()));
            }
        }
        assert_eq!(found, recorded(&root), "{compression:?}");
        journal.close().unwrap();
    }
}
