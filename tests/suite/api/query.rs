//! `POST /api/v1/query`: every form has the rows of the engine; what is refused, and how.

use std::io::Cursor;

use agentsh::journal::DataDir;
use agentsh::query::sql::{QueryConfig, questions};
use agentsh::runtime::units::Millis;
use agentsh::serve::auth::Keys;
use datafusion::arrow::array::{AsArray as _, RecordBatch};
use datafusion::arrow::datatypes::{DataType, Int64Type};
use datafusion::arrow::ipc::reader::StreamReader;
use datafusion::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::{Value, json};

use super::rig::{Answer, Served, journal, record, serve, serve_asking, tell};
use crate::sql::rig::{ask as asked_of_the_engine, engine};

const TYPED: (&str, &str) = ("Content-Type", "application/json");

fn asked(served: &Served, body: &Value, accept: &str) -> Answer {
    tell(served.addr, "POST", "/api/v1/query", &[TYPED, ("Accept", accept)], &body.to_string())
}

fn sql(sql: &str) -> Value {
    json!({ "sql": sql })
}

#[test]
fn every_ready_question_has_the_rows_of_the_engine() {
    let (folder, journal) = journal();
    record(&journal, 90);
    let served = serve(folder.path());
    let engine = engine(&DataDir::at(folder.path()), None);
    for question in questions() {
        let text = question.sql(|_| None);
        let expected = asked_of_the_engine(&engine, &text).unwrap();
        let answer = asked(&served, &sql(&text), "application/json");
        assert_eq!(answer.status, 200, "{}: {}", question.name, answer.text());
        let found = answer.json();
        for member in ["columns", "rows", "truncated"] {
            assert_eq!(found[member], expected[member], "{}", question.name);
        }
        assert!(found["elapsed_ms"].is_u64(), "{found}");
    }
    served.stop();
    journal.close().unwrap();
}

/// `seq` and `subject` of each row.
fn rows(batches: impl Iterator<Item = RecordBatch>) -> Vec<(i64, Option<String>)> {
    let mut rows = Vec::new();
    for batch in batches {
        assert_eq!(batch.column(1).data_type(), &DataType::Utf8, "a type that every reader knows");
        let (seqs, subjects) = (batch.column(0).as_primitive::<Int64Type>(), batch.column(1).as_string::<i32>());
        rows.extend(seqs.values().iter().copied().zip(subjects.iter().map(|subject| subject.map(str::to_owned))));
    }
    rows
}

