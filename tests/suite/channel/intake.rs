//! The intake's ring and file: appending, draining, wrapping, and recovery from whatever is left.

use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use agentsh::channel::intake::{AppendError, Batch, Counters, DeadIntake, Hop, Intake, IntakeId, Mark, RecoverError, WhenFull};
use agentsh::event::Timestamp;
use proptest::prelude::*;

/// Where the ring begins in the file.
const HEADER: u64 = 4096;
/// Bytes in front of a payload.
const HEAD: u64 = 24;

const NOW: Timestamp = Timestamp::from_micros(1_000);

struct Rig {
    folder: tempfile::TempDir,
    intake: Intake,
}

impl Rig {
    fn new(capacity: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let intake = Intake::create(folder.path(), IntakeId::from_bytes([0xab; 16]), capacity, NOW).unwrap();
        Self { folder, intake }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join(format!("{}.intake", self.intake.id()))
    }

    /// A copy of the file as a recorder that dies now leaves it.
    fn left(&self) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(self.path().file_name().unwrap());
        fs::copy(self.path(), &path).unwrap();
        (folder, path)
    }

    fn take(&self, max: usize) -> Batch {
        let mut batch = Batch::default();
        self.intake.take(max, &mut batch).unwrap();
        batch
    }
}

/// The payloads behind `mark`, the mark behind them, and the torn bytes.
fn recovered(path: &Path, mark: Mark) -> (Vec<Vec<u8>>, Mark, u64) {
    let dead = DeadIntake::open(path).unwrap().unwrap();
    let mut payloads = Vec::new();
    let (mark, torn) = dead
        .read_from::<io::Error>(mark, |payload, _events, _mark| {
            payloads.push(payload.to_vec());
            Ok(())
        })
        .unwrap();
    (payloads, mark, torn)
}

fn size(payload: usize) -> u64 {
    (HEAD + payload as u64).next_multiple_of(8)
}

#[test]
fn what_is_appended_is_drained_once_and_in_order_across_many_laps_of_the_ring() {
    let rig = Rig::new(4096);
    let mut expected = 0_u64;
    let mut sent = 0_u64;
    let mut position = 0;
    let mut pending = Vec::new();
    // Lengths that meet the ring's end in every way: with room for a padding's head behind them, and with less.
    for lap in 0..4_000_usize {
        let payload = vec![(lap % 251) as u8; [0, 1, 7, 8, 9, 100, 333, 640, 1000][lap % 9]];
        let end = rig.intake.append(&payload, 3, WhenFull::GiveUp).unwrap();
        assert!(end > position && end.is_multiple_of(8));
        pending.extend_from_slice(&payload);
        position = end;
        sent += 1;
        if lap % 3 == 0 {
            let batch = rig.take(1 << 20);
            assert_eq!(batch.mark.position, position);
            assert_eq!(batch.frames, pending);
            pending.clear();
            assert_eq!(batch.events % 3, 0);
            expected += batch.events / 3;
            assert_eq!(expected, sent);
            assert_eq!(batch.mark.number, sent + 1);
            rig.intake.free(batch.mark.position);
        }
    }
    assert!(position > 20 * 4096);
    assert_eq!(rig.intake.counters(), Counters { offered: sent * 3, ..Counters::default() });
}

#[test]
fn a_batch_is_about_as_large_as_asked_and_comes_again_when_it_was_not_committed() {
    let rig = Rig::new(64 * 1024);
    for number in 0..20_u8 {
        rig.intake.append(&[number; 100], 1, WhenFull::GiveUp).unwrap();
    }
    let first = rig.take(1_000);
    assert_eq!(first.frames.len(), 1_000);
    rig.intake.untake(Mark::START);
    let again = rig.take(1 << 20);
    assert_eq!((again.events, again.frames.len()), (20, 2_000));
    assert_eq!(again.frames[..1_000], first.frames);
    assert_eq!(rig.take(1 << 20).events, 0);
}

