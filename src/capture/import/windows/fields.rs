//! The named fields of a record's data.

use std::borrow::Cow;
use std::net::IpAddr;

use crate::capture::import::text;
use crate::event::{OsText, Timestamp};

/// Fields in their order. There are at most some thirty, so that a list is searched faster than a map.
#[derive(Debug, Default)]
pub(in crate::capture::import) struct Fields<'a>(Vec<(Cow<'a, str>, Cow<'a, str>)>);

impl<'a> Fields<'a> {
    pub(in crate::capture::import) fn push(&mut self, name: Cow<'a, str>, value: Cow<'a, str>) {
        self.0.push((name, value));
    }

    /// What stands there, whatever it is.
    pub(in crate::capture::import) fn raw(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_ref())
    }

    /// What stands there, unless it is nothing: empty, or the `-` that Windows and Sysmon write for it.
    pub(in crate::capture::import) fn text(&self, name: &str) -> Option<&str> {
        self.raw(name).filter(|value| !value.is_empty() && *value != "-")
    }

    pub(super) fn owned(&self, name: &str) -> Option<String> {
        self.text(name).map(str::to_owned)
    }

    pub(super) fn path(&self, name: &str) -> Option<OsText> {
        self.text(name).map(OsText::from)
    }

    pub(super) fn number(&self, name: &str) -> Option<u64> {
        self.text(name).and_then(text::number)
    }

    pub(super) fn small(&self, name: &str) -> Option<u32> {
        self.number(name).and_then(|number| u32::try_from(number).ok())
    }

    pub(super) fn port(&self, name: &str) -> Option<u16> {
        self.number(name).and_then(|number| u16::try_from(number).ok())
    }

    pub(super) fn address(&self, name: &str) -> Option<IpAddr> {
        self.text(name).and_then(|address| address.parse().ok())
    }

    pub(super) fn flag(&self, name: &str) -> Option<bool> {
        match self.text(name)? {
            "true" | "True" | "1" => Some(true),
            "false" | "False" | "0" => Some(false),
            _ => None,
        }
    }

    pub(super) fn time(&self, name: &str) -> Option<Timestamp> {
        self.text(name).and_then(text::time)
    }

    /// `MD5=…,SHA256=…`.
    pub(super) fn hashes(&self, name: &str) -> Vec<String> {
        self.text(name).map(|hashes| hashes.split(',').map(|hash| hash.trim().to_owned()).collect()).unwrap_or_default()
    }
}
