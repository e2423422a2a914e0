//! Golden file: one record of each kind with every field filled, so that a change of the mapping is seen and meant.

use agentsh::encode::ocsf::to_json_on;
use serde_json::{Map, Value, json};

use super::records::full;
use crate::golden;

#[test]
fn the_record_of_every_kind_is_as_it_was_meant() {
    let records: Map<String, Value> = full()
        .into_iter()
        .map(|event| {
            let mut record = to_json_on(&event, "build-7.example.test");
            record["metadata"]["product"]["version"] = json!("(that of agentsh)");
            (event.kind.as_str().to_owned(), record)
        })
        .collect();
    golden::assert_current("tests/golden/ocsf/v1.8.0.json", &(serde_json::to_string_pretty(&records).unwrap() + "\n"));
}
