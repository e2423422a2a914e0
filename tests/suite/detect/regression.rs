//! SigmaHQ's regression cases: an event log goes through the real program, and the rule that must fire fires.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};

use agentsh::detect::sigma::{Limits, Rules, Source};

use crate::import::rig::regression;

/// What the rule of a case looks at that no kind of ours has.
const NOT_OURS: &[&str] = &["service: ", "category: driver_load", "category: sysmon_status", "category: sysmon_error"];

/// The rule beside an event log.
fn rule_of(evtx: &Path) -> Option<(String, String)> {
    let folder = evtx.parent()?;
    let rule = std::fs::read_dir(folder).ok()?.filter_map(|entry| Some(entry.ok()?.path())).find(|path| {
        path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with("rule-") && name.ends_with(".yml"))
    })?;
    Some((rule.display().to_string(), std::fs::read_to_string(rule).ok()?))
}

#[test]
fn every_case_of_a_category_that_is_fed_fires_its_rule_through_an_import() {
    let test = "every_case_of_a_category_that_is_fed_fires_its_rule_through_an_import";
    let (mut fired, mut silent, mut others) = (0, BTreeMap::new(), Vec::new());
    for evtx in regression(test) {
        let Some((file, text)) = rule_of(&evtx) else { continue };
        let rules = Rules::read(&[Source { file: file.clone(), text: text.clone() }], Limits::default());
        let name = Path::new(&file).file_stem().unwrap().to_string_lossy().into_owned();
        assert!(rules.faults.iter().all(|fault| !fault.refused), "{name}: {:?}", rules.faults);
        if !rules.infos().iter().any(|rule| rule.fed) || NOT_OURS.iter().any(|source| text.contains(source)) {
            others.push(name);
            continue;
        }
        let scratch = tempfile::tempdir().unwrap();
        let config = scratch.path().join("config.yaml");
        std::fs::write(&config, format!("detect:\n  built_in: false\n  rules: ['{file}']\n")).unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_agentsh"))
            .arg("--config")
            .arg(&config)
            .arg("--data-dir")
            .arg(scratch.path().join("data"))
            .args(["import", "--json", "evtx"])
            .arg(&evtx)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let report: serde_json::Value =
            serde_json::from_str(&said).unwrap_or_else(|_| panic!("{name}: {said}{}", String::from_utf8_lossy(&output.stderr)));
        let detections = report["files"][0]["detections"].as_object().map_or(0, serde_json::Map::len);
        if detections > 0 {
            fired += 1;
        } else {
            silent.insert(name, report["files"][0]["events"].to_string());
        }
    }
    eprintln!("{fired} fired; of no category of ours: {others:?}");
    assert!(silent.is_empty(), "{fired} fired; silent: {silent:#?}");
}
