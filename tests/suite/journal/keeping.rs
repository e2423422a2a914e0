//! Opening, handing over, flushing, checkpointing and closing, when nothing goes wrong.

use agentsh::event::{Decision, Kind};
use agentsh::journal::{DataDir, JournalConfig, PublicKey};
use agentsh::policy::OnAuditFailure;
use agentsh::runtime::units::Millis;

use super::rig::{conserved, entries, gapless, intake_files, of_kind, open, open_with, small, store, whole};
use crate::support::{connect_event, exit_event, judgement, open_event, policy, until};

#[test]
fn what_is_published_is_in_the_journal_in_its_order_and_verifies() {
    let folder = tempfile::tempdir().unwrap();
    let mut ids = Vec::new();
    for round in 0..3_u64 {
        let journal = open(folder.path());
        for number in 0..1_000 {
            let event = exit_event(number);
            ids.push(*event.id.as_bytes());
            journal.channel().publish(&event);
        }
        assert!(journal.flush());
        // journal_opened, 1,000 events, and one checkpoint for each round that is over.
        assert_eq!(journal.head(), round * 1_002 + 1_001);
        journal.close().unwrap();
        assert_eq!(whole(folder.path()), (round + 1) * 1_002);
    }
    let exits: Vec<_> = entries(folder.path()).into_iter().filter(|entry| entry.kind == Kind::ProcessExit).collect();
    assert_eq!(exits.iter().map(|entry| entry.id).collect::<Vec<_>>(), ids);
    gapless(folder.path());
    let intakes = conserved(folder.path());
    assert!(intakes.iter().all(|intake| intake.state == "closed" && intake.journaled == 1_000 && intake.lost == 0));
    assert!(intake_files(folder.path()).is_empty());
}

#[test]
fn a_decision_stands_right_behind_its_operation() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    std::thread::scope(|scope| {
        for _thread in 0..4 {
            scope.spawn(|| {
                for number in 0..100 {
                    let event = open_event(number);
                    journal.channel().gate(&event, &judgement(Decision::Audit), &policy(OnAuditFailure::Deny)).unwrap();
                    journal.channel().publish(&exit_event(number));
                }
            });
        }
    });
    journal.close().unwrap();
    let entries = entries(folder.path());
    let operations: Vec<_> = entries.iter().filter(|entry| entry.kind == Kind::FileOpen).collect();
    assert_eq!(operations.len(), 400);
    for operation in operations {
        let decision = &entries[operation.seq as usize];
        assert_eq!(decision.cause, Some(operation.id));
        assert_eq!(decision.decision.as_deref(), Some("audit"));
        assert_eq!(decision.subject, operation.subject);
    }
}

#[test]
fn a_flush_waits_for_buffered_events_too_and_for_losses_to_be_declared() {
    let folder = tempfile::tempdir().unwrap();
    let durability = super::rig::mixed();
    let journal = open_with(folder.path(), &JournalConfig { durability, ..small() });
    for number in 0..10 {
        journal.channel().publish(&exit_event(number));
        journal.channel().publish(&connect_event(number));
        assert!(journal.flush());
        assert_eq!(journal.head(), 1 + 2 * (number + 1));
    }
    // An event that is larger than a quarter of the intake is counted out.
    let mut large = exit_event(1);
    large.payload = agentsh::event::DirCreate { path: "x".repeat(17_000).into(), mode: 0 }.into();
    journal.channel().publish(&large);
    assert!(journal.flush());
    assert_eq!(super::rig::declared(folder.path())["too_large"], 1);
    journal.close().unwrap();
    conserved(folder.path());
}

#[test]
fn a_loss_is_declared_although_no_event_follows() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open_with(folder.path(), &small());
    let mut large = exit_event(1);
    large.payload = agentsh::event::DirCreate { path: "x".repeat(17_000).into(), mode: 0 }.into();
    // The writer is parked by now, or soon: it has nothing to do.
    for _round in 0..3 {
        let before = store(folder.path()).head().unwrap();
        journal.channel().publish(&large);
        until("the loss is declared", || store(folder.path()).head().unwrap() > before);
    }
    journal.close().unwrap();
    conserved(folder.path());
}

