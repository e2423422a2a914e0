//! An event in a few words: a verb for its kind, what it is about, and what else matters. Nothing of it is escaped or cut yet.

use std::borrow::Cow;
use std::fmt::Display;

use crate::event::{
    ApprovalOutcome, CapabilityReport, Decision, Event, ExecStatistics, FileAccess, FileType, Kind, LayerState, OsText, Payload,
    SocketNamespace, XattrOperation,
};
use crate::runtime::units::{Age, Bytes, Count};

/// The short word for a kind; at most nine letters.
pub(in crate::cli) const fn verb(kind: Kind) -> &'static str {
    match kind {
        Kind::FileOpen => "open",
        Kind::FileCreate => "create",
        Kind::FileRead => "read",
        Kind::FileWrite => "write",
        Kind::FileClose | Kind::NetClose => "close",
        Kind::FileDelete => "delete",
        Kind::FileRename => "rename",
        Kind::FileLink => "link",
        Kind::FileSymlink => "symlink",
        Kind::FileTruncate => "truncate",
        Kind::FileChmod => "chmod",
        Kind::FileChown => "chown",
        Kind::FileUtimens => "set times",
        Kind::FileXattr => "xattr",
        Kind::DirCreate => "mkdir",
        Kind::DirDelete => "rmdir",
        Kind::DirList => "list",
        Kind::DnsQuery => "resolve",
        Kind::NetConnect | Kind::UnixSocketConnect | Kind::PipeConnect => "connect",
        Kind::HttpRequest => "request",
        Kind::HttpResponse => "response",
        Kind::TlsHandshake => "tls",
        Kind::ProcessExec => "exec",
        Kind::ProcessExit => "exit",
        Kind::SignalSent => "signal",
        Kind::ImageLoad => "load",
        Kind::ProcessAccess => "access",
        Kind::ProcessFork => "fork",
        Kind::UnixSocketBind => "bind",
        Kind::UnixSocketListen => "listen",
        Kind::UnixSocketSendto => "send",
        Kind::PipeCreate => "make pipe",
        Kind::RegistryCreateKey => "new key",
        Kind::RegistryOpenKey => "open key",
        Kind::RegistryQueryValue => "get value",
        Kind::RegistrySetValue => "set value",
        Kind::RegistryDeleteValue => "del value",
        Kind::RegistryDeleteKey => "del key",
        Kind::RegistryRenameKey => "ren key",
        Kind::CommandStarted => "command",
        Kind::CommandFinished => "finished",
        Kind::TerminalOutput => "output",
        Kind::TerminalInput => "input",
        Kind::TerminalResize => "resize",
        Kind::SessionCreated => "session",
        Kind::SessionEnded => "ended",
        Kind::CapabilityReport => "layers",
        Kind::ResourceUsage => "usage",
        Kind::ResourceLimitExceeded => "limit",
        Kind::PolicyDecision => "decision",
        Kind::ApprovalRequested => "ask",
        Kind::ApprovalResolved => "answer",
        Kind::Detection => "detected",
        Kind::OperationFailed => "failed",
        Kind::JournalOpened => "opened",
        Kind::JournalCheckpoint => "signed",
        Kind::EventsLost => "lost",
        Kind::PolicyLoaded => "policy",
        Kind::SinkStalled => "stalled",
        Kind::SinkRecovered => "recovered",
        Kind::RecordUnread => "unread",
    }
}

/// What a line says of an event behind its verb.
pub(in crate::cli) struct Description {
    /// What it is about.
    pub(in crate::cli) subject: String,
    /// What else matters.
    pub(in crate::cli) detail: String,
}

/// The method of a request, the verb of every other event.
pub(in crate::cli) fn verb_of(payload: &Payload) -> Cow<'_, str> {
    if let Payload::HttpRequest(p) = payload { Cow::Borrowed(p.method.as_str()) } else { Cow::Borrowed(verb(payload.kind())) }
}

