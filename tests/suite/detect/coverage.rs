//! Tests: detect: `detect coverage` on a journal that has seen something: the table, the JSON, and the layer for MITRE's Navigator.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::rig::{Rig, about, at, starts};

/// MITRE's matrix of v19, from left to right.
const MATRIX: [&str; 15] = [
    "reconnaissance",
    "resource-development",
    "initial-access",
    "execution",
    "persistence",
    "privilege-escalation",
    "stealth",
    "defense-impairment",
    "credential-access",
    "discovery",
    "lateral-movement",
    "collection",
    "command-and-control",
    "exfiltration",
    "impact",
];

/// Rules for `T1685` (by an old id), `T1059.004` and `T1105`; the journal has seen the first twice, the second once, and `T1082` once by
/// a rule that was removed.
fn seen() -> Rig {
    let rig = Rig::new();
    rig.add("off.yml", &about("off", "setenforce", "tags: [attack.t1562.001, attack.defense-evasion]\n"));
    rig.add("shell.yml", &about("shell", "sh", "tags: [attack.t1059.004]\n"));
    rig.add("fetch.yml", &about("fetch", "curl", "tags: [attack.t1105]\n"));
    rig.add("system.yml", &about("system", "uname", "tags: [attack.t1082]\n"));
    // One that no event of ours reaches covers nothing.
    rig.add(
        "driver.yml",
        "title: driver\nlogsource: {product: windows, category: driver_load}\ndetection:\n  s: {ImageLoaded: x}\n  condition: s\ntags: [attack.t1068]\n",
    );
    rig.import("a.jsonl", &starts(&[at(0.0, "setenforce 0"), at(1.0, "setenforce 0"), at(2.0, "sh -c x"), at(3.0, "uname -a")]));
    assert_eq!(rig.titles(), ["off", "off", "shell", "system"]);
    rig.ok(&["detect", "rules", "remove", "system.yml"]);
    rig
}

/// `technique: (rules, seen)` of a coverage.
fn numbers(coverage: &Value) -> BTreeMap<String, (u64, u64)> {
    let mut numbers = BTreeMap::new();
    for covered in coverage["tactics"].as_array().unwrap().iter().flat_map(|tactic| tactic["covered"].as_array().unwrap()) {
        let both = (covered["rules"].as_u64().unwrap(), covered["seen"].as_u64().unwrap());
        let known = numbers.insert(covered["technique"].as_str().unwrap().to_owned(), both);
        assert!(known.is_none_or(|known| known == both), "{covered} says something else under another tactic");
    }
    numbers
}

#[test]
fn coverage_counts_what_rules_cover_and_what_was_seen_under_todays_ids() {
    let rig = seen();
    let coverage = rig.json(&["detect", "coverage", "--format", "json"]);
    assert_eq!((&coverage["attack_version"], &coverage["rules"]), (&json!("19"), &json!(3)));
    let tactics: Vec<&str> = coverage["tactics"].as_array().unwrap().iter().map(|of| of["tactic"].as_str().unwrap()).collect();
    assert_eq!(tactics, MATRIX);
    let expected = [("T1059.004", (1, 1)), ("T1082", (0, 1)), ("T1105", (1, 0)), ("T1685", (1, 2))];
    assert_eq!(numbers(&coverage), expected.map(|(id, of)| (id.to_owned(), of)).into());
    let tactic = |name: &str| coverage["tactics"].as_array().unwrap().iter().find(|of| of["tactic"] == name).unwrap().clone();
    assert_eq!(tactic("discovery")["covered"][0]["name"], "System Information Discovery");
    assert_eq!(tactic("defense-impairment")["covered"][0]["technique"], "T1685");
    assert_eq!(tactic("reconnaissance")["covered"], json!([]));
    // A technique that serves several tactics is counted under each: the sum is more than there are techniques.
    let all: u64 = coverage["tactics"].as_array().unwrap().iter().map(|of| of["techniques"].as_u64().unwrap()).sum();
    assert!(all > 697, "{all}");
}

