//! Only questions are answered, and what is wrong with one is said where it stands.

use agentsh::query::sql::SqlError;

use super::rig::{ask, engine};
use crate::readers::recorded::RECORDED;

#[track_caller]
fn refused(sql: &str, says: &str) {
    let error = ask(&engine(&RECORDED.data_dir, None), sql).unwrap_err();
    assert!(error.is_the_question(), "{sql}: {error:?}");
    assert!(error.to_string().contains(says), "{sql}: {error}");
}

#[test]
fn what_writes_defines_or_sets_is_no_question() {
    for sql in [
        "INSERT INTO events VALUES (1)",
        "UPDATE events SET seq = 1",
        "DELETE FROM events",
        "DROP TABLE events",
        "DROP VIEW operations",
        "CREATE TABLE t AS SELECT 1",
        "CREATE VIEW v AS SELECT 1",
        "CREATE EXTERNAL TABLE t STORED AS CSV LOCATION '/etc/passwd'",
        "COPY events TO '/tmp/agentsh-test-copy.parquet'",
        "COPY (SELECT 1) TO '/tmp/agentsh-test-copy.csv'",
        "SET datafusion.execution.batch_size = 1",
        "RESET datafusion.execution.batch_size",
        "TRUNCATE events",
        "BEGIN",
        "PREPARE q AS SELECT 1",
        "EXECUTE q",
        "EXPLAIN DELETE FROM events",
        "EXPLAIN ANALYZE INSERT INTO events SELECT * FROM events",
        "SELECT * INTO other FROM events",
        "WITH gone AS (DELETE FROM events RETURNING *) SELECT * FROM gone",
        "SELECT 1; DROP TABLE events",
        "SELECT 1; SELECT 2",
    ] {
        let error = ask(&engine(&RECORDED.data_dir, None), sql).unwrap_err();
        assert!(error.is_the_question(), "{sql}: {error:?}");
    }
    assert!(!std::path::Path::new("/tmp/agentsh-test-copy.csv").exists());
    refused("DROP TABLE events", "only questions are answered");
    refused("SELECT 1; SELECT 2", "one at a time");
}

#[test]
fn no_file_is_read_however_it_is_named() {
    for sql in [
        "SELECT * FROM '/etc/passwd'",
        "SELECT * FROM \"/etc/passwd\"",
        "SELECT * FROM 'file:///etc/passwd'",
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM read_parquet('/tmp/x.parquet')",
        "SELECT * FROM parquet_metadata('/tmp/x.parquet')",
        "SELECT load_extension('x')",
        "SELECT readfile('/etc/passwd')",
        // Not offered, since their memory cannot be bounded.
        "SELECT array_agg(payload) FROM events",
        "SELECT string_agg(payload, ',') FROM events",
    ] {
        let error = ask(&engine(&RECORDED.data_dir, None), sql).unwrap_err();
        assert!(error.is_the_question(), "{sql}: {error:?}");
    }
}

#[test]
fn what_is_wrong_is_said_where_it_stands() {
    let position = |sql: &str| ask(&engine(&RECORDED.data_dir, None), sql).unwrap_err().position();
    assert_eq!(position("SELECT kin FROM events"), Some((1, 8)));
    assert_eq!(position("SELECT seq,\n       sesion_id\nFROM events"), Some((2, 8)));
    refused("SELECT sesion_id FROM events", "did you mean `session_id`");
    refused("SELECT 1 FROM event", "event");
    refused("SELECT technique_nam('T1') FROM events", "technique_nam");
    refused("", "nothing asked");
    refused("   -- only a comment\n", "nothing asked");
    assert!(matches!(ask(&engine(&RECORDED.data_dir, None), "SELEC 1"), Err(SqlError::Syntax { line: 1, column: 1, .. })));
}

#[test]
fn what_is_too_long_or_too_deep_is_refused_before_it_is_understood() {
    refused(&format!("SELECT {}1{}", "(".repeat(5_000), ")".repeat(5_000)), "");
    refused(&format!("SELECT '{}'", "x".repeat(300 * 1024)), "at most");
}

#[test]
fn an_unknown_technique_is_an_error_that_names_it() {
    refused("SELECT seq FROM events WHERE has_technique(attack, 'T9999') ", "T9999");
}
