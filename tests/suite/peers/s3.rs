//! A lake in a bucket of moto's S3 server: put once, adopted, compacted; a bucket that vanishes and comes back; refused keys.

use agentsh::sink::parquet::{ParquetConfig, S3Config};
use agentsh::sink::{DeliverError, Flush};

use super::s3_server::{S3Server, s3_config};
use crate::lake::rig::{Driver, Place, assert_equal_to_journal, head, journal_with, place, ranges};

fn config(server: &S3Server) -> ParquetConfig {
    ParquetConfig {
        s3: Some(s3_config(&server.endpoint)),
        seal_rows: 40,
        compact_below: 0,
        row_group_rows: 512,
        ..ParquetConfig::default()
    }
}

fn holds_the_journal(server: &S3Server, place: &Place) {
    server.download(&place.lake);
    assert_equal_to_journal(&place.root, &place.lake);
}

#[test]
fn g5_a_bucket_has_every_event_once_and_files_behind_the_cursor_are_adopted() {
    let Some(server) = S3Server::start("g5_a_bucket_has_every_event_once_and_files_behind_the_cursor_are_adopted") else {
        return;
    };
    server.tell(&["create", "lake"]);
    let place = place();
    journal_with(&place.root, 150);
    let mut driver = Driver::new(&place.root, config(&server));
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
    let mut driver = Driver::new(&place.root, config(&server));
    assert_eq!(driver.resume(0).unwrap(), head(&place.root) / 40 * 40);
    driver.pages(30).unwrap();
    assert_eq!(driver.flush(Flush::Close).unwrap(), head(&place.root));
    holds_the_journal(&server, &place);
    // Small objects become one.
    drop(driver);
    let mut driver = Driver::new(
        &place.root,
        ParquetConfig { compact_below: 1 << 20, compact_files: 2, seal_rows: 10_000, ..config(&server) },
    );
    driver.resume(head(&place.root)).unwrap();
    driver.flush(Flush::Idle).unwrap();
    assert_eq!(server.keys().len(), 1);
    holds_the_journal(&server, &place);
}

#[test]
fn a_bucket_that_vanished_is_named_and_nothing_behind_the_cursor_is_lost() {
    let Some(server) = S3Server::start("a_bucket_that_vanished_is_named_and_nothing_behind_the_cursor_is_lost") else { return };
    let place = place();
    journal_with(&place.root, 150);
    let mut driver = Driver::new(&place.root, config(&server));
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
    holds_the_journal(&server, &place);
}

#[test]
fn g5_a_range_that_was_on_its_way_when_its_sender_was_killed_is_sealed_as_it_was_sent() {
    let Some(server) = S3Server::start("g5_a_range_that_was_on_its_way_when_its_sender_was_killed") else { return };
    let place = place();
    journal_with(&place.root, 150);
    server.tell(&["create", "lake"]);
    let mut driver = Driver::new(&place.root, config(&server));
    driver.resume(0).unwrap();
    // The request goes out; whether and when it arrives, nobody here will know.
    server.tell(&["delete", "lake"]);
    driver.page(50).unwrap().unwrap_err();
    drop(driver);
    server.tell(&["create", "lake"]);
    // The next one would make larger files, but begins with that range, even if it is told to end in the middle of it.
    let larger = |prefix: &str| {
        let s3 = S3Config { prefix: prefix.to_owned(), ..s3_config(&server.endpoint) };
        ParquetConfig { seal_rows: 60, s3: Some(s3), ..config(&server) }
    };
    let mut driver = Driver::new(&place.root, larger("agentsh/events"));
    driver.resume(0).unwrap();
    driver.page(30).unwrap().unwrap();
    assert_eq!(driver.flush(Flush::Close).unwrap(), 0);
    driver.pages(30).unwrap();
    driver.flush(Flush::Close).unwrap();
    server.download(&place.lake);
    assert_eq!(ranges(&place.lake), [(1, 40), (41, 100), (101, head(&place.root))]);
    holds_the_journal(&server, &place);
    // In another place nothing was on its way.
    let mut driver = Driver::new(&place.root, larger("elsewhere"));
    driver.resume(0).unwrap();
    driver.pages(30).unwrap();
    let keys = server.keys();
    assert!(keys.iter().any(|key| key.starts_with("elsewhere/") && key.ends_with("01-00000000000000000060.parquet")), "{keys:?}");
}

#[test]
fn g5_an_object_that_arrives_late_and_is_covered_goes() {
    let Some(server) = S3Server::start("g5_an_object_that_arrives_late_and_is_covered_goes") else { return };
    let place = place();
    journal_with(&place.root, 150);
    server.tell(&["create", "lake"]);
    let mut driver = Driver::new(&place.root, config(&server));
    driver.resume(0).unwrap();
    driver.pages(50).unwrap();
    let small = place.folder.path().join("small");
    server.download(&small);
    let compacting = ParquetConfig { compact_below: 1 << 20, compact_files: 2, seal_rows: 10_000, ..config(&server) };
    let mut driver = Driver::new(&place.root, compacting);
    driver.resume(0).unwrap();
    driver.pages(50).unwrap();
    driver.flush(Flush::Close).unwrap();
    assert_eq!(server.keys().len(), 1);
    server.tell(&["upload", "lake", "agentsh/events/", small.to_str().unwrap()]);
    assert!(server.keys().len() > 2);
    driver.flush(Flush::Close).unwrap();
    assert_eq!(server.keys().len(), 1);
    holds_the_journal(&server, &place);
}

#[test]
fn a_server_that_is_gone_is_waited_for() {
    let Some(server) = S3Server::start("a_server_that_is_gone_is_waited_for") else { return };
    server.tell(&["create", "lake"]);
    let place = place();
    journal_with(&place.root, 100);
    let mut driver = Driver::new(&place.root, config(&server));
    driver.resume(0).unwrap();
    drop(server);
    let error = driver.pages(60).unwrap_err();
    let DeliverError::Unavailable { reason, .. } = error else { panic!("{error:?}") };
    assert!(reason.contains("cannot put an object in the bucket `lake`"), "{reason}");
    assert_eq!(driver.cursor, 0);
}

#[test]
fn a_key_that_is_refused_is_for_a_person() {
    let Some(server) = S3Server::start("a_key_that_is_refused_is_for_a_person") else { return };
    server.tell(&["create", "lake"]);
    server.tell(&["authenticate"]);
    let place = place();
    journal_with(&place.root, 10);
    let mut driver = Driver::new(&place.root, config(&server));
    let error = driver.resume(0).unwrap_err();
    let DeliverError::Misconfigured { reason } = error else { panic!("{error:?}") };
    assert!(reason.contains("the bucket `lake` refuses access"), "{reason}");
    assert!(!reason.contains('<') && reason.len() < 400, "{reason}");
}
