//! One record: the body that the kind gives, within what every class shares.

use serde_json::Value;

use super::about;
use super::activity::{OTHER, caption, usual};
use super::class::Class;
use super::control;
use super::entities::{FileKind, process, user_of};
use super::file;
use super::finding;
use super::network::{self, End};
use super::object::{Object, long, timestamp};
use super::process as program;
use super::registry;
use super::web;
use crate::event::{Event, JournaledEvent, Kind, Payload, SessionCreated, Severity};

/// The version of OCSF.
pub const OCSF_VERSION: &str = "1.8.0";

/// Whether what the event tells of came about, where the event says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    Success,
    Failure,
}

impl Status {
    pub(super) const fn of(success: bool) -> Self {
        if success { Self::Success } else { Self::Failure }
    }
}

/// What a kind gives to its record.
pub(super) struct Body {
    class: Class,
    activity: u8,
    name: Option<String>,
    status: Option<Status>,
    os: Option<Object>,
    hostname: Option<String>,
    fields: Object,
    controlled: bool,
}

impl Body {
    pub(super) fn new(class: Class, activity: u8) -> Self {
        Self { class, activity, name: None, status: None, os: None, hostname: None, fields: Object::new(), controlled: false }
    }

    /// Names the activity after a kind where the class has no word for it.
    pub(super) fn named(mut self, kind: Kind) -> Self {
        self.name = (self.activity == OTHER).then(|| caption(kind));
        self
    }

    /// Gives the activity a name of its own.
    pub(super) fn called(self, name: &str) -> Self {
        Self { name: Some(name.to_owned()), ..self }
    }

    pub(super) fn fields(mut self, fields: Object) -> Self {
        self.fields = self.fields.and(fields);
        self
    }

    pub(super) const fn status(mut self, status: Status) -> Self {
        self.status = Some(status);
        self
    }

    /// A session says on which machine it runs.
    pub(super) fn device(mut self, p: &SessionCreated) -> Self {
        // 200: Linux; 300: macOS; 100: Windows.
        let (name, release) = p.os.split_once(' ').map_or((p.os.as_str(), None), |(name, release)| (name, Some(release)));
        let type_id = match name {
            "Linux" => 200,
            "Darwin" | "macOS" => 300,
            "Windows" => 100,
            _ => 0,
        };
        self.os = Some(Object::new().with("name", name).with("type_id", type_id).maybe("kernel_release", release));
        self.hostname = Some(p.hostname.clone());
        self
    }

    /// Adds the profile `security_control`.
    fn control(mut self, fields: Object) -> Self {
        self.controlled = true;
        self.fields(fields)
    }
}

/// The record of an event that was seen on this machine.
#[must_use]
pub fn to_json(event: &JournaledEvent) -> Value {
    to_json_on(event, "localhost")
}

/// The record of an event that was seen on the machine of this name. A sensor's event is of the sensor's machine.
#[must_use]
pub fn to_json_on(journaled: &JournaledEvent, hostname: &str) -> Value {
    let event = &journaled.event;
    let body = body(event);
    let (category_uid, category) = body.class.category();
    let activity_name = body.name.unwrap_or_else(|| body.class.activity_name(body.activity).to_owned());
    let (class_uid, class_name) = (body.class.uid(), body.class.name());
    let subject = event.subject().map(|subject| format!(" {subject}")).unwrap_or_default();
    let type_uid = class_uid * 100 + u32::from(body.activity);
    let origin = event.imported.as_ref().map(|imported| imported.host.as_str()).filter(|host| !host.is_empty());
    let device = match (&event.sensor, origin.or(body.hostname.as_deref())) {
        (Some(sensor), _) => Object::new().with("name", sensor.name.as_str()),
        (None, Some(own)) => Object::new().with("hostname", own),
        (None, None) => Object::new().with("hostname", hostname),
    };
    let (status_id, status) = status(body.class, body.activity, body.status);
    let profiles = if body.controlled { &["host", "security_control"][..] } else { &["host"][..] };
    Object::new()
        .with("class_uid", class_uid)
        .with("class_name", class_name)
        .with("category_uid", category_uid)
        .with("category_name", category)
        .with("activity_id", body.activity)
        .with("activity_name", activity_name)
        .with("type_uid", type_uid)
        .with("time", timestamp(event.time.as_micros()))
        .with("severity_id", event.severity.number())
        .with("severity", severity(event.severity))
        .with("status_id", status_id)
        .with("status", status)
        .with("message", format!("{}{subject}", event.kind().as_str()))
        .with("metadata", metadata(journaled, body.class, profiles))
        .with("device", device.with("type_id", 0).with("type", "Unknown").maybe("os", body.os))
        .with("actor", actor(event))
        .and(body.fields)
        .list("attacks", finding::attacks(event))
        .with("unmapped", unmapped(event))
        .into()
}

const fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Informational => "Informational",
        Severity::Low => "Low",
        Severity::Medium => "Medium",
        Severity::High => "High",
        Severity::Critical => "Critical",
        Severity::Fatal => "Fatal",
    }
}

/// A finding is new or resolved; anything else came about, failed, or was seen before it happened.
const fn status(class: Class, activity: u8, status: Option<Status>) -> (u8, &'static str) {
    match (class, status) {
        (Class::Finding, _) if activity == 3 => (4, "Resolved"),
        (Class::Finding, _) => (1, "New"),
        (_, None) => (0, "Unknown"),
        (_, Some(Status::Success)) => (1, "Success"),
        (_, Some(Status::Failure)) => (2, "Failure"),
    }
}

fn metadata(journaled: &JournaledEvent, class: Class, profiles: &[&str]) -> Object {
    let event = &journaled.event;
    let product = Object::new().with("name", "agentsh").with("vendor_name", "agentsh").with("version", env!("CARGO_PKG_VERSION"));
    let imported = event.imported.as_ref();
    let provider = event.sensor.as_ref().map(|sensor| sensor.name.as_str());
    let provider = provider.or_else(|| imported.and_then(|imported| imported.provider.as_deref()));
    let extension = || Object::new().with("name", "win").with("uid", "2").with("version", OCSF_VERSION);
    Object::new()
        .with("version", OCSF_VERSION)
        .with("product", product)
        .with("uid", event.id.to_string())
        .with("sequence", long(journaled.seq.get()))
        .with("event_code", event.kind().as_str())
        .maybe("correlation_uid", event.session_id.as_ref().map(|session| session.as_str()))
        .maybe("log_provider", provider)
        .maybe("log_name", imported.map(|imported| imported.source.as_str()))
        .maybe("original_event_uid", imported.map(|imported| format!("{}:{}", imported.digest, imported.record)))
        .list("profiles", profiles.iter().copied())
        .list("extensions", class.is_windows().then(extension))
}

fn actor(event: &Event) -> Object {
    let session = event.session_id.as_ref().map(|session| Object::new().with("uid", session.as_str()));
    match &event.actor {
        Some(actor) => Object::new().with("process", process(actor)).maybe("user", user_of(actor)).maybe("session", session),
        None => Object::new().with("app_name", "agentsh").maybe("session", session),
    }
}

/// The event as it was: what the attributes say less exactly, and what none of them holds.
fn unmapped(event: &Event) -> Object {
    // Every type of the vocabulary has string keys only, so that nothing can go wrong here.
    let json = |value: serde_json::Result<Value>| value.unwrap_or_default();
    Object::new()
        .with("kind", event.kind().as_str())
        .with("time_us", event.time.as_micros())
        .maybe("command_id", event.command_id.as_ref().map(|command| command.as_str()))
        .maybe("cause", event.cause.map(|cause| cause.to_string()))
        .maybe("sensor", event.sensor.as_ref().map(|sensor| json(serde_json::to_value(sensor))))
        .maybe("imported", event.imported.as_ref().map(|imported| json(serde_json::to_value(imported))))
        .maybe("actor", event.actor.as_ref().map(|actor| json(serde_json::to_value(actor))))
        .list("attack", event.attack.iter().map(|technique| technique.as_str()))
        .with("payload", json(serde_json::to_value(&event.payload)))
}

