//! The published schema: current, and strict enough to refuse what is no event.

use agentsh::event::{Kind, json_schema};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use serde_json::{Map, Value, json};

use super::samples::Schema;
use super::validator;
use crate::golden;

#[test]
fn the_published_schema_is_made_from_the_types() {
    golden::assert_current("schemas/event.schema.json", &json_schema());
}

fn shown() -> Map<String, Value> {
    serde_json::from_str(&golden::read("tests/golden/stored/v1.expected.json").unwrap()).unwrap()
}

fn errors(schema: &Schema, event: &Value) -> Vec<String> {
    validator::errors(&schema.0, &schema.0, event, "$")
}

#[test]
fn every_golden_event_fits_the_schema() {
    let (schema, shown) = (Schema::new(), shown());
    for kind in Kind::ALL {
        assert_eq!(errors(&schema, &shown[kind.as_str()]), Vec::<String>::new());
    }
}

#[test]
fn an_event_without_a_field_or_with_a_foreign_payload_does_not_fit() {
    let (schema, shown) = (Schema::new(), shown());
    let good = shown["file_rename"].clone();
    let refused = |change: fn(&mut Value)| {
        let mut event = good.clone();
        change(&mut event);
        let errors = errors(&schema, &event);
        assert!(!errors.is_empty(), "{event}");
    };
    refused(|event| _ = event.as_object_mut().unwrap().shift_remove("seq"));
    refused(|event| event["seq"] = json!(0));
    refused(|event| event["kind"] = json!("file_renamed"));
    refused(|event| event["kind"] = json!("http_request"));
    refused(|event| event["severity"] = json!("mild"));
    refused(|event| event["payload"]["flags"] = json!(-1));
    refused(|event| _ = event["payload"].as_object_mut().unwrap().shift_remove("to"));
    refused(|event| event["payload"] = json!([]));
}

#[test]
fn any_payload_of_any_kind_fits_the_schema_once_it_is_stored() {
    let schema = Schema::new();
    let config = ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() };
    let strategy = proptest::sample::select(Kind::ALL).prop_flat_map(|kind| {
        let schema = Schema::new();
        schema.arbitrary(schema.payload(kind)).prop_map(move |payload| (kind, payload))
    });
    let result = TestRunner::new(config).run(&strategy, |(kind, payload)| {
        let payload = agentsh::event::Payload::from_json(kind, &payload.to_string()).unwrap();
        let found = validator::errors(&schema.0, schema.payload(kind), &json!(payload), "$");
        prop_assert_eq!(found, Vec::<String>::new());
        Ok(())
    });
    assert!(result.is_ok(), "{}", result.unwrap_err());
}