#[test]
fn room_is_there_again_only_when_it_was_handed_back() {
    let rig = Rig::new(4096);
    let payload = [1; 1000];
    for _record in 0..4 {
        rig.intake.append(&payload, 1, WhenFull::GiveUp).unwrap();
    }
    assert_eq!(rig.intake.usage(), (4096, 4096));
    assert_eq!(rig.intake.append(&payload, 1, WhenFull::GiveUp), Err(AppendError::Full));
    let batch = rig.take(1 << 20);
    assert_eq!(rig.intake.append(&payload, 1, WhenFull::GiveUp), Err(AppendError::Full), "taken is not freed");
    rig.intake.free(batch.mark.position - 1024);
    assert!(rig.intake.append(&payload, 1, WhenFull::GiveUp).is_ok());
    // What was refused is for the caller to count.
    assert_eq!(rig.intake.counters().offered, 5);
}

#[test]
fn a_record_of_more_than_a_quarter_of_the_ring_is_refused_and_one_of_a_quarter_is_not() {
    let rig = Rig::new(4096);
    assert_eq!(rig.intake.max_record(), 1024);
    assert_eq!(rig.intake.append(&[0; 1001], 1, WhenFull::Wait), Err(AppendError::TooLarge { size: 1032, max: 1024 }));
    assert_eq!(rig.intake.append_buffered(&[0; 1001], 1, WhenFull::Wait), Err(AppendError::TooLarge { size: 1032, max: 1024 }));
    assert_eq!(rig.intake.append(&[0; 1000], 1, WhenFull::Wait), Ok(1024));
}

#[test]
fn the_capacity_is_whole_pages_and_the_file_is_for_its_owner_and_allocated() {
    use std::os::unix::fs::MetadataExt;
    let rig = Rig::new(5_000);
    assert_eq!(rig.intake.usage().1, 8192);
    let metadata = fs::metadata(rig.path()).unwrap();
    assert_eq!((metadata.len(), metadata.mode() & 0o777), (HEADER + 8192, 0o600));
    assert!(metadata.blocks() * 512 >= metadata.len(), "a full disk must not meet a hole in it");
}

#[test]
fn an_intake_that_cannot_be_allocated_leaves_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let error = Intake::create(folder.path(), IntakeId::from_bytes([1; 16]), u64::MAX / 4, NOW);
    assert!(error.is_err());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    let missing = Intake::create(&folder.path().join("missing"), IntakeId::from_bytes([1; 16]), 4096, NOW);
    assert_eq!(missing.err().unwrap().kind(), io::ErrorKind::NotFound);
}

#[test]
fn buffered_records_keep_their_order_and_reach_the_ring_with_the_next_that_is_not() {
    let rig = Rig::new(64 * 1024);
    rig.intake.append_buffered(b"one", 1, WhenFull::GiveUp).unwrap();
    rig.intake.append_buffered(b"two", 1, WhenFull::GiveUp).unwrap();
    assert_eq!(rig.intake.end(), 0);
    let (_folder, path) = rig.left();
    assert_eq!(recovered(&path, Mark::START).0.len(), 0, "buffered is in memory only");
    assert_eq!(DeadIntake::open(&path).unwrap().unwrap().counters().unwrap().offered, 2, "but it was counted");
    rig.intake.append(b"three", 1, WhenFull::GiveUp).unwrap();
    let (_folder, path) = rig.left();
    assert_eq!(recovered(&path, Mark::START).0, [&b"one"[..], b"two", b"three"]);
    assert_eq!(rig.take(1 << 20).frames, b"onetwothree");
}

