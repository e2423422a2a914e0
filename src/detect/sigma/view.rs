//! An event as `rsigma` sees it: nothing is built that no rule asks for.

use std::borrow::Cow;
use std::cell::OnceCell;

use rsigma_eval::EventValue;

use super::category::Category;
use super::fields;
use crate::detect::processes::{Process, command_line};
use crate::event::{Event, OsText, Payload, Seq};

/// What an event shows in all of its categories.
pub(super) struct Shown<'a> {
    pub(super) seq: Seq,
    pub(super) event: &'a Event,
    /// The process that did it, before this event, if its start was seen.
    pub(super) process: Option<&'a Process>,
    /// That process's parent.
    pub(super) parent: Option<&'a Process>,
    /// The request that a response completes.
    pub(super) request: Option<&'a Event>,
    command_line: OnceCell<String>,
    user: OnceCell<String>,
    url: OnceCell<String>,
}

/// An event in one of its categories.
pub(super) struct View<'a> {
    pub(super) shown: &'a Shown<'a>,
    pub(super) category: Category,
}

impl<'a> Shown<'a> {
    pub(super) fn new(
        seq: Seq,
        event: &'a Event,
        process: Option<&'a Process>,
        parent: Option<&'a Process>,
        request: Option<&'a Event>,
    ) -> Self {
        Self { seq, event, process, parent, request, command_line: OnceCell::new(), user: OnceCell::new(), url: OnceCell::new() }
    }

    /// The arguments of the process: of a start those that it starts with.
    pub(super) fn command_line(&self) -> Option<&str> {
        if let Payload::ProcessExec(exec) = &self.event.payload {
            return Some(self.command_line.get_or_init(|| command_line(&exec.argv)));
        }
        self.process.map(|process| process.command_line.as_str())
    }

    /// The user by name where it needs no look-up, else by number.
    pub(super) fn user(&self) -> Option<&str> {
        let uid = self.event.actor.as_ref()?.uid?;
        if uid == 0 { Some("root") } else { Some(self.user.get_or_init(|| uid.to_string())) }
    }

    /// The event that the fields of a web request are read from.
    pub(super) fn web(&self) -> &Event {
        self.request.unwrap_or(self.event)
    }

    pub(super) fn url(&self, make: impl FnOnce() -> String) -> &str {
        self.url.get_or_init(make)
    }
}

/// Bytes of the system as rules write them: a backslash is one, and what is not UTF-8 cannot be matched.
pub(super) fn text(bytes: &OsText) -> Cow<'_, str> {
    String::from_utf8_lossy(bytes.as_bytes())
}

impl rsigma_eval::Event for View<'_> {
    fn get_field(&self, path: &str) -> Option<EventValue<'_>> {
        fields::field(self.shown, self.category, path)
    }

    fn any_string_value(&self, holds: &dyn Fn(&str) -> bool) -> bool {
        fields::names(self.category).iter().any(|name| match self.get_field(name) {
            Some(EventValue::Str(text)) => holds(&text),
            _ => false,
        })
    }

    fn all_string_values(&self) -> Vec<Cow<'_, str>> {
        let values = fields::names(self.category).iter().filter_map(|name| match self.get_field(name) {
            Some(EventValue::Str(text)) => Some(text),
            _ => None,
        });
        values.collect()
    }

    /// Only the reference that correlations keep: the position in the journal.
    fn to_json(&self) -> serde_json::Value {
        serde_json::json!({"id": self.shown.seq.get()})
    }
}
