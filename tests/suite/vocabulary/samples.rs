//! JSON values that fit the schema: one full example of a kind, and arbitrary ones for property tests.

use std::net::IpAddr;

use agentsh::event::{EventId, Kind, OsText, json_schema};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Value, json};

/// The schema of a journaled event.
pub struct Schema(pub Value);

impl Schema {
    pub fn new() -> Self {
        Self(serde_json::from_str(&json_schema()).unwrap())
    }

    /// The definition that a reference names.
    pub fn definition(&self, reference: &str) -> &Value {
        self.0.pointer(reference.trim_start_matches('#')).unwrap_or_else(|| panic!("{reference} is not defined"))
    }

    /// The definition of a kind's payload.
    pub fn payload(&self, kind: Kind) -> &Value {
        let rules = self.0["allOf"].as_array().unwrap();
        let rule = rules.iter().find(|rule| rule["if"]["properties"]["kind"]["const"] == kind.as_str()).unwrap();
        self.definition(rule["then"]["properties"]["payload"]["$ref"].as_str().unwrap())
    }

    /// The names of a kind's fields.
    pub fn fields(&self, kind: Kind) -> Vec<&str> {
        self.payload(kind)["properties"].as_object().unwrap().keys().map(String::as_str).collect()
    }

    /// A value with every field filled, telling names by themselves.
    pub fn sample(&self, name: &str, schema: &Value) -> Value {
        match shape(schema) {
            Shape::Reference("#/$defs/EventId") => json!("01939b2e-5c00-7abc-8def-0123456789ab"),
            Shape::Reference("#/$defs/OsText") => {
                sample_text(name).map_or_else(|| json!(format!("/work/{name}/caf\\xe9 \\\\ 文")), Value::from)
            }
            Shape::Reference(reference) => self.sample(name, self.definition(reference)),
            Shape::Nullable(schema) => self.sample(name, schema),
            // The last word, since the first is often the default.
            Shape::Words(words) => words.last().cloned().unwrap_or_default(),
            Shape::Text => {
                sample_text(name).map_or_else(|| json!(format!("a {} \"quoted\" \\ é", name.replace('_', " "))), Value::from)
            }
            Shape::Address => json!("2001:db8::7"),
            Shape::Integer(format) => json!(sample_number(name, format)),
            Shape::Bool => json!(true),
            Shape::List(items) => json!([self.sample(name, items), self.sample(name, items)]),
            Shape::Object(properties) => {
                Value::Object(properties.iter().map(|(name, schema)| (name.clone(), self.sample(name, schema))).collect())
            }
        }
    }

    /// Any value that fits.
    pub fn arbitrary(&self, schema: &Value) -> BoxedStrategy<Value> {
        match shape(schema) {
            Shape::Reference("#/$defs/EventId") => any::<[u8; 16]>().prop_map(|id| json!(EventId::from_bytes(id))).boxed(),
            Shape::Reference("#/$defs/OsText") => any::<Vec<u8>>().prop_map(|bytes| json!(OsText::from_bytes(bytes))).boxed(),
            Shape::Reference(reference) => self.arbitrary(self.definition(reference)),
            Shape::Nullable(schema) => option::of(self.arbitrary(schema)).prop_map(Option::unwrap_or_default).boxed(),
            Shape::Words(words) => select(words).boxed(),
            Shape::Text => any::<String>().prop_map(Value::from).boxed(),
            Shape::Address => any::<IpAddr>().prop_map(|address| json!(address)).boxed(),
            Shape::Integer(format) => arbitrary_number(format, schema["minimum"] == 1),
            Shape::Bool => any::<bool>().prop_map(Value::from).boxed(),
            Shape::List(items) => vec(self.arbitrary(items), 0..4).prop_map(Value::from).boxed(),
            Shape::Object(properties) => {
                let fields: Vec<_> =
                    properties.iter().map(|(name, schema)| (Just(name.clone()), self.arbitrary(schema))).collect();
                fields.prop_map(|fields| Value::Object(fields.into_iter().collect::<Map<_, _>>())).boxed()
            }
        }
    }
}

/// The forms that the vocabulary's schema is made of.
pub enum Shape<'a> {
    Reference(&'a str),
    Nullable(&'a Value),
    Words(Vec<Value>),
    Text,
    Address,
    Integer(&'a str),
    Bool,
    List(&'a Value),
    Object(&'a Map<String, Value>),
}

pub fn shape(schema: &Value) -> Shape<'_> {
    if let Some(reference) = schema["$ref"].as_str() {
        return Shape::Reference(reference);
    }
    if let Some(alternatives) = schema["anyOf"].as_array() {
        assert!(alternatives.len() == 2 && alternatives[1]["type"] == "null", "{schema}");
        return Shape::Nullable(&alternatives[0]);
    }
    if let Some(words) = schema["oneOf"].as_array() {
        return Shape::Words(words.iter().map(|word| word["const"].clone()).collect());
    }
    let plain = match &schema["type"] {
        Value::Array(types) => types[0].as_str(),
        one => one.as_str(),
    };
    match plain {
        Some("string") if schema["format"] == "ip" => Shape::Address,
        Some("string") => Shape::Text,
        Some("integer") => Shape::Integer(schema["format"].as_str().unwrap()),
        Some("boolean") => Shape::Bool,
        Some("array") => Shape::List(&schema["items"]),
        Some("object") => Shape::Object(schema["properties"].as_object().unwrap()),
        _ => panic!("no test value for {schema}"),
    }
}

fn sample_text(name: &str) -> Option<&'static str> {
    Some(match name {
        "method" => "POST",
        "scheme" => "https",
        "host" | "sni" => "registry.example.test",
        "signal" => "SIGKILL",
        "rcode" => "NXDOMAIN",
        "record_type" => "AAAA",
        "answers" => "2001:db8::7",
        "key" | "new_key" => "HKLM\\SOFTWARE\\Example",
        "techniques" => "T1552.004",
        "policy_digest" | "digest" | "root_hash" | "blake3" => "3b1f5e0d2a4c69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0",
        "note" => "agentsh.example/journal\n42\nOx8e\n\n— agentsh.example/journal Az3grl\n",
        _ => return None,
    })
}

/// A number that tells the field's name, so that two fields cannot be confused unseen.
fn sample_number(name: &str, format: &str) -> u64 {
    let own = 1_000 + name.bytes().fold(7_u64, |number, byte| number * 31 % 50_021 + u64::from(byte));
    match (name, format) {
        ("mode", _) => 0o100_644,
        ("status", _) => 451,
        ("port", _) => 8_443,
        ("exit_code", _) => 137,
        ("errno", _) => 28,
        (_, "uint64") => 9_007_199_254_740_993 + own,
        (_, "int64") => 1_795_000_000_000_000 + own,
        (_, _) => own,
    }
}

fn arbitrary_number(format: &str, not_zero: bool) -> BoxedStrategy<Value> {
    match format {
        "uint16" => any::<u16>().prop_map(Value::from).boxed(),
        "uint32" => any::<u32>().prop_map(Value::from).boxed(),
        "uint64" => any::<u64>().prop_map(move |number| Value::from(number.max(u64::from(not_zero)))).boxed(),
        "int32" => any::<i32>().prop_map(Value::from).boxed(),
        "int64" => any::<i64>().prop_map(Value::from).boxed(),
        _ => panic!("no numbers of format {format}"),
    }
}