#[test]
fn a_checkpoint_is_there_when_the_call_that_asks_for_it_returns() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    let data_dir = DataDir::at(folder.path());
    let key = PublicKey::parse(&std::fs::read_to_string(data_dir.public_key()).unwrap()).unwrap();
    assert_eq!(&key, journal.public_key());
    for number in 0..20 {
        journal.channel().publish(&open_event(number));
        assert!(journal.flush());
        let head = journal.head();
        // Everything is committed already: there is nothing to wait for but the checkpoint.
        assert!(journal.checkpoint());
        let witness = key.verify(&std::fs::read_to_string(data_dir.latest_checkpoint()).unwrap()).unwrap();
        assert_eq!(witness.tree_size, head);
        assert_eq!(store(folder.path()).checkpoints().unwrap().len() as u64, number + 1);
    }
    // Whatever the writer is doing when it is asked, all that was handed over before is covered.
    for number in 0..100 {
        (0..number % 7).for_each(|number| journal.channel().publish(&open_event(number)));
        let last = open_event(number);
        journal.channel().publish(&last);
        assert!(journal.checkpoint());
        let signed = store(folder.path()).checkpoints().unwrap().pop().unwrap().tree_size;
        let entry = entries(folder.path()).into_iter().find(|entry| entry.id == *last.id.as_bytes()).unwrap();
        assert!(entry.seq <= signed, "{} is not covered by {signed}", entry.seq);
    }
    // Nothing came since: there is nothing to sign.
    let head = journal.head();
    assert!(journal.checkpoint());
    assert_eq!(journal.head(), head);
    journal.close().unwrap();
    whole(folder.path());
}

#[test]
fn the_tree_is_signed_on_its_own_after_so_many_events_or_so_much_time() {
    let folder = tempfile::tempdir().unwrap();
    let config = JournalConfig { checkpoint_events: 50, ..small() };
    let journal = open_with(folder.path(), &config);
    for number in 0..200 {
        journal.channel().publish(&open_event(number));
    }
    until("the tree is signed", || !of_kind(folder.path(), Kind::JournalCheckpoint).is_empty());
    journal.close().unwrap();

    let config = JournalConfig { checkpoint_interval: Millis::new(20), ..small() };
    let journal = open_with(folder.path(), &config);
    let signed = of_kind(folder.path(), Kind::JournalCheckpoint).len();
    journal.channel().publish(&open_event(1));
    until("the tree is signed", || of_kind(folder.path(), Kind::JournalCheckpoint).len() > signed);
    journal.close().unwrap();
    whole(folder.path());
}

#[test]
fn a_recorder_whose_events_another_has_signed_comes_to_rest() {
    let folder = tempfile::tempdir().unwrap();
    let config = JournalConfig { checkpoint_interval: Millis::new(20), ..small() };
    let (one, other) = (open_with(folder.path(), &config), open_with(folder.path(), &config));
    for number in 0..20 {
        one.channel().publish(&open_event(number));
        other.channel().publish(&open_event(number));
    }
    assert!(one.flush() && other.flush());
    // Both signed, or one for both; each then parks instead of committing the same nothing again and again.
    let data_version =
        || crate::support::sqlite3(&DataDir::at(folder.path()).journal(), "SELECT max(tree_size) FROM checkpoints");
    until("the tree is signed", || !data_version().is_empty());
    let log = folder.path().join("journal.db-wal");
    let size = || std::fs::metadata(&log).unwrap().len();
    let mut last = size();
    let mut calm = 0;
    until("the log is left alone", || {
        let now = size();
        calm = if now == last { calm + 1 } else { 0 };
        last = now;
        calm > 200
    });
    one.close().unwrap();
    other.close().unwrap();
    whole(folder.path());
}

