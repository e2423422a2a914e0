//! What the document says of the views' answers is what they are, member for member.

use jsonschema::validator_for;
use serde_json::{Value, json};

use super::rig::ask;
use crate::sessions::rig::Server;

/// The schema of a route's answer, in which no object may have more than is described.
fn shape(document: &Value, path: &str) -> Value {
    let content = &document["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]["schema"];
    let mut schema = content.clone();
    assert!(schema["$ref"].is_string(), "{path}: {content}");
    let mut components = document["components"].clone();
    for (name, component) in components["schemas"].as_object_mut().unwrap() {
        if component["properties"].is_object() && !name.starts_with("Event") {
            component["additionalProperties"] = json!(false);
        }
    }
    schema["components"] = components;
    schema
}

#[test]
fn the_answers_of_the_views_have_the_shapes_of_the_document() {
    let server = Server::start();
    let session = server.create();
    let script = "echo one > kept; cat kept; echo two > gone; rm gone; mv kept moved; chmod 600 moved; mkdir d; /bin/true; sh -c 'exit 3'; \
        cat /etc/shadow; curl -s http://127.0.0.1:1/ || true";
    server.shell(&session, script);
    server.end(&session, &[]);
    let addr = server.http().parse().unwrap();
    let document = ask(addr, "GET", "/api/openapi.json", &[]).json();
    let views = ["timeline", "index", "tree", "files", "network", "report"].map(|view| format!("/api/v1/sessions/{{id}}/{view}"));
    for path in views.iter().map(String::as_str).chain(["/api/v1/attack", "/api/v1/integrity"]) {
        let schema = shape(&document, path);
        let validator = validator_for(&schema).unwrap_or_else(|error| panic!("{path}: {error}"));
        let answer = ask(addr, "GET", &path.replace("{id}", &session), &[]);
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        let answer = answer.json();
        let faults: Vec<String> =
            validator.iter_errors(&answer).map(|error| format!("{} at {}", error, error.instance_path())).collect();
        assert!(faults.is_empty(), "{path}: {faults:#?}\n{answer}");
        // What the test is for: a member more, and one that is gone.
        let mut more = answer.clone();
        more["another"] = json!(1);
        assert!(!validator.is_valid(&more), "{path}");
        let mut fewer = answer;
        let members = fewer.as_object_mut().unwrap();
        let first = members.keys().next().unwrap().clone();
        members.remove(&first);
        assert!(!validator.is_valid(&fewer), "{path} without {first}");
    }
}