#[test]
fn the_table_says_the_same_as_the_json() {
    let rig = seen();
    let table = rig.ok(&["detect", "coverage"]);
    let mut lines = table.lines();
    assert_eq!(lines.next(), Some("ATT&CK v19, 3 rules"));
    let coverage = rig.json(&["detect", "coverage", "--format", "json"]);
    let mut expected = Vec::new();
    for tactic in coverage["tactics"].as_array().unwrap() {
        let covered = tactic["covered"].as_array().unwrap();
        let with = |key: &str| covered.iter().filter(|of| of[key].as_u64().unwrap() > 0).count();
        let (title, of) = (tactic["title"].as_str().unwrap(), &tactic["techniques"]);
        expected.push(format!("{title}: {} of {of} techniques covered, {} seen", with("rules"), with("seen")));
        for of in covered {
            let words = [of["technique"].as_str().unwrap(), &of["rules"].to_string(), "rules", &of["seen"].to_string(), "seen"];
            expected.push(words.join(" ") + " " + of["name"].as_str().unwrap());
        }
    }
    let shown: Vec<String> = lines.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    let shown: Vec<&String> = shown.iter().filter(|line| !line.is_empty()).collect();
    assert_eq!(shown, expected.iter().collect::<Vec<_>>());
}

#[test]
fn where_there_is_no_journal_yet_nothing_was_seen() {
    let rig = Rig::new();
    rig.add("fetch.yml", &about("fetch", "curl", "tags: [attack.t1105]\n"));
    let coverage = rig.json(&["detect", "coverage", "--format", "json"]);
    assert_eq!(numbers(&coverage), [("T1105".to_owned(), (1, 0))].into());
}

/// Says what the Navigator would not read of a layer: the page of MITRE that defines format 4.5, property by property.
fn check_layer(layer: &Value) -> Result<(), String> {
    type Is = fn(&Value) -> bool;
    let (text, flag, list): (Is, Is, Is) = (Value::is_string, Value::is_boolean, Value::is_array);
    let colour: Is = |value| value.as_str().is_some_and(|text| text.len() == 7 && text.starts_with('#'));
    let object = |what: &str, value: &Value, required: &[&str], properties: &[(&str, Is)]| -> Result<(), String> {
        let value = value.as_object().ok_or_else(|| format!("{what}: not an object"))?;
        if let Some(missing) = required.iter().find(|name| !value.contains_key(**name)) {
            return Err(format!("{what}: no {missing}"));
        }
        for (name, value) in value {
            let known = properties.iter().find(|(known, _)| known == name).ok_or_else(|| format!("{what}: {name}?"))?;
            if !known.1(value) {
                return Err(format!("{what}: {name} is {value}"));
            }
        }
        Ok(())
    };
    object(
        "layer",
        layer,
        &["name", "domain", "versions"],
        &[
            ("name", text),
            ("domain", |value| value == "enterprise-attack"),
            ("versions", Value::is_object),
            ("description", text),
            ("sorting", |value| value.as_u64().is_some_and(|how| how <= 3)),
            ("layout", Value::is_object),
            ("hideDisabled", flag),
            ("techniques", list),
            ("gradient", Value::is_object),
            ("legendItems", list),
            ("showTacticRowBackground", flag),
            ("selectTechniquesAcrossTactics", flag),
            ("selectSubtechniquesWithParent", flag),
        ],
    )?;
    let at_least: Is = |version| {
        let numbers: Vec<u32> = version.as_str().into_iter().flat_map(|of| of.split('.')).flat_map(str::parse).collect();
        numbers.len() == 3 && numbers >= vec![4, 9, 0]
    };
    let versions = [("attack", text), ("navigator", at_least), ("layer", (|of| of == "4.5") as Is)];
    object("versions", &layer["versions"], &["navigator", "layer"], &versions)?;
    let layout: [(&str, Is); 4] = [
        ("layout", |of| ["side", "flat", "mini"].iter().any(|known| of == known)),
        ("showID", flag),
        ("showName", flag),
        ("expandedSubtechniques", |of| ["none", "all", "annotated"].iter().any(|known| of == known)),
    ];
    object("layout", &layer["layout"], &[], &layout)?;
    let gradient: [(&str, Is); 3] = [
        ("colors", |of| of.as_array().is_some_and(|colours| colours.len() >= 2)),
        ("minValue", Value::is_number),
        ("maxValue", Value::is_number),
    ];
    object("gradient", &layer["gradient"], &["colors", "minValue", "maxValue"], &gradient)?;
    for item in layer["legendItems"].as_array().into_iter().flatten() {
        object("legend", item, &["label", "color"], &[("label", text), ("color", colour)])?;
    }
    let id: Is = |value| {
        let digits = |text: &str, count: usize| text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
        value.as_str().and_then(|id| id.strip_prefix('T')).is_some_and(|number| match number.split_once('.') {
            Some((technique, sub)) => digits(technique, 4) && digits(sub, 3),
            None => digits(number, 4),
        })
    };
    for technique in layer["techniques"].as_array().into_iter().flatten() {
        let properties = [
            ("techniqueID", id),
            ("score", Value::is_number as Is),
            ("comment", text),
            ("enabled", flag),
            ("metadata", list),
            ("color", colour),
        ];
        object("technique", technique, &["techniqueID"], &properties)?;
        for metadata in technique["metadata"].as_array().into_iter().flatten() {
            object("metadata", metadata, &["name", "value"], &[("name", text), ("value", text)])?;
        }
    }
    Ok(())
}

