//! `check(...)`: an operation in one line, its verdict in another.

use std::net::IpAddr;

use agentsh::event::{
    Actor, DirCreate, DirDelete, DirList, Event, EventId, FileAccess, FileChmod, FileChown, FileCreate, FileDelete, FileLink,
    FileOpen, FileRename, FileSymlink, FileTruncate, FileUtimens, FileXattr, HttpRequest, NetConnect, OsText, Payload,
    ProcessExec, RegistryCreateKey, RegistryDeleteKey, RegistryDeleteValue, RegistryOpenKey, RegistryQueryValue,
    RegistryRenameKey, RegistrySetValue, Severity, Timestamp, XattrOperation,
};
use agentsh::policy::{Judgement, Policy, Variables};

/// The variables of every test that does not say otherwise.
pub(super) fn variables() -> Variables {
    Variables::new().with("WORKSPACE", "/work/space").with("HOME", "/home/u")
}

/// A policy from its rules and defaults; version and name are put in front, so the first line given is line 3.
pub(super) fn policy(body: &str) -> Policy {
    let text = format!("version: 1\nname: test\n{body}");
    match Policy::parse_and_compile("test.yaml", &text, &variables()) {
        Ok(policy) => policy,
        Err(error) => panic!("{error}\n{text}"),
    }
}

pub(super) fn event(payload: Payload) -> Event {
    Event {
        id: "01890a5d-ac96-774b-bcce-b302099a8057".parse::<EventId>().unwrap(),
        time: Timestamp::from_micros(1_700_000_000_000_000),
        session_id: None,
        command_id: None,
        cause: None,
        actor: Some(Actor { pid: 7, ..Actor::default() }),
        sensor: None,
        attack: Vec::new(),
        severity: Severity::Informational,
        payload,
        imported: None,
    }
}

/// Checks verdicts: `("read /a/b", "deny secrets")`, `("exec /bin/ls | -l", "allow default")`.
#[track_caller]
pub(super) fn check(body: &str, cases: &[(&str, &str)]) {
    check_policy(&policy(body), cases);
}

