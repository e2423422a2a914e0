//! Imports: event logs of Windows, audit logs and JSON lines, read alone and into a journal.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

use agentsh::app::import::{ImportRequest, import};
use agentsh::capture::import::{Input, open};
use agentsh::config::{Config, Environment, PolicyChoice};
use agentsh::event::ImportSource;

use crate::median;

const ROUNDS: usize = 3;
const CHUNK: usize = 65_536;
const FILE_HEADER: usize = 4_096;
const CHUNK_HEADER: usize = 512;
/// Records of a log.
const RECORDS: usize = 300_000;

pub fn run(folder: &Path) -> String {
    let mut text = String::from(
        "Records/s of one file. Read: until the events are there, redacted or not yet. Imported: `agentsh import` from its first to its last \
         step, with hashing, redaction, policy, a decision for each operation that can be refused, and the journal.\n\n\
         | file | records | bytes/record | read, records/s | imported, records/s | events/s |\n|---|---|---|---|---|---|\n",
    );
    let logs: [(&str, ImportSource, Option<PathBuf>); 3] = [
        ("Sysmon, `.evtx` (SigmaHQ's records, again and again)", ImportSource::Evtx, event_log(folder)),
        ("audit log (`execve`, three lines each)", ImportSource::Auditd, Some(audit_log(folder))),
        ("Sysmon, JSON lines", ImportSource::Jsonl, Some(json_lines(folder))),
    ];
    for (name, source, file) in logs {
        let Some(file) = file else {
            let _ = writeln!(text, "| {name} | skipped: `../shared/data/sigma/regression` is not there | | | | |");
            continue;
        };
        let size = std::fs::metadata(&file).unwrap().len();
        let (mut read, mut imported, mut events) = (Vec::new(), Vec::new(), Vec::new());
        let mut records = 0;
        for _round in 0..ROUNDS {
            let started = Instant::now();
            records = count(source, &file);
            read.push(records as f64 / started.elapsed().as_secs_f64());
            let root = folder.join("import-data");
            let _ = std::fs::remove_dir_all(&root);
            let config = Config { data_dir: root.clone(), ..Config::default() };
            let request =
                ImportRequest { source, files: vec![file.clone()], policy: PolicyChoice::BuiltIn, workspace: folder.to_owned() };
            let started = Instant::now();
            let reports = import(&request, &config, &Environment::of_process(), |_| ()).map_err(|(_, failure)| failure).unwrap();
            let seconds = started.elapsed().as_secs_f64();
            imported.push(reports[0].records as f64 / seconds);
            events.push(reports[0].events.values().sum::<u64>() as f64 / seconds);
            let _ = std::fs::remove_dir_all(&root);
        }
        let _ = writeln!(
            text,
            "| {name} | {records} | {:.0} | {:.0} | {:.0} | {:.0} |",
            size as f64 / records as f64,
            median(&read),
            median(&imported),
            median(&events),
        );
        let _ = std::fs::remove_file(&file);
    }
    text
}

fn count(source: ImportSource, file: &Path) -> u64 {
    let mut reader = open(source, Input::open(file).unwrap()).unwrap();
    let mut records = 0;
    while reader.next().unwrap().is_some() {
        records += 1;
    }
    records
}

fn audit_log(folder: &Path) -> PathBuf {
    let mut text = String::new();
    for serial in 0..RECORDS / 3 {
        let stamp = format!("{}.{:03}:{serial}", 1_700_000_000 + serial / 1_000, serial % 1_000);
        let _ = writeln!(
            text,
            "type=SYSCALL msg=audit({stamp}): arch=c000003e syscall=59 success=yes exit=0 a0=55d0 a1=55d1 a2=55d2 a3=8 items=2 ppid=1 pid={serial} auid=1000 uid=0 gid=0 euid=0 suid=0 fsuid=0 egid=0 sgid=0 fsgid=0 tty=pts0 ses=3 comm=\"ls\" exe=\"/usr/bin/ls\" key=\"exec\"\n\
             type=EXECVE msg=audit({stamp}): argc=3 a0=\"ls\" a1=\"--color=auto\" a2=\"/home/dev/project\"\n\
             type=PROCTITLE msg=audit({stamp}): proctitle=6C73002D2D636F6C6F723D6175746F"
        );
    }
    let file = folder.join("import-audit.log");
    std::fs::write(&file, text).unwrap();
    file
}

