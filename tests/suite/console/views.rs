//! The views of really recorded sessions.

use serde_json::Value;

use crate::sessions::rig::Server;
use crate::support::until;

fn get(server: &Server, path: &str) -> (u16, Value) {
    let (head, body) = server
        .raw(&format!("GET /api/v1{path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAccept: application/json\r\n\r\n"));
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let body = if head.to_lowercase().contains("transfer-encoding: chunked") { unchunked(&body) } else { body };
    (status, serde_json::from_str(&body).unwrap_or_else(|error| panic!("{path}: {error}: {head}\n{body}")))
}

fn unchunked(body: &str) -> String {
    let (mut rest, mut whole) = (body, String::new());
    while let Some((length, behind)) = rest.split_once("\r\n") {
        let length = usize::from_str_radix(length, 16).unwrap();
        whole.push_str(&behind[..length]);
        rest = behind[length..].trim_start_matches("\r\n");
    }
    whole
}

fn ok(server: &Server, path: &str) -> Value {
    let (status, body) = get(server, path);
    assert_eq!(status, 200, "{path}: {body}");
    body
}

/// A session that wrote, read and removed files, on a server of its own.
fn recorded() -> (Server, String) {
    let server = Server::start();
    let session = server.create();
    let ran = server.shell(&session, "echo one > kept; echo two > gone; rm gone; mv kept moved; cat moved; /bin/true");
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    server.end(&session, &[]);
    (server, session)
}

fn sum(timeline: &Value, of: &str) -> u64 {
    timeline["buckets"].as_array().unwrap().iter().map(|bucket| bucket[of].as_u64().unwrap()).sum()
}

#[test]
fn timeline_and_index_count_what_the_session_counts_whole_and_filtered() {
    let (server, session) = &recorded();
    let events = ok(server, &format!("/sessions/{session}"))["events"].as_u64().unwrap();
    for (filter, all) in [("", true), ("&family=file", false), ("&kind=process_exec,process_exit", false)] {
        let timeline = ok(server, &format!("/sessions/{session}/timeline?buckets=50{filter}"));
        let index = ok(server, &format!("/sessions/{session}/index?every=3{filter}"));
        let total = timeline["total"].as_u64().unwrap();
        assert_eq!(sum(&timeline, "events"), total, "{filter}");
        assert_eq!(index["total"], total, "{filter}");
        assert_eq!(total == events, all, "{filter}: {total} of {events}");
        assert_eq!(timeline["buckets"].as_array().unwrap().len(), 50);
        // A page behind each position begins with the row that the index says.
        let seqs: Vec<u64> = index["seqs"].as_array().unwrap().iter().map(|seq| seq.as_u64().unwrap()).collect();
        assert_eq!(seqs.len() as u64, total.div_ceil(3));
        assert!(seqs.is_sorted());
        let page = ok(server, &format!("/events?session={session}&limit=1000{filter}"));
        let rows: Vec<u64> = page["events"].as_array().unwrap().iter().map(|event| event["seq"].as_u64().unwrap()).collect();
        assert_eq!(rows.len() as u64, total, "{filter}");
        assert_eq!(rows.into_iter().step_by(3).collect::<Vec<_>>(), seqs, "{filter}");
    }
}

#[test]
fn a_part_of_the_time_has_the_events_of_that_part() {
    let (server, session) = &recorded();
    let whole = ok(server, &format!("/sessions/{session}/timeline?buckets=2"));
    let middle = whole["buckets"][1]["from_us"].as_u64().unwrap();
    let first = ok(server, &format!("/sessions/{session}/timeline?until={middle}"));
    let second = ok(server, &format!("/sessions/{session}/timeline?since={middle}"));
    assert_eq!(first["total"].as_u64().unwrap() + second["total"].as_u64().unwrap(), whole["total"].as_u64().unwrap());
    assert_eq!(second["from_us"], middle);
}