#[track_caller]
pub(super) fn check_policy(policy: &Policy, cases: &[(&str, &str)]) {
    let wrong: Vec<String> = cases
        .iter()
        .map(|(operation, expected)| (operation, expected, verdict(policy, operation)))
        .filter(|(_, expected, found)| *found != **expected)
        .map(|(operation, expected, found)| format!("{operation}: expected `{expected}`, found `{found}`"))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The verdict on one operation: the decision and the rule, or `default`.
pub(super) fn verdict(policy: &Policy, operation: &str) -> String {
    let judgement = match operation.strip_prefix("name ") {
        Some(target) => {
            let (host, port) = target.rsplit_once(':').unwrap();
            policy.decide_by_name(host, port.parse().unwrap())
        }
        None => Some(policy.decide(&event(operation_of(operation)))),
    };
    judgement.map_or_else(|| "open".to_owned(), |judgement| shown(&judgement))
}

fn shown(judgement: &Judgement) -> String {
    assert!(!judgement.reason.is_empty(), "a verdict without a reason");
    format!("{} {}", judgement.decision.as_str(), judgement.rule.as_deref().unwrap_or("default"))
}

/// Reads an operation. Paths and arguments are in the text form of `OsText`, so `\xff` is a byte.
fn operation_of(line: &str) -> Payload {
    let (verb, rest) = line.split_once(' ').unwrap();
    let path = || bytes(rest);
    let open =
        |access, flags: i32| FileOpen { path: path(), access, flags: flags.try_into().unwrap(), ..FileOpen::default() }.into();
    let create = |access| FileCreate { path: path(), access, ..FileCreate::default() }.into();
    match verb {
        "read" => open(FileAccess::Read, libc::O_RDONLY),
        "write" => open(FileAccess::Write, libc::O_WRONLY),
        "readwrite" => open(FileAccess::ReadWrite, libc::O_RDWR),
        "overwrite" => open(FileAccess::Write, libc::O_WRONLY | libc::O_TRUNC),
        "empty" => open(FileAccess::Read, libc::O_RDONLY | libc::O_TRUNC),
        "append" => open(FileAccess::Write, libc::O_WRONLY | libc::O_APPEND),
        "create" => create(Some(FileAccess::Write)),
        "mknod" => create(None),
        "delete" => FileDelete { path: path(), ..FileDelete::default() }.into(),
        "rename" => rename(rest, " -> ", 0),
        "exchange" => rename(rest, " <-> ", 2),
        "link" => {
            let (path, to) = rest.split_once(" -> ").unwrap();
            FileLink { path: bytes(path), to: bytes(to) }.into()
        }
        "symlink" => FileSymlink { path: path(), target: "/anywhere".into() }.into(),
        "truncate" => FileTruncate { path: path(), size: 0 }.into(),
        "chmod" => FileChmod { path: path(), mode: 0o777 }.into(),
        "chown" => FileChown { path: path(), uid: Some(0), gid: None }.into(),
        "utimens" => FileUtimens { path: path(), ..FileUtimens::default() }.into(),
        "setxattr" => FileXattr { path: path(), operation: XattrOperation::Set, ..FileXattr::default() }.into(),
        "getxattr" => FileXattr { path: path(), operation: XattrOperation::Get, ..FileXattr::default() }.into(),
        "mkdir" => DirCreate { path: path(), mode: 0o755 }.into(),
        "rmdir" => DirDelete { path: path() }.into(),
        "list" => DirList { path: path() }.into(),
        "connect" => connect(rest).into(),
        "http" => {
            let (host, port) = rest.rsplit_once(':').unwrap();
            HttpRequest { host: host.to_owned(), port: port.parse().unwrap(), ..HttpRequest::default() }.into()
        }
        "exec" => exec(rest).into(),
        _ if verb.starts_with("reg") => registry(verb, rest),
        other => panic!("no operation `{other}`"),
    }
}

/// `regset KEY :: VALUE`, `regrename KEY -> KEY`, `regcreate KEY` and so on.
fn registry(verb: &str, rest: &str) -> Payload {
    let key = || rest.to_owned();
    let named = || rest.split_once(" ::").map(|(key, name)| (key.to_owned(), name.trim_start().to_owned())).unwrap();
    match verb {
        "regcreate" => RegistryCreateKey { key: key() }.into(),
        "regopen" => RegistryOpenKey { key: key(), access: 0x20019 }.into(),
        "regdelete" => RegistryDeleteKey { key: key() }.into(),
        "regrename" => {
            let (key, new_key) = rest.split_once(" -> ").unwrap();
            RegistryRenameKey { key: key.to_owned(), new_key: new_key.to_owned() }.into()
        }
        "regget" => {
            let (key, value_name) = named();
            RegistryQueryValue { key, value_name }.into()
        }
        "regset" => {
            let (key, value_name) = named();
            RegistrySetValue { key, value_name, ..RegistrySetValue::default() }.into()
        }
        "regdelval" => {
            let (key, value_name) = named();
            RegistryDeleteValue { key, value_name }.into()
        }
        other => panic!("no operation `{other}`"),
    }
}

fn bytes(text: &str) -> OsText {
    OsText::from_text(text).unwrap()
}

fn rename(rest: &str, arrow: &str, flags: u32) -> Payload {
    let (path, to) = rest.split_once(arrow).unwrap();
    FileRename { path: bytes(path), to: bytes(to), flags }.into()
}

/// `name@address:port`, `name:port`, `@address:port`.
fn connect(target: &str) -> NetConnect {
    let (peer, port) = target.rsplit_once(':').unwrap();
    let (host, address) = match peer.rsplit_once('@') {
        Some((host, address)) => (host, Some(address.parse::<IpAddr>().unwrap())),
        None => (peer, None),
    };
    let host = Some(host.to_owned()).filter(|host| !host.is_empty());
    NetConnect { host, address, port: port.parse().unwrap(), ..NetConnect::default() }
}

/// `path | argument | argument`, `requested => path | …`, `path < interpreter | …`; `…` as the last argument is a list that was cut.
fn exec(line: &str) -> ProcessExec {
    let mut parts = line.split(" | ");
    let program = parts.next().unwrap();
    let (program, interpreters) = match program.split_once(" < ") {
        Some((program, interpreter)) => (program, vec![bytes(interpreter)]),
        None => (program, Vec::new()),
    };
    let (requested, path) = program.split_once(" => ").unwrap_or((program, program));
    let mut argv = vec![bytes(requested)];
    argv.extend(parts.map(bytes));
    let argc = u64::try_from(argv.len()).unwrap();
    if argv.last() == Some(&bytes("…")) {
        argv.pop();
    }
    ProcessExec { path: bytes(path), requested: bytes(requested), argv, argc, interpreters, ..ProcessExec::default() }
}
