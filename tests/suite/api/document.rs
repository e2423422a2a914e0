//! The OpenAPI document: every route of the table, and no other; every reference leads somewhere.

use std::collections::BTreeSet;

use agentsh::serve::auth::ROUTES;
use serde_json::Value;

use crate::sessions::rig::Server;

use super::rig::ask;

/// The document as the program serves it, with every route that it has.
fn document() -> (Server, Value, String) {
    let server = Server::start();
    let answer = ask(server.http().parse().unwrap(), "GET", "/api/openapi.json", &[]);
    assert_eq!(answer.status, 200);
    let tag = answer.header("etag").unwrap().to_owned();
    (server, answer.json(), tag)
}

#[test]
fn the_document_has_every_route_of_the_table_and_no_other() {
    let (server, document, tag) = document();
    assert_eq!(document["openapi"].as_str().map(|version| &version[..4]), Some("3.1."));
    let described: BTreeSet<(String, String)> = document["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, methods)| methods.as_object().unwrap().keys().map(move |method| (method.to_uppercase(), path.clone())))
        .collect();
    let table: BTreeSet<(String, String)> =
        ROUTES.iter().map(|(method, path, _)| ((*method).to_owned(), (*path).to_owned())).collect();
    assert_eq!(described, table);
    let kept = ask(server.http().parse().unwrap(), "GET", "/api/openapi.json", &[("If-None-Match", &tag)]);
    assert_eq!(kept.status, 304);
}

#[test]
fn every_reference_of_the_document_leads_somewhere() {
    fn references(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(members) => {
                found.extend(members.get("$ref").and_then(Value::as_str).map(str::to_owned));
                members.values().for_each(|member| references(member, found));
            }
            Value::Array(items) => items.iter().for_each(|item| references(item, found)),
            _ => {}
        }
    }
    let (_server, document, _) = document();
    let mut found = Vec::new();
    references(&document, &mut found);
    assert!(found.len() > 100, "{}", found.len());
    for reference in found {
        let pointer = reference.strip_prefix('#').expect("it stays within the document");
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
}
