//! The JSON Schema of a journaled event, made from the types.

use schemars::generate::SchemaSettings;
use serde_json::{Value, json};

use super::{JournaledEvent, Kind};

/// JSON Schema (Draft 2020-12) of an event in the form that `agentsh events --format json` prints, pretty-printed.
///
/// It says more than the types' derives do: the payload must be that of the `kind`, and a field is required unless it may be
/// absent.
#[must_use]
pub fn json_schema() -> String {
    let settings = SchemaSettings::draft2020_12().for_serialize();
    let mut schema: Value = settings.into_generator().into_root_schema_for::<JournaledEvent>().into();
    let payloads: Vec<Value> = schema.pointer("/$defs/Payload/anyOf").and_then(Value::as_array).cloned().unwrap_or_default();
    let rules: Vec<Value> = Kind::ALL
        .iter()
        .zip(payloads)
        .map(|(kind, payload)| {
            json!({
                "if": {"properties": {"kind": {"const": kind.as_str()}}},
                "then": {"properties": {"payload": {"$ref": payload.get("$ref")}}},
            })
        })
        .collect();
    if let Some(root) = schema.as_object_mut() {
        let definitions = root.shift_remove("$defs");
        root.insert("allOf".to_owned(), Value::Array(rules));
        root.extend(definitions.map(|definitions| ("$defs".to_owned(), definitions)));
    }
    for definition in schema.get_mut("$defs").and_then(Value::as_object_mut).into_iter().flat_map(|defs| defs.values_mut()) {
        require_what_is_always_written(definition);
    }
    // A JSON value always has a text form.
    let mut text = serde_json::to_string_pretty(&schema).unwrap_or_default();
    text.push('\n');
    text
}

/// A field is left out of an event's JSON only when it is `None` or an empty list.
fn require_what_is_always_written(definition: &mut Value) {
    let Some(properties) = definition.get("properties").and_then(Value::as_object) else { return };
    let required: Vec<Value> =
        properties.iter().filter(|(_, property)| !may_be_absent(property)).map(|(name, _)| json!(name)).collect();
    if let Some(definition) = definition.as_object_mut().filter(|_| !required.is_empty()) {
        definition.insert("required".to_owned(), Value::Array(required));
    }
}

fn may_be_absent(property: &Value) -> bool {
    let null = json!("null");
    let of_type = |schema: &Value| match schema.get("type") {
        Some(Value::Array(types)) => types.contains(&null),
        Some(one) => *one == null || *one == json!("array"),
        None => false,
    };
    let alternatives = property.get("anyOf").and_then(Value::as_array);
    of_type(property) || alternatives.is_some_and(|alternatives| alternatives.iter().any(of_type))
}
