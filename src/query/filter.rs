//! `Filter`: which events, as a typed value that becomes the journal's conditions.

use crate::event::{Decision, Family, Kind, OsText, Seq, Timestamp};
use crate::journal::Condition;

/// How many of the events that match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// The first so many.
    First(u64),
    /// The last so many.
    Last(u64),
}

/// Which events. Every field that is set must be met; several values of one field are alternatives, and so are kinds and families.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Of the session with this full name.
    pub session: Option<String>,
    /// Of one of these kinds.
    pub kinds: Vec<Kind>,
    /// Of one of these families.
    pub families: Vec<Family>,
    /// Operations that got one of these verdicts, and the decisions themselves.
    pub decisions: Vec<Decision>,
    /// Seen at or after this time.
    pub since: Option<Timestamp>,
    /// Seen before this time.
    pub until: Option<Timestamp>,
    /// About this path, something beneath it, or what it matches as a glob; in the text form of [`OsText`].
    pub path: Option<String>,
    /// Network events about this host or a name beneath it.
    pub host: Option<String>,
    /// Of the command with this id, or done by or starting the program of this path or name.
    pub command: Option<String>,
    /// Done by this process.
    pub pid: Option<u32>,
    /// Detections that name this technique or one of its sub-techniques.
    pub technique: Option<String>,
    /// With this text in subject or payload, whatever its case.
    pub text: Option<String>,
    /// Behind this position.
    pub after: Option<Seq>,
    /// How many.
    pub limit: Option<Limit>,
}

impl Filter {
    /// `seq` behind which to start; 0 for the beginning.
    #[must_use]
    pub fn after(&self) -> u64 {
        self.after.map_or(0, Seq::get)
    }

    /// The journal's conditions; without position and limit.
    #[must_use]
    pub fn conditions(&self) -> Vec<Condition> {
        let mut conditions = Vec::new();
        conditions.extend(self.session.clone().map(Condition::Session));
        if !self.kinds.is_empty() || !self.families.is_empty() {
            let chosen = |kind: &Kind| self.kinds.contains(kind) || self.families.contains(&kind.family());
            conditions.push(Condition::Kinds(Kind::ALL.iter().copied().filter(chosen).collect()));
        }
        if !self.decisions.is_empty() {
            conditions.push(Condition::Decisions(self.decisions.clone()));
        }
        conditions.extend(self.since.map(|time| Condition::Since(time.as_micros())));
        conditions.extend(self.until.map(|time| Condition::Until(time.as_micros())));
        conditions.extend(self.path.clone().map(Condition::Path));
        if let Some(host) = &self.host {
            // Other families have fields of the same name that are no host.
            let network = Kind::ALL.iter().copied().filter(|kind| kind.family() == Family::Network);
            conditions.push(Condition::Kinds(network.collect()));
            conditions.push(Condition::Host(host.trim_end_matches('.').to_owned()));
        }
        conditions.extend(self.command.clone().map(Condition::Command));
        conditions.extend(self.pid.map(Condition::Pid));
        conditions.extend(self.technique.clone().map(Condition::Technique));
        conditions.extend(self.text.clone().map(Condition::Text));
        conditions
    }

    /// The text form of a path for [`Filter::path`]: a relative one is taken from `directory`, unless it has a glob in it or is a key of
    /// the Windows registry.
    #[must_use]
    pub fn path_text(path: &OsText, directory: &OsText) -> String {
        let text = path.as_text();
        let is_registry_key = text.starts_with("HK");
        if is_registry_key {
            // Keys are recorded as they are, paths with their backslashes doubled.
            return String::from_utf8_lossy(path.as_bytes()).into_owned();
        }
        if text.starts_with('/') || text.contains(['*', '?', '[']) {
            return text.into_owned();
        }
        let mut parts: Vec<&[u8]> = directory.as_bytes().split(|byte| *byte == b'/').filter(|part| !part.is_empty()).collect();
        for part in path.as_bytes().split(|byte| *byte == b'/') {
            match part {
                b"" | b"." => {}
                b".." => {
                    parts.pop();
                }
                part => parts.push(part),
            }
        }
        OsText::from_bytes([b"/".as_slice(), &parts.join(&b'/')].concat()).as_text().into_owned()
    }
}
