//! What one session did that another did not.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::changes::Changes;
use super::error::StoryError;
use super::normal::Names;
use super::read::{changes, each, tree};
use super::tree::{Process, Tree};
use crate::event::{Decision, Family, JournaledEvent, OsText, Payload};
use crate::query::Reader;

/// What a session did, with what always differs between two runs named alike. How often is told and makes no difference.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Profile {
    /// Programs with their arguments.
    pub processes: BTreeMap<String, u64>,
    /// How processes and commands ended.
    pub exits: BTreeMap<String, u64>,
    /// What became of files, net of intermediate steps.
    pub files: BTreeMap<String, u64>,
    /// Files outside of the workspace that were read.
    pub reads_outside: BTreeMap<String, u64>,
    /// Hosts that were connected to.
    pub hosts: BTreeMap<String, u64>,
    /// Requests, with the status of the answer.
    pub requests: BTreeMap<String, u64>,
    /// What policy refused.
    pub refusals: BTreeMap<String, u64>,
    /// What rules recognised.
    pub detections: BTreeMap<String, u64>,
    /// Events of each family.
    pub events: BTreeMap<&'static str, u64>,
}

/// What is on one side alone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Sides {
    /// Only the first did it.
    pub only_before: BTreeMap<String, u64>,
    /// Only the second did it.
    pub only_after: BTreeMap<String, u64>,
}

/// How two sessions differ: the name of a part, and its two sides. Parts without a difference are there too.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The parts, in the order in which they are told.
    pub parts: Vec<(&'static str, Sides)>,
    /// Events of each family in the first and in the second.
    pub events: BTreeMap<&'static str, (u64, u64)>,
}

impl Difference {
    /// Between what two sessions did.
    #[must_use]
    pub fn between(before: &Profile, after: &Profile) -> Self {
        let parts = [
            ("processes", &before.processes, &after.processes),
            ("exits", &before.exits, &after.exits),
            ("files", &before.files, &after.files),
            ("reads_outside", &before.reads_outside, &after.reads_outside),
            ("hosts", &before.hosts, &after.hosts),
            ("requests", &before.requests, &after.requests),
            ("refusals", &before.refusals, &after.refusals),
            ("detections", &before.detections, &after.detections),
        ];
        let parts = parts.into_iter().map(|(name, before, after)| {
            (name, Sides { only_before: without(before, after), only_after: without(after, before) })
        });
        let families: BTreeSet<&'static str> = before.events.keys().chain(after.events.keys()).copied().collect();
        let count = |of: &Profile, family: &str| of.events.get(family).copied().unwrap_or(0);
        let events = families.into_iter().map(|family| (family, (count(before, family), count(after, family)))).collect();
        Self { parts: parts.collect(), events }
    }

    /// Whether both did the same.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.parts.iter().all(|(_, sides)| sides.only_before.is_empty() && sides.only_after.is_empty())
    }
}

fn without(of: &BTreeMap<String, u64>, other: &BTreeMap<String, u64>) -> BTreeMap<String, u64> {
    of.iter().filter(|(what, _)| !other.contains_key(*what)).map(|(what, count)| (what.clone(), *count)).collect()
}

/// What a session did, by its full name.
///
/// # Errors
/// [`StoryError`].
pub fn profile(reader: &Reader, session: &str) -> Result<Profile, StoryError> {
    let tree = tree(reader, session)?;
    let changes = changes(reader, session)?;
    let mut names = Names { session: session.to_owned(), ..Names::default() };
    names.pids = tree.processes.iter().map(|process| process.pid).collect();
    let mut times: Option<(i64, i64)> = None;
    each(reader.store(), session, &[], |event| {
        let time = event.event.time.as_micros();
        let (first, last) = times.unwrap_or((time, time));
        times = Some((first.min(time), last.max(time)));
        if let Payload::SessionCreated(p) = &event.event.payload {
            names.workspace = p.workspace.as_text().into_owned();
        }
    })?;
    names.times_us = times.unwrap_or_default();
    let mut fold = Fold { names, ..Fold::default() };
    fold.processes(&tree);
    fold.files(&changes);
    each(reader.store(), session, &[], |event| fold.take(event))?;
    fold.settle(false);
    Ok(fold.profile)
}

#[derive(Default)]
struct Fold {
    names: Names,
    profile: Profile,
    /// The last operation, until it is known whether it was refused: where it is counted, and as what.
    pending: Option<(crate::event::EventId, Counted)>,
    requests: BTreeMap<crate::event::EventId, String>,
}

enum Counted {
    Host(String),
    Request(String),
    Outside(String),
}

