//! `agentsh query` as a program.

use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::readers::recorded::RECORDED;
use crate::support::has_program;

fn query(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_agentsh"));
    command.arg("query").arg("--data-dir").arg(RECORDED.data_dir.root()).args(arguments).output().unwrap()
}

fn printed(arguments: &[&str]) -> String {
    let output = query(arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

const SQL: &str = "SELECT seq, subject, attack, session_id FROM events WHERE seq IN (16, 33, 1) ORDER BY seq";

#[test]
fn a_table_is_for_people_and_shows_hostile_names_inert() {
    let table = printed(&[SQL]);
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines.len(), 4, "{table}");
    assert!(lines[0].starts_with("seq  subject"), "{table}");
    assert!(lines[2].contains(r#"/work/caf\xe9 "x",\n.txt"#), "{table}");
    assert!(lines[1].ends_with('–'), "{table}");
    let hostile = printed(&["SELECT chr(27) || '[31m' || chr(8238) || chr(10) AS \"bad\nname\" FROM events LIMIT 1"]);
    assert!(!hostile.contains(['\u{1b}', '\u{202e}']) && hostile.lines().count() == 2, "{hostile:?}");
}

#[test]
fn programs_get_json_lines_and_csv() {
    let whole: Value = serde_json::from_str(&printed(&["--format", "json", SQL])).unwrap();
    assert_eq!(whole["columns"][0], json!({"name": "seq", "type": "int64"}));
    assert_eq!(whole["rows"][2], json!([33, "Private key read", ["T1552.004"], "s0alpha1"]));
    assert_eq!(whole["truncated"], false);
    let lines = printed(&["--format", "jsonl", SQL]);
    let last: Value = serde_json::from_str(lines.lines().last().unwrap()).unwrap();
    assert_eq!(last, json!({"seq": 33, "subject": "Private key read", "attack": ["T1552.004"], "session_id": "s0alpha1"}));
    let twice = printed(&[
        "--format",
        "jsonl",
        "SELECT a.seq, b.seq, a.seq + 1 AS seq_2 FROM events a JOIN events b ON b.seq = a.seq + 2 WHERE a.seq = 3",
    ]);
    assert_eq!(twice, "{\"seq\":3,\"seq_2\":5,\"seq_2_2\":4}\n");
    let csv = printed(&["--format", "csv", SQL]);
    assert_eq!(csv.lines().next(), Some("seq,subject,attack,session_id"));
    assert!(csv.contains("33,Private key read,\"[\"\"T1552.004\"\"]\",s0alpha1\n"), "{csv}");
    assert!(csv.contains("\"/work/caf\\xe9 \"\"x\"\",\n.txt\""), "{csv}");
}

#[test]
fn bounds_are_those_of_the_configuration_unless_an_option_says_otherwise() {
    let bounded = |name: &str, value: &str, arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_agentsh"));
        command.env(name, value).arg("query").arg("--data-dir").arg(RECORDED.data_dir.root());
        command.args(["--format", "json"]).args(arguments).output().unwrap()
    };
    let found = |output: &Output| -> Value { serde_json::from_slice(&output.stdout).unwrap() };
    let few = bounded("AGENTSH_QUERY__ROWS", "2", &[SQL]);
    assert_eq!((found(&few)["rows"].as_array().unwrap().len(), &found(&few)["truncated"]), (2, &json!(true)));
    let more = bounded("AGENTSH_QUERY__ROWS", "2", &["--limit", "3", SQL]);
    assert_eq!(found(&more)["rows"].as_array().unwrap().len(), 3);
    let endless = "WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n";
    let late = bounded("AGENTSH_QUERY__TIMEOUT", "300ms", &[endless]);
    assert!(String::from_utf8_lossy(&late.stderr).contains("takes longer than 300ms"), "{late:?}");
    let sorted = "SELECT a.payload, b.payload FROM events a, events b, events c ORDER BY 1, 2";
    let large = bounded("AGENTSH_QUERY__MEMORY_BYTES", "1048576", &[sorted]);
    assert!(String::from_utf8_lossy(&large.stderr).contains("more than 1048576 bytes"), "{large:?}");
    let none = bounded("AGENTSH_QUERY__CONCURRENT", "0", &[SQL]);
    assert!(String::from_utf8_lossy(&none.stderr).contains("query.concurrent"), "{none:?}");
}

#[test]
fn parquet_and_arrow_are_written_to_files() {
    let folder = tempfile::tempdir().unwrap();
    for (format, magic) in [("parquet", &b"PAR1"[..]), ("arrow", &[0xff, 0xff, 0xff, 0xff][..])] {
        let file = folder.path().join(format);
        printed(&["--format", format, "--output", file.to_str().unwrap(), "SELECT * FROM events"]);
        let bytes = std::fs::read(&file).unwrap();
        assert!(bytes.starts_with(magic), "{format}");
    }
}

#[test]
fn what_cannot_be_answered_is_said_with_the_place_and_exits_with_125() {
    for (arguments, says) in [
        (&["SELECT kin FROM events"][..], "did you mean `kind`"),
        (&["DROP TABLE events"], "nothing was done"),
        (&["--example", "nothing-like-it"], "there is no question"),
        (&["--example", "who-touched"], "--param path="),
        (&["--example", "refused", "--param", "sesion=x"], "takes no `sesion`"),
        (&["--example", "refused", "--param", "session=zzz"], "no session is named"),
        (&[], "--examples"),
    ] {
        let output = query(arguments);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(125), "{arguments:?}: {said}");
        assert!(said.starts_with("error: ") && said.contains(says), "{arguments:?}: {said}");
    }
    let said = String::from_utf8(query(&["SELECT kin FROM events"]).stderr).unwrap();
    assert!(said.contains("\n  SELECT kin FROM events\n         ^"), "{said}");
}

#[test]
fn ready_questions_are_listed_and_asked_by_name() {
    let list = printed(&["--examples"]);
    assert!(list.contains("refused-by-rule") && list.contains("--param session="), "{list}");
    let refused = printed(&["--example", "refused", "--param", "session=s0alpha", "--format", "csv"]);
    assert_eq!(refused.lines().count(), 4, "{refused}");
    // Without a session it is the last one, which was refused nothing.
    assert_eq!(printed(&["--example", "refused", "--format", "csv"]).lines().count(), 1);
}

#[test]
fn the_schema_names_tables_columns_and_functions() {
    let schema = printed(&["--schema"]);
    for word in ["events  ", "operations", "file_events", "bytes_written", "has_technique(attack, id)"] {
        assert!(schema.contains(word), "{word}");
    }
}

#[test]
fn a_question_comes_from_a_file_or_from_standard_input() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("q.sql");
    std::fs::write(&file, "SELECT count(*) AS n FROM events;").unwrap();
    assert_eq!(printed(&["--format", "csv", "--file", file.to_str().unwrap()]), "n\n41\n");
    if has_program("sh", "sql::command_line::a_question_comes_from_a_file_or_from_standard_input") {
        let line = format!(
            "echo 'SELECT max(seq) AS m FROM events' | {} query --data-dir {} --format csv -f -",
            env!("CARGO_BIN_EXE_agentsh"),
            RECORDED.data_dir.root().display()
        );
        let output = Command::new("sh").arg("-c").arg(line).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout), "m\n41\n");
    }
}