#[test]
fn after_a_close_nothing_is_let_through_and_nothing_is_taken_any_more() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    let channel = std::sync::Arc::clone(journal.channel());
    channel.publish(&open_event(1));
    journal.close().unwrap();
    for on_audit_failure in [OnAuditFailure::Deny, OnAuditFailure::Allow] {
        let refused = channel.gate(&open_event(2), &judgement(Decision::Allow), &policy(on_audit_failure));
        assert!(refused.is_err(), "nothing is let through that cannot be recorded any more");
    }
    channel.publish(&open_event(3));
    assert_eq!(entries(folder.path()).iter().filter(|entry| entry.kind == Kind::FileOpen).count(), 1);
}

#[test]
fn producers_that_wait_for_room_when_the_journal_closes_are_still_served() {
    let folder = tempfile::tempdir().unwrap();
    for round in 0..5 {
        let journal = open_with(folder.path(), &small());
        let channel = std::sync::Arc::clone(journal.channel());
        // The database is held, so that the intake fills up and the producer waits.
        let holder = super::rig::hold(folder.path());
        let producer = std::thread::spawn(move || {
            let mut taken = 0_u64;
            // Until it is refused because the journal is closed.
            while channel.gate(&open_event(taken), &judgement(Decision::Allow), &policy(OnAuditFailure::Deny)).is_ok() {
                taken += 1;
            }
            taken
        });
        let intake = std::sync::Arc::clone(journal.channel().intake());
        until("the intake is full", || intake.usage().0 > intake.usage().1 - 2_000);
        let closer = std::thread::spawn(move || journal.close());
        until("the intake is closed", || intake.is_closed());
        drop(holder);
        closer.join().unwrap().unwrap();
        let taken = producer.join().unwrap();
        let rows = entries(folder.path());
        let last = rows.iter().rfind(|entry| entry.kind == Kind::JournalOpened).unwrap().seq;
        let journaled = rows.iter().filter(|entry| entry.seq > last && entry.kind == Kind::FileOpen).count() as u64;
        assert_eq!(journaled, taken, "round {round}");
        drop(intake);
    }
    whole(folder.path());
}

#[test]
fn events_of_sessions_are_projected_as_they_come_and_rebuild_gives_the_same() {
    use agentsh::event::{SessionCreated, SessionEnded, SessionId};
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    for number in 0..3 {
        let session = SessionId::new(format!("s-{number}"));
        let send = |payload: agentsh::event::Payload| {
            let mut event = crate::support::event(payload);
            event.session_id = Some(session.clone());
            journal.channel().publish(&event);
        };
        let workspace = "/home/d\u{e9}v/\\pro".into();
        send(SessionCreated { workspace, policy: "default".into(), uid: 7, ..SessionCreated::default() }.into());
        send(SessionEnded { reason: "finished".into(), ..SessionEnded::default() }.into());
        let mut denied = open_event(number);
        denied.session_id = Some(session.clone());
        journal.channel().gate(&denied, &judgement(Decision::Deny), &policy(OnAuditFailure::Deny)).unwrap();
    }
    journal.close().unwrap();
    let sessions = store(folder.path()).sessions().unwrap();
    assert_eq!(sessions.len(), 3);
    assert_eq!(sessions[1].seqs, (6, 9));
    assert_eq!((sessions[1].events, sessions[1].decisions, sessions[1].denied), (4, 1, 1));
    assert_eq!(sessions[1].workspace.as_deref(), Some("/home/d\u{e9}v/\\\\pro"));
    assert!(sessions[1].created_us <= sessions[1].ended_us && sessions[1].ended_us.is_some());
    crate::support::sqlite3(
        &DataDir::at(folder.path()).journal(),
        "UPDATE sessions SET events = 99; DELETE FROM sessions WHERE session_id = 's-0'",
    );
    assert_eq!(agentsh::journal::rebuild(&DataDir::at(folder.path())).unwrap(), 3);
    assert_eq!(store(folder.path()).sessions().unwrap(), sessions);
}