fn body(event: &Event) -> Body {
    let kind = event.kind();
    let usual = usual(kind);
    match &event.payload {
        Payload::FileOpen(p) => file::plain(usual, &p.path, FileKind::REGULAR),
        Payload::FileCreate(p) => file::created(p),
        Payload::FileRead(p) => file::plain(usual, &p.path, FileKind::REGULAR).status(Status::of(p.size.is_some())),
        Payload::FileWrite(p) => file::plain(usual, &p.path, FileKind::REGULAR).status(Status::of(p.size.is_some())),
        Payload::FileClose(p) => file::closed(p),
        Payload::FileDelete(p) => file::deleted(p),
        Payload::FileRename(p) => file::renamed(p),
        Payload::FileLink(p) => file::linked(p),
        Payload::FileSymlink(p) => file::symlinked(p),
        Payload::FileTruncate(p) => file::truncated(p),
        Payload::FileChmod(p) => file::plain(usual, &p.path, FileKind::UNKNOWN),
        Payload::FileChown(p) => file::chowned(p),
        Payload::FileUtimens(p) => file::timed(p),
        Payload::FileXattr(p) => file::attributed(p),
        Payload::DirCreate(p) => file::plain(usual, &p.path, FileKind::FOLDER),
        Payload::DirDelete(p) => file::plain(usual, &p.path, FileKind::FOLDER),
        Payload::DirList(p) => file::plain(usual, &p.path, FileKind::FOLDER),
        Payload::DnsQuery(p) => web::resolved(event, p),
        Payload::NetConnect(p) => network::connected(event, p),
        Payload::NetClose(p) => network::closed(event, p),
        Payload::HttpRequest(p) => web::requested(event, p),
        Payload::HttpResponse(p) => web::answered(event, p),
        Payload::TlsHandshake(p) => network::greeted(p),
        Payload::ProcessExec(p) => program::executed(event, p),
        Payload::ProcessExit(p) => program::exited(event, p),
        Payload::SignalSent(p) => program::signalled(event, p),
        Payload::ImageLoad(p) => program::loaded(event, p),
        Payload::ProcessAccess(p) => program::accessed(p),
        Payload::ProcessFork(p) => program::forked(event, p),
        Payload::UnixSocketConnect(p) => network::local(usual, kind, &p.address, Some(p.namespace), End::Peer),
        Payload::UnixSocketBind(p) => network::local(usual, kind, &p.address, Some(p.namespace), End::Own),
        Payload::UnixSocketListen(p) => network::local(usual, kind, &p.address, Some(p.namespace), End::Own),
        Payload::UnixSocketSendto(p) => {
            network::local(usual, kind, &p.address, Some(p.namespace), End::Peer).fields(network::datagram(p.size))
        }
        Payload::PipeCreate(p) => network::local(usual, kind, &p.name, None, End::Own),
        Payload::PipeConnect(p) => network::local(usual, kind, &p.name, None, End::Peer),
        Payload::RegistryCreateKey(p) => registry::key_activity(usual, &p.key),
        Payload::RegistryOpenKey(p) => registry::opened(&p.key, p.access),
        Payload::RegistryQueryValue(p) => registry::value_activity(usual, &p.key, &p.value_name),
        Payload::RegistrySetValue(p) => registry::set(p),
        Payload::RegistryDeleteValue(p) => registry::value_activity(usual, &p.key, &p.value_name),
        Payload::RegistryDeleteKey(p) => registry::key_activity(usual, &p.key),
        Payload::RegistryRenameKey(p) => registry::renamed(p),
        Payload::CommandStarted(p) => program::started(event, p),
        Payload::CommandFinished(p) => program::finished(event, p),
        Payload::SessionCreated(p) => program::session(event, p),
        Payload::TerminalOutput(_)
        | Payload::TerminalInput(_)
        | Payload::TerminalResize(_)
        | Payload::SessionEnded(_)
        | Payload::CapabilityReport(_)
        | Payload::ResourceUsage(_)
        | Payload::JournalOpened(_)
        | Payload::JournalCheckpoint(_)
        | Payload::PolicyLoaded(_) => program::of_actor(event, kind),
        Payload::PolicyDecision(p) => about::operation(event, p.operation, p.subject.as_deref()).control(control::decided(p)),
        Payload::ApprovalRequested(p) => {
            about::operation(event, p.operation, p.subject.as_deref()).control(control::requested(p))
        }
        Payload::ApprovalResolved(p) => program::of_actor(event, kind)
            .control(control::resolved(p))
            .fields(Object::new().maybe("status_detail", p.reason.as_deref())),
        Payload::OperationFailed(p) => about::operation(event, p.operation, p.subject.as_deref())
            .status(Status::Failure)
            .fields(Object::new().with("status_code", p.error.as_str()).with("status_detail", format!("errno {}", p.errno))),
        Payload::Detection(p) => finding::detected(event, p),
        Payload::ResourceLimitExceeded(p) => finding::exceeded(event, p),
        Payload::EventsLost(p) => finding::lost(event, p),
        Payload::SinkStalled(p) => finding::stalled(event, p),
        Payload::SinkRecovered(p) => finding::recovered(event, p),
        Payload::RecordUnread(p) => finding::unread(event, p),
    }
}
