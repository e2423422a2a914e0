//! The JSON Schema of a journaled event, made from the types.

/// JSON Schema (Draft 2020-12) of an event in the form that `agentsh events --format json` prints, pretty-printed.
#[must_use]
pub fn json_schema() -> String {
    let schema = schemars::schema_for!(super::JournaledEvent);
    // A schema is a JSON value, which always has a text form.
    let mut text = serde_json::to_string_pretty(&schema).unwrap_or_default();
    text.push('\n');
    text
}
