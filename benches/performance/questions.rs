//! The ready questions on a large archive: here, in DuckDB on the same Parquet files, in stock `sqlite3` on the same journal.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use agentsh::journal::DataDir;
use agentsh::query::sql::{Engine, Lake, Limits, Techniques, questions};
use serde_json::{Value, json};

use crate::{archive, median};

/// Events of the archive; `BENCH_ARCHIVE_EVENTS` says otherwise.
const EVENTS: u64 = 10_000_000;

const ROUNDS: usize = 5;

/// Seconds that `sqlite3` may take for a question.
const PATIENCE: &str = "20";

struct Tables;

impl Techniques for Tables {
    fn name(&self, id: &str) -> Option<String> {
        agentsh::detect::attack::attack().current(id).map(|technique| technique.name.to_owned())
    }

    fn tactics(&self, id: &str) -> Vec<String> {
        let found = agentsh::detect::attack::attack().current(id);
        found.map(|technique| technique.tactics.iter().map(|name| (*name).to_owned()).collect()).unwrap_or_default()
    }

    fn meant(&self, id: &str) -> Result<Vec<String>, String> {
        agentsh::detect::attack::attack().asked(id).map_err(|error| error.to_string())
    }
}

pub fn run(_folder: &Path) -> String {
    let events = std::env::var("BENCH_ARCHIVE_EVENTS").ok().and_then(|text| text.parse().ok()).unwrap_or(EVENTS);
    // Kept for the next run: it takes minutes to make.
    let folder = std::env::var_os("BENCH_ARCHIVE")
        .map_or_else(|| PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("archive"), PathBuf::from);
    let archive = archive::make(&folder.join(events.to_string()), events, false);
    let engine = Engine::open(&DataDir::at(&archive.data), Lake::Folder(archive.lake.clone()), Arc::new(Tables)).unwrap();
    let values = parameters(&engine);
    let asked: Vec<(&str, String)> =
        questions().iter().map(|question| (question.name, question.sql(|name| values.get(name).cloned()))).collect();

    let mut ours: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    let mut rows: BTreeMap<&str, u64> = BTreeMap::new();
    let mut duckdb: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for _round in 0..ROUNDS {
        for (name, sql) in &asked {
            let started = Instant::now();
            rows.insert(name, count(&engine, sql));
            ours.entry(name).or_default().push(started.elapsed().as_secs_f64());
        }
        for (name, seconds) in in_duckdb(&archive.lake, &asked) {
            duckdb.entry(name).or_default().push(seconds);
        }
    }
    let mut text = format!(
        "The twenty ready questions (`agentsh query --examples`) on {events} recorded-like events ({} sessions told again), \
         ms from the question to its last row, medians of {ROUNDS} rounds, files in the page cache. DuckDB reads the same Parquet files (its own SQL \
         where functions differ, ATT&CK's names left out), two threads each. `sqlite3` reads the journal, payload fields through `json_extract`, \
         once, at most {PATIENCE} s.\n\n| question | rows | agentsh | DuckDB | ratio | sqlite3 |\n|---|---|---|---|---|---|\n",
        count_sessions(&engine),
    );
    let (mut sum, mut sum_duckdb) = (0.0, 0.0);
    for (name, sql) in &asked {
        let own = median(&ours[name]);
        let theirs = duckdb.get(*name).map(|seconds| median(seconds));
        sum += own;
        sum_duckdb += theirs.unwrap_or(0.0);
        let ms = |seconds: f64| format!("{:.0}", seconds * 1000.0);
        text += &format!(
            "| {name} | {} | {} | {} | {} | {} |\n",
            rows[name],
            ms(own),
            theirs.map_or("–".to_owned(), ms),
            theirs.map_or("–".to_owned(), |theirs| format!("{:.2}", own / theirs)),
            in_sqlite(&archive.data, sql),
        );
    }
    text +=
        &format!("| **sum** | | **{:.0}** | **{:.0}** | **{:.2}** | |\n", sum * 1000.0, sum_duckdb * 1000.0, sum / sum_duckdb);
    text
}

fn limits() -> Limits {
    Limits { time: Duration::from_secs(120), ..Limits::default() }
}

/// How many rows the answer has.
fn count(engine: &Engine, sql: &str) -> u64 {
    let mut answer = engine.handle().block_on(engine.query(sql, limits())).unwrap();
    while answer.wait(engine.handle()).unwrap().is_some() {}
    answer.rows()
}

fn first_text(engine: &Engine, sql: &str) -> String {
    let mut answer = engine.handle().block_on(engine.query(sql, limits())).unwrap();
    let batch = answer.wait(engine.handle()).unwrap().unwrap();
    agentsh::query::sql::texts(&batch)[0][0].clone().unwrap()
}

fn count_sessions(engine: &Engine) -> String {
    first_text(engine, "SELECT count(DISTINCT session_id) FROM events WHERE kind = 'session_created'")
}

