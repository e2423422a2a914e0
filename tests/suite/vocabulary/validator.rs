//! The part of JSON Schema (Draft 2020-12) that the event schema uses.

use serde_json::Value;

/// Keywords that say nothing about an instance.
const ANNOTATIONS: &[&str] = &["$schema", "$defs", "title", "description", "default", "format", "then"];

/// Why `instance` does not fit `schema`; empty when it does. `root` holds the definitions.
pub fn errors(root: &Value, schema: &Value, instance: &Value, at: &str) -> Vec<String> {
    let inner = |schema: &Value| errors(root, schema, instance, at);
    let mut found = Vec::new();
    for (keyword, rule) in schema.as_object().into_iter().flatten() {
        let list = rule.as_array().map(Vec::as_slice).unwrap_or_default();
        match keyword.as_str() {
            "$ref" => {
                let reference = rule.as_str().unwrap().trim_start_matches('#');
                found.extend(inner(root.pointer(reference).unwrap_or_else(|| panic!("{reference} is not defined"))));
            }
            "type" => {
                let types = if list.is_empty() { std::slice::from_ref(rule) } else { list };
                if !types.iter().any(|name| has_type(instance, name.as_str().unwrap())) {
                    found.push(format!("{at}: {instance} is not of type {rule}"));
                }
            }
            "const" if instance != rule => found.push(format!("{at}: {instance} is not {rule}")),
            "minimum" if instance.is_number() && number(instance) < number(rule) => {
                found.push(format!("{at}: {instance} is under {rule}"));
            }
            "maximum" if instance.is_number() && number(instance) > number(rule) => {
                found.push(format!("{at}: {instance} is over {rule}"));
            }
            "const" | "minimum" | "maximum" => {}
            "required" => {
                let lacking = list.iter().filter(|name| instance.is_object() && instance.get(name.as_str().unwrap()).is_none());
                found.extend(lacking.map(|name| format!("{at}: {name} is missing")));
            }
            "properties" => {
                for (name, property) in rule.as_object().unwrap() {
                    found.extend(
                        instance.get(name).into_iter().flat_map(|field| errors(root, property, field, &format!("{at}.{name}"))),
                    );
                }
            }
            "items" => found
                .extend(instance.as_array().into_iter().flatten().flat_map(|item| errors(root, rule, item, &format!("{at}[]")))),
            "allOf" => found.extend(list.iter().flat_map(inner)),
            "anyOf" if !list.iter().any(|schema| inner(schema).is_empty()) => {
                found.push(format!("{at}: {instance} fits no alternative"))
            }
            "anyOf" => {}
            "oneOf" if list.iter().filter(|schema| inner(schema).is_empty()).count() != 1 => {
                found.push(format!("{at}: {instance} fits not exactly one alternative"));
            }
            "oneOf" => {}
            "if" if inner(rule).is_empty() => found.extend(inner(&schema["then"])),
            "if" => {}
            other => assert!(ANNOTATIONS.contains(&other), "the validator does not know `{other}`"),
        }
    }
    found
}

/// A whole number.
fn number(value: &Value) -> Option<i128> {
    value.as_u64().map(i128::from).or_else(|| value.as_i64().map(i128::from))
}

fn has_type(instance: &Value, name: &str) -> bool {
    match name {
        "null" => instance.is_null(),
        "boolean" => instance.is_boolean(),
        "integer" => instance.is_u64() || instance.is_i64(),
        "string" => instance.is_string(),
        "array" => instance.is_array(),
        "object" => instance.is_object(),
        other => panic!("the validator does not know type `{other}`"),
    }
}

#[test]
fn the_validator_rejects_what_does_not_fit() {
    let check = |schema: Value, good: Value, bad: Value| {
        assert_eq!(errors(&schema, &schema, &good, "$"), Vec::<String>::new());
        assert_eq!(errors(&schema, &schema, &bad, "$").len(), 1, "{schema} {bad}");
    };
    use serde_json::json;
    check(json!({"type": ["string", "null"]}), json!(null), json!(1));
    check(json!({"type": "integer", "minimum": 1, "maximum": 9}), json!(9), json!(10));
    check(json!({"type": "integer", "minimum": 1}), json!(u64::MAX), json!(0));
    check(json!({"required": ["a"], "properties": {"a": {"type": "string"}}}), json!({"a": "x"}), json!({"b": 1}));
    check(json!({"properties": {"a": {"type": "string"}}}), json!({}), json!({"a": 1}));
    check(json!({"items": {"$ref": "#/$defs/n"}, "$defs": {"n": {"const": 1}}}), json!([1, 1]), json!([1, 2]));
    check(json!({"oneOf": [{"const": "a"}, {"const": "b"}]}), json!("b"), json!("c"));
    check(json!({"anyOf": [{"type": "string"}, {"type": "null"}]}), json!("b"), json!(true));
    check(json!({"allOf": [{"if": {"type": "string"}, "then": {"const": "a"}}]}), json!(1), json!("b"));
}
