//! G-5 for the lake: a kill between any two steps repeats and loses nothing.

use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use agentsh::journal::DataDir;
use agentsh::sink::Flush;
use agentsh::sink::parquet::{ParquetConfig, ParquetDestination};
use serde::{Deserialize, Serialize};

use super::rig::{Driver, assert_equal_to_journal, config, everything, files, journal_with, place, ranges};

const ROLE: &str = "AGENTSH_TEST_LAKE";

/// What the other process does: delivers with the cursor in a file, as the loop does, and kills itself at a step.
#[derive(Serialize, Deserialize)]
struct Role {
    root: PathBuf,
    lake: PathBuf,
    cursor: PathBuf,
    compact: bool,
    /// The step, counted from 1, behind which it is killed; with `at_cursor`, the number counts moves of the cursor instead, and the
    /// kill comes before the cursor is written.
    kill_at: u64,
    at_cursor: bool,
}

impl Role {
    fn config(&self) -> ParquetConfig {
        let compact_below = if self.compact { 1 << 20 } else { 0 };
        ParquetConfig { seal_rows: if self.compact { 1_000 } else { 20 }, compact_below, compact_files: 3, ..config(&self.lake) }
    }

    fn read_cursor(&self) -> u64 {
        std::fs::read_to_string(&self.cursor).map_or(0, |text| text.parse().unwrap())
    }

    fn run(&self) {
        let kill = || nix::sys::signal::raise(nix::sys::signal::Signal::SIGKILL).unwrap();
        let (mut steps, mut moves, kill_at, at_cursor) = (0, 0, self.kill_at, self.at_cursor);
        let destination = ParquetDestination::new(self.config(), DataDir::at(&self.root)).with_steps(move |_step| {
            steps += 1;
            if !at_cursor && steps == kill_at {
                kill();
            }
        });
        let mut driver = Driver::with(&self.root, destination);
        let cursor = self.read_cursor();
        let resumed = driver.resume(cursor).unwrap();
        assert!(resumed >= cursor);
        let mut moved = |cursor: u64| {
            if cursor != self.read_cursor() {
                moves += 1;
                if at_cursor && moves == kill_at {
                    kill();
                }
                std::fs::write(&self.cursor, cursor.to_string()).unwrap();
            }
        };
        moved(resumed);
        let mut pages = 0;
        while let Some(answer) = driver.page(7) {
            moved(answer.unwrap());
            pages += 1;
            // Small files, as the ends of short recordings leave them.
            if self.compact && pages % 2 == 0 {
                moved(driver.flush(Flush::Close).unwrap());
            }
        }
        moved(driver.flush(Flush::Close).unwrap());
    }

    /// Runs it in a process of its own; `true` when it was killed.
    fn is_killed(&self) -> bool {
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "lake::exactly_once::what_another_process_delivers", "--nocapture", "--test-threads=1"])
            .env(ROLE, serde_json::to_string(self).unwrap())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .output()
            .unwrap();
        let killed = output.status.signal() == Some(9);
        assert!(killed || output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        killed
    }
}

#[test]
fn what_another_process_delivers() {
    if let Ok(role) = std::env::var(ROLE) {
        serde_json::from_str::<Role>(&role).unwrap().run();
    }
}

/// Kills a delivery behind every step there is, each time in a fresh lake, and lets the next one finish.
fn kill_everywhere(compact: bool, at_cursor: bool) -> (u64, Vec<Vec<String>>) {
    let place = place();
    journal_with(&place.root, 60);
    let mut left = Vec::new();
    for kill_at in 1.. {
        let folder = place.folder.path().join(format!("{kill_at}"));
        std::fs::create_dir(&folder).unwrap();
        let role = |kill_at| Role {
            root: place.root.clone(),
            lake: folder.join("lake"),
            cursor: folder.join("cursor"),
            compact,
            kill_at,
            at_cursor,
        };
        let killed = role(kill_at).is_killed();
        let lake = folder.join("lake");
        left.push(everything(&lake));
        if killed {
            assert!(!role(0).is_killed());
        }
        assert_equal_to_journal(&place.root, &lake);
        assert!(everything(&lake).iter().all(|name| !name.contains(".tmp")), "{:?}", everything(&lake));
        assert_eq!(role(0).read_cursor(), ranges(&lake).last().unwrap().1);
        if !killed {
            return (kill_at - 1, left);
        }
    }
    unreachable!()
}

#[test]
fn g5_a_kill_behind_any_step_of_sealing_leaves_every_event_in_exactly_one_file() {
    let (kills, left) = kill_everywhere(false, false);
    assert!(kills >= 20, "{kills}");
    // The kills did leave what they can leave.
    assert!(left.iter().any(|files| files.iter().any(|name| name.ends_with(".tmp"))));
}

#[test]
fn g5_a_kill_before_any_move_of_the_cursor_leaves_every_event_in_exactly_one_file() {
    let (kills, _left) = kill_everywhere(false, true);
    assert!(kills >= 4, "{kills}");
}

#[test]
fn g5_a_kill_behind_any_step_of_compaction_leaves_every_event_in_exactly_one_file() {
    let (kills, left) = kill_everywhere(true, false);
    assert!(kills >= 25, "{kills}");
    // Some kills left a large file beside small ones that it covers.
    let doubled = left.iter().any(|all| {
        let names: Vec<_> = all.iter().filter_map(|name| agentsh::sink::parquet::FileName::parse(name)).collect();
        names.iter().any(|a| names.iter().any(|b| a != b && a.first <= b.first && b.last <= a.last))
    });
    assert!(doubled, "{left:#?}");
}

fn finish(root: &Path, lake: &Path, cursor: u64) -> u64 {
    let mut driver = Driver::new(root, ParquetConfig { seal_rows: 20, ..config(lake) });
    let resumed = driver.resume(cursor).unwrap();
    driver.pages(9).unwrap();
    driver.flush(Flush::Close).unwrap();
    resumed
}

#[test]
fn g5_sealed_files_beyond_the_cursor_are_adopted_and_a_torn_one_is_removed() {
    let place = place();
    journal_with(&place.root, 58);
    finish(&place.root, &place.lake, 0);
    let whole = files(&place.lake);
    std::fs::remove_file(place.lake.join(whole.last().unwrap())).unwrap();
    let torn = place.lake.join(Path::new(&whole[0]).parent().unwrap()).join(".seq=00000000000000000061.tmp");
    std::fs::write(&torn, b"PAR1 torn").unwrap();
    // The cursor stands far behind what is sealed.
    let resumed = finish(&place.root, &place.lake, 20);
    assert_eq!(resumed, ranges(&place.lake)[whole.len() - 2].1);
    assert!(!torn.exists());
    assert_equal_to_journal(&place.root, &place.lake);
    assert_eq!(files(&place.lake), whole);
}