/// Describes an event.
pub(in crate::cli) fn describe(event: &Event) -> Description {
    let payload = &event.payload;
    let own = || payload.subject().unwrap_or_default().into_owned();
    let session = || event.session_id.as_ref().map_or_else(String::new, |session| session.as_str().to_owned());
    let (subject, detail) = match payload {
        Payload::FileOpen(p) => (own(), access(p.access).to_owned()),
        Payload::FileCreate(p) => {
            (own(), if p.file_type == FileType::Regular { String::new() } else { p.file_type.as_str().replace('_', " ") })
        }
        Payload::FileRead(p) => (own(), format!("{} at {}", transferred(p.size, p.requested), Count(p.offset))),
        Payload::FileWrite(p) => (own(), format!("{} at {}", transferred(p.size, p.requested), Count(p.offset))),
        Payload::FileClose(p) => {
            (own(), list(&[amount("read", p.bytes_read, p.reads), amount("wrote", p.bytes_written, p.writes)]))
        }
        Payload::FileRename(p) => (format!("{} → {}", p.path, p.to), String::new()),
        Payload::FileLink(p) => (format!("{} → {}", p.to, p.path), String::new()),
        Payload::FileSymlink(p) => (format!("{} → {}", p.path, p.target), String::new()),
        Payload::FileTruncate(p) => (own(), format!("to {}", Bytes(p.size))),
        Payload::FileChmod(p) => (own(), format!("to {:04o}", p.mode)),
        Payload::FileChown(p) => (own(), list(&[labelled("uid", p.uid), labelled("gid", p.gid)])),
        Payload::FileXattr(p) => {
            let done = match p.operation {
                XattrOperation::Set => "set",
                XattrOperation::Remove => "remove",
                XattrOperation::Get => "get",
                XattrOperation::List => "list",
            };
            (own(), format!("{done} {}", p.name).trim_end().to_owned())
        }
        Payload::FileDelete(_)
        | Payload::FileUtimens(_)
        | Payload::DirCreate(_)
        | Payload::DirDelete(_)
        | Payload::DirList(_)
        | Payload::PipeCreate(_)
        | Payload::PipeConnect(_)
        | Payload::RegistryCreateKey(_)
        | Payload::RegistryOpenKey(_)
        | Payload::RegistryQueryValue(_)
        | Payload::RegistryDeleteValue(_)
        | Payload::RegistryDeleteKey(_) => (own(), String::new()),
        Payload::DnsQuery(p) => {
            let answer = match (&p.error, &p.rcode) {
                (Some(error), _) => error.clone(),
                (None, Some(rcode)) if p.answers.is_empty() => rcode.clone(),
                (None, _) => p.answers.join(", "),
            };
            (format!("{} {}", p.name, p.record_type), format!("{answer} ({})", Age(p.latency_us)))
        }
        Payload::NetConnect(p) => (own(), p.host.as_ref().and(p.address).map_or_else(String::new, |address| address.to_string())),
        Payload::NetClose(p) => {
            let traffic = format!("sent {}, received {} in {}", Bytes(p.bytes_sent), Bytes(p.bytes_received), Age(p.duration_us));
            (own(), list(&[Some(traffic), p.error.clone()]))
        }
        Payload::HttpRequest(p) => {
            let usual = matches!((p.scheme.as_str(), p.port), ("http", 80) | ("https", 443));
            let port = if usual { String::new() } else { format!(":{}", p.port) };
            let query = p.query.as_ref().map_or_else(String::new, |query| format!("?{query}"));
            (format!("{}://{}{port}{}{query}", p.scheme, p.host, p.path), String::new())
        }
        Payload::HttpResponse(p) => {
            let status = p.status.map_or_else(|| "none".to_owned(), |status| status.to_string());
            let came = format!("{} in {}", Bytes(p.response_bytes), Age(p.duration_us));
            (status, list(&[Some(came), p.error.clone()]))
        }
        Payload::TlsHandshake(p) => {
            let mismatch = p.sni_mismatch.then(|| "name and destination disagree".to_owned());
            (own(), list(&[p.version.clone(), mismatch]))
        }
        Payload::ProcessExec(p) => match &p.command_line {
            Some(line) => (line.clone(), String::new()),
            None => (command_line(Some(&p.path), p.argv.get(1..).unwrap_or_default()), String::new()),
        },
        Payload::ProcessExit(p) => (own(), ended(p.exit_code, p.signal.as_deref(), &p.statistics)),
        Payload::SignalSent(p) => (p.signal.clone(), target("to", p.target_pid, p.target_exe.as_ref())),
        Payload::ImageLoad(p) => (own(), if p.signed == Some(false) { "not signed".to_owned() } else { String::new() }),
        Payload::ProcessAccess(p) => (target("", p.target_pid, p.target_exe.as_ref()), p.access.clone()),
        Payload::ProcessFork(p) => (format!("process {}", p.child_pid), String::new()),
        Payload::UnixSocketConnect(p) => (socket(&p.address, p.namespace), String::new()),
        Payload::UnixSocketBind(p) => (socket(&p.address, p.namespace), String::new()),
        Payload::UnixSocketListen(p) => (socket(&p.address, p.namespace), String::new()),
        Payload::UnixSocketSendto(p) => {
            (socket(&p.address, p.namespace), p.size.map_or_else(String::new, |size| Bytes(size).to_string()))
        }
        Payload::RegistrySetValue(p) => {
            (own(), p.data.as_ref().or(p.details.as_ref()).map_or_else(String::new, |data| format!("= {data}")))
        }
        Payload::RegistryRenameKey(p) => (format!("{} → {}", p.key, p.new_key), String::new()),
        Payload::CommandStarted(p) => (command_line(None, &p.argv), format!("in {}", p.cwd)),
        Payload::CommandFinished(p) => {
            let processes = (p.processes > 1).then(|| format!("{} processes", Count(p.processes)));
            let end = ended(Some(p.exit_code), p.signal.as_deref(), &p.statistics);
            (own(), list(&[Some(end), processes, p.error.clone()]))
        }
        Payload::TerminalOutput(p) => (p.data.as_text().into_owned(), String::new()),
        Payload::TerminalInput(p) => (p.data.as_text().into_owned(), String::new()),
        Payload::TerminalResize(p) => (format!("{} × {}", p.columns, p.rows), String::new()),
        Payload::SessionCreated(p) => (session(), format!("in {} under policy {}", p.workspace, p.policy)),
        Payload::SessionEnded(p) => (session(), format!("{} after {}", p.reason, Age(p.duration_us))),
        Payload::CapabilityReport(p) => (layers(p), String::new()),
        Payload::ResourceUsage(p) => {
            let cpu = p.cpu_us.map(|cpu| format!("CPU {}", Age(cpu)));
            let memory = p.memory_bytes.map(|memory| format!("memory {}", Bytes(memory)));
            (list(&[cpu, memory, p.processes.map(|processes| format!("{processes} processes"))]), String::new())
        }
        Payload::ResourceLimitExceeded(p) => (own(), format!("limit {}: {}", Count(p.limit), p.action)),
        Payload::PolicyDecision(p) => {
            let only_judged = if p.enforced == Some(false) { "would have been; not enforced" } else { "" };
            (about(p.operation, p.subject.as_deref()), only_judged.to_owned())
        }
        Payload::OperationFailed(p) => (about(p.operation, p.subject.as_deref()), p.error.clone()),
        Payload::ApprovalRequested(p) => {
            (about(p.operation, p.subject.as_deref()), format!("for {}", Age(p.timeout_ms.saturating_mul(1_000))))
        }
        Payload::ApprovalResolved(p) => {
            let outcome = match p.outcome {
                ApprovalOutcome::Allowed => "allowed",
                ApprovalOutcome::Denied => "denied",
                ApprovalOutcome::TimedOut => "nobody answered",
            };
            let by = p.by.as_ref().map_or_else(String::new, |by| format!(" by {by}"));
            (p.subject.clone().unwrap_or_default(), format!("{outcome}{by} after {}", Age(p.waited_us)))
        }
        Payload::Detection(p) => {
            let techniques: Vec<&str> = p.techniques.iter().map(|technique| technique.as_str()).collect();
            (own(), list(&[Some(p.level.clone()), (!techniques.is_empty()).then(|| techniques.join(" "))]))
        }
        Payload::JournalOpened(p) => {
            let found = if p.created { "new journal".to_owned() } else { format!("{} events", Count(p.events_before)) };
            let recovered = (p.intakes_drained > 0).then(|| {
                format!(
                    "{} recovered of {} dead recorders, {} torn",
                    Count(p.events_recovered),
                    p.intakes_drained,
                    Bytes(p.torn_bytes)
                )
            });
            let unsigned = p.checkpoint_missing.then(|| "its end was not signed".to_owned());
            ("journal".to_owned(), list(&[Some(found), recovered, unsigned]))
        }
        Payload::JournalCheckpoint(p) => {
            (format!("events 1 to {}", p.tree_size), format!("root {}…", p.root_hash.get(..16).unwrap_or(&p.root_hash)))
        }
        Payload::EventsLost(p) => (format!("{} events", Count(p.count)), p.reason.clone()),
        Payload::PolicyLoaded(p) => (own(), format!("{} rules from {}", p.rules, p.source)),
        Payload::SinkStalled(p) => (own(), format!("at {}: {}", p.delivered, p.reason)),
        Payload::SinkRecovered(p) => (own(), format!("after {}", Age(p.stalled_us))),
        Payload::RecordUnread(p) => (own(), p.reason.clone()),
    };
    Description { subject, detail }
}