#[test]
fn buffered_records_spill_as_far_as_there_is_room_and_none_is_lost() {
    let rig = Rig::new(4096);
    for number in 0..6_u8 {
        rig.intake.append_buffered(&[number; 1000], 1, WhenFull::GiveUp).unwrap();
    }
    let first = rig.take(1 << 20);
    assert_eq!(first.events, 4, "the ring has room for four");
    assert_eq!(rig.intake.append(&[9; 1000], 1, WhenFull::GiveUp), Err(AppendError::Full), "nothing overtakes the others");
    rig.intake.close();
    assert!(!rig.take(1 << 20).last, "two are still in memory");
    rig.intake.free(first.mark.position);
    let rest = rig.take(1 << 20);
    assert_eq!(rest.frames, [vec![4; 1000], vec![5; 1000]].concat());
    assert!(rig.take(1 << 20).last);
    assert_eq!(rig.intake.counters().offered, 6);
}

#[test]
fn the_memory_for_buffered_records_is_bounded() {
    let rig = Rig::new(4 << 20);
    let mut appended = 0_u64;
    while rig.intake.end() == 0 {
        rig.intake.append_buffered(&[1; 1000], 1, WhenFull::GiveUp).unwrap();
        appended += 1;
    }
    assert!((256..=270).contains(&appended), "{appended}");
}

#[test]
fn what_comes_after_a_close_is_refused() {
    let rig = Rig::new(4096);
    rig.intake.close();
    assert_eq!(rig.intake.append(b"late", 1, WhenFull::Wait), Err(AppendError::Closed));
    assert_eq!(rig.intake.append_buffered(b"late", 1, WhenFull::Wait), Err(AppendError::Closed));
    rig.intake.lose(Hop::Closed, 1, NOW);
    let (_folder, path) = rig.left();
    let counters = DeadIntake::open(&path).unwrap().unwrap().counters().unwrap();
    assert_eq!((counters.offered, counters.lost()), (1, 1));
}

#[test]
fn recovery_finds_exactly_what_was_appended_behind_the_mark() {
    let rig = Rig::new(4096);
    let mut kept = Vec::new();
    let mut mark = Mark::START;
    for number in 0..50_u8 {
        rig.intake.append(&vec![number; 300 + usize::from(number)], 1, WhenFull::GiveUp).unwrap();
        kept.push(vec![number; 300 + usize::from(number)]);
        if number % 4 == 3 {
            let batch = rig.take(1 << 20);
            mark = batch.mark;
            rig.intake.free(mark.position);
            kept.clear();
        }
        let (_folder, path) = rig.left();
        let (found, end, torn) = recovered(&path, mark);
        assert_eq!(found, kept, "after record {number}");
        assert_eq!((end.position, torn), (rig.intake.end(), 0));
        // Reading on from there finds nothing: a second recovery changes nothing.
        assert_eq!(recovered(&path, end), (Vec::new(), end, 0));
    }
}

/// Changes the file at a place; the file is one that nobody has open.
fn put(path: &Path, offset: u64, bytes: &[u8]) {
    OpenOptions::new().write(true).open(path).unwrap().write_all_at(bytes, offset).unwrap();
}

#[test]
fn a_record_torn_at_any_byte_is_left_out_and_everything_before_it_is_found() {
    let rig = Rig::new(64 * 1024);
    let whole: Vec<Vec<u8>> = (0..5_u8).map(|number| vec![number + 1; 50]).collect();
    for payload in &whole {
        rig.intake.append(payload, 1, WhenFull::GiveUp).unwrap();
    }
    let last = HEADER + rig.intake.end();
    let (before_folder, before) = rig.left();
    rig.intake.append(&[0x77; 61], 2, WhenFull::GiveUp).unwrap();
    let (after_folder, after) = rig.left();
    let (old, new) = (fs::read(&before).unwrap(), fs::read(&after).unwrap());
    drop((before_folder, after_folder));
    let record = usize::try_from(last).unwrap()..usize::try_from(HEADER + rig.intake.end()).unwrap();
    let id = rig.path().file_name().unwrap().to_owned();
    for torn_at in record.clone() {
        // The copy stopped here: what follows is still what was there before.
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(&id);
        let mut bytes = new.clone();
        bytes[torn_at..].copy_from_slice(&old[torn_at..]);
        fs::write(&path, &bytes).unwrap();
        let (found, _, torn) = recovered(&path, Mark::START);
        // Zeros at the end of the record are there already.
        let complete = bytes[record.clone()] == new[record.clone()];
        assert_eq!(found.len(), if complete { 6 } else { 5 }, "torn at byte {}", torn_at - record.start);
        assert_eq!(found[..5], whole);
        assert!(torn <= HEADER + 64 * 1024);

        // And any single bit that flips anywhere in it.
        let mut bytes = new.clone();
        bytes[torn_at] ^= 0x10;
        fs::write(&path, &bytes).unwrap();
        let (found, _, _) = recovered(&path, Mark::START);
        assert_eq!(found[..5], whole);
        // The four bytes behind the checksum and the padding behind the payload say nothing.
        let silent = (20..24).contains(&(torn_at - record.start)) || torn_at - record.start >= 24 + 61;
        assert_eq!(found.len(), if silent { 6 } else { 5 }, "flipped at byte {}", torn_at - record.start);
    }
}

