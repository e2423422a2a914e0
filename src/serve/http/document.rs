//! The OpenAPI document: what the routes say of themselves, what the table of roles says of them, and the schemas of events and reports.

use serde_json::{Map, Value, json};
use utoipa::openapi::OpenApi;

use crate::event::json_schema;
use crate::query::report::report_schema;
use crate::serve::auth::{Access, ROUTES};

/// The document as it is served.
pub(super) fn document(routes: &OpenApi) -> Value {
    let mut document = serde_json::to_value(routes).unwrap_or_default();
    if let Some(root) = document.as_object_mut() {
        root.insert("info".to_owned(), info());
    }
    for (method, path, access) in ROUTES {
        let operation = document.get_mut("paths").and_then(|paths| paths.get_mut(*path));
        let operation = operation.and_then(|path| path.get_mut(method.to_ascii_lowercase()));
        if let Some(operation) = operation.and_then(Value::as_object_mut) {
            admission(operation, *access);
        }
    }
    let components = document.as_object_mut().map(|root| root.entry("components").or_insert_with(|| json!({})));
    if let Some(components) = components.and_then(Value::as_object_mut) {
        components.insert("securitySchemes".to_owned(), schemes());
        let schemas = components.entry("schemas").or_insert_with(|| json!({}));
        if let Some(schemas) = schemas.as_object_mut() {
            add(schemas, "Event", &json_schema());
            add(schemas, "Report", &report_schema());
        }
    }
    document
}

fn info() -> Value {
    json!({
        "title": "agentsh",
        "version": env!("CARGO_PKG_VERSION"),
        "description": "What an agentsh server recorded, and the sessions that it records. Times are microseconds since 1970, UTC.",
        "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
    })
}

fn schemes() -> Value {
    json!({
        "key": {"type": "apiKey", "in": "header", "name": "x-api-key", "description": "A key that `agentsh keys create` made."},
        "cookie": {
            "type": "apiKey",
            "in": "cookie",
            "name": "agentsh_session",
            "description": "What `/api/v1/login` sets. What changes something needs the header `x-agentsh-request: 1` too.",
        },
    })
}

/// What stands in front of every route may answer too.
fn admission(operation: &mut Map<String, Value>, access: Access) {
    let problem = |description: &str| json!({"description": description, "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}});
    let answers = operation.entry("responses").or_insert_with(|| json!({}));
    let Some(answers) = answers.as_object_mut() else { return };
    let mut add = |status: &str, description: &str| {
        answers.entry(status).or_insert_with(|| problem(description));
    };
    add("421", "Without keys: the Host header does not name this machine.");
    if access == Access::Public {
        return;
    }
    add("401", "A key is needed, or the one that was shown is not good.");
    let roles = access.roles();
    if roles.is_some() {
        add("403", "The key has another role.");
    }
    operation.insert("security".to_owned(), json!([{"key": []}, {"cookie": []}, {}]));
    if let Some(roles) = roles {
        operation.insert("x-agentsh-roles".to_owned(), json!(format!("{roles}, admin").split(", ").collect::<Vec<_>>()));
    }
}

/// A schema that the types' own generator made stands under this name; its definitions become components.
fn add(schemas: &mut Map<String, Value>, name: &str, schema: &str) {
    let mut schema: Value = serde_json::from_str(schema).unwrap_or_default();
    let definitions = schema.as_object_mut().and_then(|root| {
        root.remove("$schema");
        root.remove("$defs")
    });
    let place = format!("#/components/schemas/{name}.");
    repoint(&mut schema, &place);
    schemas.insert(name.to_owned(), schema);
    for (own, mut definition) in definitions.as_ref().and_then(Value::as_object).cloned().unwrap_or_default() {
        repoint(&mut definition, &place);
        schemas.insert(format!("{name}.{own}"), definition);
    }
}

fn repoint(value: &mut Value, place: &str) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                match member {
                    Value::String(text) if name == "$ref" => *text = text.replace("#/$defs/", place),
                    other => repoint(other, place),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| repoint(item, place)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
