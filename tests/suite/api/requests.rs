//! What is refused, and how: problem+json with the parameter's name, 405 with Allow, and what may be compressed.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use super::rig::{journal, record, serve};
use crate::support::DEADLINE;

#[test]
fn bad_parameters_are_named() {
    let (folder, journal) = journal();
    record(&journal, 3);
    let served = serve(folder.path());
    let huge = "9".repeat(40);
    let cases: &[(&str, &str)] = &[
        ("nonsense=1", "nonsense"),
        ("kind=nonsense", "kind"),
        ("family=nonsense", "family"),
        ("decision=maybe", "decision"),
        ("severity=5", "severity"),
        ("since=someday", "since"),
        ("until=", "until"),
        ("pid=-1", "pid"),
        ("pid=4294967296", "pid"),
        ("technique=T99999", "technique"),
        ("where=1+%2B", "where"),
        ("after=-1", "after"),
        ("after=1.5", "after"),
        ("after=9223372036854775808", "after"),
        ("before=x", "before"),
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("order=up", "order"),
        ("cursor=x", "cursor"),
        ("text=a%00b", "text"),
        ("text=%zz", "text"),
        ("text=%ff", "text"),
        ("text=%", "text"),
        ("after=1&after=2", "after"),
        ("session=", "session"),
    ];
    let huge = format!("limit={huge}");
    for (query, parameter) in cases.iter().copied().chain([(huge.as_str(), "limit")]) {
        let answer = served.get(&format!("/api/v1/events?{query}"));
        assert_eq!(answer.status, 400, "{query}: {}", answer.text());
        assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{query}");
        let problem = answer.json();
        assert_eq!(
            (problem["parameter"].as_str(), problem["status"].as_u64()),
            (Some(parameter), Some(400)),
            "{query}: {problem}"
        );
        assert_eq!((problem["type"].as_str(), problem["title"].as_str()), (Some("about:blank"), Some("Bad Request")));
    }
    let expression = served.get("/api/v1/events?where=1+%2B").json();
    assert_eq!(expression["position"]["line"], 1, "{expression}");
    assert_eq!(served.get("/api/v1/events?session=nobody").status, 404);
    for query in ["before=3", "limit=1", "order=desc", "cursor=x"] {
        let answer = served.ask("GET", &format!("/api/v1/events?{query}"), &[("Accept", "text/event-stream")]);
        assert_eq!(answer.status, 400, "{query} is not live");
    }
    for bad in ["x", "-1", ""] {
        let answer = served.ask("GET", "/api/v1/events", &[("Accept", "text/event-stream"), ("Last-Event-ID", bad)]);
        assert_eq!(answer.status, 400, "{bad:?}");
    }
    let future = served.ask("GET", "/api/v1/events?after=999999", &[("Accept", "text/event-stream")]);
    assert_eq!(future.status, 400, "{}", future.text());
    served.stop();
    journal.close().unwrap();
}

#[test]
fn other_methods_forms_and_names_are_refused() {
    let (folder, journal) = journal();
    record(&journal, 3);
    let served = serve(folder.path());
    for path in ["/api/v1/events", "/api/v1/events/1", "/api/v1/policies", "/api/v1/sensors", "/api/openapi.json"] {
        for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"] {
            let answer = served.ask(method, path, &[]);
            assert_eq!(answer.status, 405, "{method} {path}");
            assert!(answer.header("allow").is_some_and(|allow| allow.contains("GET")), "{method} {path}: {}", answer.head);
            assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{method} {path}");
        }
        let head = served.ask("HEAD", path, &[]);
        assert_eq!((head.status, head.body.len()), (200, 0), "{path}");
    }
    for path in ["/api/v1/events", "/api/v1/events/1"] {
        assert_eq!(served.ask("GET", path, &[("Accept", "image/png")]).status, 406, "{path}");
    }
    assert_eq!(served.get("/api/v1/nothing").status, 404);
    for host in ["evil.test", "localhost.evil.test", "127.0.0.1.evil.test"] {
        let answer = served.ask("GET", "/api/v1/events", &[("Host", host)]);
        assert_eq!(answer.status, 421, "{host}");
        assert!(!answer.text().contains("file_open"));
    }
    let long = format!("/api/v1/events?text={}", "a".repeat(9000));
    assert_eq!(served.get(&long).status, 400);
    let longer = format!("/api/v1/events?text={}", "a".repeat(70_000));
    assert!([400, 414, 431].contains(&served.get(&longer).status));
    served.stop();
    journal.close().unwrap();
}

#[test]
fn what_helps_is_compressed_and_what_lives_is_not() {
    let (folder, journal) = journal();
    record(&journal, 300);
    let served = serve(folder.path());
    let plain = served.lines("/api/v1/events");
    for (coding, magic) in [("gzip", [0x1f, 0x8b]), ("zstd", [0x28, 0xb5])] {
        let packed = served.ask("GET", "/api/v1/events", &[("Accept", "application/x-ndjson"), ("Accept-Encoding", coding)]);
        assert_eq!(packed.header("content-encoding"), Some(coding));
        assert!(packed.body.starts_with(&magic) && packed.body.len() < plain.len() / 4, "{coding}: {}", packed.body.len());
    }
    let mut live = TcpStream::connect(served.addr).unwrap();
    live.set_read_timeout(Some(DEADLINE)).unwrap();
    write!(live, "GET /api/v1/events HTTP/1.0\r\nHost: localhost\r\nAccept: text/event-stream\r\nAccept-Encoding: gzip\r\n\r\n")
        .unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        live.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    assert!(!String::from_utf8(head).unwrap().to_lowercase().contains("content-encoding"));
    let one = served.ask("GET", "/api/v1/events/1", &[("Accept-Encoding", "gzip")]);
    assert_eq!(one.header("content-encoding"), None, "its tag is of its bytes");
    served.stop();
    journal.close().unwrap();
}

#[test]
fn policies_and_sensors_are_listed() {
    let (folder, journal) = journal();
    let served = serve(folder.path());
    let policies = served.get("/api/v1/policies").json();
    assert_eq!(policies["policies"][0]["name"], "built-in");
    let one = served.get("/api/v1/policies/built-in");
    assert_eq!(one.json()["policy"], policies["policies"][0]);
    assert!(one.json()["text"].as_str().unwrap().contains("version: 1"));
    let tag = one.header("etag").unwrap().to_owned();
    assert_eq!(served.ask("GET", "/api/v1/policies/built-in", &[("If-None-Match", &tag)]).status, 304);
    for (name, status) in
        [("nobody", 404), ("..%2f..%2fetc%2fpasswd", 400), ("%00", 400), ("%zz", 404), ("%ff", 400), (".hidden", 400)]
    {
        assert_eq!(served.get(&format!("/api/v1/policies/{name}")).status, status, "{name}");
    }
    assert_eq!(served.get("/api/v1/sensors").json(), serde_json::json!({"sensors": []}));
    assert_eq!(served.get("/api/v1/sensors?x=1").status, 400);
    served.stop();
    journal.close().unwrap();
}
