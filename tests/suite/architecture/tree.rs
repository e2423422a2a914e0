//! Every rule over every file of the repository.

use std::fs;
use std::path::{Path, PathBuf};

use super::source::{Source, Violation};
use super::{crates, forbidden, imports, shape};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const RULES: &[fn(&Source) -> Vec<Violation>] = &[
    imports::follows_the_import_table,
    crates::keeps_crates_at_home,
    shape::opens_with_what_it_is,
    shape::stages_say_what_they_guarantee,
    shape::files_are_short,
    shape::mod_rs_has_no_logic,
    shape::names_say_something,
    forbidden::tests_are_neither_ignored_nor_meant_to_panic,
    forbidden::unsafe_is_at_home_and_explained,
    forbidden::pure_stages_stay_pure,
    forbidden::nothing_is_left_for_later,
];

/// Reads a file of the repository.
pub fn read(path: &str) -> String {
    fs::read_to_string(Path::new(ROOT).join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn sources() -> Vec<Source> {
    let mut files = Vec::new();
    for folder in ["src", "tests", "benches", "fuzz"] {
        collect(&Path::new(ROOT).join(folder), &mut files);
    }
    files.sort();
    let relative = |file: &Path| file.strip_prefix(ROOT).unwrap().to_str().unwrap().to_owned();
    files.iter().map(|file| relative(file)).map(|path| Source::new(&path, &read(&path))).collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() && path.file_name().is_some_and(|name| name != "target") {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

#[test]
fn every_file_obeys_every_rule() {
    let sources = sources();
    assert!(sources.len() > 40, "only {} files found", sources.len());
    let violations: Vec<String> = sources
        .iter()
        .flat_map(|source| RULES.iter().flat_map(|rule| rule(source)))
        .map(|violation| violation.to_string())
        .collect();
    assert!(violations.is_empty(), "{} violations\n{}", violations.len(), violations.join("\n"));
}