impl Fold {
    fn processes(&mut self, tree: &Tree) {
        for process in &tree.processes {
            for run in &process.runs {
                let words: Vec<_> = match &run.command_line {
                    Some(line) => vec![line.into()],
                    None if run.argv.is_empty() => vec![run.path.as_text()],
                    None => run.argv.iter().map(OsText::as_text).collect(),
                };
                count(&mut self.profile.processes, self.names.normal(&words.join(" ")));
            }
            if let Some(end) = end(process) {
                count(&mut self.profile.exits, self.names.normal(&end));
            }
        }
    }

    fn files(&mut self, changes: &Changes) {
        for change in &changes.changes {
            let what = match &change.from {
                Some(from) => format!("{} {from} → {}", change.change.as_str(), change.path),
                None => format!("{} {}", change.change.as_str(), change.path),
            };
            count(&mut self.profile.files, self.names.normal(&what));
        }
    }

    fn take(&mut self, event: &JournaledEvent) {
        let event = &event.event;
        *self.profile.events.entry(event.kind().family().as_str()).or_default() += 1;
        if let Payload::PolicyDecision(p) = &event.payload {
            let refused = p.decision == Decision::Deny && p.enforced != Some(false);
            let is_of_it = self.pending.as_ref().is_some_and(|(id, _)| Some(*id) == event.cause);
            self.settle(refused && is_of_it);
            if refused {
                let subject = p.subject.as_deref().unwrap_or_default();
                let what = format!("{} {subject} by {}", p.operation.as_str(), p.rule.as_deref().unwrap_or("the default"));
                count(&mut self.profile.refusals, self.names.normal(&what));
            }
            return;
        }
        self.settle(false);
        if let Payload::Detection(p) = &event.payload {
            count(&mut self.profile.detections, self.names.normal(&format!("{} ({})", p.title, p.level)));
        } else if let Payload::CommandFinished(p) = &event.payload {
            let end = p.signal.clone().unwrap_or_else(|| format!("exit {}", p.exit_code));
            count(&mut self.profile.exits, self.names.normal(&format!("command {}: {end}", p.program)));
        } else if let Payload::NetConnect(p) = &event.payload {
            let host = p.host.clone().or_else(|| p.address.map(|address| address.to_string()));
            let ephemeral = p.address.is_some_and(|address| address.is_loopback()) && p.port >= 32_768;
            let port = if ephemeral { "{port}".to_owned() } else { p.port.to_string() };
            self.pending = Some((event.id, Counted::Host(format!("{}:{port}", host.unwrap_or_default()))));
        } else if let Payload::HttpRequest(p) = &event.payload {
            let what = self.names.normal(&format!("{} {}://{}{}", p.method, p.scheme, p.host, p.path));
            self.pending = Some((event.id, Counted::Request(what)));
        } else if let Payload::HttpResponse(p) = &event.payload {
            let request = event.cause.and_then(|cause| self.requests.remove(&cause));
            if let Some(request) = request {
                let status = p.status.map_or_else(|| "no answer".to_owned(), |status| status.to_string());
                count(&mut self.profile.requests, format!("{request}: {status}"));
            }
        } else if let Payload::FileOpen(p) = &event.payload
            && event.kind().family() == Family::File
            && p.access != crate::event::FileAccess::Write
        {
            let path = p.path.as_text();
            let inside = !self.names.workspace.is_empty() && path.starts_with(&self.names.workspace);
            if !inside {
                self.pending = Some((event.id, Counted::Outside(self.names.normal(&path))));
            }
        }
    }

    fn settle(&mut self, refused: bool) {
        match self.pending.take() {
            Some(_) if refused => {}
            Some((_, Counted::Host(host))) => count(&mut self.profile.hosts, host),
            Some((_, Counted::Outside(path))) => count(&mut self.profile.reads_outside, path),
            Some((id, Counted::Request(request))) => {
                self.requests.insert(id, request);
            }
            None => {}
        }
    }
}

fn count(of: &mut BTreeMap<String, u64>, what: String) {
    *of.entry(what).or_default() += 1;
}

/// The end of a process that was not a plain success.
fn end(process: &Process) -> Option<String> {
    let exit = process.exit.as_ref()?;
    let end = match (&exit.signal, exit.code) {
        (Some(signal), _) => signal.clone(),
        (None, Some(code)) if code != 0 => format!("exit {code}"),
        (None, Some(_) | None) => return None,
    };
    Some(format!("{}: {end}", process.program().map(OsText::as_text).unwrap_or_default()))
}
