//! Sessions that are read from files of a lake alone.

use super::rig::{SESSION, WAYS, interleaved, path, refused, told, with};
use crate::lake::rig::{Driver, config, deliver_all, files};
use agentsh::sink::parquet::ParquetConfig;

#[test]
fn files_of_a_lake_alone_tell_what_the_journal_tells() {
    let folder = tempfile::tempdir().unwrap();
    let recorded = interleaved();
    let home = recorded.data_dir.root();
    let (lake, lake_text) = path(folder.path(), "lake");
    let small = ParquetConfig { seal_rows: 50, ..config(&lake) };
    let mut driver = Driver::new(home, small);
    driver.resume(0).unwrap();
    driver.pages(10).unwrap();
    drop(driver);
    deliver_all(home, config(&lake));
    assert!(files(&lake).len() > 1, "{:?}", files(&lake));
    let key = std::fs::read_to_string(recorded.data_dir.public_key()).unwrap();
    let (_, nowhere) = path(folder.path(), "nowhere");
    for session in [SESSION, "s0other2", "s0m"] {
        for way in WAYS {
            let here = told(home, &with(way, &[session]));
            let there = told(nowhere.as_ref(), &with(way, &[session, "--from", &lake_text, "--key", key.trim()]));
            assert_eq!(there, here, "{way:?} {session}");
        }
    }
    let last = told(nowhere.as_ref(), &["tree", "last", "--from", &lake_text]);
    assert_eq!(last, told(home, &["tree", "last"]));
    let why = told(nowhere.as_ref(), &["why", "/work/7", "--from", &lake_text]);
    assert_eq!(why, told(home, &["why", "/work/7"]));
    // Whose signature the checkpoint must have is not in the files.
    let report = told(nowhere.as_ref(), &["report", SESSION, "--from", &lake_text, "--format", "json"]);
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    assert!(report["integrity"]["signature_error"].is_string(), "{}", report["integrity"]);
    assert!(refused(nowhere.as_ref(), &["tree", "s9nobody", "--from", &lake_text]).contains("no session is named"));
    let (other, other_text) = path(folder.path(), "data");
    assert!(!other.exists());
    told(home, &["export", "bundle", SESSION, "-o", &other_text]);
    let from = told(nowhere.as_ref(), &["report", SESSION, "--from", home.to_str().unwrap()]);
    assert_eq!(from, told(home, &["report", SESSION]), "from another data directory");
}

#[test]
fn one_file_is_enough_for_what_is_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let recorded = interleaved();
    let (lake, _) = path(folder.path(), "lake");
    deliver_all(recorded.data_dir.root(), config(&lake));
    let file = lake.join(&files(&lake)[0]);
    let (_, nowhere) = path(folder.path(), "nowhere");
    let told_there = told(nowhere.as_ref(), &["files", SESSION, "--from", file.to_str().unwrap()]);
    assert_eq!(told_there, told(recorded.data_dir.root(), &["files", SESSION]));
    let cut = folder.path().join("cut.parquet");
    let bytes = std::fs::read(&file).unwrap();
    std::fs::write(&cut, &bytes[..bytes.len() / 2]).unwrap();
    assert!(refused(nowhere.as_ref(), &["files", "--from", cut.to_str().unwrap()]).contains("cut.parquet"));
}
