//! `Filter`: which events, as a typed value that becomes the journal's conditions.

use crate::event::{Decision, EventId, Family, Kind, OsText, Seq, Severity, Timestamp};
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
    /// Of one of the sessions with these full names.
    pub sessions: Vec<String>,
    /// Of one of the commands with these ids.
    pub command_ids: Vec<String>,
    /// Of one of these kinds.
    pub kinds: Vec<Kind>,
    /// Of one of these families.
    pub families: Vec<Family>,
    /// Operations that got one of these verdicts, and the decisions themselves.
    pub decisions: Vec<Decision>,
    /// Operations that one of these rules decided, and the decisions themselves.
    pub rules: Vec<String>,
    /// Seen at or after this time.
    pub since: Option<Timestamp>,
    /// Seen before this time.
    pub until: Option<Timestamp>,
    /// About one of these paths, something beneath it, or what it matches as a glob; in the text form of [`OsText`].
    pub paths: Vec<String>,
    /// Network events about one of these hosts or a name beneath it.
    pub hosts: Vec<String>,
    /// Of the command with this id, or done by or starting the program of this path or name.
    pub command: Option<String>,
    /// Done by or starting the program of one of these paths or names.
    pub programs: Vec<String>,
    /// Done by one of these processes.
    pub pids: Vec<u32>,
    /// Detections that name one of these techniques or a sub-technique of it.
    pub techniques: Vec<String>,
    /// At least this severe.
    pub min_severity: Option<Severity>,
    /// Told by one of these sensors.
    pub sensors: Vec<String>,
    /// Derived from, or completing, one of these events.
    pub causes: Vec<EventId>,
    /// One of these events.
    pub ids: Vec<EventId>,
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
        conditions.extend(any(&self.sessions, |session| Condition::Session(session.clone())));
        conditions.extend(any(&self.command_ids, |command| Condition::CommandId(command.clone())));
        if !self.kinds.is_empty() || !self.families.is_empty() {
            let chosen = |kind: &Kind| self.kinds.contains(kind) || self.families.contains(&kind.family());
            conditions.push(Condition::Kinds(Kind::ALL.iter().copied().filter(chosen).collect()));
        }
        if !self.decisions.is_empty() {
            conditions.push(Condition::Decisions(self.decisions.clone()));
        }
        if !self.rules.is_empty() {
            conditions.push(Condition::Rules(self.rules.clone()));
        }
        conditions.extend(self.since.map(|time| Condition::Since(time.as_micros())));
        conditions.extend(self.until.map(|time| Condition::Until(time.as_micros())));
        conditions.extend(any(&self.paths, |path| Condition::Path(path.clone())));
        if !self.hosts.is_empty() {
            // Other families have fields of the same name that are no host.
            let network = Kind::ALL.iter().copied().filter(|kind| kind.family() == Family::Network);
            conditions.push(Condition::Kinds(network.collect()));
            conditions.extend(any(&self.hosts, |host| Condition::Host(host.trim_end_matches('.').to_owned())));
        }
        conditions.extend(self.command.clone().map(Condition::Command));
        conditions.extend(any(&self.programs, |program| Condition::Program(program.clone())));
        conditions.extend(any(&self.pids, |pid| Condition::Pid(*pid)));
        conditions.extend(any(&self.techniques, |technique| Condition::Technique(technique.clone())));
        conditions.extend(self.min_severity.map(|severity| Condition::Severity(i64::from(severity.number()))));
        if !self.sensors.is_empty() {
            conditions.push(Condition::Sensors(self.sensors.clone()));
        }
        if !self.causes.is_empty() {
            conditions.push(Condition::Causes(self.causes.clone()));
        }
        if !self.ids.is_empty() {
            conditions.push(Condition::Ids(self.ids.clone()));
        }
        conditions.extend(self.text.clone().map(Condition::Text));
        conditions
    }

    /// The text form of a path for [`Filter::paths`]: a relative one is taken from `directory`, unless it has a glob in it or is a key of
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

/// One condition for several values of a field.
fn any<T>(values: &[T], condition: impl Fn(&T) -> Condition) -> Option<Condition> {
    match values {
        [] => None,
        [one] => Some(condition(one)),
        several => Some(Condition::Any(several.iter().map(condition).collect())),
    }
}
