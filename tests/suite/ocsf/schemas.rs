//! The strict JSON Schemas of the eight classes, which lie beside the project (`../shared/data/ocsf-1.8.0`).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use agentsh::encode::ocsf::Class;
use jsonschema::Validator;
use serde_json::Value;

/// A validator for each class.
pub struct Schemas(BTreeMap<u32, Validator>);

pub const fn file_name(class: Class) -> &'static str {
    match class {
        Class::File => "file_activity.json",
        Class::Process => "process_activity.json",
        Class::Finding => "detection_finding.json",
        Class::Network => "network_activity.json",
        Class::Http => "http_activity.json",
        Class::Dns => "dns_activity.json",
        Class::RegistryKey => "win_registry_key_activity.json",
        Class::RegistryValue => "win_registry_value_activity.json",
    }
}

/// Where the schemas are; says that the test is skipped if they are not there.
pub fn folder(test: &str) -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/ocsf-1.8.0");
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("skipped: {test}: the OCSF schemas are not in {}", folder.display());
    None
}

impl Schemas {
    /// The validators; `None` where the schemas are not there.
    pub fn load(test: &str) -> Option<Self> {
        let folder = folder(test)?;
        let validators = Class::ALL.map(|class| {
            let text = std::fs::read_to_string(folder.join(file_name(class))).unwrap();
            let schema: Value = serde_json::from_str(&text).unwrap();
            assert_eq!(schema["properties"]["class_uid"]["const"], class.uid());
            assert_eq!(schema["additionalProperties"], false, "the schema is strict");
            (class.uid(), jsonschema::validator_for(&schema).unwrap())
        });
        Some(Self(validators.into_iter().collect()))
    }

    /// What a record's class says against it.
    pub fn errors(&self, record: &Value) -> Vec<String> {
        let uid = record["class_uid"].as_u64().and_then(|uid| u32::try_from(uid).ok()).unwrap_or_default();
        match self.0.get(&uid) {
            None => vec![format!("no class {}", record["class_uid"])],
            Some(validator) => {
                validator.iter_errors(record).map(|error| format!("{} at {}", error, error.instance_path())).collect()
            }
        }
    }
}
