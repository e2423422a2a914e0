//! Small neighbours become one file.

use agentsh::sink::Flush;
use agentsh::sink::parquet::{LakeVerifier, ParquetConfig};

use super::rig::{Driver, Place, assert_equal_to_journal, at, config, files, head, journal_with, open, place, ranges};
use crate::lake::rig::journal_of;
use crate::support::open_event;

fn compacting(place: &Place, files: u64) -> ParquetConfig {
    ParquetConfig { compact_below: 1 << 20, compact_files: files, ..config(&place.lake) }
}

/// Seals a file for each page, as many short recordings do.
fn seal_each_page(place: &Place, config: ParquetConfig, most: u32) {
    let mut driver = Driver::new(&place.root, config);
    driver.resume(0).unwrap();
    while let Some(answer) = driver.page(most) {
        answer.unwrap();
        driver.flush(Flush::Close).unwrap();
    }
}

#[test]
fn small_neighbours_are_put_together_and_the_rows_stay_the_same() {
    let place = place();
    journal_with(&place.root, 98);
    seal_each_page(&place, config(&place.lake), 10);
    assert_eq!(ranges(&place.lake).len() as u64, head(&place.root).div_ceil(10));
    let mut driver = Driver::new(&place.root, compacting(&place, 4));
    driver.resume(head(&place.root)).unwrap();
    driver.flush(Flush::Idle).unwrap();
    assert_eq!(ranges(&place.lake), [(1, head(&place.root))]);
    assert_equal_to_journal(&place.root, &place.lake);
    let name = files(&place.lake).remove(0);
    let report = LakeVerifier::default().file(&name, std::fs::read(place.lake.join(&name)).unwrap().into()).unwrap();
    assert!(report.is_whole() && report.root.is_some(), "{report:?}");
    assert_eq!(open(&place.lake, &name).footer().first, 1);
}

#[test]
fn few_files_large_ones_and_those_of_different_days_are_left_alone() {
    let run = |change: fn(&mut ParquetConfig)| {
        let place = place();
        // Six events on each of two days of the year 2096.
        let events = (0..12).map(|number| at(open_event(number), 3_981_225_600_000_000 + (number as i64 / 6) * 86_400_000_000));
        journal_of(&place.root, events);
        let mut config = compacting(&place, 3);
        change(&mut config);
        seal_each_page(&place, config, 2);
        assert_equal_to_journal(&place.root, &place.lake);
        ranges(&place.lake).len()
    };
    let apart = run(|config| config.compact_below = 0);
    assert_eq!(run(|config| config.compact_below = 1), apart, "no file is that small");
    assert_eq!(run(|config| config.compact_files = 5), apart, "no day has that many");
    assert!(run(|_| ()) < apart);
    assert!(run(|config| config.seal_rows = 2) >= apart, "no file grows beyond seal_rows");
}

#[test]
fn a_file_that_was_changed_is_not_carried_into_a_larger_one() {
    let place = place();
    journal_with(&place.root, 30);
    seal_each_page(&place, config(&place.lake), 5);
    let before = files(&place.lake);
    // A file of other content under the name of a sealed one.
    std::fs::copy(place.lake.join(&before[0]), place.lake.join(&before[1])).unwrap();
    let mut driver = Driver::new(&place.root, compacting(&place, 3));
    driver.resume(head(&place.root)).unwrap();
    driver.flush(Flush::Idle).unwrap();
    assert_eq!(files(&place.lake), before);
}
