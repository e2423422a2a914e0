//! A lake in a bucket of moto's S3 server: put once, adopted, compacted; a bucket that vanishes and comes back; refused keys.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use agentsh::sink::parquet::{ParquetConfig, S3Config};
use agentsh::sink::{DeliverError, Flush, Secret};

use super::{python_with, script};
use crate::lake::rig::{Driver, Place, assert_equal_to_journal, head, journal_with, place};

/// The server, killed at the end of its test.
struct Server {
    child: Child,
    python: PathBuf,
    endpoint: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _it_may_have_ended = self.child.kill();
        let _it_may_have_been_waited_for = self.child.wait();
    }
}

impl Server {
    fn start(test: &str) -> Option<Self> {
        let python = python_with(test, "moto.server")?;
        let mut child = Command::new(&python)
            .arg(script("s3.py"))
            .arg("serve")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let server = Self { child, python, endpoint: line.trim().to_owned() };
        assert!(server.endpoint.starts_with("http://127.0.0.1:"), "{line}");
        Some(server)
    }

    fn tell(&self, arguments: &[&str]) -> String {
        let output = Command::new(&self.python)
            .arg(script("s3.py"))
            .args(&arguments[..1])
            .arg(&self.endpoint)
            .args(&arguments[1..])
            .output();
        let output = output.unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    fn config(&self) -> ParquetConfig {
        let s3 = S3Config {
            bucket: "lake".to_owned(),
            prefix: "agentsh/events".to_owned(),
            endpoint: Some(self.endpoint.clone()),
            access_key_id: Some("test".to_owned()),
            secret_access_key: Some(Secret::new("test")),
            allow_http: true,
            ..S3Config::default()
        };
        ParquetConfig { s3: Some(s3), seal_rows: 40, compact_below: 0, row_group_rows: 512, ..ParquetConfig::default() }
    }

    /// Copies the bucket into a folder.
    fn download(&self, to: &Path) {
        let _it_may_not_be_there = std::fs::remove_dir_all(to);
        self.tell(&["download", "lake", "agentsh/events/", to.to_str().unwrap()]);
    }

    fn keys(&self) -> Vec<String> {
        self.tell(&["keys", "lake"]).lines().map(str::to_owned).collect()
    }

    fn holds_the_journal(&self, place: &Place) {
        self.download(&place.lake);
        assert_equal_to_journal(&place.root, &place.lake);
    }
}

#[test]
fn g5_a_bucket_has_every_event_once_and_files_behind_the_cursor_are_adopted() {
    let Some(server) = Server::start("g5_a_bucket_has_every_event_once_and_files_behind_the_cursor_are_adopted") else { return };
    server.tell(&["create", "lake"]);
    let place = place();
    journal_with(&place.root, 150);
    let mut driver = Driver::new(&place.root, server.config());
    driver.resume(0).unwrap();
    driver.pages(30).unwrap();
    let sealed = server.keys();
    assert_eq!(sealed.len() as u64, head(&place.root) / 40);
    assert!(
        sealed[0].starts_with("agentsh/events/date=20") && sealed[0].ends_with("-00000000000000000040.parquet"),
        "{sealed:?}"
    );
    // Killed before the cursor moved; the next one finds what is there.
    drop(driver);
    let mut driver = Driver::new(&place.root, server.config());
    assert_eq!(driver.resume(0).unwrap(), head(&place.root) / 40 * 40);
    driver.pages(30).unwrap();
    assert_eq!(driver.flush(Flush::Close).unwrap(), head(&place.root));
    server.holds_the_journal(&place);
    // Small objects become one.
    drop(driver);
    let mut driver = Driver::new(
        &place.root,
        ParquetConfig { compact_below: 1 << 20, compact_files: 2, seal_rows: 10_000, ..server.config() },
    );
    driver.resume(head(&place.root)).unwrap();
    driver.flush(Flush::Idle).unwrap();
    assert_eq!(server.keys().len(), 1);
    server.holds_the_journal(&place);
}

#[test]
fn a_bucket_that_vanished_is_named_and_nothing_behind_the_cursor_is_lost() {
    let Some(server) = Server::start("a_bucket_that_vanished_is_named_and_nothing_behind_the_cursor_is_lost") else { return };
    let place = place();
    journal_with(&place.root, 150);
    let mut driver = Driver::new(&place.root, server.config());
    let gone = |error: DeliverError| {
        let DeliverError::Unavailable { reason, .. } = error else { panic!("{error:?}") };
        assert!(reason.contains("the bucket `lake` does not exist"), "{reason}");
    };
    gone(driver.resume(0).unwrap_err());
    server.tell(&["create", "lake"]);
    driver.resume(0).unwrap();
    driver.page(50).unwrap().unwrap();
    assert_eq!(driver.cursor, 40);
    server.download(&place.lake.with_extension("kept"));
    server.tell(&["delete", "lake"]);
    gone(driver.page(50).unwrap().unwrap_err());
    gone(driver.page(50).unwrap().unwrap_err());
    assert_eq!(driver.cursor, 40, "the cursor stays");
    server.tell(&["create", "lake"]);
    driver.pages(50).unwrap();
    driver.flush(Flush::Close).unwrap();
    // With what was delivered before the bucket went, every event is there once.
    server.tell(&["upload", "lake", "agentsh/events/", place.lake.with_extension("kept").to_str().unwrap()]);
    server.holds_the_journal(&place);
}

#[test]
fn a_server_that_is_gone_is_waited_for() {
    let Some(server) = Server::start("a_server_that_is_gone_is_waited_for") else { return };
    server.tell(&["create", "lake"]);
    let place = place();
    journal_with(&place.root, 100);
    let mut driver = Driver::new(&place.root, server.config());
    driver.resume(0).unwrap();
    drop(server);
    let error = driver.pages(60).unwrap_err();
    let DeliverError::Unavailable { reason, .. } = error else { panic!("{error:?}") };
    assert!(reason.contains("cannot put an object in the bucket `lake`"), "{reason}");
    assert_eq!(driver.cursor, 0);
}

#[test]
fn a_key_that_is_refused_is_for_a_person() {
    let Some(server) = Server::start("a_key_that_is_refused_is_for_a_person") else { return };
    server.tell(&["create", "lake"]);
    server.tell(&["authenticate"]);
    let place = place();
    journal_with(&place.root, 10);
    let mut driver = Driver::new(&place.root, server.config());
    let error = driver.resume(0).unwrap_err();
    let DeliverError::Misconfigured { reason } = error else { panic!("{error:?}") };
    assert!(reason.contains("the bucket `lake` refuses access"), "{reason}");
    assert!(!reason.contains('<') && reason.len() < 400, "{reason}");
}
