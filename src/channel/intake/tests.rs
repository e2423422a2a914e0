//! Tests of what only shows from within: a disk that refuses to sync, and the header's numbers.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test that cannot go on fails, and says where")]

use std::sync::atomic::Ordering;

use super::format::{Identity, Loss, RecordHead};
use super::{Batch, FailingPart, Hop, Intake, IntakeId, WhenFull};
use crate::event::Timestamp;

fn intake(folder: &tempfile::TempDir) -> Intake {
    Intake::create(folder.path(), IntakeId::from_bytes([7; 16]), 64 * 1024, Timestamp::from_micros(1)).unwrap()
}

#[test]
fn after_a_failed_sync_nothing_counts_as_synced_until_the_database_has_it() {
    let folder = tempfile::tempdir().unwrap();
    let intake = intake(&folder);
    let first = intake.append(b"one", 1, WhenFull::GiveUp).unwrap();
    intake.disk_refuses.store(true, Ordering::SeqCst);
    assert!(intake.sync_to(first).is_err());
    assert!(intake.failure().is_some(), "a disk that cannot sync is a journal that cannot write");

    // The disk works again, and fdatasync(2) would say so; but what it had refused was never written.
    intake.disk_refuses.store(false, Ordering::SeqCst);
    assert!(intake.sync_to(first).is_err());
    let second = intake.append(b"two", 1, WhenFull::GiveUp).unwrap();
    assert!(intake.sync_to(second).is_err());

    // Room that was handed back is on the disk by way of the database. Less than all that was refused is not enough.
    intake.free(first - 8);
    assert!(intake.sync_to(second).is_err());
    intake.free(first);
    assert!(intake.failure().is_none());
    intake.sync_to(second).unwrap();
}

#[test]
fn parts_that_fail_do_not_clear_each_others_failures() {
    let folder = tempfile::tempdir().unwrap();
    let intake = intake(&folder);
    intake.set_failure(FailingPart::Commit, Some("full".into()));
    intake.set_failure(FailingPart::Log, Some("broken".into()));
    intake.set_failure(FailingPart::Commit, None);
    assert_eq!(intake.failure().as_deref(), Some("broken"));
    intake.set_failure(FailingPart::Log, None);
    assert_eq!(intake.failure(), None);
}

#[test]
fn a_loss_starts_anew_once_the_last_one_is_declared() {
    let folder = tempfile::tempdir().unwrap();
    let intake = intake(&folder);
    let at = Timestamp::from_micros;
    let slot = Hop::IntakeFull.slot();
    intake.lose(Hop::IntakeFull, 2, at(10));
    intake.lose(Hop::IntakeFull, 3, at(20));
    let counters = intake.counters();
    assert_eq!(counters.losses[slot], Loss { count: 5, from_us: 10, to_us: 20 });
    // One more comes between the writer's look and its commit: it is still to be declared, so the time stays.
    intake.lose(Hop::IntakeFull, 1, at(30));
    intake.declared(&counters);
    assert_eq!(intake.undeclared(), 1);
    intake.declared(&intake.counters());
    intake.lose(Hop::IntakeFull, 1, at(40));
    assert_eq!(intake.counters().losses[slot], Loss { count: 7, from_us: 40, to_us: 40 });
}

#[test]
fn only_an_empty_and_closed_intake_gives_a_last_batch() {
    let folder = tempfile::tempdir().unwrap();
    let intake = intake(&folder);
    let mut batch = Batch::default();
    intake.take(1 << 20, &mut batch).unwrap();
    assert!(!batch.last);
    intake.append_buffered(b"one", 1, WhenFull::GiveUp).unwrap();
    intake.close();
    intake.take(1 << 20, &mut batch).unwrap();
    assert!(!batch.last && batch.events == 1);
    intake.take(1 << 20, &mut batch).unwrap();
    assert!(batch.last && batch.events == 0);
}

#[test]
fn header_and_heads_are_read_as_they_were_written() {
    let identity = Identity { capacity: 8192, id: IntakeId::from_bytes([9; 16]), pid: 77, created_us: -5 };
    let bytes: [u8; super::format::IDENTITY] = identity.to_bytes().try_into().unwrap();
    assert_eq!(Identity::from_bytes(&bytes), Some(identity));
    for at in 0..bytes.len() {
        let mut other = bytes;
        other[at] ^= 1;
        assert_eq!(Identity::from_bytes(&other), None, "byte {at}");
    }
    let head = RecordHead::seal(3, 2, 0, 41, identity.id.checksum());
    assert_eq!(RecordHead::from_bytes(&head.to_bytes()), head);
    let loss = Loss { count: 1, from_us: -2, to_us: 3 };
    assert_eq!(Loss::from_bytes(&loss.to_bytes()), loss);
    assert_eq!(IntakeId::parse(&identity.id.to_string()), Some(identity.id));
    for text in ["", "09", &"0".repeat(33), &"g".repeat(32), &format!("+{}", "0".repeat(31))] {
        assert_eq!(IntakeId::parse(text), None, "{text}");
    }
}
