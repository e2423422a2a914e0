//! Reading 10,000,000 events: `agentsh verify`, and how soon `agentsh events` with a filter prints.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use agentsh::channel::decision_event;
use agentsh::event::{
    Actor, Decision, DnsQuery, Event, FileOpen, Payload, ProcessExec, SessionId, Severity, TechniqueId, TerminalOutput, Timestamp,
};
use agentsh::journal::{Journal, JournalConfig};
use agentsh::policy::Judgement;
use agentsh::runtime::ids;

use crate::archive;
use crate::median;

const EVENTS: u64 = 10_000_000;
const VERIFICATIONS: usize = 3;
const ROUNDS: usize = 5;

/// `BENCH_ARCHIVE` names a folder in which the archive stays from one run to the next.
fn journal(folder: &Path) -> PathBuf {
    let place = std::env::var_os("BENCH_ARCHIVE").map_or_else(|| folder.join("archive"), PathBuf::from);
    archive::make(&place, EVENTS, false).data
}

fn agentsh(arguments: &[&str], data: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_agentsh"));
    command.args(arguments).arg("--data-dir").arg(data).stdin(Stdio::null()).stderr(Stdio::null());
    command
}

fn seconds(command: &mut Command) -> Option<(f64, Vec<u8>)> {
    let begun = Instant::now();
    let output = command.stdin(Stdio::null()).output().ok()?;
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    Some((begun.elapsed().as_secs_f64(), output.stdout))
}

/// The columns of a row that are hashed.
const LENGTHS: &str = "SELECT count(*), sum(length(id) + length(session_id) + length(command_id) + length(cause) + length(kind) + \
                       length(subject) + length(decision) + length(rule) + length(attack) + length(payload) + length(leaf)) FROM events";

pub fn verify(folder: &Path) -> String {
    let data = journal(folder);
    let database = data.join("journal.db");
    let (mut ours, mut stock, mut hash) = (Vec::new(), Vec::new(), Vec::new());
    let mut events = 0;
    for _round in 0..VERIFICATIONS {
        let (took, printed) = seconds(&mut agentsh(&["verify", "--json"], &data)).unwrap();
        let printed: serde_json::Value = serde_json::from_slice(&printed).unwrap();
        assert_eq!(printed["whole"], true);
        events = printed["events"].as_u64().unwrap();
        ours.push(events as f64 / took);
        stock.extend(seconds(Command::new("sqlite3").arg(&database).arg(LENGTHS)).map(|(took, _)| events as f64 / took));
        hash.extend(seconds(Command::new("sha256sum").arg(&database)).map(|(took, _)| events as f64 / took));
    }
    let mut child = agentsh(&["verify", "--json"], &data).stdout(Stdio::null()).spawn().unwrap();
    let mut peak = 0;
    while child.try_wait().unwrap().is_none() {
        let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let kib = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().trim_end_matches(" kB").parse::<u64>().ok());
        peak = peak.max(kib.unwrap_or(0));
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    let rate = |rates: &[f64]| if rates.is_empty() { "–".to_owned() } else { format!("{:.0}", median(rates)) };
    format!(
        "Whole processes over a journal of {events} events ({:.1} GB), page cache warm, median of {VERIFICATIONS}. `sqlite3` sums the lengths of \
         the same columns of all rows, `sha256sum` reads the database file: neither recomputes a leaf or a tree.\n\n\
         | `agentsh verify`, events/s | its memory at most, MiB | `sqlite3`, rows/s | `sha256sum` of the file, events/s |\n|---|---|---|---|\n\
         | {} | {:.0} | {} | {} |\n",
        std::fs::metadata(&database).unwrap().len() as f64 / 1e9,
        rate(&ours),
        peak as f64 / 1024.0,
        rate(&stock),
        rate(&hash),
    )
}

/// Milliseconds until a process printed something, or ended without. Whoever printed is ended.
fn first_row(command: &mut Command) -> (f64, bool) {
    let begun = Instant::now();
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let printed = child.stdout.take().unwrap().read(&mut [0; 1]).unwrap() > 0;
    let took = begun.elapsed().as_secs_f64() * 1e3;
    let _ = child.kill();
    let _ = child.wait();
    (took, printed)
}

fn rare(time: Timestamp, payload: impl Into<Payload>) -> Event {
    Event {
        id: ids::event_id(time),
        time,
        session_id: Some(SessionId::new("s-rare")),
        command_id: None,
        cause: None,
        actor: Some(Actor { pid: 3_999_999, exe: Some("/opt/rare/bin/rarest".into()), ..Actor::default() }),
        sensor: None,
        imported: None,
        attack: Vec::new(),
        severity: Severity::Informational,
        payload: payload.into(),
    }
}

