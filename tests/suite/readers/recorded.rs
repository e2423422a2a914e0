//! A recorded journal with events of every family, and ways to ask it.

use std::sync::{Arc, LazyLock};

use agentsh::channel::{EventChannel, decision_event};
use agentsh::cli::events::{self, EventsArgs};
use agentsh::cli::output::{Exit, Output};
use agentsh::event::*;
use agentsh::journal::{DataDir, Journal, JournalConfig};
use agentsh::policy::Judgement;
use clap::Parser;

/// 2026-11-24T10:00:00Z, when the recording begins; each event is seen a second after the one before.
pub const BEGINNING: i64 = 1_795_514_400_000_000;

#[derive(Parser)]
struct EventsLine {
    #[command(flatten)]
    args: EventsArgs,
}

/// The arguments as the command line gives them; words may be in single quotes.
pub fn args(line: &str) -> EventsArgs {
    let mut words = vec!["events".to_owned()];
    for (at, part) in line.split('\'').enumerate() {
        if at % 2 == 1 { words.push(part.to_owned()) } else { words.extend(part.split_whitespace().map(str::to_owned)) }
    }
    EventsLine::try_parse_from(words).unwrap().args
}

pub fn ask(data_dir: &DataDir, line: &str) -> anyhow::Result<String> {
    let (mut out, mut notes) = (Vec::new(), Vec::new());
    let exit = events::run(&args(line), data_dir, &mut Output::new(&mut out, &mut notes))?;
    assert_eq!(exit, Exit::Done);
    assert_eq!(notes, b"");
    Ok(String::from_utf8(out).unwrap())
}

/// Publishes events one second after another.
pub struct Scribe {
    channel: Arc<EventChannel>,
    session: Option<SessionId>,
    command: Option<CommandId>,
    actor: Option<Actor>,
    number: i64,
}

impl Scribe {
    pub fn new(journal: &Journal) -> Self {
        Self { channel: Arc::clone(journal.channel()), session: None, command: None, actor: None, number: 0 }
    }

    fn event(&mut self, payload: impl Into<Payload>, cause: Option<EventId>) -> Event {
        self.number += 1;
        let time = Timestamp::from_micros(BEGINNING + self.number * 1_000_000 + 123_456);
        Event {
            id: agentsh::runtime::ids::event_id(time),
            time,
            session_id: self.session.clone(),
            command_id: self.command.clone(),
            cause,
            actor: self.actor.clone(),
            sensor: None,
            attack: Vec::new(),
            severity: Severity::Informational,
            payload: payload.into(),
            imported: None,
        }
    }

    /// An event that is made already, in the session that is open.
    pub fn publish(&mut self, event: &Event) {
        self.channel.publish(&Event { session_id: self.session.clone(), ..event.clone() });
    }

    pub fn observe(&mut self, payload: impl Into<Payload>, cause: Option<EventId>) -> EventId {
        let event = self.event(payload, cause);
        self.channel.publish(&event);
        event.id
    }

    /// An operation and the decision on it, one behind the other.
    pub fn judged(&mut self, payload: impl Into<Payload>, decision: Decision, rule: Option<&str>) -> EventId {
        let event = self.event(payload, None);
        let judgement = Judgement::new(decision, rule.map(Arc::from), "because");
        self.channel.publish(&event);
        self.channel.publish(&decision_event(&event, &judgement, "d1ge57"));
        event.id
    }

    /// With a severity of its own.
    pub fn severe(&mut self, payload: impl Into<Payload>, severity: Severity) {
        let event = Event { severity, ..self.event(payload, None) };
        self.channel.publish(&event);
    }

    /// What follows is seen so many seconds later.
    pub fn later(&mut self, seconds: i64) {
        self.number += seconds;
    }

    pub fn session(&mut self, name: Option<&str>) {
        self.session = name.map(SessionId::new);
    }

    pub fn command(&mut self, id: Option<&str>) {
        self.command = id.map(CommandId::new);
    }

