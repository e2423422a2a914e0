//! Attributes: names, and values of the types that OTLP knows.

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, KeyValue};

use crate::event::{Actor, Event, JournaledEvent, OsText};

/// A list of attributes, each name once: what was put first stays.
#[derive(Debug, Default)]
pub(super) struct Attributes(Vec<KeyValue>);

impl Attributes {
    pub(super) fn with_capacity(capacity: usize) -> Self {
        Self(Vec::with_capacity(capacity))
    }

    pub(super) fn into_list(self) -> Vec<KeyValue> {
        self.0
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|attribute| attribute.key == name)
    }

    /// Adds a value under a name that has none yet.
    pub(super) fn put(&mut self, name: impl Into<String>, value: Value) {
        let name = name.into();
        if !self.has(&name) {
            self.0.push(attribute(name, value));
        }
    }

    pub(super) fn text(&mut self, name: &str, text: impl Into<String>) {
        self.put(name, Value::StringValue(text.into()));
    }

    pub(super) fn maybe_text(&mut self, name: &str, text: Option<impl Into<String>>) {
        if let Some(text) = text {
            self.text(name, text);
        }
    }

    pub(super) fn path(&mut self, name: &str, path: &OsText) {
        self.text(name, path.as_text());
    }

    pub(super) fn maybe_path(&mut self, name: &str, path: Option<&OsText>) {
        if let Some(path) = path {
            self.path(name, path);
        }
    }

    pub(super) fn number(&mut self, name: &str, number: impl Into<i64>) {
        self.put(name, Value::IntValue(number.into()));
    }

    pub(super) fn maybe_number(&mut self, name: &str, number: Option<impl Into<i64>>) {
        if let Some(number) = number {
            self.number(name, number);
        }
    }

    /// A number that may be larger than OTLP has room for (the body has it exactly).
    pub(super) fn count(&mut self, name: &str, number: u64) {
        self.put(name, Value::IntValue(whole(number)));
    }

    pub(super) fn maybe_count(&mut self, name: &str, number: Option<u64>) {
        if let Some(number) = number {
            self.count(name, number);
        }
    }

    pub(super) fn flag(&mut self, name: &str, flag: bool) {
        self.put(name, Value::BoolValue(flag));
    }

    /// A list; an empty one is left out.
    pub(super) fn list(&mut self, name: impl Into<String>, items: impl IntoIterator<Item = impl Into<String>>) {
        let values: Vec<AnyValue> =
            items.into_iter().map(|item| AnyValue { value: Some(Value::StringValue(item.into())) }).collect();
        if !values.is_empty() {
            self.put(name, Value::ArrayValue(ArrayValue { values }));
        }
    }

    pub(super) fn paths(&mut self, name: &str, items: &[OsText]) {
        self.list(name, items.iter().map(OsText::as_text));
    }

    /// What the envelope says. Comes after what the payload says, which is nearer to the matter.
    pub(super) fn envelope(&mut self, journaled: &JournaledEvent) {
        let event = &journaled.event;
        self.count("agentsh.seq", journaled.seq.get());
        self.text("agentsh.event.id", event.id.to_string());
        self.text("agentsh.family", journaled.kind.family().as_str());
        self.belonging(event);
        self.maybe_text("agentsh.cause.id", event.cause.map(|cause| cause.to_string()));
        if let Some(sensor) = &event.sensor {
            self.text("agentsh.sensor.name", sensor.name.as_str());
            self.count("agentsh.sensor.sequence", sensor.sequence);
        }
        if let Some(imported) = &event.imported {
            self.text("agentsh.import.host", imported.host.as_str());
            self.text("agentsh.import.source", imported.source.as_str());
            self.path("agentsh.import.file", &imported.file);
            self.text("agentsh.import.digest", imported.digest.as_str());
            self.count("agentsh.import.record", imported.record);
            self.maybe_text("agentsh.import.provider", imported.provider.as_deref());
            self.maybe_text("agentsh.import.code", imported.code.as_deref());
            self.maybe_text("agentsh.import.tag", imported.tag.as_deref());
            self.maybe_text("agentsh.import.session", imported.session.as_deref());
        }
        self.list("agentsh.attack.techniques", event.attack.iter().map(|technique| technique.as_str()));
        self.maybe_text("agentsh.decision", event.payload.decision().map(crate::event::Decision::as_str));
        self.maybe_text("agentsh.rule", event.payload.rule());
        if let Some(actor) = &event.actor {
            self.actor(actor);
        }
    }

    fn belonging(&mut self, event: &Event) {
        self.maybe_text("agentsh.session.id", event.session_id.as_ref().map(|session| session.as_str()));
        self.maybe_text("agentsh.command.id", event.command_id.as_ref().map(|command| command.as_str()));
    }

    fn actor(&mut self, actor: &Actor) {
        self.number("process.pid", actor.pid);
        self.maybe_number("process.parent_pid", actor.ppid);
        self.maybe_path("process.executable.path", actor.exe.as_ref());
        self.maybe_path("process.executable.name", actor.comm.as_ref());
        self.maybe_path("process.working_directory", actor.cwd.as_ref());
        self.maybe_text("user.id", actor.uid.map(|uid| uid.to_string()));
        self.maybe_text("user.name", actor.user.as_deref());
        self.maybe_text("agentsh.process.guid", actor.guid.as_deref());
        self.maybe_text("agentsh.process.logon_id", actor.logon_id.as_deref());
        self.maybe_text("agentsh.process.auid", actor.auid.map(|auid| auid.to_string()));
        self.maybe_number("agentsh.process.group.id", actor.gid);
    }
}

/// One attribute.
pub(super) fn attribute(name: impl Into<String>, value: Value) -> KeyValue {
    KeyValue { key: name.into(), value: Some(AnyValue { value: Some(value) }), key_strindex: 0 }
}

/// A text attribute.
pub(super) fn text(name: impl Into<String>, text: impl Into<String>) -> KeyValue {
    attribute(name, Value::StringValue(text.into()))
}

/// A number as OTLP can hold it.
pub(super) fn whole(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
