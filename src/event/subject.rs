//! The subject of an event: the path, host, key or program that it is about.

use std::borrow::Cow;

use super::{Decision, Event, Payload};

impl Event {
    /// What the event is about, for the journal's `subject` column; `None` where it is about nothing in particular.
    #[must_use]
    pub fn subject(&self) -> Option<Cow<'_, str>> {
        self.payload.subject()
    }
}

impl Payload {
    /// The verdict that the payload carries, for the journal's `decision` column.
    #[must_use]
    pub const fn decision(&self) -> Option<Decision> {
        if let Payload::PolicyDecision(p) = self { Some(p.decision) } else { None }
    }

    /// The policy rule that the payload carries, for the journal's `rule` column.
    #[must_use]
    pub fn rule(&self) -> Option<&str> {
        if let Payload::PolicyDecision(p) = self {
            p.rule.as_deref()
        } else if let Payload::ApprovalRequested(p) = self {
            p.rule.as_deref()
        } else {
            None
        }
    }

    /// What the payload is about: see [`Event::subject`].
    #[must_use]
    pub fn subject(&self) -> Option<Cow<'_, str>> {
        let subject = match self {
            Payload::FileOpen(p) => p.path.as_text(),
            Payload::FileCreate(p) => p.path.as_text(),
            Payload::FileRead(p) => p.path.as_text(),
            Payload::FileWrite(p) => p.path.as_text(),
            Payload::FileClose(p) => p.path.as_text(),
            Payload::FileDelete(p) => p.path.as_text(),
            Payload::FileRename(p) => p.path.as_text(),
            Payload::FileLink(p) => p.path.as_text(),
            Payload::FileSymlink(p) => p.path.as_text(),
            Payload::FileTruncate(p) => p.path.as_text(),
            Payload::FileChmod(p) => p.path.as_text(),
            Payload::FileChown(p) => p.path.as_text(),
            Payload::FileUtimens(p) => p.path.as_text(),
            Payload::FileXattr(p) => p.path.as_text(),
            Payload::DirCreate(p) => p.path.as_text(),
            Payload::DirDelete(p) => p.path.as_text(),
            Payload::DirList(p) => p.path.as_text(),
            Payload::DnsQuery(p) => Cow::Borrowed(p.name.as_str()),
            Payload::NetConnect(p) => endpoint(p.host.as_deref(), p.address, p.port),
            Payload::NetClose(p) => endpoint(p.host.as_deref(), p.address, p.port),
            Payload::HttpRequest(p) => Cow::Owned(format!("{}://{}:{}{}", p.scheme, p.host, p.port, p.path)),
            Payload::HttpResponse(_) => return None,
            Payload::TlsHandshake(p) => match p.sni.as_deref().or(p.host.as_deref()) {
                Some(name) => Cow::Borrowed(name),
                None => return None,
            },
            Payload::ProcessExec(p) => p.path.as_text(),
            Payload::ProcessExit(p) => match &p.path {
                Some(path) => path.as_text(),
                None => return None,
            },
            Payload::SignalSent(p) => Cow::Owned(p.target_pid.to_string()),
            Payload::ImageLoad(p) => p.path.as_text(),
            Payload::ProcessAccess(p) => match &p.target_exe {
                Some(exe) => exe.as_text(),
                None => Cow::Owned(p.target_pid.to_string()),
            },
            Payload::ProcessFork(p) => Cow::Owned(p.child_pid.to_string()),
            Payload::UnixSocketConnect(p) => p.address.as_text(),
            Payload::UnixSocketBind(p) => p.address.as_text(),
            Payload::UnixSocketListen(p) => p.address.as_text(),
            Payload::UnixSocketSendto(p) => p.address.as_text(),
            Payload::PipeCreate(p) => p.name.as_text(),
            Payload::PipeConnect(p) => p.name.as_text(),
            Payload::RegistryCreateKey(p) => Cow::Borrowed(p.key.as_str()),
            Payload::RegistryOpenKey(p) => Cow::Borrowed(p.key.as_str()),
            Payload::RegistryQueryValue(p) => registry_value(&p.key, &p.value_name),
            Payload::RegistrySetValue(p) => registry_value(&p.key, &p.value_name),
            Payload::RegistryDeleteValue(p) => registry_value(&p.key, &p.value_name),
            Payload::RegistryDeleteKey(p) => Cow::Borrowed(p.key.as_str()),
            Payload::RegistryRenameKey(p) => Cow::Borrowed(p.key.as_str()),
            Payload::CommandStarted(p) => match p.argv.first() {
                Some(program) => program.as_text(),
                None => return None,
            },
            Payload::CommandFinished(p) => p.program.as_text(),
            Payload::TerminalOutput(_) | Payload::TerminalInput(_) | Payload::TerminalResize(_) => return None,
            Payload::SessionCreated(p) => p.workspace.as_text(),
            Payload::SessionEnded(p) => Cow::Borrowed(p.reason.as_str()),
            Payload::CapabilityReport(_) | Payload::ResourceUsage(_) => return None,
            Payload::ResourceLimitExceeded(p) => Cow::Borrowed(p.resource.as_str()),
            Payload::PolicyDecision(p) => return p.subject.as_deref().map(Cow::Borrowed),
            Payload::OperationFailed(p) => return p.subject.as_deref().map(Cow::Borrowed),
            Payload::ApprovalRequested(p) => return p.subject.as_deref().map(Cow::Borrowed),
            Payload::ApprovalResolved(p) => return p.subject.as_deref().map(Cow::Borrowed),
            Payload::Detection(p) => Cow::Borrowed(p.title.as_str()),
            Payload::JournalOpened(_) => return None,
            Payload::JournalCheckpoint(p) => Cow::Borrowed(p.root_hash.as_str()),
            Payload::EventsLost(p) => Cow::Borrowed(p.hop.as_str()),
            Payload::PolicyLoaded(p) => Cow::Borrowed(p.name.as_str()),
            Payload::SinkStalled(p) => Cow::Borrowed(p.sink.as_str()),
            Payload::SinkRecovered(p) => Cow::Borrowed(p.sink.as_str()),
            Payload::RecordUnread(p) => p.file.as_text(),
        };
        Some(subject)
    }
}

fn endpoint(host: Option<&str>, address: Option<std::net::IpAddr>, port: u16) -> Cow<'static, str> {
    Cow::Owned(match (host, address) {
        (Some(host), _) if host.contains(':') => format!("[{host}]:{port}"),
        (Some(host), _) => format!("{host}:{port}"),
        (None, Some(address)) => std::net::SocketAddr::new(address, port).to_string(),
        (None, None) => format!(":{port}"),
    })
}

fn registry_value<'a>(key: &'a str, value_name: &str) -> Cow<'a, str> {
    if value_name.is_empty() { Cow::Borrowed(key) } else { Cow::Owned(format!("{key}\\{value_name}")) }
}