/// A session in the middle, a file of it, and the start of a program that starts others.
fn parameters(engine: &Engine) -> BTreeMap<&'static str, String> {
    let middle = first_text(engine, "SELECT max(seq) / 2 FROM events");
    let session = first_text(
        engine,
        &format!("SELECT session_id FROM events WHERE kind = 'detection' AND seq > {middle} ORDER BY seq LIMIT 1"),
    );
    let of = |what: &str| format!("SELECT {what} FROM events WHERE session_id = '{session}'");
    let path = first_text(engine, &format!("{} AND kind = 'file_create' ORDER BY seq LIMIT 1", of("subject")));
    let seq =
        first_text(engine, &format!("{} AND kind = 'process_exec' ORDER BY seq LIMIT 1", of("CAST(seq AS VARCHAR) AS text")));
    BTreeMap::from([("session", session), ("path", path), ("seq", seq)])
}

/// What DuckDB and SQLite do not have: ATT&CK's names, and a first value by an order.
fn without_our_functions(sql: &str) -> String {
    sql.replace(" technique_name(technique) AS name, tactic(technique) AS tactics,", "")
}

fn in_duckdb(lake: &Path, asked: &[(&str, String)]) -> Vec<(String, f64)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let venv = std::env::var_os("TEST_PEERS").map_or_else(|| root.join("target/peers"), PathBuf::from);
    let list: Vec<Value> = asked
        .iter()
        .map(|(name, sql)| {
            let sql = without_our_functions(sql).replace("first_value(session_id ORDER BY seq)", "arg_min(session_id, seq)");
            json!({"name": name, "sql": sql})
        })
        .collect();
    let output = Command::new(venv.join("bin/python"))
        .arg(root.join("tests/peers/questions.py"))
        .arg(lake)
        .arg(Value::from(list).to_string())
        .stderr(Stdio::inherit())
        .output();
    let Ok(output) = output else { return Vec::new() };
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines()
        .filter_map(|line| line.split_once('\t'))
        .filter_map(|(name, time)| Some((name.to_owned(), time.parse().ok()?)))
        .collect()
}

/// The columns of the lake that the questions name, as SQLite has them.
const VIEW: &str = "CREATE TEMP VIEW e AS SELECT seq, id, time_us AS time, session_id, command_id, cause, kind, subject, decision, rule, severity, attack, pid, \
    CASE WHEN kind LIKE 'file_%' OR kind LIKE 'dir_%' THEN 'file' WHEN kind LIKE 'http_%' OR kind LIKE 'net_%' OR kind IN ('dns_query', 'tls_handshake') THEN 'network' END AS family, \
    json_extract(payload, '$.actor.ppid') AS ppid, json_extract(payload, '$.actor.exe') AS exe, json_extract(payload, '$.host') AS host, \
    json_extract(payload, '$.address') AS address, json_extract(payload, '$.port') AS port, json_extract(payload, '$.body_size') AS body_size, \
    json_extract(payload, '$.bytes_sent') AS bytes_sent, json_extract(payload, '$.bytes_written') AS bytes_written, json_extract(payload, '$.bytes_read') AS bytes_read, \
    json_extract(payload, '$.access') AS access, json_extract(payload, '$.operation') AS operation, json_extract(payload, '$.reason') AS reason, \
    json_extract(payload, '$.error') AS error, json_extract(payload, '$.level') AS level, json_extract(payload, '$.title') AS title, \
    json_extract(payload, '$.techniques') AS techniques, json_extract(payload, '$.method') AS method, json_extract(payload, '$.path') AS url_path, \
    json_extract(payload, '$.statistics.wall_time_us') AS wall_time_us, json_extract(payload, '$.statistics.user_cpu_us') AS user_cpu_us, \
    json_extract(payload, '$.statistics.system_cpu_us') AS system_cpu_us, json_extract(payload, '$.statistics.peak_memory_bytes') AS peak_memory_bytes, \
    json_extract(payload, '$.exit_code') AS exit_code, json_extract(payload, '$.signal') AS signal, json_extract(payload, '$.rcode') AS rcode, \
    json_extract(payload, '$.hop') AS hop, json_extract(payload, '$.count') AS count FROM events;";

fn in_sqlite(data: &Path, sql: &str) -> String {
    let sql = without_our_functions(sql)
        .replace("FROM events", "FROM e")
        .replace("JOIN events", "JOIN e")
        .replace("first_value(session_id ORDER BY seq)", "min(session_id)")
        .replace("date_trunc('hour', time)", "time / 3600000000")
        .replace(
            "SELECT unnest(techniques) AS technique, session_id, time FROM e WHERE",
            "SELECT j.value AS technique, session_id, time FROM e, json_each(techniques) j WHERE",
        );
    let started = Instant::now();
    let status = Command::new("timeout")
        .arg(PATIENCE)
        .arg("sqlite3")
        .arg("-readonly")
        .arg(DataDir::at(data).journal())
        .arg(format!("{VIEW} {sql};"))
        .stdout(Stdio::null())
        .stderr(Stdio::inherit())
        .status();
    match status {
        Ok(status) if status.success() => format!("{:.0}", started.elapsed().as_secs_f64() * 1000.0),
        Ok(status) if status.code() == Some(124) => format!("> {PATIENCE} s"),
        _ => "–".to_owned(),
    }
}