#[test]
fn records_of_an_older_lap_are_not_taken_for_new_ones() {
    let rig = Rig::new(4096);
    for lap in 0..3_u8 {
        for number in 0..8_u8 {
            rig.intake.append(&[lap * 8 + number; 488], 1, WhenFull::GiveUp).unwrap();
            rig.intake.free(rig.take(1 << 20).mark.position);
        }
    }
    let mark = Mark { position: rig.intake.end(), number: 25 };
    // The ring is full of whole records with right checksums, all of them older.
    let (_folder, path) = rig.left();
    assert_eq!(recovered(&path, mark), (Vec::new(), mark, 0));
    // A mark that fell behind (a database restored from a backup) finds nothing either: the room was used again.
    assert_eq!(recovered(&path, Mark::START).0, Vec::<Vec<u8>>::new());
}

#[test]
fn a_payload_cannot_pass_for_a_record() {
    // The whole image of a right record, as a session might write it into a file name, at the place where recovery looks next.
    let forger = Rig::new(4096);
    forger.intake.append(b"filler", 1, WhenFull::GiveUp).unwrap();
    forger.intake.append(b"forged", 1, WhenFull::GiveUp).unwrap();
    let forged = fs::read(forger.path()).unwrap();
    let forged = &forged[usize::try_from(HEADER + size(6)).unwrap()..][..usize::try_from(size(6)).unwrap()];
    let other = Intake::create(forger.folder.path(), IntakeId::from_bytes([0xcd; 16]), 4096, NOW).unwrap();
    other.append(b"filler", 1, WhenFull::GiveUp).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("left.intake");
    fs::copy(forger.folder.path().join(format!("{}.intake", other.id())), &path).unwrap();
    put(&path, HEADER + size(6), forged);
    let (found, _, torn) = recovered(&path, Mark::START);
    assert_eq!(found, [b"filler"]);
    assert!(torn > 0);
}

#[test]
fn a_live_recorders_intake_is_left_alone_and_a_dead_ones_can_be_removed() {
    let rig = Rig::new(4096);
    rig.intake.append(b"mine", 1, WhenFull::GiveUp).unwrap();
    assert!(DeadIntake::open(&rig.path()).unwrap().is_none());
    let path = rig.path();
    let Rig { folder, intake } = rig;
    drop(intake);
    let dead = DeadIntake::open(&path).unwrap().unwrap();
    assert_eq!(
        (dead.id(), dead.pid(), dead.created_us()),
        (IntakeId::from_bytes([0xab; 16]), u64::from(std::process::id()), 1_000)
    );
    assert!(DeadIntake::open(&path).unwrap().is_none(), "one at a time drains it");
    dead.remove().unwrap();
    assert!(DeadIntake::open(&path).unwrap().is_none(), "somebody else was faster");
    drop(folder);
}