/// A verdict as the end of a line; nothing where the operation was simply let through.
pub(in crate::cli) fn verdict(decision: Decision, rule: Option<&str>) -> Option<String> {
    let word = match decision {
        Decision::Allow => return None,
        Decision::Audit => "! flagged",
        Decision::Redirect => "↪ redirected",
        Decision::SoftDelete => "♻ moved to the trash",
        Decision::Approve => "? held",
        Decision::Deny => "✗ denied",
    };
    Some(format!("{word} by {}", rule.unwrap_or("default")))
}

/// The operation that a derived event is about, with what that is about.
fn about(operation: Kind, subject: Option<&str>) -> String {
    format!("{} {}", verb(operation), subject.unwrap_or_default()).trim_end().to_owned()
}

const fn access(access: FileAccess) -> &'static str {
    match access {
        FileAccess::Read => "",
        FileAccess::Write => "to write",
        FileAccess::ReadWrite => "to read and write",
    }
}

/// The parts that are there, with commas.
fn list(parts: &[Option<String>]) -> String {
    let parts: Vec<&str> = parts.iter().flatten().map(String::as_str).filter(|part| !part.is_empty()).collect();
    parts.join(", ")
}

fn labelled(label: &str, value: Option<impl Display>) -> Option<String> {
    value.map(|value| format!("{label} {value}"))
}

