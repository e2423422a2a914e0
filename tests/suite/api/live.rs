//! Live events: what comes, once, also for who comes back.

use super::rig::{Live, journal, record, serve};
use crate::support::{connect_event, open_event};

#[test]
fn what_comes_is_told_once_to_each_of_two_readers() {
    let (folder, journal) = journal();
    record(&journal, 30);
    let served = serve(folder.path());
    let head = served.get("/api/v1/events?limit=1").json()["head"].as_u64().unwrap();
    let mut now = Live::open(served.addr, "/api/v1/events", &[]);
    let mut all = Live::open(served.addr, "/api/v1/events?after=0", &[]);
    record(&journal, 30);
    assert_eq!(now.seqs(30), (head + 1..=head + 30).collect::<Vec<_>>());
    assert_eq!(all.seqs(usize::try_from(head).unwrap() + 30), (1..=head + 30).collect::<Vec<_>>());
    served.stop();
    let end = now.next().expect("the end is told");
    assert_eq!((end.event.as_str(), end.data["reason"].as_str()), ("end", Some("the server shuts down")));
    journal.close().unwrap();
}

#[test]
fn g5_a_live_reader_goes_on_across_a_restart_without_gap_or_repeat() {
    let (folder, journal) = journal();
    record(&journal, 25);
    let served = serve(folder.path());
    let mut live = Live::open(served.addr, "/api/v1/events?after=0", &[]);
    let mut seen = live.seqs(20);
    drop(live);
    served.stop();
    record(&journal, 25);
    let served = serve(folder.path());
    let last = seen.last().unwrap().to_string();
    // Where it stopped counts, and not where it once began.
    let mut live = Live::open(served.addr, "/api/v1/events?after=0", &[("Last-Event-ID", &last)]);
    record(&journal, 25);
    let head = served.get("/api/v1/events?limit=1").json()["head"].as_u64().unwrap();
    seen.extend(live.seqs(usize::try_from(head).unwrap() - seen.len()));
    assert_eq!(seen, (1..=head).collect::<Vec<_>>());
    served.stop();
    journal.close().unwrap();
}

#[test]
fn a_filter_holds_for_what_comes_and_the_event_is_as_everywhere() {
    let (folder, journal) = journal();
    record(&journal, 3);
    let served = serve(folder.path());
    let mut live = Live::open(served.addr, "/api/v1/events?family=network&where=payload.host+%3D%3D+%22host-77.test%22", &[]);
    for event in [open_event(1), connect_event(76), connect_event(77), connect_event(78)] {
        journal.channel().publish(&event);
    }
    journal.flush();
    let told = live.next().unwrap();
    assert_eq!(told.data["payload"]["host"], "host-77.test");
    let one = served.get(&format!("/api/v1/events/{}", told.id.unwrap())).json();
    assert_eq!(one["event"], told.data);
    served.stop();
    journal.close().unwrap();
}

#[test]
fn a_reader_that_does_not_read_delays_nobody() {
    let (folder, journal) = journal();
    record(&journal, 20_000);
    let served = serve(folder.path());
    let slow = Live::open(served.addr, "/api/v1/events?after=0", &[]);
    let head = served.get("/api/v1/events?limit=1").json()["head"].as_u64().unwrap();
    let mut quick = Live::open(served.addr, "/api/v1/events", &[]);
    record(&journal, 3);
    assert_eq!(quick.seqs(3), [head + 1, head + 2, head + 3]);
    let mut slow = slow;
    assert_eq!(slow.seqs(20_000), (1..=20_000).collect::<Vec<_>>(), "it misses nothing either");
    served.stop();
    journal.close().unwrap();
}
