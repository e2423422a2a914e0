//! Tests: detect: every built-in rule on events that were really recorded: it recognises what it is for, and nothing else.
//!
//! `cases/<file name of the rule without .yml>.jsonl` holds events that fire the rule and events of the same kind that do not.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use agentsh::app::detect::{TrialError, read_line, trial};
use agentsh::detect::BUILT_IN;
use agentsh::event::{EventId, Kind};

use super::engine;

#[test]
fn every_built_in_rule_is_in_order_and_has_a_case_that_fires_it_and_one_that_does_not() {
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/suite/detect/cases");
    let all: Vec<&str> = BUILT_IN.iter().map(|(_, text)| *text).collect();
    assert_eq!(engine(&all).faults(), []);
    for (name, text) in BUILT_IN {
        let file = cases.join(name.replace(".yml", ".jsonl"));
        let lines = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{name} has no cases: {error}"));
        let mut fired: BTreeSet<EventId> = BTreeSet::new();
        let mut kinds: BTreeSet<Kind> = BTreeSet::new();
        let looked = trial::<TrialError>(&mut engine(&[text]), lines.as_bytes(), |found| {
            fired.insert(found.on.event.id);
            kinds.insert(found.on.kind);
            Ok(())
        });
        assert!(looked.unwrap() > 0 && !fired.is_empty(), "{} does not fire {name}", file.display());
        let silent = lines.lines().filter(|line| !line.trim().is_empty()).map(|line| read_line(line).unwrap());
        let silent = silent.filter(|event| kinds.contains(&event.kind) && !fired.contains(&event.event.id)).count();
        assert!(silent > 0, "{}: every event of the kind fires {name}", file.display());
    }
}
