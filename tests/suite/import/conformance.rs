//! SigmaHQ's regression cases: every event log is read without a record that could not be, and gives the kinds of its rule's category.

use std::collections::BTreeMap;
use std::path::Path;

use agentsh::event::{ImportSource, Kind};

use super::rig::{Read, kinds, read, regression, unread};

/// The category of the rule beside a log.
fn category(log: &Path) -> Option<String> {
    let folder = std::fs::read_dir(log.parent().unwrap()).unwrap().map(|entry| entry.unwrap().path());
    let rule = folder.into_iter().find(|path| path.file_name().unwrap().to_string_lossy().starts_with("rule-"))?;
    let text = std::fs::read_to_string(rule).unwrap();
    text.lines().find_map(|line| line.trim().strip_prefix("category:").map(|category| category.trim().to_owned()))
}

fn expected(category: &str) -> &'static [Kind] {
    match category {
        "process_creation" => &[Kind::ProcessExec],
        "file_event" => &[Kind::FileCreate],
        "image_load" => &[Kind::ImageLoad],
        "pipe_created" => &[Kind::PipeCreate, Kind::PipeConnect],
        "process_access" => &[Kind::ProcessAccess],
        "registry_set" => &[Kind::RegistrySetValue],
        "registry_delete" => &[Kind::RegistryDeleteKey, Kind::RegistryDeleteValue],
        "registry_add" => &[Kind::RegistryCreateKey],
        _ => &[],
    }
}

#[test]
fn every_event_log_of_the_regression_cases_is_read_and_gives_the_kind_of_its_category() {
    let logs = regression("every_event_log_of_the_regression_cases_is_read_and_gives_the_kind_of_its_category");
    let mut without: BTreeMap<String, u64> = BTreeMap::new();
    for log in &logs {
        let all = read(ImportSource::Evtx, std::fs::read(log).unwrap()).unwrap();
        assert!(!all.is_empty(), "{}", log.display());
        assert!(unread(&all).is_empty(), "{}: {:?}", log.display(), unread(&all));
        let kinds = kinds(&all);
        match category(log).as_deref().map(expected) {
            Some(expected) if !expected.is_empty() => {
                assert!(kinds.iter().any(|kind| expected.contains(kind)), "{}: {kinds:?} {all:?}", log.display());
            }
            _ => {
                for read in &all {
                    if let Read::Unmapped(name) = read {
                        *without.entry(name.clone()).or_default() += 1;
                    }
                }
            }
        }
    }
    if !logs.is_empty() {
        // Cases of services that the vocabulary has no kind for.
        let names: Vec<&str> = without.keys().map(String::as_str).collect();
        assert_eq!(
            names,
            ["Microsoft-Windows-Sysmon 16", "Microsoft-Windows-TaskScheduler 142", "Microsoft-Windows-Windows Defender 1119"]
        );
    }
}