#[test]
fn processes_and_files_are_those_of_the_session() {
    let (server, session) = &recorded();
    let tree = ok(server, &format!("/sessions/{session}/tree"));
    let ran = tree["processes"].to_string();
    assert!(ran.contains("/bin/true") && ran.contains("\"argv\""), "{ran}");
    let files = ok(server, &format!("/sessions/{session}/files"));
    let named = |name: &str| {
        let changes = files["changes"].as_array().unwrap().iter();
        changes
            .filter(|change| change["path"].as_str().unwrap().ends_with(name))
            .map(|change| change["change"].clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(named("/moved"), ["created"], "{files}");
    assert_eq!(named("/gone"), Vec::<Value>::new(), "{files}");
    assert!(files["transient"].as_u64().unwrap() >= 1, "{files}");
    assert_eq!(ok(server, &format!("/sessions/{session}/network"))["hosts"], serde_json::json!([]));
}

#[test]
fn the_matrix_has_every_tactic_and_says_what_rules_cover() {
    let (server, session) = &recorded();
    let matrix = ok(server, &format!("/attack?session={session}"));
    let tactics = matrix["tactics"].as_array().unwrap();
    assert!(tactics.len() >= 14, "{}", tactics.len());
    let covered = tactics
        .iter()
        .flat_map(|tactic| tactic["techniques"].as_array().unwrap())
        .filter(|cell| cell["rules"].as_u64() > Some(0));
    assert!(covered.count() > 10);
}

#[test]
fn integrity_says_what_was_verified_and_no_more() {
    let (server, _) = &recorded();
    let mut stand = ok(server, "/integrity");
    let size = stand["size"].as_u64().unwrap();
    until("a verification ended", || {
        stand = ok(server, "/integrity");
        !stand["last"].is_null()
    });
    assert_eq!(stand["last"]["result"], "whole", "{stand}");
    assert!(stand["last"]["events"].as_u64().unwrap() >= size, "{stand}");
    assert!(stand["last"]["signed_to"].as_u64() <= stand["last"]["events"].as_u64());
    assert_eq!(stand["last"]["root"].as_str().unwrap().len(), 64);
    assert_eq!(stand["lost"], 0);
}

#[test]
fn what_cannot_be_is_refused_with_its_reason() {
    let (server, session) = &recorded();
    for (path, status, says) in [
        ("/sessions/none/timeline".to_owned(), 404, "none"),
        ("/sessions/none/tree".to_owned(), 404, "none"),
        ("/attack?session=none".to_owned(), 404, "none"),
        (format!("/sessions/{session}/timeline?buckets=many"), 400, "buckets"),
        (format!("/sessions/{session}/index?kind=file_opn"), 400, "file_open"),
        (format!("/sessions/{session}/index?colour=red"), 400, "colour"),
        (format!("/sessions/{session}/files?x=1"), 400, "x"),
        ("/integrity?x=1".to_owned(), 400, "x"),
    ] {
        let (answered, problem) = get(server, &path);
        assert_eq!(answered, status, "{path}: {problem}");
        assert!(problem["detail"].as_str().unwrap().contains(says), "{path}: {problem}");
    }
}

#[test]
fn the_report_of_a_session_comes_in_each_form_by_parameter_or_by_accept() {
    let (server, session) = &recorded();
    let report = ok(server, &format!("/sessions/{session}/report"));
    assert_eq!(report["events"], ok(server, &format!("/sessions/{session}"))["events"]);
    let ask = |path: &str, accept: &str| {
        let (head, body) = server
            .raw(&format!("GET /api/v1{path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAccept: {accept}\r\n\r\n"));
        let head = head.to_lowercase();
        let body = if head.contains("transfer-encoding: chunked") { unchunked(&body) } else { body };
        (head, body)
    };
    for (asked, accept, media, begins) in [
        ("?format=html", "*/*", "text/html", "<!DOCTYPE html>"),
        ("", "text/markdown", "text/markdown", "# Session "),
        ("", "text/plain", "text/plain", "Session "),
        ("?format=md", "application/json", "text/markdown", "# Session "),
    ] {
        let (head, body) = ask(&format!("/sessions/{session}/report{asked}"), accept);
        assert!(head.contains(&format!("content-type: {media}")) && body.starts_with(begins), "{asked} {accept}: {head}");
        assert!(head.contains("content-security-policy: default-src 'none'") && head.contains("nosniff"), "{head}");
    }
    assert_eq!(get(server, &format!("/sessions/{session}/report?format=pdf")).0, 400);
    assert_eq!(get(server, &format!("/sessions/{session}/report?verify=1")).0, 400);
    assert_eq!(get(server, "/sessions/nobody/report").0, 404);
    assert!(ask(&format!("/sessions/{session}/report"), "image/png").0.contains(" 406 "));
}
