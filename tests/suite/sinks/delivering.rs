//! The loop: order, cursors, retries, dead letters, stalls, ending.

use std::sync::Arc;
use std::time::{Duration, Instant};

use agentsh::event::{Family, Kind, Payload, SessionId, Severity};
use agentsh::runtime::units::Millis;
use agentsh::sink::{Answer, DeliverError, DeliveryConfig, Flush, Refused, SelectionConfig, Start, by_halves};

use super::rig::*;
use crate::support::{connect_event, exit_event, open_event, until};

#[test]
fn g5_every_event_is_delivered_once_and_in_order_old_and_live_and_after_a_restart() {
    let scratch = tempfile::tempdir().unwrap();
    let journal = journal(scratch.path(), 120);
    let (memory, reports) = (Memory::default(), Reports::default());
    let sink = start("memory", memory.clone(), delivery(scratch.path(), &reports));
    caught_up(scratch.path(), "memory");
    record(&journal, 120, 30);
    caught_up(scratch.path(), "memory");
    assert!(sink.end());
    // What comes while it is away.
    record(&journal, 150, 70);
    let sink = start("memory", memory.clone(), delivery(scratch.path(), &reports));
    caught_up(scratch.path(), "memory");
    assert!(sink.end());
    let head = head(scratch.path());
    assert_eq!(memory.taken(), (1..=head).collect::<Vec<_>>());
    assert_eq!(memory.state.lock().unwrap().resumed[0], 0);
    assert!(memory.state.lock().unwrap().flushes.contains(&Flush::Close));
    assert_eq!(reports.all(), []);
    journal.close().unwrap();
}

#[test]
fn what_is_recorded_is_delivered_within_moments_of_its_commit() {
    let scratch = tempfile::tempdir().unwrap();
    let journal = journal(scratch.path(), 1);
    let memory = Memory::default();
    let sink = start("memory", memory.clone(), delivery(scratch.path(), &Reports::default()));
    caught_up(scratch.path(), "memory");
    let mut fastest = Duration::MAX;
    for number in 0..20 {
        let began = Instant::now();
        record(&journal, number, 1);
        let head = head(scratch.path());
        until("it is delivered", || memory.taken().last() == Some(&head));
        fastest = fastest.min(began.elapsed());
    }
    // Without the doorbell the loop would look once a second.
    assert!(fastest < Duration::from_millis(500), "{fastest:?}");
    assert!(sink.end());
    journal.close().unwrap();
}

#[test]
fn a_failure_is_tried_again_with_the_same_page_and_a_stall_is_told_once() {
    let scratch = tempfile::tempdir().unwrap();
    let journal = journal(scratch.path(), 30);
    let (memory, reports) = (Memory::default(), Reports::default());
    memory.with(|state| state.down = Some("connection refused".to_owned()));
    let sink = start("memory", memory.clone(), delivery(scratch.path(), &reports));
    until("the stall is told", || !reports.all().is_empty());
    let attempts = memory.state.lock().unwrap().attempts;
    until("it is tried on", || memory.state.lock().unwrap().attempts > attempts + 5);
    assert_eq!(reports.stalls(), ["connection refused"]);
    assert_eq!(cursor(scratch.path(), "memory"), 0);
    memory.with(|state| state.down = None);
    caught_up(scratch.path(), "memory");
    until("the recovery is told", || reports.recoveries() == 1);
    assert!(matches!(&reports.all()[1], Payload::SinkRecovered(recovered) if recovered.stalled_us >= 50_000));
    // Another stall is told again.
    memory.with(|state| state.down = Some("reset".to_owned()));
    record(&journal, 30, 1);
    until("the second stall is told", || reports.stalls() == ["connection refused", "reset"]);
    memory.with(|state| state.down = None);
    caught_up(scratch.path(), "memory");
    assert!(sink.end());
    assert_eq!(memory.taken(), (1..=head(scratch.path())).collect::<Vec<_>>());
    assert_eq!(reports.recoveries(), 2);
    journal.close().unwrap();
}

