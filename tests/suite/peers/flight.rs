//! ADBC's driver for Flight SQL (PyPI) against a server: the twenty ready questions have the rows that the engine gives.

use std::io::Write as _;
use std::process::{Command, Stdio};

use agentsh::journal::DataDir;
use agentsh::query::sql::questions;
use serde_json::{Map, Value, json};

use super::{python_with, script};
use crate::sessions::rig::Server;
use crate::sql::rig::{ask, engine};

/// A server with a session that wrote, read, started programs and was refused something.
fn recorded() -> (Server, String) {
    let server = Server::start();
    let session = server.create();
    let ran = server.shell(
        &session,
        "echo one > kept; cat kept; mkdir d; cp /bin/true d/run; d/run; rm kept; cat /etc/passwd > d/copy; true",
    );
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    server.end(&session, &[]);
    (server, session)
}

/// What the driver finds.
fn driven(server: &Server, python: &std::path::Path, asked: &Value, more: &[&str]) -> Value {
    let mut child = Command::new(python)
        .arg(script("flight_sql.py"))
        .args(["--uri", &format!("grpc://{}", server.address("grpc"))])
        .args(more)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(asked.to_string().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Hex and ids without their dashes: the driver gives bytes.
fn undashed(value: &Value) -> Value {
    match value {
        Value::String(text) if text.len() == 36 && text.bytes().filter(|byte| *byte == b'-').count() == 4 => {
            json!(text.replace('-', ""))
        }
        Value::Array(items) => items.iter().map(undashed).collect(),
        other => other.clone(),
    }
}

#[test]
fn adbc_asks_the_twenty_questions_lists_the_tables_and_writes_nothing() {
    let Some(python) = python_with("adbc", "adbc_driver_flightsql.dbapi, pyarrow") else { return };
    let (server, session) = recorded();
    let engine = engine(&DataDir::at(server.place.data()), None);
    let started = ask(&engine, "SELECT CAST(min(seq) AS VARCHAR) FROM events WHERE kind = 'process_exec'").unwrap();
    let value = |key: &str| match key {
        "session" => Some(session.clone()),
        "seq" => started["rows"][0][0].as_str().map(str::to_owned),
        "path" => Some(server.place.workspace().join("kept").display().to_string()),
        other => panic!("a parameter that is not known: {other}"),
    };
    let texts: Map<String, Value> =
        questions().iter().map(|question| (question.name.to_owned(), question.sql(value).into())).collect();
    assert_eq!(texts.len(), 20);
    let found = driven(&server, &python, &json!({ "questions": texts }), &[]);
    let mut rows = 0;
    for (name, sql) in &texts {
        let expected = ask(&engine, sql.as_str().unwrap()).unwrap();
        let names: Vec<&Value> = expected["columns"].as_array().unwrap().iter().map(|column| &column["name"]).collect();
        assert_eq!(found["answers"][name]["columns"], json!(names), "{name}");
        assert_eq!(undashed(&found["answers"][name]["rows"]), undashed(&expected["rows"]), "{name}");
        rows += expected["rows"].as_array().unwrap().len();
    }
    assert!(rows > 50, "the questions found something: {rows} rows");
    assert_eq!(found["prepared"], ask(&engine, "SELECT count(*) FROM events").unwrap()["rows"][0][0]);
    let tables = found["tables"].as_object().unwrap();
    assert_eq!(tables.len(), 12, "{tables:?}");
    let events = &tables["agentsh.public.events"];
    assert_eq!((events["type"].as_str(), events["columns"][0].as_str()), (Some("TABLE"), Some("seq")));
    assert_eq!(tables["agentsh.public.operations"]["type"], "VIEW");
    assert_eq!(found["table_types"], json!(["TABLE", "VIEW"]));
    assert_eq!((&found["schema"]["seq"], &found["schema"]["subject"]), (&json!("int64"), &json!("string")));
    for (sql, said) in found["refused"].as_object().unwrap() {
        assert!(said.to_string().contains("only questions are answered"), "{sql}: {said}");
    }
    assert!(found["ingest"].to_string().contains("only questions are answered"), "{}", found["ingest"]);
    assert!(found["wrong"].to_string().contains("did you mean `kind`"), "{}", found["wrong"]);
    assert!(found["info"].to_string().contains("agentsh"), "{}", found["info"]);
}

#[test]
fn adbc_shows_a_key_in_each_way_that_it_can() {
    let Some(python) = python_with("adbc", "adbc_driver_flightsql.dbapi, pyarrow") else { return };
    let (server, _) = recorded();
    let made = Command::new(env!("CARGO_BIN_EXE_agentsh"))
        .args(["keys", "create", "--name", "analyst", "--role", "auditor", "--data-dir"])
        .arg(server.place.data())
        .env("HOME", server.place.folder())
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let key = String::from_utf8(made.stdout).unwrap().split_whitespace().next().unwrap().to_owned();
    let asked = json!({"questions": {"one": "SELECT 1 AS one"}});
    // The server sees the new key within a second.
    crate::support::until("a key is asked for", || {
        let answer = server.raw("GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        answer.0.contains(" 401 ")
    });
    for by in ["header", "bearer", "basic"] {
        let found = driven(&server, &python, &asked, &["--key", &key, "--by", by]);
        assert_eq!(found["answers"]["one"]["rows"], json!([[1]]), "{by}");
    }
    let found = driven(&server, &python, &asked, &["--key", &key, "--by", "pyarrow"]);
    assert!(found["without"].to_string().contains("a key is needed"), "{found}");
    assert_eq!(found["actions"][0], "CreatePreparedStatement", "{found}");
}
