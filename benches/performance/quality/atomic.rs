//! The tests, as the data has them, and those that are never run.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

#[derive(Deserialize)]
pub struct Test {
    pub technique: String,
    pub name: String,
    pub guid: String,
    pub shell: String,
    pub elevated: bool,
    pub needs_dependencies: bool,
    pub command: String,
}

impl Test {
    /// The tests fall into two halves by chance: rules were written with one in sight, the other tells how they generalise.
    pub fn held_back(&self) -> bool {
        use sha2::Digest as _;
        sha2::Sha256::digest(self.guid.as_bytes())[0] % 2 == 1
    }

    /// The shell that runs it.
    pub fn shell(&self) -> &str {
        if self.shell == "sh" { "sh" } else { "bash" }
    }
}

pub fn load(file: &Path) -> Vec<Test> {
    let text = std::fs::read_to_string(file).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Tests that could be run and are not: id and reason. Reviewed by hand.
pub fn excluded() -> BTreeMap<&'static str, &'static str> {
    include_str!("excluded.tsv").lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once('\t')).collect()
}
