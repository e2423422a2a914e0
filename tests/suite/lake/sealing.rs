//! When a file is sealed, under which name, and what waits.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use agentsh::journal::DataDir;
use agentsh::runtime::units::Millis;
use agentsh::sink::Flush;
use agentsh::sink::parquet::{FileName, ParquetConfig, ParquetDestination};

use super::rig::{
    Driver, Place, assert_equal_to_journal, at, config, everything, files, head, journal_of, journal_with, place, ranges,
    session_ended,
};
use crate::support::open_event;

/// A destination whose clock stands still until it is told.
fn timed(place: &Place, config: ParquetConfig) -> (Driver, impl Fn(Duration)) {
    let passed = Arc::new(AtomicU64::new(0));
    let start = Instant::now();
    let reading = Arc::clone(&passed);
    let destination = ParquetDestination::new(config, DataDir::at(&place.root))
        .with_clock(move || start + Duration::from_millis(reading.load(Ordering::Relaxed)));
    let advance = move |by: Duration| {
        passed.fetch_add(u64::try_from(by.as_millis()).unwrap(), Ordering::Relaxed);
    };
    (Driver::with(&place.root, destination), advance)
}

#[test]
fn a_file_is_sealed_at_its_number_of_events_and_named_after_its_range() {
    let place = place();
    let head = journal_with(&place.root, 98);
    let mut driver = Driver::new(&place.root, ParquetConfig { seal_rows: 30, ..config(&place.lake) });
    driver.resume(0).unwrap();
    let safe = driver.pages(7).unwrap();
    assert_eq!(safe, 90);
    assert_eq!(ranges(&place.lake), [(1, 30), (31, 60), (61, 90)]);
    assert_eq!(driver.flush(Flush::Close).unwrap(), head);
    assert_equal_to_journal(&place.root, &place.lake);
    let name = files(&place.lake)[1].clone();
    assert!(name.ends_with("/seq=00000000000000000031-00000000000000000060.parquet"), "{name}");
    assert!(name.starts_with("date=20"), "{name}");
}

#[test]
fn a_file_is_sealed_at_its_size() {
    let place = place();
    journal_with(&place.root, 9_000);
    let mut driver = Driver::new(&place.root, ParquetConfig { seal_bytes: 40_000, ..config(&place.lake) });
    driver.resume(0).unwrap();
    driver.pages(500).unwrap();
    driver.flush(Flush::Close).unwrap();
    let sizes: Vec<u64> = files(&place.lake).iter().map(|name| place.lake.join(name).metadata().unwrap().len()).collect();
    assert!(sizes.len() > 2 && sizes.iter().all(|size| *size < 200_000), "{sizes:?}");
    assert_equal_to_journal(&place.root, &place.lake);
}

#[test]
fn a_file_is_sealed_when_it_is_old_and_not_before() {
    let place = place();
    let head = journal_with(&place.root, 10);
    let (mut driver, advance) = timed(&place, ParquetConfig { seal_after: Millis::new(60_000), ..config(&place.lake) });
    driver.resume(0).unwrap();
    driver.pages(100).unwrap();
    advance(Duration::from_millis(59_999));
    assert_eq!(driver.flush(Flush::Idle).unwrap(), 0);
    assert_eq!(files(&place.lake), Vec::<String>::new());
    advance(Duration::from_millis(1));
    assert_eq!(driver.flush(Flush::Idle).unwrap(), head);
    assert_eq!(ranges(&place.lake), [(1, head)]);
}

#[test]
fn a_file_is_sealed_when_a_session_has_ended_at_once_when_idle_and_within_a_second_under_load() {
    let sealed = |on: bool, idle: bool, pass: u64| {
        let place = place();
        journal_of(&place.root, [open_event(1), session_ended("s-1"), open_event(2)]);
        let (mut driver, advance) = timed(&place, ParquetConfig { seal_on_session_end: on, ..config(&place.lake) });
        driver.resume(0).unwrap();
        let most = u32::try_from(head(&place.root) - 1).unwrap();
        driver.page(most).unwrap().unwrap();
        advance(Duration::from_millis(pass));
        if idle { driver.flush(Flush::Idle).unwrap() } else { driver.page(1).unwrap().unwrap() }
    };
    assert!(sealed(true, true, 0) > 0);
    assert!(sealed(true, false, 1_000) > 0);
    assert_eq!(sealed(true, false, 999), 0);
    assert_eq!(sealed(false, true, 5_000), 0);
}

#[test]
fn a_file_is_of_the_day_of_its_first_event_and_a_later_day_begins_another() {
    const DAY: i64 = 86_400_000_000;
    let place = place();
    // 2096-02-28T23:59:59.999999Z, which a leap day follows; later than the journal's own first event.
    let first = 3_981_311_999_999_999;
    let times = [first, first + 1, first, first + 1 + DAY, first + 2 + DAY];
    journal_of(&place.root, times.into_iter().zip(0..).map(|(time, number)| at(open_event(number), time)));
    let mut driver = Driver::new(&place.root, config(&place.lake));
    driver.resume(0).unwrap();
    driver.pages(2).unwrap();
    driver.flush(Flush::Close).unwrap();
    let folders: Vec<String> = files(&place.lake).iter().map(|name| FileName::parse(name).unwrap().folder()).collect();
    // The journal's own first and last events are of today; an event of an earlier day stays where it came.
    assert_eq!(folders[1..], ["date=2096-02-28", "date=2096-02-29", "date=2096-03-01"]);
    assert_equal_to_journal(&place.root, &place.lake);
}

#[test]
fn names_are_read_in_exactly_the_form_that_is_written() {
    let good = "date=2026-11-24/seq=00000000000000000001-00000000000000000042.parquet";
    let name = FileName::parse(good).unwrap();
    assert_eq!((name.to_string().as_str(), name.first, name.last, name.events()), (good, 1, 42, 42));
    for bad in [
        "date=2026-11-24/seq=1-42.parquet",
        "date=2026-11-31/seq=00000000000000000001-00000000000000000042.parquet",
        "date=2026-2-1/seq=00000000000000000001-00000000000000000042.parquet",
        "date=2026-11-24/seq=00000000000000000043-00000000000000000042.parquet",
        "date=2026-11-24/seq=00000000000000000000-00000000000000000042.parquet",
        "date=2026-11-24/.seq=00000000000000000001.tmp",
        "date=2026-11-24/x/seq=00000000000000000001-00000000000000000042.parquet",
        "seq=00000000000000000001-00000000000000000042.parquet",
    ] {
        assert_eq!(FileName::parse(bad), None, "{bad}");
    }
}

#[test]
fn what_is_not_sealed_is_not_in_the_lake_and_comes_again() {
    let place = place();
    journal_with(&place.root, 50);
    let mut driver = Driver::new(&place.root, config(&place.lake));
    driver.resume(0).unwrap();
    assert_eq!(driver.pages(10).unwrap(), 0);
    drop(driver);
    assert_eq!(everything(&place.lake), [".agentsh.lock"]);
    let mut driver = Driver::new(&place.root, config(&place.lake));
    assert_eq!(driver.resume(0).unwrap(), 0);
    driver.pages(10).unwrap();
    driver.flush(Flush::Close).unwrap();
    assert_equal_to_journal(&place.root, &place.lake);
}
