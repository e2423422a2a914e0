//! Offered = journaled + declared lost (G-2), when recorders die.

use agentsh::event::{Kind, Payload};
use agentsh::journal::DataDir;

use super::children::{Process, Role};
use super::rig::{
    conserved, copy, declared, entries, gapless, hold, intake_files, mixed, of_kind, open_with, small, store, whole,
};
use crate::support::{exit_event, open_event, until};

#[test]
fn g2_buffered_events_that_die_with_their_recorder_are_declared_exactly() {
    const COUNT: u64 = 400;
    let scratch = tempfile::tempdir().unwrap();
    let root = scratch.path().join("data");
    let [opened, go, done] = ["opened", "go", "done"].map(|name| scratch.path().join(name));
    let role = Role::Buffer { root: root.clone(), count: COUNT, opened: opened.clone(), go: go.clone(), done: done.clone() };
    let recorder = Process::start(&role);
    let pid = u64::from(recorder.id());
    until("the recorder opens", || opened.exists());
    // The writer cannot commit, and ring and memory are all that takes the events. The ring cannot hold them all.
    let holder = hold(&root);
    std::fs::write(&go, b"").unwrap();
    until("the recorder has handed over", || done.exists());
    recorder.kill();
    drop(holder);

    let journal = open_with(&root, &small());
    let found = journal.found().clone();
    journal.close().unwrap();
    let intakes = conserved(&root);
    let dead = intakes.iter().find(|intake| intake.state == "recovered").unwrap();
    assert_eq!((dead.pid, dead.offered), (pid, COUNT));
    assert!(dead.lost > 0, "what was in memory only is gone");
    assert_eq!(found.events_recovered + dead.lost, COUNT);
    let journaled: Vec<_> = entries(&root).into_iter().filter(|entry| entry.kind == Kind::ProcessExit).collect();
    assert_eq!(journaled.len() as u64, dead.journaled);
    // What is left is the beginning, without a hole.
    for (entry, number) in journaled.iter().zip(0..) {
        assert_eq!(entry.subject.as_deref(), Some(&*format!("/bin/{number}")));
    }
    let [Payload::EventsLost(lost)] = &of_kind(&root, Kind::EventsLost)[..] else { panic!("one loss at one place") };
    assert_eq!((lost.hop.as_str(), lost.count, lost.intake.as_ref()), ("buffer", dead.lost, Some(&dead.id)));
    gapless(&root);
    whole(&root);
}

#[test]
fn g2_draining_the_same_intake_again_changes_nothing() {
    let scratch = tempfile::tempdir().unwrap();
    let root = scratch.path().join("data");
    super::children::dead_recorder(&root, 100);
    let left = intake_files(&root).pop().unwrap();
    let kept = scratch.path().join("kept");
    std::fs::copy(&left, &kept).unwrap();
    open_with(&root, &small()).close().unwrap();
    let intakes = store(&root).intakes().unwrap();
    let recovered = intakes.iter().find(|intake| intake.state == "recovered").unwrap();
    let events = entries(&root).len();
    // The machine stopped between the commit and the removal of the file: it is there again.
    std::fs::copy(&kept, &left).unwrap();
    let journal = open_with(&root, &small());
    assert_eq!((journal.found().intakes_drained, journal.found().events_recovered), (1, 0));
    journal.close().unwrap();
    assert_eq!(entries(&root).len(), events + 2, "an opening and a checkpoint");
    assert!(conserved(&root).contains(recovered));
    whole(&root);
}

#[test]
fn g2_a_database_that_lost_its_last_commits_gets_them_back_from_the_intake() {
    // A power loss takes away commits that were not synced yet; the intake still has what was in them.
    let scratch = tempfile::tempdir().unwrap();
    let root = scratch.path().join("data");
    let config = agentsh::journal::JournalConfig { sync_interval: agentsh::runtime::units::Millis::new(600_000), ..small() };
    let journal = open_with(&root, &config);
    let mut ids = Vec::new();
    for number in 0..20 {
        let event = open_event(number);
        ids.push(*event.id.as_bytes());
        journal.channel().publish(&event);
    }
    assert!(journal.flush());
    let earlier = scratch.path().join("earlier");
    copy(&root, &earlier);
    for number in 20..60 {
        let event = open_event(number);
        ids.push(*event.id.as_bytes());
        journal.channel().publish(&event);
        assert!(journal.flush());
    }
    let later = scratch.path().join("later");
    copy(&root, &later);
    journal.close().unwrap();
    // The later intake with the earlier database.
    for file in ["journal.db", "journal.db-wal", "journal.db-shm"] {
        std::fs::copy(earlier.join(file), later.join(file)).unwrap();
    }
    let journal = open_with(&later, &small());
    assert_eq!(journal.found().events_recovered, 40);
    journal.close().unwrap();
    let opens: Vec<_> = entries(&later).into_iter().filter(|entry| entry.kind == Kind::FileOpen).map(|entry| entry.id).collect();
    assert_eq!(opens, ids);
    gapless(&later);
    conserved(&later);
    whole(&later);
}

#[test]
fn g2_an_intake_that_lost_what_was_not_synced_is_declared_and_not_guessed() {
    // The other way round: the database is on the disk, and of the intake only the header.
    let scratch = tempfile::tempdir().unwrap();
    let root = scratch.path().join("data");
    let journal = open_with(&root, &small());
    journal.channel().publish(&open_event(1));
    assert!(journal.flush());
    let holder = hold(&root);
    for number in 0..10 {
        journal.channel().publish(&open_event(number));
    }
    let copied = scratch.path().join("copy");
    copy(&root, &copied);
    drop(holder);
    journal.close().unwrap();
    let intake = intake_files(&copied).pop().unwrap();
    let bytes = std::fs::read(&intake).unwrap();
    std::fs::write(&intake, [&bytes[..4096], &vec![0; bytes.len() - 4096]].concat()).unwrap();
    let journal = open_with(&copied, &small());
    assert_eq!(journal.found().events_recovered, 0);
    journal.close().unwrap();
    assert_eq!(declared(&copied), [("buffer".to_owned(), 10)].into());
    conserved(&copied);
    whole(&copied);

    // Without even the header nothing more is known than the database says, and that is what is held.
    let bare = scratch.path().join("bare");
    copy(&copied, &bare);
    let journal = open_with(&bare, &small());
    let id = journal.channel().intake().id();
    journal.channel().publish(&exit_event(1));
    assert!(journal.flush());
    let crashed = scratch.path().join("crashed");
    copy(&bare, &crashed);
    journal.close().unwrap();
    let file = DataDir::at(&crashed).intakes().join(format!("{id}.intake"));
    let len = std::fs::metadata(&file).unwrap().len();
    std::fs::write(&file, vec![0; usize::try_from(len).unwrap()]).unwrap();
    open_with(&crashed, &small()).close().unwrap();
    conserved(&crashed);
    whole(&crashed);
}

#[test]
fn g2_buffered_events_are_all_there_after_a_close() {
    let folder = tempfile::tempdir().unwrap();
    let config = agentsh::journal::JournalConfig { durability: mixed(), ..small() };
    for _round in 0..3 {
        let journal = open_with(folder.path(), &config);
        // More than the ring holds at once: at the end some are still in memory and wait for room.
        for number in 0..600 {
            journal.channel().publish(&exit_event(number));
        }
        journal.close().unwrap();
    }
    let exits = entries(folder.path()).into_iter().filter(|entry| entry.kind == Kind::ProcessExit).count();
    assert_eq!(exits, 1_800);
    conserved(folder.path());
    whole(folder.path());
}
