//! Property tests: no payload of any kind loses a field or a byte on its way through JSON.

use agentsh::event::{Kind, Payload};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use serde_json::Value;

use super::samples::Schema;

/// What JSON leaves out: absent fields and empty lists.
fn without_absent(value: &Value) -> Value {
    match value {
        Value::Object(fields) => Value::Object(
            fields
                .iter()
                .filter(|(_, field)| !field.is_null() && field.as_array().is_none_or(|list| !list.is_empty()))
                .map(|(name, field)| (name.clone(), without_absent(field)))
                .collect(),
        ),
        Value::Array(items) => Value::Array(items.iter().map(without_absent).collect()),
        other => other.clone(),
    }
}

#[test]
fn any_payload_of_any_kind_comes_back_from_its_json() {
    let schema = Schema::new();
    for kind in Kind::ALL {
        let strategy = schema.arbitrary(schema.payload(*kind));
        let config = ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() };
        let result = TestRunner::new(config).run(&strategy, |value| {
            let payload =
                Payload::from_json(*kind, &value.to_string()).map_err(|error| TestCaseError::fail(error.to_string()))?;
            prop_assert_eq!(payload.kind(), *kind);
            let stored = serde_json::to_string(&payload).unwrap();
            prop_assert_eq!(serde_json::from_str::<Value>(&stored).unwrap(), without_absent(&value), "a field was lost");
            let again = Payload::from_json(*kind, &stored).unwrap();
            prop_assert_eq!(&again, &payload);
            prop_assert_eq!(serde_json::to_string(&again).unwrap(), stored);
            Ok(())
        });
        assert!(result.is_ok(), "{}: {}", kind.as_str(), result.unwrap_err());
    }
}

#[test]
fn a_payload_with_a_field_of_another_type_is_refused() {
    assert!(Payload::from_json(Kind::FileOpen, r#"{"path":"/a","access":"read","flags":0}"#).is_ok());
    for json in [r#"{"path":7}"#, r#"{"access":"execute"}"#, r#"{"flags":-1}"#, r#"{"path":"\\q"}"#, "7", "{"] {
        assert!(Payload::from_json(Kind::FileOpen, json).is_err(), "{json}");
    }
}

#[test]
fn keys_of_the_envelope_may_stand_beside_a_payloads_own() {
    let schema = Schema::new();
    for kind in Kind::ALL {
        for key in ["actor", "sensor"] {
            assert!(!schema.fields(*kind).contains(&key), "{} has a field `{key}`", kind.as_str());
        }
    }
    let with_actor = Payload::from_json(Kind::FileDelete, r#"{"actor":{"pid":1},"path":"/a"}"#).unwrap();
    assert_eq!(with_actor, Payload::from_json(Kind::FileDelete, r#"{"path":"/a"}"#).unwrap());
}