#[test]
fn each_form_has_the_same_rows() {
    let (folder, journal) = journal();
    record(&journal, 3_000);
    let served = serve(folder.path());
    let question = sql("SELECT seq, subject FROM events ORDER BY seq");
    let object = asked(&served, &question, "*/*");
    assert_eq!(object.header("content-type"), Some("application/json"));
    assert_eq!(object.header("vary"), Some("accept"));
    let object = object.json();
    let expected: Vec<(i64, Option<String>)> = object["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (row[0].as_i64().unwrap(), row[1].as_str().map(str::to_owned)))
        .collect();
    assert!(expected.len() >= 3_000 && object["truncated"] == false);
    assert_eq!(object["columns"], json!([{"name": "seq", "type": "int64"}, {"name": "subject", "type": "string"}]));

    let lines = asked(&served, &question, "application/x-ndjson");
    assert_eq!(lines.header("content-type"), Some("application/x-ndjson"));
    let line = |line: &str| -> (i64, Option<String>) {
        let row: Value = serde_json::from_str(line).unwrap();
        (row["seq"].as_i64().unwrap(), row["subject"].as_str().map(str::to_owned))
    };
    assert_eq!(lines.text().lines().map(line).collect::<Vec<_>>(), expected);

    let table = asked(&served, &question, "text/csv");
    assert_eq!(table.header("content-type"), Some("text/csv; charset=utf-8; header=present"));
    let table = table.text();
    let mut table = table.lines();
    assert_eq!(table.next(), Some("seq,subject"));
    let row = |line: &str| line.split_once(',').map(|(seq, subject)| (seq.parse().unwrap(), subject.to_owned())).unwrap();
    let plain: Vec<_> = expected.iter().map(|(seq, subject)| (*seq, subject.clone().unwrap_or_default())).collect();
    assert_eq!(table.map(row).collect::<Vec<(i64, String)>>(), plain);

    let arrow = asked(&served, &question, "application/vnd.apache.arrow.stream");
    assert_eq!(arrow.header("content-type"), Some("application/vnd.apache.arrow.stream"));
    let reader = StreamReader::try_new(Cursor::new(arrow.body), None).unwrap();
    assert_eq!(rows(reader.map(Result::unwrap)), expected);

    let parquet = asked(&served, &question, "application/vnd.apache.parquet");
    assert_eq!(parquet.header("content-type"), Some("application/vnd.apache.parquet"));
    let parquet_bytes = parquet.body.len();
    let reader = ParquetRecordBatchReaderBuilder::try_new(bytes::Bytes::from(parquet.body)).unwrap().build().unwrap();
    assert_eq!(rows(reader.map(Result::unwrap)), expected);

    let packed = tell(
        served.addr,
        "POST",
        "/api/v1/query",
        &[TYPED, ("Accept", "text/csv"), ("Accept-Encoding", "gzip")],
        &question.to_string(),
    );
    assert_eq!((packed.status, packed.header("content-encoding")), (200, Some("gzip")));
    assert!(packed.body.starts_with(&[0x1f, 0x8b]) && packed.body.len() < parquet_bytes * 4, "{}", packed.body.len());

    // An answer without rows is one, too.
    let none = sql("SELECT seq, subject FROM events WHERE seq < 0");
    assert_eq!(asked(&served, &none, "application/json").json()["rows"], json!([]));
    assert_eq!(asked(&served, &none, "application/x-ndjson").text(), "");
    assert_eq!(asked(&served, &none, "text/csv").text(), "seq,subject\n");
    let arrow = StreamReader::try_new(Cursor::new(asked(&served, &none, "application/vnd.apache.arrow.stream").body), None);
    assert_eq!(rows(arrow.unwrap().map(Result::unwrap)), []);
    served.stop();
    journal.close().unwrap();
}

/// A question, words of the problem, and the place in the question.
type Refused = (&'static str, &'static str, Option<(u64, u64)>);

/// A path, headers, a body, and the status.
type Sent<'t> = (&'t str, &'t [(&'t str, &'t str)], &'t str, u16);

#[test]
fn what_cannot_be_answered_is_a_problem_with_its_place() {
    let (folder, journal) = journal();
    record(&journal, 30);
    let served = serve(folder.path());
    let cases: &[Refused] = &[
        ("SELECT kin FROM events", "did you mean `kind`", Some((1, 8))),
        ("SELECT\n  1 +", "not SQL", None),
        ("SELECT , FROM events", "not SQL", Some((1, 8))),
        ("", "there is nothing asked", None),
        ("DROP TABLE events", "only questions are answered", None),
        ("INSERT INTO events VALUES (1)", "only questions are answered", None),
        ("COPY events TO '/tmp/x'", "only questions are answered", None),
        ("SELECT 1; SELECT 2", "several statements", None),
        ("SELECT * FROM '/etc/passwd'", "", None),
        ("SELECT * FROM events WHERE seq = $1", "no values are taken", None),
        ("SELECT seq / 0 FROM events", "a value cannot be computed", None),
        ("SELECT CAST(subject AS BIGINT) FROM events", "a value cannot be computed", None),
        ("SELECT has_technique(attack, 'T9999') FROM events", "T9999", None),
        ("SELECT array_agg(seq) FROM events", "array_agg", None),
    ];
    for (text, said, position) in cases {
        let answer = asked(&served, &sql(text), "application/json");
        assert_eq!(answer.status, 400, "{text}: {}", answer.text());
        assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{text}");
        let problem = answer.json();
        assert_eq!(problem["parameter"], "sql", "{text}: {problem}");
        assert!(problem["detail"].as_str().unwrap().contains(said), "{text}: {problem}");
        if let Some((line, column)) = position {
            assert_eq!(problem["position"], json!({"line": line, "column": column}), "{text}: {problem}");
        }
    }
    served.stop();
    journal.close().unwrap();
}