fn json_lines(folder: &Path) -> PathBuf {
    let mut text = String::new();
    for number in 0..RECORDS {
        let _ = writeln!(
            text,
            "{{\"EventID\":13,\"EventType\":\"SetValue\",\"UtcTime\":\"2025-11-28 08:30:20.{:03}\",\"Image\":\"C:\\\\Windows\\\\System32\\\\svchost.exe\",\"ProcessId\":{number},\"User\":\"NT AUTHORITY\\\\SYSTEM\",\"TargetObject\":\"HKLM\\\\SOFTWARE\\\\Example\\\\Value{number}\",\"Details\":\"DWORD (0x00000001)\",\"Computer\":\"ws1\"}}",
            number % 1_000
        );
    }
    let file = folder.join("import-sysmon.jsonl");
    std::fs::write(&file, text).unwrap();
    file
}

/// SigmaHQ's logs hold a few records each. The later records of a chunk name the template of the first and can stand anywhere in it, so
/// that they fill it.
fn event_log(folder: &Path) -> Option<PathBuf> {
    let above = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
    let regression = above.map(|folder| folder.join("shared/data/sigma/regression")).find(|folder| folder.is_dir())?;
    let mut logs = Vec::new();
    find(&regression, &mut logs);
    let best = logs.into_iter().max_by_key(|log| spans(&std::fs::read(log).unwrap()).len())?;
    let bytes = std::fs::read(best).unwrap();
    let (mut chunk, mut records) = (bytes[FILE_HEADER..FILE_HEADER + CHUNK].to_vec(), spans(&bytes));
    let mut end = records.last()?.1;
    records.remove(0);
    let copies: Vec<Vec<u8>> = records.iter().map(|(from, to)| chunk[*from..*to].to_vec()).collect();
    let first = u64::from_le_bytes(chunk[24..32].try_into().unwrap());
    let (mut id, mut last) = (u64::from_le_bytes(chunk[32..40].try_into().unwrap()), end);
    for copy in copies.iter().cycle() {
        if end + copy.len() > CHUNK {
            break;
        }
        id += 1;
        chunk[end..end + copy.len()].copy_from_slice(copy);
        chunk[end + 8..end + 16].copy_from_slice(&id.to_le_bytes());
        last = end;
        end += copy.len();
    }
    chunk[16..24].copy_from_slice(&id.to_le_bytes());
    chunk[32..40].copy_from_slice(&id.to_le_bytes());
    chunk[44..48].copy_from_slice(&u32::try_from(last).unwrap().to_le_bytes());
    chunk[48..52].copy_from_slice(&u32::try_from(end).unwrap().to_le_bytes());
    // 4: no checksums.
    chunk[120] |= 4;
    let per_chunk = usize::try_from(id - first + 1).unwrap();
    let mut log = bytes[..FILE_HEADER].to_vec();
    for _ in 0..RECORDS.div_ceil(per_chunk) {
        log.extend_from_slice(&chunk);
    }
    let file = folder.join("import.evtx");
    std::fs::write(&file, log).unwrap();
    Some(file)
}

/// Where the records of the first chunk stand in it.
fn spans(log: &[u8]) -> Vec<(usize, usize)> {
    let Some(chunk) = log.get(FILE_HEADER..FILE_HEADER + CHUNK) else { return Vec::new() };
    let (mut spans, mut at) = (Vec::new(), CHUNK_HEADER);
    while chunk.get(at..at + 4) == Some(b"\x2a\x2a\x00\x00") {
        let size = u32::from_le_bytes(chunk[at + 4..at + 8].try_into().unwrap()) as usize;
        spans.push((at, at + size));
        at += size;
    }
    spans
}

fn find(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()) {
        if entry.is_dir() {
            find(&entry, found);
        } else if entry.extension().is_some_and(|extension| extension == "evtx") {
            found.push(entry);
        }
    }
    found.sort();
}
