//! Tests: detect: every built-in rule on events that were really recorded: it recognises what it is for, and nothing else.
//!
//! `cases/<file name of the rule without .yml>/positive*.jsonl` must fire the rule, `negative*.jsonl` must not.

use std::fs;
use std::path::{Path, PathBuf};

use agentsh::app::detect::{TrialError, trial};
use agentsh::detect::BUILT_IN;
use agentsh::event::Payload;

use super::engine;

fn files(folder: &Path, start: &str) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.file_name().unwrap().to_string_lossy().starts_with(start));
    files.sort();
    files
}

/// The rules of a text that fire on the events of a file.
fn fired(text: &str, file: &Path) -> usize {
    let mut engine = engine(&[text]);
    let mut fired = 0;
    let lines = std::io::BufReader::new(fs::File::open(file).unwrap());
    let events = trial::<TrialError>(&mut engine, lines, |found| {
        assert!(matches!(found.detection.payload, Payload::Detection(_)));
        fired += 1;
        Ok(())
    });
    assert!(events.unwrap() > 0, "{} holds no event", file.display());
    fired
}

#[test]
fn every_built_in_rule_is_in_order_and_has_a_case_that_fires_it_and_one_that_does_not() {
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/suite/detect/cases");
    let all: Vec<&str> = BUILT_IN.iter().map(|(_, text)| *text).collect();
    assert_eq!(engine(&all).faults(), []);
    for (name, text) in BUILT_IN {
        let folder = cases.join(name.strip_suffix(".yml").unwrap());
        let (positive, negative) = (files(&folder, "positive"), files(&folder, "negative"));
        assert!(!positive.is_empty() && !negative.is_empty(), "{name} has not both cases in {}", folder.display());
        for file in positive {
            assert!(fired(text, &file) > 0, "{} does not fire {name}", file.display());
        }
        for file in negative {
            assert_eq!(fired(text, &file), 0, "{} fires {name}", file.display());
        }
    }
}