#[test]
fn what_is_no_question_is_refused_as_the_document_says() {
    let (folder, journal) = journal();
    record(&journal, 3);
    let served = serve(folder.path());
    let one = r#"{"sql":"SELECT 1"}"#;
    let post = |path: &str, headers: &[(&str, &str)], body: &str| tell(served.addr, "POST", path, headers, body);
    let long = json!({ "sql": format!("SELECT '{}'", "x".repeat(300_000)) }).to_string();
    let longer = json!({ "sql": "x".repeat(3_000_000) }).to_string();
    let cases: &[Sent] = &[
        ("/api/v1/query", &[TYPED], one, 200),
        ("/api/v1/query?sql=1", &[TYPED], one, 400),
        ("/api/v1/query", &[], one, 415),
        ("/api/v1/query", &[("Content-Type", "text/plain")], one, 415),
        ("/api/v1/query", &[("Content-Type", "application/sql")], "SELECT 1", 415),
        ("/api/v1/query", &[TYPED, ("Accept", "image/png")], one, 406),
        ("/api/v1/query", &[TYPED], "", 400),
        ("/api/v1/query", &[TYPED], "{}", 400),
        ("/api/v1/query", &[TYPED], "[]", 400),
        ("/api/v1/query", &[TYPED], r#"{"sql":1}"#, 400),
        ("/api/v1/query", &[TYPED], r#"{"sql":"SELECT 1","format":"csv"}"#, 400),
        ("/api/v1/query", &[TYPED], r#"{"sql":"SELECT 1","limit":0}"#, 400),
        ("/api/v1/query", &[TYPED], r#"{"sql":"SELECT 1","limit":-1}"#, 400),
        ("/api/v1/query", &[TYPED], r#"{"sql":"SELECT 1","limit":1000001}"#, 400),
        ("/api/v1/query", &[TYPED], r#"{"sql":"SELECT 1","timeout_ms":0}"#, 400),
        ("/api/v1/query", &[TYPED], r#"{"sql":"SELECT 1","timeout_ms":60001}"#, 400),
        ("/api/v1/query", &[TYPED], &long, 400),
        ("/api/v1/query", &[TYPED], &longer, 413),
    ];
    for (path, headers, body, status) in cases {
        let answer = post(path, headers, body);
        let shown: String = body.chars().take(60).collect();
        assert_eq!(answer.status, *status, "{path} {headers:?} {shown}: {}", answer.text());
        if *status != 200 {
            assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{headers:?} {shown}");
        }
    }
    let answer = served.ask("GET", "/api/v1/query", &[]);
    assert_eq!((answer.status, answer.header("allow")), (405, Some("POST")));
    served.stop();
    journal.close().unwrap();
}

#[test]
fn an_answer_is_cut_where_it_was_asked_to_be_and_never_in_silence() {
    let (folder, journal) = journal();
    record(&journal, 300);
    let few = QueryConfig { rows: 50, timeout: Millis::new(20_000), ..QueryConfig::default() };
    let served = serve_asking(folder.path(), Keys::none(), &few);
    let all = "SELECT seq FROM events ORDER BY seq";
    let object = asked(&served, &sql(all), "application/json").json();
    assert_eq!((object["rows"].as_array().unwrap().len(), &object["truncated"]), (50, &json!(true)));
    let object = asked(&served, &json!({"sql": all, "limit": 7}), "application/json").json();
    assert_eq!((object["rows"].as_array().unwrap().len(), &object["truncated"]), (7, &json!(true)));
    let exact = asked(&served, &sql("SELECT seq FROM events LIMIT 50"), "text/csv");
    assert_eq!((exact.status, exact.text().lines().count()), (200, 51));
    let asked_for = asked(&served, &json!({"sql": all, "limit": 7}), "text/csv");
    assert_eq!((asked_for.status, asked_for.text().lines().count()), (200, 8));
    for form in ["text/csv", "application/x-ndjson", "application/vnd.apache.arrow.stream", "application/vnd.apache.parquet"] {
        let silent = asked(&served, &sql(all), form);
        assert_eq!(silent.status, 422, "{form}");
        assert_eq!(silent.json()["parameter"], "limit", "{form}");
    }
    assert_eq!(asked(&served, &json!({"sql": all, "limit": 51}), "application/json").status, 400);
    served.stop();
    journal.close().unwrap();
}
