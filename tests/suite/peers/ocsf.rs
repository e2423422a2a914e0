//! Python's `jsonschema` as a second validator of OCSF records.

use std::process::Command;

use agentsh::encode::ocsf::{Class, to_json};
use serde_json::{Value, json};

use super::{python_with, script};
use crate::ocsf::{records, schemas};

#[test]
fn pythons_jsonschema_finds_the_same_as_the_test_suite() {
    const TEST: &str = "pythons_jsonschema_finds_the_same_as_the_test_suite";
    let (Some(python), Some(folder)) = (python_with(TEST, "jsonschema"), schemas::folder(TEST)) else { return };
    let full = records::full();
    let mut lines: Vec<Value> = full.iter().map(to_json).collect();
    lines.extend(full.iter().map(|event| to_json(&records::bare(event.kind))));
    let good = lines.len();
    let mut bad = lines[0].clone();
    bad["file"]["colour"] = json!("red");
    lines.push(bad);

    let folder_of_names = tempfile::tempdir().unwrap();
    let (names, records) = (folder_of_names.path().join("classes.json"), folder_of_names.path().join("records.jsonl"));
    let classes: serde_json::Map<String, Value> =
        Class::ALL.iter().map(|class| (class.uid().to_string(), json!(folder.join(schemas::file_name(*class))))).collect();
    std::fs::write(&names, Value::Object(classes).to_string()).unwrap();
    std::fs::write(&records, lines.iter().map(|line| format!("{line}\n")).collect::<String>()).unwrap();
    let output = Command::new(python).arg(script("ocsf_validate.py")).arg(&names).arg(&records).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let found: Vec<Vec<String>> = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(found.len(), lines.len());
    for (line, errors) in lines.iter().zip(&found).take(good) {
        assert_eq!(errors, &Vec::<String>::new(), "{line:#}");
    }
    assert_ne!(found[good], Vec::<String>::new(), "the one that is wrong");
}