    pub fn actor(&mut self, pid: u32, exe: &str) {
        let comm = exe.rsplit('/').next().map(OsText::from);
        self.actor = Some(Actor { pid, exe: Some(exe.into()), comm, ..Actor::default() });
    }
}

pub struct Recorded {
    _folder: tempfile::TempDir,
    pub data_dir: DataDir,
}

/// A journal that `write` has recorded into and closed.
pub fn record(write: impl FnOnce(&mut Scribe)) -> Recorded {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::open(folder.path(), &JournalConfig::default()).unwrap();
    write(&mut Scribe::new(&journal));
    assert!(journal.flush());
    let data_dir = journal.data_dir().clone();
    journal.close().unwrap();
    Recorded { _folder: folder, data_dir }
}

/// The journal that filters and forms are tried on. Comments give the `seq`; 1 is `journal_opened`, 41 `journal_checkpoint`.
pub static RECORDED: LazyLock<Recorded> = LazyLock::new(|| record(write_everything));

fn write_everything(scribe: &mut Scribe) {
    // 2
    scribe
        .observe(PolicyLoaded { name: "default".into(), source: "built-in".into(), rules: 23, ..PolicyLoaded::default() }, None);
    scribe.session(Some("s0alpha1"));
    scribe.actor(100, "/usr/bin/agentsh");
    // 3, 4
    scribe.observe(SessionCreated { workspace: "/work".into(), policy: "default".into(), ..SessionCreated::default() }, None);
    scribe.command = Some(CommandId::new("c0one"));
    scribe.observe(
        CommandStarted { argv: vec!["make".into(), "it so".into()], cwd: "/work".into(), ..CommandStarted::default() },
        None,
    );
    scribe.actor(101, "/usr/bin/make");
    // 5, 6
    let make = scribe.judged(
        ProcessExec { path: "/usr/bin/make".into(), argv: vec!["make".into(), "it so".into()], ..ProcessExec::default() },
        Decision::Allow,
        Some("allow-tools"),
    );
    scribe.actor(102, "/usr/bin/cc1");
    // 7, 8
    let opened = scribe.judged(
        FileOpen { path: "/work/src/main.c".into(), access: FileAccess::Read, flags: 0, ..FileOpen::default() },
        Decision::Allow,
        Some("workspace"),
    );
    // 9
    scribe.observe(
        FileClose {
            path: "/work/src/main.c".into(),
            reads: 2,
            bytes_read: 5_000,
            size_before: Some(5_000),
            ..FileClose::default()
        },
        Some(opened),
    );
    // 10, 11
    scribe.judged(
        FileOpen { path: "/home/dev/.ssh/id_ed25519".into(), access: FileAccess::Read, flags: 0, ..FileOpen::default() },
        Decision::Deny,
        Some("protect-private-keys"),
    );
    // 12, 13
    let created = scribe.judged(
        FileCreate { path: "/work/out/a.o".into(), mode: 0o644, access: Some(FileAccess::Write), ..FileCreate::default() },
        Decision::Allow,
        Some("workspace"),
    );
    // 14, 15
    scribe.judged(
        FileRename { path: "/work/out/a.o".into(), to: "/work/out/b.o".into(), flags: 0 },
        Decision::Allow,
        Some("workspace"),
    );
    // 16, 17
    scribe.judged(
        FileDelete { path: OsText::from_bytes(b"/work/caf\xe9 \"x\",\n.txt".to_vec()), ..FileDelete::default() },
        Decision::Audit,
        Some("watch-deletes"),
    );
    scribe.actor(103, "/usr/bin/curl");
    // 18
    scribe.observe(
        DnsQuery {
            name: "registry.corp.test".into(),
            record_type: "A".into(),
            rcode: Some("NOERROR".into()),
            answers: vec!["192.0.2.7".into()],
            latency_us: 1_500,
            ..DnsQuery::default()
        },
        None,
    );
    // 19, 20
    let connected = scribe.judged(
        NetConnect {
            host: Some("registry.corp.test".into()),
            address: "192.0.2.7".parse().ok(),
            port: 443,
            ..NetConnect::default()
        },
        Decision::Allow,
        Some("registries"),
    );
    // 21, 22
    let asked = scribe.judged(
        HttpRequest {
            method: "GET".into(),
            scheme: "http".into(),
            host: "api.corp.test".into(),
            port: 80,
            path: "/v1/items".into(),
            query: Some("q=1".into()),
            ..HttpRequest::default()
        },
        Decision::Allow,
        Some("registries"),
    );
    // 23
    scribe.observe(
        HttpResponse { status: Some(200), response_bytes: 2_048, duration_us: 34_000, ..HttpResponse::default() },
        Some(asked),
    );
    // 24, 25
    scribe.judged(
        HttpRequest {
            method: "POST".into(),
            scheme: "https".into(),
            host: "evilcorp.test".into(),
            port: 8443,
            path: "/".into(),
            ..HttpRequest::default()
        },
        Decision::Deny,
        None,
    );
    // 26, 27
    scribe.observe(
        NetClose {
            host: Some("registry.corp.test".into()),
            port: 443,
            bytes_sent: 10,
            bytes_received: 20,
            ..NetClose::default()
        },
        Some(connected),
    );
    scribe.observe(TlsHandshake { sni: Some("registry.corp.test".into()), port: 443, ..TlsHandshake::default() }, None);
    // 28, 29
    scribe.judged(
        UnixSocketConnect { address: "/run/docker.sock".into(), ..UnixSocketConnect::default() },
        Decision::Deny,
        Some("no-docker"),
    );
    // 30, 31
    scribe.observe(
        RegistrySetValue {
            key: r"HKLM\SOFTWARE\Acme".into(),
            value_name: "Run".into(),
            data: Some("calc \"now\"".into()),
            ..RegistrySetValue::default()
        },
        None,
    );
    scribe.observe(SignalSent { signal: "SIGKILL".into(), target_pid: 4_243, target_exe: Some("/bin/sleep".into()) }, None);
    // 32
    scribe.observe(
        OperationFailed { subject: Some("/work/out/a.o".into()), operation: Kind::FileCreate, errno: 28, error: "ENOSPC".into() },
        Some(created),
    );
    // 33
    let techniques = vec![TechniqueId::new("T1552.004")];
    let mut detection = scribe.event(
        Detection {
            rule_id: "r1".into(),
            title: "Private key read".into(),
            level: "high".into(),
            techniques: techniques.clone(),
            ..Detection::default()
        },
        Some(opened),
    );
    detection.attack = techniques;
    detection.severity = Severity::High;
    scribe.channel.publish(&detection);
    // 34
    scribe.actor(101, "/usr/bin/make");
    let statistics =
        ExecStatistics { wall_time_us: Some(1_250_000), peak_memory_bytes: Some(3 << 20), ..ExecStatistics::default() };
    scribe.observe(
        ProcessExit {
            path: Some("/usr/bin/make".into()),
            exit_code: Some(2),
            statistics: statistics.clone(),
            ..ProcessExit::default()
        },
        Some(make),
    );
    // 35, 36, 37
    scribe.observe(
        CommandFinished { program: "make".into(), exit_code: 2, processes: 3, statistics, ..CommandFinished::default() },
        None,
    );
    let layer = |layer, state| LayerReport { layer, state, ..LayerReport::default() };
    scribe.observe(
        CapabilityReport { layers: vec![layer(Layer::Fuse, LayerState::Enforcing), layer(Layer::Registry, LayerState::Absent)] },
        None,
    );
    scribe.command = None;
    scribe.observe(SessionEnded { reason: "finished".into(), duration_us: 2_000_000, processes_ended: 0 }, None);
    // 38
    scribe.session(Some("s0beta22"));
    scribe.observe(SessionCreated { workspace: "/work".into(), policy: "default".into(), ..SessionCreated::default() }, None);
    // 39, 40
    scribe.judged(
        FileOpen { path: "/work/app/[id].tsx".into(), access: FileAccess::ReadWrite, flags: 0, ..FileOpen::default() },
        Decision::Allow,
        Some("workspace"),
    );
}
