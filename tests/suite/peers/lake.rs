//! The lake read by DuckDB, pyarrow, polars and ClickHouse: the same rows, types and sums, and row groups that none of them reads.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use agentsh::event::{Event, FileClose, HttpRequest, Kind, Payload, ProcessExec};
use agentsh::sink::parquet::ParquetConfig;
use serde_json::{Value, json};

use super::{python_with, script};
use crate::lake::rig::{Place, at, config, deliver_all, files, full_event, journal_of, journaled, place};
use crate::support::{event, open_event};
use crate::vocabulary::samples::Schema;

/// A time on a day of the year 2096, so that there is more than one date.
const LATER: i64 = 3_981_225_600_000_000;

fn lake() -> Place {
    let place = place();
    let schema = Schema::new();
    let every_kind = Kind::ALL.iter().enumerate().map(|(number, kind)| at(full_event(&schema, number, *kind), LATER));
    let opened = (0..4_000).map(|number| at(open_event(number), LATER + 1_000 * number as i64));
    let closed = (0..2_000).map(|number| {
        let payload: Payload =
            FileClose { path: format!("/w/{number}").into(), bytes_read: number * 7, ..FileClose::default() }.into();
        at(event(payload), LATER + 86_400_000_000 + number as i64)
    });
    let odd: Vec<Event> = vec![
        event(ProcessExec { path: "/bin/\u{1f980}".into(), argv: vec!["".into(), "a\"b\\c\n".into()], ..ProcessExec::default() }),
        event(HttpRequest { host: "例え.test".into(), port: 65_535, ..HttpRequest::default() }),
    ];
    journal_of(&place.root, odd.into_iter().chain(every_kind).chain(opened).chain(closed));
    deliver_all(&place.root, ParquetConfig { seal_rows: 2_500, ..config(&place.lake) });
    assert!(files(&place.lake).len() >= 3);
    place
}

/// What the journal says to the questions that the script asks.
fn truth(root: &Path) -> Value {
    let mut kinds: BTreeMap<String, u64> = BTreeMap::new();
    let (mut seqs, mut bytes_read, mut argv) = (0_u64, 0_u64, 0_usize);
    let mut subjects: BTreeMap<u64, String> = BTreeMap::new();
    let mut ids: BTreeMap<u64, String> = BTreeMap::new();
    let rows = journaled(root);
    for (seq, frame) in &rows {
        let columns = agentsh::encode::stored::Columns::parse(frame).unwrap().0;
        let payload: Value = serde_json::from_str(columns.payload).unwrap();
        *kinds.entry(columns.kind.to_owned()).or_default() += 1;
        seqs += seq;
        bytes_read += payload["bytes_read"].as_u64().unwrap_or(0);
        argv += payload["argv"].as_array().map_or(0, Vec::len);
        if let Some(subject) = columns.subject {
            subjects.insert(*seq, subject.to_owned());
        }
        ids.insert(*seq, columns.id.iter().map(|byte| format!("{byte:02x}")).collect());
    }
    let asked: Vec<u64> = vec![1, 5, 40, 3_000, rows.len() as u64 - 3];
    json!({
        "count": rows.len(), "seqs": seqs, "bytes_read": bytes_read, "argv": argv, "kinds": kinds,
        "subjects": asked.iter().map(|seq| subjects.get(seq)).collect::<Vec<_>>(),
        "ids": asked.iter().map(|seq| ids.get(seq)).collect::<Vec<_>>(),
        "asked": asked,
    })
}

fn check(test: &str, module: &str, engine: &str, types: &[(&str, &str)]) {
    let Some(python) = python_with(test, module) else { return };
    let place = lake();
    let expected = truth(&place.root);
    let output = Command::new(python)
        .arg(script("lake_read.py"))
        .args([engine, place.lake.to_str().unwrap(), &expected["asked"].to_string()])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    for (question, truth) in expected.as_object().unwrap() {
        if question != "asked" {
            assert_eq!(answer[question], *truth, "{engine}: {question}");
        }
    }
    for (column, wanted) in types {
        assert_eq!(answer["types"][*column], *wanted, "{engine}: {column}");
    }
    // One event is asked for by its position, and one value that no file holds: what is read is less than there is.
    let skipping = &answer["skipping"];
    let number = |key: &str| skipping[key].as_u64().unwrap_or_else(|| panic!("{engine}: {key} of {skipping}"));
    assert!(number("row_groups") >= 10, "{skipping}");
    assert_eq!(number("read_for_a_seq"), 1, "{skipping}");
    assert!((1..number("row_groups")).contains(&number("read_for_a_kind")), "{skipping}");
    if let Some(read) = skipping["read_for_a_missing_subject"].as_u64() {
        // A filter says "perhaps" of one row group in a hundred where it is wrong.
        assert!(read <= 2, "bloom filters: {skipping}");
    }
    if let Some(read) = skipping["files_read_for_a_date"].as_u64() {
        assert!(read < files(&place.lake).len() as u64, "{skipping}");
    }
}

#[test]
fn pyarrow_reads_the_lake_and_skips_row_groups() {
    let types = [
        ("seq", "int64"),
        ("id", "fixed_size_binary[16]"),
        ("time", "timestamp[us, tz=UTC]"),
        ("subject", "string"),
        ("argv", "list<element: string not null>"),
        ("sni_mismatch", "bool"),
        ("bytes_read", "int64"),
        ("leaf", "fixed_size_binary[32]"),
    ];
    check("pyarrow_reads_the_lake_and_skips_row_groups", "pyarrow", "pyarrow", &types);
}

#[test]
fn duckdb_reads_the_lake_and_skips_row_groups() {
    let types = [
        ("seq", "BIGINT"),
        ("id", "BLOB"),
        ("time", "TIMESTAMP WITH TIME ZONE"),
        ("subject", "VARCHAR"),
        ("argv", "VARCHAR[]"),
        ("sni_mismatch", "BOOLEAN"),
        ("date", "DATE"),
    ];
    check("duckdb_reads_the_lake_and_skips_row_groups", "duckdb", "duckdb", &types);
}

#[test]
fn polars_reads_the_lake_and_skips_row_groups() {
    let types = [
        ("seq", "Int64"),
        ("id", "Binary"),
        ("time", "Datetime(time_unit='us', time_zone='UTC')"),
        ("subject", "String"),
        ("argv", "List(String)"),
        ("sni_mismatch", "Boolean"),
    ];
    check("polars_reads_the_lake_and_skips_row_groups", "polars", "polars", &types);
}

#[test]
fn clickhouse_reads_the_lake_and_skips_row_groups() {
    let types = [
        ("seq", "Int64"),
        ("id", "FixedString(16)"),
        ("time", "DateTime64(6, 'UTC')"),
        ("subject", "Nullable(String)"),
        ("argv", "Array(String)"),
        ("bytes_read", "Nullable(Int64)"),
    ];
    check("clickhouse_reads_the_lake_and_skips_row_groups", "chdb", "chdb", &types);
}
