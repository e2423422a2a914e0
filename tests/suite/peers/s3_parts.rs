//! Objects that are uploaded in parts: a kill or a fault between two of them shows nobody half a file, and the next run ends with every
//! event once.

use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use agentsh::journal::DataDir;
use agentsh::sink::parquet::{ParquetConfig, ParquetDestination, S3Config, Step};
use agentsh::sink::{DeliverError, Flush};
use serde::{Deserialize, Serialize};

use super::s3_server::{S3Server, s3_config};
use crate::journal::children::Numbers;
use crate::lake::rig::{Driver, assert_equal_to_journal, files, head, journal_of, place};
use crate::support::event;

const ROLE: &str = "TEST_UPLOAD";

/// Events whose file is about so large: paths of letters that no compression makes much smaller.
fn journal_of_noise(root: &Path, megabytes: u64) {
    let mut numbers = Numbers(7);
    let mut noise = move || -> String {
        let letters = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
        let words: Vec<u64> = (0..6_000).map(|_| numbers.next()).collect();
        words.iter().flat_map(|word| word.to_le_bytes()).map(|byte| char::from(letters[usize::from(byte % 64)])).collect()
    };
    journal_of(
        root,
        (0..megabytes * 20).map(|_| {
            let path = noise().as_str().into();
            event(agentsh::event::FileOpen { path, access: agentsh::event::FileAccess::Read, flags: 0, rights: None })
        }),
    );
}

/// What another process uploads, and the step behind which it is killed.
#[derive(Serialize, Deserialize)]
struct Role {
    root: PathBuf,
    endpoint: String,
    prefix: String,
    kill_at: u64,
}

fn config(endpoint: &str, prefix: &str) -> ParquetConfig {
    let s3 = S3Config { prefix: prefix.to_owned(), ..s3_config(endpoint) };
    ParquetConfig { s3: Some(s3), seal_bytes: 1 << 30, compact_below: 0, ..ParquetConfig::default() }
}

impl Role {
    fn run(&self) {
        let (mut steps, kill_at) = (0, self.kill_at);
        let destination = ParquetDestination::new(config(&self.endpoint, &self.prefix), DataDir::at(&self.root));
        let destination = destination.with_steps(move |_step| {
            steps += 1;
            if steps == kill_at {
                nix::sys::signal::raise(nix::sys::signal::Signal::SIGKILL).unwrap();
            }
        });
        let mut driver = Driver::with(&self.root, destination);
        driver.resume(0).unwrap();
        driver.pages(100).unwrap();
        driver.flush(Flush::Close).unwrap();
    }

    /// `true` when it was killed.
    fn is_killed(&self) -> bool {
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "peers::s3_parts::what_another_process_uploads", "--nocapture", "--test-threads=1"])
            .env(ROLE, serde_json::to_string(self).unwrap())
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let killed = output.status.signal() == Some(9);
        assert!(killed || output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        killed
    }
}

#[test]
fn what_another_process_uploads() {
    if let Ok(role) = std::env::var(ROLE) {
        serde_json::from_str::<Role>(&role).unwrap().run();
    }
}

#[test]
fn g5_a_kill_between_any_two_parts_shows_no_half_file_and_the_next_run_has_every_event_once() {
    let Some(server) = S3Server::start("g5_a_kill_between_any_two_parts") else { return };
    server.tell(&["create", "lake"]);
    let place = place();
    journal_of_noise(&place.root, 24);
    let mut invisible = 0;
    for kill_at in 1.. {
        let prefix = format!("killed-{kill_at}");
        let role =
            |kill_at| Role { root: place.root.clone(), endpoint: server.endpoint.clone(), prefix: prefix.clone(), kill_at };
        let killed = role(kill_at).is_killed();
        server.download_from(&prefix, &place.lake);
        if files(&place.lake).is_empty() {
            invisible += 1;
            assert!(killed);
        } else if !killed {
            assert_equal_to_journal(&place.root, &place.lake);
            break;
        }
        assert!(!role(0).is_killed());
        server.download_from(&prefix, &place.lake);
        assert_equal_to_journal(&place.root, &place.lake);
        assert_eq!(files(&place.lake).len(), 1);
    }
    assert!(invisible >= 4, "one plan and three parts come before the object: {invisible}");
}

#[test]
fn g5_a_bucket_that_vanishes_between_two_parts_and_comes_back_has_every_event_once() {
    let Some(server) = S3Server::start("g5_a_bucket_that_vanishes_between_two_parts") else { return };
    let server = Arc::new(server);
    server.tell(&["create", "lake"]);
    let place = place();
    journal_of_noise(&place.root, 24);
    let (parts, telling) = (Arc::new(AtomicU64::new(0)), Arc::clone(&server));
    let counting = Arc::clone(&parts);
    let destination = ParquetDestination::new(config(&server.endpoint, "lake"), DataDir::at(&place.root));
    let destination = destination.with_steps(move |step| {
        if step == Step::Part && counting.fetch_add(1, Ordering::Relaxed) == 0 {
            telling.tell(&["delete", "lake"]);
        }
    });
    let mut driver = Driver::with(&place.root, destination);
    driver.resume(0).unwrap();
    driver.pages(100).unwrap();
    for _ in 0..2 {
        let error = driver.flush(Flush::Close).unwrap_err();
        let DeliverError::Unavailable { reason, .. } = error else { panic!("{error:?}") };
        assert!(reason.contains("the bucket `lake`"), "{reason}");
        assert_eq!(driver.cursor, 0, "the cursor stays");
    }
    server.tell(&["create", "lake"]);
    assert_eq!(driver.flush(Flush::Close).unwrap(), head(&place.root));
    assert!(parts.load(Ordering::Relaxed) > 3);
    server.download_from("lake", &place.lake);
    assert_equal_to_journal(&place.root, &place.lake);
    assert_eq!(server.unfinished(), 0, "nothing that costs is left behind");
}