#[test]
fn a_short_failure_is_no_stall() {
    let scratch = tempfile::tempdir().unwrap();
    let journal = journal(scratch.path(), 5);
    let (memory, reports) = (Memory::default(), Reports::default());
    memory.with(|state| state.answers.extend([unavailable("a moment"), unavailable("a moment")]));
    let config = DeliveryConfig { stalled_after: Millis::new(60_000), ..quick() };
    let sink = start("memory", memory.clone(), agentsh::sink::Delivery { config, ..delivery(scratch.path(), &reports) });
    caught_up(scratch.path(), "memory");
    assert!(sink.end());
    assert_eq!(memory.state.lock().unwrap().attempts, 3);
    assert_eq!(reports.all(), []);
    journal.close().unwrap();
}

#[test]
fn a_peer_that_asks_to_be_left_alone_is() {
    let scratch = tempfile::tempdir().unwrap();
    let journal = journal(scratch.path(), 1);
    let memory = Memory::default();
    let asked = Duration::from_millis(300);
    memory.with(|state| state.answers.push_back(after("slow down", asked)));
    let began = Instant::now();
    let sink = start("memory", memory.clone(), delivery(scratch.path(), &Reports::default()));
    caught_up(scratch.path(), "memory");
    assert!(began.elapsed() >= asked, "{:?}", began.elapsed());
    assert!(sink.end());
    journal.close().unwrap();
}

#[test]
fn what_only_a_person_can_mend_is_a_stall_at_once() {
    let scratch = tempfile::tempdir().unwrap();
    let journal = journal(scratch.path(), 1);
    let (memory, reports) = (Memory::default(), Reports::default());
    memory.with(|state| state.answers.push_back(DeliverError::Misconfigured { reason: "401: check the key".to_owned() }));
    let config = DeliveryConfig { stalled_after: Millis::new(600_000), ..quick() };
    let sink = start("memory", memory.clone(), agentsh::sink::Delivery { config, ..delivery(scratch.path(), &reports) });
    caught_up(scratch.path(), "memory");
    assert!(sink.end());
    assert_eq!(reports.stalls(), ["401: check the key"]);
    assert_eq!(reports.recoveries(), 1);
    journal.close().unwrap();
}

#[test]
fn what_is_refused_is_a_dead_letter_and_the_rest_goes_on() {
    let scratch = tempfile::tempdir().unwrap();
    let journal = journal(scratch.path(), 20);
    let memory = Memory::default();
    let refused = [3, 7].map(|seq| Refused { seq, reason: format!("413: event {seq} is too large") });
    memory.with(|state| {
        state.answers.push_back(unavailable("first a failure"));
        state.answers.push_back(DeliverError::Refused { refused: refused.to_vec(), safe: 0 });
    });
    let sink = start("memory", memory.clone(), delivery(scratch.path(), &Reports::default()));
    caught_up(scratch.path(), "memory");
    assert!(sink.end());
    let letters = dead_letters(scratch.path(), "memory");
    let found: Vec<_> = letters.iter().map(|letter| (letter.seq, letter.attempts, letter.reason.as_str())).collect();
    assert_eq!(found, [(3, 2, "413: event 3 is too large"), (7, 2, "413: event 7 is too large")]);
    let rest: Vec<u64> = (1..=head(scratch.path())).filter(|seq| ![3, 7].contains(seq)).collect();
    assert_eq!(memory.taken(), rest);
    journal.close().unwrap();
}

#[test]
fn g5_the_cursor_is_never_ahead_of_what_the_place_calls_safe() {
    let scratch = tempfile::tempdir().unwrap();
    let journal = journal(scratch.path(), 30);
    let memory = Memory::default();
    memory.with(|state| state.gathers = 10);
    let sink = start("memory", memory.clone(), delivery(scratch.path(), &Reports::default()));
    let head = head(scratch.path());
    until("the cursor is written", || cursor(scratch.path(), "memory") == head - 10);
    assert_eq!(memory.taken().last(), Some(&head));
    // At the end what was gathered is sealed.
    assert!(sink.end());
    assert_eq!(cursor(scratch.path(), "memory"), head);
    journal.close().unwrap();
}