#[test]
fn the_navigator_layer_has_the_form_of_4_5_and_the_numbers_of_the_coverage() {
    let rig = seen();
    let file = rig.folder.path().join("layer.json");
    let coverage = rig.json(&["detect", "coverage", "--format", "json", "--navigator", file.to_str().unwrap()]);
    let layer: Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    assert_eq!(check_layer(&layer), Ok(()));
    assert_eq!(layer["versions"]["attack"], coverage["attack_version"]);
    let mut of_layer = BTreeMap::new();
    for technique in layer["techniques"].as_array().unwrap() {
        let number = |name: &str| {
            let metadata = technique["metadata"].as_array().unwrap();
            let value = metadata.iter().find(|of| of["name"] == name).unwrap()["value"].as_str().unwrap();
            value.parse::<u64>().unwrap()
        };
        let (rules, seen) = (number("rules"), number("detections"));
        assert_eq!(technique["score"], if seen > 0 { 2 } else { 1 }, "{technique}");
        assert_eq!(technique["comment"], format!("rules: {rules}, detections: {seen}"));
        assert_eq!(technique["enabled"], true);
        // Without a tactic it holds under each that the technique serves, as the coverage counts it.
        assert_eq!(technique.get("tactic"), None);
        let id = technique["techniqueID"].as_str().unwrap().to_owned();
        assert!(of_layer.insert(id.clone(), (rules, seen)).is_none(), "{id} twice");
    }
    assert_eq!(of_layer, numbers(&coverage));
    assert!(!of_layer.keys().any(|id| id.starts_with("T1562") || id == "T1070.001" || id == "T1070.002"), "{of_layer:?}");
    // With the pack: no id that v19 has not.
    let file = rig.folder.path().join("all.json");
    let mut command = rig.command(&["detect", "coverage", "--navigator", file.to_str().unwrap()]);
    assert!(command.env("AGENTSH_DETECT__BUILT_IN", "true").output().unwrap().status.success());
    let layer: Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    assert_eq!(check_layer(&layer), Ok(()));
    let ids: Vec<&str> = layer["techniques"].as_array().unwrap().iter().map(|of| of["techniqueID"].as_str().unwrap()).collect();
    assert!(ids.len() > 150, "{}", ids.len());
    assert_eq!(ids.iter().find(|id| agentsh::detect::attack::attack().technique(id).is_none()), None);
}

#[test]
fn a_layer_that_the_navigator_would_not_read_is_found_out() {
    let rig = seen();
    let file = rig.folder.path().join("layer.json");
    rig.ok(&["detect", "coverage", "--navigator", file.to_str().unwrap()]);
    let good: Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    let changed = |change: &dyn Fn(&mut Value)| {
        let mut layer = good.clone();
        change(&mut layer);
        check_layer(&layer)
    };
    assert_eq!(changed(&|_| ()), Ok(()));
    assert!(changed(&|layer| layer["versions"]["layer"] = json!("4.4")).is_err());
    assert!(changed(&|layer| layer["versions"]["navigator"] = json!("4.8.2")).is_err());
    assert!(changed(&|layer| layer["domain"] = json!("mitre-enterprise")).is_err());
    assert!(changed(&|layer| layer["techniques"][0]["techniqueID"] = json!("1059.004")).is_err());
    assert!(changed(&|layer| layer["techniques"][0]["score"] = json!("2")).is_err());
    assert!(changed(&|layer| layer["techniques"][0]["name"] = json!("x")).is_err());
    assert!(changed(&|layer| drop(layer.as_object_mut().unwrap().remove("name"))).is_err());
}
