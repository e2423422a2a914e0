//! The routes as anybody can use them: JSON in, JSON or lines of it out.

use serde_json::{Value, json};

use super::rig::Server;

fn post(server: &Server, path: &str, headers: &str, body: &str) -> (String, String) {
    let length = body.len();
    server.raw(&format!("POST {path} HTTP/1.0\r\nHost: localhost\r\n{headers}Content-Length: {length}\r\n\r\n{body}"))
}

const JSON: &str = "Content-Type: application/json\r\n";

#[test]
fn a_command_is_answered_with_one_object() {
    let server = Server::start();
    let (head, body) = post(&server, "/api/v1/sessions", JSON, &json!({"workspace": server.place.workspace()}).to_string());
    assert!(head.contains(" 201 "), "{head}");
    let session: Value = serde_json::from_str(&body).unwrap();
    let path = format!("/api/v1/sessions/{}/exec", session["id"].as_str().unwrap());
    let run = |body: Value| -> Value {
        let (head, body) = post(&server, &path, JSON, &body.to_string());
        assert!(head.contains(" 200 "), "{head} {body}");
        serde_json::from_str(&body).unwrap()
    };
    let answer = run(json!({"command": ["sh", "-c", "cat; echo err >&2; echo $A; exit 5"], "stdin": "in\n", "env": {"A": "b"}}));
    assert_eq!((&answer["exit_code"], &answer["stdout"], &answer["stderr"]), (&json!(5), &json!("in\nb\n"), &json!("err\n")));
    assert!(answer["last_seq"].as_u64().unwrap() > 0 && answer["command_id"].is_string());
    // Bytes that are no text, both ways.
    let answer = run(json!({"command": ["cat"], "stdin": {"base64": "/wD+"}}));
    assert_eq!((&answer["stdout_base64"], &answer["stdout"]), (&json!("/wD+"), &Value::Null));
    let answer = run(json!({"command": ["head", "-c", "9000000", "/dev/zero"]}));
    assert_eq!(answer["stdout"].as_str().unwrap().len(), 8 << 20);
    assert_eq!(answer["stdout_truncated"], true);
    assert_eq!(run(json!({"command": ["no-such-program"]}))["exit_code"], 127);
}

#[test]
fn a_command_is_answered_line_by_line() {
    let server = Server::start();
    let path = format!("/api/v1/sessions/{}/exec", server.create());
    let headers = format!("{JSON}Accept: application/x-ndjson\r\n");
    let (head, body) = post(&server, &path, &headers, &json!({"command": ["sh", "-c", "echo out; exit 6"]}).to_string());
    assert!(head.contains("application/x-ndjson"), "{head}");
    let lines: Vec<Value> = body.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(lines[0]["started"]["pid"].as_u64().unwrap() > 0, "{body}");
    assert_eq!(lines[1]["stdout"], "out\n");
    assert_eq!(lines.last().unwrap()["finished"]["exit_code"], 6);
}

#[test]
fn what_a_web_page_could_send_unasked_is_refused() {
    let server = Server::start();
    let session = server.create();
    let body = json!({"command": ["touch", "made-by-a-page"]}).to_string();
    for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"] {
        for path in [format!("/api/v1/sessions/{session}/exec"), "/api/v1/sessions".to_owned()] {
            let (head, _) = post(&server, &path, &format!("Content-Type: {kind}\r\n"), &body);
            assert!(head.contains(" 415 "), "{kind} {path}: {head}");
        }
    }
    assert!(!server.place.workspace().join("made-by-a-page").exists());
}

#[test]
fn a_body_that_is_wrong_is_answered_with_what_is_wrong_in_it() {
    let server = Server::start();
    let path = format!("/api/v1/sessions/{}/exec", server.create());
    let check = |body: &str, says: &str| {
        let (head, answer) = post(&server, &path, JSON, body);
        assert!(head.contains(" 400 ") && answer.contains(says), "{body}: {head} {answer}");
    };
    check("{", "the body: EOF while parsing");
    check("{\"command\": [\"true\"], \"commmand\": 1}", "unknown field `commmand`");
    check("{\"command\": []}", "argv: it names no program");
    check("{\"command\": [{\"base64\": \"?\"}]}", "base64");
    check("{\"command\": [\"a\\u0000b\"]}", "an argument holds a NUL");
    let (head, answer) = server.raw("GET /api/v1/sessions?colour=red HTTP/1.0\r\nHost: localhost\r\n\r\n");
    assert!(head.contains(" 400 ") && answer.contains("\"parameter\":\"colour\""), "{head} {answer}");
}