#[test]
fn a_place_that_knows_what_it_has_is_believed_unless_it_has_more_than_the_journal() {
    let scratch = tempfile::tempdir().unwrap();
    let journal = journal(scratch.path(), 30);
    let memory = Memory::default();
    memory.with(|state| state.has = Some(12));
    let sink = start("memory", memory.clone(), delivery(scratch.path(), &Reports::default()));
    caught_up(scratch.path(), "memory");
    assert!(sink.end());
    assert_eq!(memory.taken(), (13..=head(scratch.path())).collect::<Vec<_>>());

    let reports = Reports::default();
    memory.with(|state| state.has = Some(1_000_000));
    let sink = start("memory", memory, delivery(scratch.path(), &reports));
    until("the stall is told", || !reports.stalls().is_empty());
    assert!(reports.stalls()[0].contains("another journal"), "{:?}", reports.stalls());
    assert!(sink.end());
    journal.close().unwrap();
}

#[test]
fn a_selection_narrows_what_is_delivered_and_the_cursor_passes_over_the_rest() {
    let check = |selection: SelectionConfig, expected: &[u64]| {
        let scratch = tempfile::tempdir().unwrap();
        let journal = journal(scratch.path(), 1);
        let mut other = exit_event(2);
        other.session_id = Some(SessionId::new("s-other"));
        let mut severe = open_event(4);
        severe.severity = Severity::High;
        // 1 is journal_opened, 2 the first file event.
        for event in [connect_event(1), other, open_event(3), severe] {
            publish(&journal, &event);
        }
        let memory = Memory::default();
        let sink =
            start("m", memory.clone(), agentsh::sink::Delivery { selection, ..delivery(scratch.path(), &Reports::default()) });
        caught_up(scratch.path(), "m");
        assert!(sink.end());
        assert_eq!(memory.taken(), expected);
        journal.close().unwrap();
    };
    let all = SelectionConfig::default;
    check(all(), &[1, 2, 3, 4, 5, 6]);
    check(SelectionConfig { families: vec![Family::File], ..all() }, &[2, 5, 6]);
    check(SelectionConfig { families: vec![Family::Network], kinds: vec![Kind::ProcessExit], ..all() }, &[3, 4]);
    check(SelectionConfig { sessions: vec!["s-other".to_owned(), "s-none".to_owned()], ..all() }, &[4]);
    check(SelectionConfig { min_severity: Severity::Medium, ..all() }, &[6]);
    check(SelectionConfig { min_severity: Severity::Fatal, ..all() }, &[]);
    check(SelectionConfig { start: Start::Now, ..all() }, &[]);
}

#[test]
fn one_process_delivers_to_a_sink_and_the_next_takes_over() {
    let scratch = tempfile::tempdir().unwrap();
    let journal = journal(scratch.path(), 10);
    let (first, second) = (Memory::default(), Memory::default());
    let one = start("memory", first.clone(), delivery(scratch.path(), &Reports::default()));
    caught_up(scratch.path(), "memory");
    let two = start("memory", second.clone(), delivery(scratch.path(), &Reports::default()));
    record(&journal, 10, 10);
    caught_up(scratch.path(), "memory");
    assert!(second.state.lock().unwrap().resumed.is_empty());
    assert!(one.end());
    record(&journal, 20, 10);
    caught_up(scratch.path(), "memory");
    assert!(two.end());
    let all: Vec<u64> = first.taken().into_iter().chain(second.taken()).collect();
    assert_eq!(all, (1..=head(scratch.path())).collect::<Vec<_>>());
    journal.close().unwrap();
}