fn amount(done: &str, bytes: u64, operations: u64) -> Option<String> {
    (operations > 0).then(|| format!("{done} {}", Bytes(bytes)))
}

fn transferred(size: Option<u64>, requested: u64) -> String {
    match size {
        Some(size) => Bytes(size).to_string(),
        None => format!("failed: {}", Bytes(requested)),
    }
}

fn target(preposition: &str, pid: impl Display, exe: Option<&OsText>) -> String {
    let exe = exe.map_or_else(String::new, |exe| format!(" ({exe})"));
    format!("{preposition} {pid}{exe}").trim_start().to_owned()
}

fn socket(address: &OsText, namespace: SocketNamespace) -> String {
    match namespace {
        SocketNamespace::Path => address.as_text().into_owned(),
        // As ss(8) and /proc/net/unix show abstract names.
        SocketNamespace::Abstract => format!("@{address}"),
        SocketNamespace::Unnamed => "unnamed".to_owned(),
    }
}

/// How a process ended and what it took.
fn ended(exit_code: Option<i32>, signal: Option<&str>, statistics: &ExecStatistics) -> String {
    let end = match (signal, exit_code) {
        (Some(signal), _) => Some(signal.to_owned()),
        (None, Some(code)) => Some(format!("exit {code}")),
        (None, None) => None,
    };
    let time = statistics.wall_time_us.map(|time| Age(time).to_string());
    let memory = statistics.peak_memory_bytes.map(|memory| Bytes(memory).to_string());
    list(&[end, time, memory])
}

/// Program and arguments as a shell would take them.
fn command_line(program: Option<&OsText>, arguments: &[OsText]) -> String {
    let words: Vec<String> = program.into_iter().chain(arguments).map(|word| quoted(&word.as_text())).collect();
    words.join(" ")
}

fn quoted(word: &str) -> String {
    let plain = |ch: char| ch.is_alphanumeric() || "-_./=:@%+,~^".contains(ch);
    if !word.is_empty() && word.chars().all(plain) { word.to_owned() } else { format!("'{}'", word.replace('\'', "'\\''")) }
}

/// The layers by what they do, those first that do most.
fn layers(report: &CapabilityReport) -> String {
    let groups = [LayerState::Enforcing, LayerState::Observing, LayerState::Absent].map(|state| {
        let names: Vec<&str> =
            report.layers.iter().filter(|layer| layer.state == state).map(|layer| layer.layer.as_str()).collect();
        (!names.is_empty()).then(|| format!("{}: {}", state.as_str(), names.join(" ")))
    });
    let groups: Vec<String> = groups.into_iter().flatten().collect();
    groups.join("; ")
}