/// Some events at the end of a journal that are like no others in it.
fn mark(data: &Path) {
    let journal = Journal::open(data, &JournalConfig::default()).unwrap();
    let time = Timestamp::from_micros(1_893_456_000_000_000);
    let mut all = vec![
        rare(time, FileOpen { path: "/srv/rare/of/all.pem".into(), ..FileOpen::default() }),
        rare(time, DnsQuery { name: "rare.nowhere.test".to_owned(), ..DnsQuery::default() }),
        rare(time, ProcessExec { path: "/opt/rare/bin/rarest".into(), ..ProcessExec::default() }),
        rare(time, TerminalOutput { data: "the xylograph of quizzical text".into(), ..TerminalOutput::default() }),
    ];
    if let Some(first) = all.first() {
        let judgement = Judgement::new(Decision::SoftDelete, Some("a-rare-rule".into()), "for a measurement");
        let decided = decision_event(first, &judgement, "");
        all.insert(1, decided);
    }
    if let Some(last) = all.last_mut() {
        last.attack = vec![TechniqueId::new("T1200")];
    }
    for event in &all {
        journal.channel().publish(event);
    }
    assert!(journal.flush());
    journal.close().unwrap();
}

/// A value of a row in the middle of the journal, as stock `sqlite3` reads it.
fn middle(database: &Path, column: &str, condition: &str) -> Option<String> {
    let sql = format!("SELECT {column} FROM events WHERE seq > {} AND {condition} LIMIT 1", EVENTS / 2);
    let (_, printed) = seconds(Command::new("sqlite3").arg(database).arg(sql))?;
    Some(String::from_utf8_lossy(&printed).trim().to_owned()).filter(|text| !text.is_empty())
}

pub fn first_rows(folder: &Path) -> String {
    let data = journal(folder);
    let database = data.join("journal.db");
    mark(&data);
    let begun = Instant::now();
    seconds(&mut agentsh(&["journal", "rebuild"], &data)).unwrap();
    let rebuilt = EVENTS as f64 / begun.elapsed().as_secs_f64();
    let mut cases: Vec<(&str, Vec<String>)> = Vec::new();
    let mut case = |what, arguments: &[&str]| cases.push((what, arguments.iter().map(|word| (*word).to_owned()).collect()));
    case("nothing is asked", &[]);
    case("the last ten", &["--tail", "10"]);
    case("the last ten refusals", &["--decision", "deny", "--tail", "10"]);
    case("a refusal", &["--decision", "deny"]);
    case("a verdict that stands at the end", &["--decision", "soft_delete"]);
    case("a verdict that stands nowhere", &["--decision", "approve"]);
    case("a path at the end", &["--path", "/srv/rare"]);
    case("a glob at the end", &["--path", "*.pem"]);
    case("a path that stands nowhere", &["--path", "/no/such/path"]);
    case("a host at the end", &["--host", "nowhere.test"]);
    case("a host that stands nowhere", &["--host", "no.such.host"]);
    case("a program at the end", &["--command", "rarest"]);
    case("a program that stands nowhere", &["--command", "nobody-has-it"]);
    case("a process at the end", &["--pid", "3999999"]);
    case("a process that stands nowhere", &["--pid", "4194000"]);
    case("a technique at the end", &["--technique", "T1200"]);
    case("a technique that stands nowhere", &["--technique", "T1561.002"]);
    case("text at the end", &["--text", "xylograph of"]);
    case("text that stands nowhere", &["--text", "no such text at all"]);
    case("a kind at the end", &["--session", "s-rare", "--kind", "terminal_output"]);
    case("a family that stands nowhere", &["--family", "registry"]);
    case("from a time at the end on", &["--since", "2029-12-31"]);
    case("until a time before all", &["--until", "2020-01-01"]);
    if let Some(path) = middle(&database, "subject", "kind = 'file_open'") {
        case("a path in the middle", &["--path", &path]);
    }
    if let Some(pid) = middle(&database, "pid", "kind = 'process_exec'") {
        case("a process in the middle", &["--pid", &pid]);
    }
    if let Some(time) = middle(&database, "strftime('%Y-%m-%dT%H:%M:%SZ', time_us / 1000000, 'unixepoch')", "kind = 'file_open'")
    {
        case("from a time in the middle on", &["--since", &time]);
    }
    let mut text = format!(
        "Milliseconds from the start of the process to the first byte of its output, or to its end where nothing matches, of `agentsh events` \
         over a journal of {EVENTS} events, page cache warm, median and worst of {ROUNDS}. The summaries were made at {rebuilt:.0} events/s by \
         `agentsh journal rebuild`.\n\n| what | arguments | first row | ms | worst |\n|---|---|---|---|---|\n"
    );
    for (what, arguments) in cases {
        let mut times = Vec::new();
        let mut found = false;
        for _round in 0..=ROUNDS {
            let words: Vec<&str> = std::iter::once("events").chain(arguments.iter().map(String::as_str)).collect();
            let (took, printed) = first_row(&mut agentsh(&words, &data));
            found = printed;
            times.push(took);
        }
        // The first brings pages into the cache.
        times.remove(0);
        let worst = times.iter().copied().fold(0.0, f64::max);
        let printed = if found { "printed" } else { "there is none" };
        text += &format!("| {what} | `{}` | {printed} | {:.0} | {worst:.0} |\n", arguments.join(" "), median(&times));
    }
    text
}