#[test]
fn foreign_files_are_named_and_left_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::new(8192);
    let (_left, intake) = rig.left();
    let good = fs::read(&intake).unwrap();
    let named = "0123456789abcdef0123456789abcdef.intake";
    let mut newer = good.clone();
    newer[8] = 2;
    let crc = crc32fast::hash(&newer[..56]).to_le_bytes();
    newer[56..60].copy_from_slice(&crc);
    let cases: [(&str, Vec<u8>); 7] = [
        ("text.intake", b"something else entirely".to_vec()),
        (named, b"something else entirely, and longer than the head of an intake, so that all of it can be read".to_vec()),
        ("empty.intake", Vec::new()),
        ("short.intake", good[..59].to_vec()),
        ("cut.intake", good[..good.len() - 1].to_vec()),
        ("newer.intake", newer),
        ("zeros.intake", vec![0; 12_288]),
    ];
    for (name, content) in cases {
        let path = folder.path().join(name);
        fs::write(&path, &content).unwrap();
        assert!(matches!(DeadIntake::open(&path), Err(RecoverError::Foreign { .. })), "{name}");
        assert_eq!(fs::read(&path).unwrap(), content);
    }
    let directory = folder.path().join("directory.intake");
    fs::create_dir(&directory).unwrap();
    assert!(matches!(DeadIntake::open(&directory), Err(RecoverError::Foreign { .. })));
}

#[test]
fn an_intake_whose_header_never_reached_the_disk_is_still_read() {
    let rig = Rig::new(8192);
    rig.intake.append(b"on the disk", 1, WhenFull::GiveUp).unwrap();
    // A power loss: the ring's page was written, the header's was not, or only a part of it.
    for damage in [vec![0_u8; 4096], vec![0; 48], b"AGSHINTK\x01\0\0\0garbage".to_vec()] {
        let (_folder, path) = rig.left();
        let mut head = fs::read(&path).unwrap()[..4096].to_vec();
        if damage.len() == 48 {
            head[12..60].copy_from_slice(&damage);
        } else {
            head[..damage.len()].copy_from_slice(&damage);
        }
        put(&path, 0, &head);
        let dead = DeadIntake::open(&path).unwrap().unwrap();
        assert_eq!(dead.id(), rig.intake.id());
        assert_eq!(dead.counters().unwrap(), Counters::default(), "a header that is not whole says nothing");
        drop(dead);
        assert_eq!(recovered(&path, Mark::START).0, [b"on the disk"]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever happens to the bytes behind some place: what is before it is found, nothing that was never written is, and
    /// neither an error nor a panic comes of it.
    #[test]
    fn recovery_from_a_damaged_file_yields_a_prefix(
        lengths in prop::collection::vec(0..700_usize, 1..24),
        damage in prop::collection::vec((0..8192_u64, prop::collection::vec(any::<u8>(), 1..40)), 0..4),
        cut in prop::option::of(0..12_288_u64),
    ) {
        let rig = Rig::new(8192);
        let (mut written, mut ends) = (Vec::new(), Vec::new());
        for (number, len) in lengths.iter().enumerate() {
            let payload = vec![number as u8; *len];
            let Ok(end) = rig.intake.append(&payload, 1, WhenFull::GiveUp) else { break };
            written.push(payload);
            ends.push(end);
        }
        let (_folder, path) = rig.left();
        let mut hurt = u64::MAX;
        for (offset, bytes) in &damage {
            put(&path, HEADER + offset, &bytes[..bytes.len().min(usize::try_from(8192 - offset).unwrap())]);
            hurt = hurt.min(*offset);
        }
        if let Some(len) = cut {
            OpenOptions::new().write(true).open(&path).unwrap().set_len(len).unwrap();
            // A file that is shorter than its header says is no intake.
            let foreign = matches!(DeadIntake::open(&path), Err(RecoverError::Foreign { .. }));
            prop_assert!(foreign);
        } else {
            let (found, _, _) = recovered(&path, Mark::START);
            prop_assert!(found.len() <= written.len());
            prop_assert_eq!(&found[..], &written[..found.len()]);
            let safe = ends.iter().filter(|end| **end <= hurt).count();
            prop_assert!(found.len() >= safe, "{} of {safe}", found.len());
        }
    }
}
