//! How questions over HTTP end that would not by themselves: at a bound, and when the client goes away.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;

use agentsh::query::sql::QueryConfig;
use agentsh::runtime::units::Millis;
use agentsh::serve::auth::Keys;
use serde_json::{Value, json};

use super::rig::{Answer, Served, ask, journal, record, serve_asking, tell};
use crate::flight::ends::ask as ask_by_flight;
use crate::grpc::rig::runtime;
use crate::sessions::rig::Server;
use crate::support::{DEADLINE, until};

/// Of as few events as there may be.
const ENDLESS: &str = "WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n";

/// Gigabytes of rows, from the beginning on.
const POURING: &str = "SELECT a.payload, b.payload FROM events a, events b";

/// One question at a time.
fn one_at_a_time(root: &Path, timeout_ms: u64) -> Served {
    let query = QueryConfig { concurrent: 1, timeout: Millis::new(timeout_ms), rows: 1_000_000_000, ..QueryConfig::default() };
    serve_asking(root, Keys::none(), &query)
}

fn asked(served: &Served, body: &Value) -> Answer {
    tell(served.addr, "POST", "/api/v1/query", &[("Content-Type", "application/json")], &body.to_string())
}

/// Sends a question, and does not read.
fn begin(served: &Served, sql: &str, accept: &str) -> TcpStream {
    let mut stream = TcpStream::connect(served.addr).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    let body = json!({ "sql": sql }).to_string();
    write!(
        stream,
        "POST /api/v1/query HTTP/1.1\r\nHost: localhost\r\nAccept: {accept}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    stream
}

/// Waits until a question has the one turn: others are refused, which wait for it longer than a question needs that is nearly done.
fn until_busy(served: &Served) {
    until("the question is worked on", || {
        let answer = asked(served, &json!({"sql": "SELECT 1"}));
        if answer.status == 503 {
            assert!(answer.header("retry-after").is_some() && answer.text().contains("query.concurrent"), "{}", answer.text());
        }
        answer.status == 503
    });
}

/// Waits until the turn is free again, which it is when nothing works on the question any more.
fn until_free(served: &Served) {
    until("nothing works on the question any more", || asked(served, &json!({"sql": "SELECT 1"})).status == 200);
}

#[test]
fn a_client_that_goes_away_ends_its_question_and_meanwhile_others_are_refused() {
    let (folder, journal) = journal();
    record(&journal, 3_000);
    let served = one_at_a_time(folder.path(), 86_400_000);
    for form in ["application/json", "application/vnd.apache.parquet"] {
        let client = begin(&served, ENDLESS, form);
        until_busy(&served);
        drop(client);
        until_free(&served);
    }
    // And so it does in the middle of an answer.
    let mut client = begin(&served, POURING, "application/x-ndjson");
    let mut some = vec![0; 200_000];
    client.read_exact(&mut some).unwrap();
    assert!(some.starts_with(b"HTTP/1.1 200 OK"));
    until_busy(&served);
    drop(client);
    until_free(&served);
    served.stop();
    journal.close().unwrap();
}

#[test]
fn a_question_that_takes_too_long_or_too_much_is_answered_with_422() {
    let (folder, journal) = journal();
    record(&journal, 3_000);
    let query = QueryConfig { memory_bytes: 1 << 20, ..QueryConfig::default() };
    let served = serve_asking(folder.path(), Keys::none(), &query);
    let late = asked(&served, &json!({"sql": ENDLESS, "timeout_ms": 300}));
    assert_eq!((late.status, late.json()["parameter"].as_str()), (422, Some("timeout_ms")), "{}", late.text());
    let large = asked(&served, &json!({"sql": "SELECT a.payload, b.payload FROM events a, events b ORDER BY 1, 2"}));
    assert_eq!((large.status, large.json()["parameter"].as_str()), (422, Some("sql")), "{}", large.text());
    assert_eq!(asked(&served, &json!({"sql": "SELECT 1"})).json()["rows"], json!([[1]]));
    served.stop();
    journal.close().unwrap();
}

#[test]
fn a_client_that_does_not_read_has_its_turn_no_longer_than_a_question_may_take() {
    let (folder, journal) = journal();
    record(&journal, 3_000);
    let served = one_at_a_time(folder.path(), 4_000);
    let mut client = begin(&served, POURING, "application/x-ndjson");
    let mut first = [0; 17];
    client.read_exact(&mut first).unwrap();
    assert_eq!(&first, b"HTTP/1.1 200 OK\r\n");
    until_free(&served);
    // What it reads now has no end: nobody takes it for the whole.
    let mut rest = Vec::new();
    let ended = client.read_to_end(&mut rest);
    assert!(ended.is_err() || !rest.ends_with(b"0\r\n\r\n"), "{} bytes", rest.len());
    served.stop();
    journal.close().unwrap();
}

#[test]
fn a_server_that_ends_does_not_wait_for_questions_and_tells_them_so() {
    let (folder, journal) = journal();
    record(&journal, 300);
    let served = one_at_a_time(folder.path(), 86_400_000);
    let mut client = begin(&served, ENDLESS, "application/json");
    until_busy(&served);
    // Without an end to its questions it would wait for as long as a test waits, and then cut the connection.
    served.stop();
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("the server shuts down"), "{answer}");
    journal.close().unwrap();
}

#[test]
fn the_program_ends_at_once_while_a_question_is_asked_over_http_and_another_over_flight() {
    let server = Server::start_with(&[("AGENTSH_SERVER__SHUTDOWN_TIMEOUT", "60s"), ("AGENTSH_QUERY__CONCURRENT", "2")]);
    let address: SocketAddr = server.http().parse().unwrap();
    let body = json!({ "sql": ENDLESS }).to_string();
    let asking =
        std::thread::spawn(move || tell(address, "POST", "/api/v1/query", &[("Content-Type", "application/json")], &body).status);
    let flight: SocketAddr = server.address("grpc").parse().unwrap();
    let fetching = std::thread::spawn(move || runtime().block_on(ask_by_flight(flight, ENDLESS)));
    until("both questions are worked on", || ask(address, "GET", "/metrics", &[]).text().contains("\nagentsh_questions 2\n"));
    let third = json!({"sql": "SELECT 1", "timeout_ms": 1}).to_string();
    let third = tell(address, "POST", "/api/v1/query", &[("Content-Type", "application/json")], &third);
    assert_eq!(third.status, 503, "{}", third.text());
    let measured = ask(address, "GET", "/metrics", &[]).text();
    assert!(measured.contains("\nagentsh_questions_total{outcome=\"refused\"} 1\n"), "{measured}");
    // Cut after the minute they would have no answers.
    assert!(server.stop().1.success());
    assert_eq!(asking.join().unwrap(), 503);
    assert_eq!(fetching.join().unwrap(), tonic::Code::Unavailable);
}