#[test]
fn a_sink_in_trouble_ends_at_once_and_goes_on_after_the_next_start() {
    let scratch = tempfile::tempdir().unwrap();
    let journal = journal(scratch.path(), 10);
    let memory = Memory::default();
    memory.with(|state| state.answers.push_back(after("come back in an hour", Duration::from_secs(3_600))));
    let sink = start("memory", memory.clone(), delivery(scratch.path(), &Reports::default()));
    until("it was tried", || memory.state.lock().unwrap().attempts == 1);
    let began = Instant::now();
    assert!(sink.end());
    assert!(began.elapsed() < quick().close_timeout(), "{:?}", began.elapsed());
    let sink = start("memory", memory.clone(), delivery(scratch.path(), &Reports::default()));
    caught_up(scratch.path(), "memory");
    assert!(sink.end());
    assert_eq!(memory.taken(), (1..=head(scratch.path())).collect::<Vec<_>>());
    journal.close().unwrap();
}

#[test]
fn a_sink_that_cannot_deliver_delays_no_other() {
    let scratch = tempfile::tempdir().unwrap();
    let journal = journal(scratch.path(), 10);
    let (down, up) = (Memory::default(), Memory::default());
    down.with(|state| state.down = Some("down".to_owned()));
    let one = start("down", down, delivery(scratch.path(), &Reports::default()));
    let two = start("up", up.clone(), delivery(scratch.path(), &Reports::default()));
    record(&journal, 10, 500);
    caught_up(scratch.path(), "up");
    assert_eq!(cursor(scratch.path(), "down"), 0);
    one.tell_to_end();
    assert!(two.end() && one.end());
    assert_eq!(up.taken(), (1..=head(scratch.path())).collect::<Vec<_>>());
    journal.close().unwrap();
}

/// What a peer that takes batches up to `most` and none with a number of `bad` in it is sent, and which single events it refuses.
fn halve(count: u64, bad: &[u64], most: usize) -> (Result<Vec<u64>, String>, Vec<u64>, usize) {
    let items: Vec<u64> = (1..=count).collect();
    let (taken, calls) = (Arc::new(std::sync::Mutex::new(Vec::new())), std::cell::Cell::new(0));
    let result = futures_util::FutureExt::now_or_never(by_halves(
        &items,
        |item| *item,
        |part: &[u64]| {
            calls.set(calls.get() + 1);
            let refuse = part.len() > most || part.iter().any(|item| bad.contains(item));
            if !refuse {
                taken.lock().unwrap().extend_from_slice(part);
            }
            async move { Ok(if refuse { Answer::Refused("400".to_owned()) } else { Answer::Taken }) }
        },
    ));
    let taken = taken.lock().unwrap().clone();
    let refused = result.unwrap().map(|refused| refused.into_iter().map(|refused| refused.seq).collect());
    (refused.map_err(|error| error.to_string()), taken, calls.get())
}

#[test]
fn a_batch_that_is_refused_is_halved_until_the_bad_events_stand_alone() {
    let rest = |count: u64, bad: &[u64]| (1..=count).filter(|item| !bad.contains(item)).collect::<Vec<_>>();
    for bad in [&[][..], &[1], &[64], &[17, 18], &[1, 32, 33, 64]] {
        let (refused, taken, calls) = halve(64, bad, 64);
        assert_eq!((refused.as_deref(), taken), (Ok(bad), rest(64, bad)));
        assert!(calls <= 1 + 2 * 6 * bad.len().max(1), "{calls} calls for {bad:?}");
    }
    // A peer that takes less than a page at once.
    let (refused, taken, _) = halve(64, &[], 5);
    assert_eq!((refused, taken), (Ok(Vec::new()), rest(64, &[])));
    // A single bad event is one even when it is alone.
    assert_eq!(halve(1, &[1], 64).0, Ok(vec![1]));
    // Many bad ones in front of good ones are dead letters; the probe is taken twice.
    let bad: Vec<u64> = (1..=40).collect();
    assert_eq!(halve(64, &bad, 64).0, Ok(bad));
}

#[test]
fn a_peer_that_refuses_everything_empties_no_journal_into_dead_letters() {
    let all: Vec<u64> = (1..=64).collect();
    let (refused, taken, calls) = halve(64, &all, 64);
    assert!(refused.unwrap_err().contains("refuses every event") && taken.is_empty());
    assert!(calls < 40, "{calls}");
}
