//! What a lake refuses, what it says, and that nothing is lost by it.

use std::path::Path;
use std::process::Command;

use agentsh::sink::parquet::ParquetConfig;
use agentsh::sink::{DeliverError, Flush};

use super::rig::{Driver, assert_equal_to_journal, config, deliver_all, everything, files, head, journal_with, place};
use crate::support::is_root;

fn unavailable(error: DeliverError) -> String {
    let DeliverError::Unavailable { reason, .. } = error else { panic!("{error:?}") };
    reason
}

fn misconfigured(error: DeliverError) -> String {
    let DeliverError::Misconfigured { reason } = error else { panic!("{error:?}") };
    reason
}

/// A file system of so many bytes, until it is dropped.
struct SmallDisk<'a>(&'a Path);

impl<'a> SmallDisk<'a> {
    fn mount(at: &'a Path, bytes: u32) -> Option<Self> {
        std::fs::create_dir_all(at).unwrap();
        let options = format!("size={bytes}");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(at).output();
        mounted.is_ok_and(|output| output.status.success()).then_some(Self(at))
    }
}

impl Drop for SmallDisk<'_> {
    fn drop(&mut self) {
        let _it_may_be_gone = Command::new("umount").arg(self.0).status();
    }
}

#[test]
fn a_full_disk_is_waited_for_and_loses_nothing() {
    let test = "a_full_disk_is_waited_for_and_loses_nothing";
    if !is_root(test) {
        return;
    }
    let place = place();
    journal_with(&place.root, 400);
    let Some(disk) = SmallDisk::mount(&place.lake, 1 << 20) else {
        eprintln!("skipped: {test}: a tmpfs cannot be mounted");
        return;
    };
    let ballast = place.lake.join("ballast");
    let mut driver = Driver::new(&place.root, ParquetConfig { seal_rows: 50, ..config(&place.lake) });
    driver.resume(0).unwrap();
    driver.page(60).unwrap().unwrap();
    let sealed = files(&place.lake);
    let room = Command::new("dd").args(["if=/dev/zero", "bs=4096"]).arg(format!("of={}", ballast.display())).output().unwrap();
    assert!(!room.status.success(), "the disk is full now");
    let reason = loop {
        match driver.page(60).unwrap() {
            Ok(_) => {}
            Err(error) => break unavailable(error),
        }
    };
    assert!(reason.contains("cannot write") && reason.contains("No space left on device"), "{reason}");
    assert_eq!(files(&place.lake), sealed, "nothing is torn");
    let cursor = driver.cursor;
    assert!(driver.page(60).unwrap().is_err());
    assert!(driver.flush(Flush::Idle).is_err());
    std::fs::remove_file(&ballast).unwrap();
    driver.cursor = cursor;
    driver.pages(60).unwrap();
    driver.flush(Flush::Close).unwrap();
    assert_equal_to_journal(&place.root, &place.lake);
    drop(driver);
    drop(disk);
}

#[test]
fn a_second_writer_waits_for_the_first() {
    let place = place();
    journal_with(&place.root, 3);
    let mut first = Driver::new(&place.root, config(&place.lake));
    first.resume(0).unwrap();
    let mut second = Driver::new(&place.root, config(&place.lake));
    let reason = unavailable(second.resume(0).unwrap_err());
    assert!(reason.contains("another agentsh writes to the lake"), "{reason}");
    drop(first);
    second.resume(0).unwrap();
}

#[test]
fn a_lake_of_another_journal_is_not_written_to() {
    let (one, other) = (place(), place());
    journal_with(&one.root, 30);
    journal_with(&other.root, 30);
    deliver_all(&one.root, config(&one.lake));
    let before = everything(&one.lake);
    let mut driver = Driver::new(&other.root, config(&one.lake));
    let reason = misconfigured(driver.resume(0).unwrap_err());
    assert!(reason.contains("is of the journal") && reason.contains("name another folder"), "{reason}");
    assert_eq!(everything(&one.lake), before);
}

#[test]
fn a_lake_that_is_ahead_of_its_journal_is_not_written_to() {
    let (place, copy) = (place(), place());
    journal_with(&place.root, 10);
    assert!(Command::new("cp").arg("-a").arg(&place.root).arg(&copy.root).status().unwrap().success());
    journal_with(&place.root, 10);
    deliver_all(&place.root, config(&place.lake));
    let mut driver = Driver::new(&copy.root, config(&place.lake));
    let reason = misconfigured(driver.resume(0).unwrap_err());
    let (lake, journal) = (head(&place.root), head(&copy.root));
    assert!(reason.contains(&format!("events up to {lake}, the journal ends at {journal}")), "{reason}");
}

#[test]
fn a_hole_between_files_is_said_and_not_filled_over() {
    let place = place();
    journal_with(&place.root, 40);
    deliver_all(&place.root, ParquetConfig { seal_rows: 10, ..config(&place.lake) });
    let middle = files(&place.lake)[1].clone();
    std::fs::remove_file(place.lake.join(&middle)).unwrap();
    let mut driver = Driver::new(&place.root, config(&place.lake));
    let reason = misconfigured(driver.resume(0).unwrap_err());
    assert!(reason.contains("no file with the events behind 10"), "{reason}");
    // Files that someone took away before the cursor are nobody's business.
    driver.resume(head(&place.root)).unwrap();
}

#[test]
fn a_folder_that_may_not_be_written_to_is_named() {
    let place = place();
    journal_with(&place.root, 3);
    let file = place.folder.path().join("file");
    std::fs::write(&file, b"").unwrap();
    let mut driver = Driver::new(&place.root, config(&file.join("lake")));
    let reason = misconfigured(driver.resume(0).unwrap_err());
    assert!(reason.contains("cannot make the folder") && reason.contains("file/lake"), "{reason}");
}
