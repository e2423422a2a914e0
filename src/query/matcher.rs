//! `Matcher`: a filter on rows in memory, with the meaning that the journal's conditions have in SQL. A test compares the two.

use regex::bytes::{Regex, RegexBuilder};
use serde::Deserialize;
use serde_json::Value;

use super::cel::Cel;
use super::filter::Filter;
use super::glob;
use crate::encode::stored::Columns;
use crate::event::Kind;
use crate::journal::Condition;
use crate::runtime::metrics::metrics;

/// A filter that was prepared once and is asked for each row.
#[derive(Debug, Default)]
pub struct Matcher {
    /// The cheap ones first.
    checks: Vec<Check>,
    cel: Option<Cel>,
}

/// One condition, with what it needs prepared.
#[derive(Debug)]
enum Check {
    Session(String),
    CommandId(String),
    /// One bit for each kind, by its stable name.
    Kinds(Vec<&'static str>),
    Decisions(Vec<&'static str>),
    Rules(Vec<String>),
    Since(i64),
    Until(i64),
    Path {
        path: String,
        beneath: String,
        is_glob: bool,
    },
    Host {
        host: String,
        beneath: String,
    },
    Program {
        id: bool,
        program: String,
        named: String,
    },
    Pid(i64),
    Technique {
        technique: String,
        beneath: String,
    },
    Text {
        subject: Option<Regex>,
        payload: Option<Regex>,
    },
    Severity(i64),
    Sensors(Vec<String>),
    Causes(Vec<[u8; 16]>),
    Ids(Vec<[u8; 16]>),
    Any(Vec<Check>),
}

impl Matcher {
    /// Prepares a filter and, where there is one, an expression that must hold too.
    #[must_use]
    pub fn new(filter: &Filter, cel: Option<Cel>) -> Self {
        let mut checks: Vec<Check> = filter.conditions().iter().map(Check::new).collect();
        checks.sort_by_key(Check::cost);
        Self { checks, cel }
    }

    /// Whether every row matches.
    #[must_use]
    pub const fn is_all(&self) -> bool {
        self.checks.is_empty() && self.cel.is_none()
    }

    /// Whether there is an expression.
    #[must_use]
    pub const fn has_cel(&self) -> bool {
        self.cel.is_some()
    }

    /// Whether a row matches. `next` is the row right behind it, for the verdict that an operation got.
    #[must_use]
    pub fn matches<'n>(&self, seq: u64, row: &Columns<'_>, next: impl Fn() -> Option<Columns<'n>>) -> bool {
        let decision = || {
            let next = next()?;
            (next.kind == Kind::PolicyDecision.as_str() && next.cause == Some(row.id)).then_some(next)
        };
        self.checks.iter().all(|check| check.holds(row, &decision)) && self.cel_holds(seq, row)
    }

    /// Whether the expression alone holds, for rows that the database has chosen by everything else.
    #[must_use]
    pub fn cel_holds(&self, seq: u64, row: &Columns<'_>) -> bool {
        let Some(cel) = &self.cel else { return true };
        cel.holds(seq, row).unwrap_or_else(|_error| {
            metrics().filter_errors.add(1);
            false
        })
    }
}

/// The keys of a payload that a program's path stands in.
#[derive(Deserialize)]
struct OfActor<'a> {
    #[serde(borrow, default)]
    actor: Option<Executable<'a>>,
}

#[derive(Deserialize)]
struct Executable<'a> {
    #[serde(borrow, default)]
    exe: Option<std::borrow::Cow<'a, str>>,
}

impl Check {
    fn new(condition: &Condition) -> Self {
        match condition {
            Condition::Session(session) => Check::Session(session.clone()),
            Condition::Sessions(sessions) => Check::Any(sessions.iter().cloned().map(Check::Session).collect()),
            Condition::CommandId(command) => Check::CommandId(command.clone()),
            Condition::Kinds(kinds) => Check::Kinds(kinds.iter().map(|kind| kind.as_str()).collect()),
            Condition::Decisions(decisions) => Check::Decisions(decisions.iter().map(|decision| decision.as_str()).collect()),
            Condition::Rules(rules) => Check::Rules(rules.clone()),
            Condition::Since(time) => Check::Since(*time),
            Condition::Until(time) => Check::Until(*time),
            Condition::Path(path) => Check::Path {
                path: path.clone(),
                beneath: format!("{}/", path.trim_end_matches('/')),
                is_glob: path.contains(['*', '?', '[']),
            },
            Condition::Host(host) => {
                let host = host.to_ascii_lowercase();
                Check::Host { beneath: format!(".{host}"), host }
            }
            Condition::Command(command) => Check::Program { id: true, program: command.clone(), named: format!("/{command}") },
            Condition::Program(program) => Check::Program { id: false, program: program.clone(), named: format!("/{program}") },
            Condition::Pid(pid) => Check::Pid(i64::from(*pid)),
            Condition::Technique(technique) => {
                Check::Technique { technique: technique.clone(), beneath: format!("{technique}.") }
            }
            Condition::Text(text) => {
                // In the payload the text stands as JSON writes it.
                let json = Value::from(text.as_str()).to_string();
                let json = json.strip_prefix('"').and_then(|json| json.strip_suffix('"')).unwrap_or(text);
                Check::Text { subject: literal(text), payload: literal(json) }
            }
            Condition::Severity(least) => Check::Severity(*least),
            Condition::Sensors(names) => Check::Sensors(names.clone()),
            Condition::Causes(causes) => Check::Causes(causes.iter().map(|id| *id.as_bytes()).collect()),
            Condition::Ids(ids) => Check::Ids(ids.iter().map(|id| *id.as_bytes()).collect()),
            Condition::Any(conditions) => Check::Any(conditions.iter().map(Check::new).collect()),
        }
    }

    /// The order of asking: columns, then what looks at the next row, then what reads the payload.
    fn cost(&self) -> u8 {
        match self {
            Check::Session(_)
            | Check::CommandId(_)
            | Check::Kinds(_)
            | Check::Since(_)
            | Check::Until(_)
            | Check::Pid(_)
            | Check::Severity(_)
            | Check::Causes(_)
            | Check::Ids(_) => 0,
            Check::Technique { .. } | Check::Path { .. } => 1,
            Check::Decisions(_) | Check::Rules(_) | Check::Sensors(_) => 2,
            Check::Host { .. } | Check::Program { .. } => 3,
            Check::Text { .. } => 4,
            Check::Any(checks) => checks.iter().map(Check::cost).max().unwrap_or(0),
        }
    }

    fn holds<'n>(&self, row: &Columns<'_>, decision: &impl Fn() -> Option<Columns<'n>>) -> bool {
        match self {
            Check::Session(session) => row.session_id == Some(session),
            Check::CommandId(command) => row.command_id == Some(command),
            Check::Kinds(kinds) => kinds.contains(&row.kind),
            Check::Decisions(decisions) => {
                let one = |word: Option<&str>| word.is_some_and(|word| decisions.contains(&word));
                one(row.decision) || decision().is_some_and(|next| one(next.decision))
            }
            Check::Rules(rules) => {
                let one = |name: Option<&str>| name.is_some_and(|name| rules.iter().any(|rule| rule == name));
                one(row.rule) || decision().is_some_and(|next| one(next.rule))
            }
            Check::Since(time) => row.time_us >= *time,
            Check::Until(time) => row.time_us < *time,
            Check::Path { path, beneath, is_glob } => {
                let one = |subject: &str| {
                    subject == path || subject.starts_with(beneath.as_str()) || (*is_glob && glob::matches(path, subject))
                };
                row.subject.is_some_and(one)
                    || (matches!(row.kind, "file_rename" | "file_link")
                        && payload(row).is_some_and(|payload| payload.get("to").and_then(Value::as_str).is_some_and(one)))
            }
            Check::Host { host, beneath } => payload(row).is_some_and(|payload| {
                let named = ["host", "name", "sni"].into_iter().find_map(|key| payload.get(key).filter(|value| !value.is_null()));
                let Some(named) = named.and_then(Value::as_str) else { return false };
                let named = named.to_ascii_lowercase();
                named == *host || named.ends_with(beneath.as_str())
            }),
            Check::Program { id, program, named } => {
                let is_it = |path: &str| path == program || path.ends_with(named.as_str());
                if *id && row.command_id == Some(program) {
                    return true;
                }
                match row.kind {
                    "process_exec" | "process_exit" | "command_started" | "command_finished" => row.subject.is_some_and(is_it),
                    _ => {
                        let read: Option<OfActor<'_>> = serde_json::from_str(row.payload).ok();
                        read.and_then(|read| read.actor?.exe).is_some_and(|exe| is_it(&exe))
                    }
                }
            }
            Check::Pid(pid) => row.pid == Some(*pid),
            Check::Technique { technique, beneath } => {
                let named: Vec<String> = row.attack.and_then(|attack| serde_json::from_str(attack).ok()).unwrap_or_default();
                named.iter().any(|name| name == technique || name.starts_with(beneath.as_str()))
            }
            Check::Text { subject, payload } => {
                let has = |regex: &Option<Regex>, text: &str| regex.as_ref().is_some_and(|regex| regex.is_match(text.as_bytes()));
                row.subject.is_some_and(|text| has(subject, text)) || has(payload, row.payload)
            }
            Check::Severity(least) => row.severity >= *least,
            Check::Sensors(names) => row.sensor().ok().flatten().is_some_and(|sensor| names.contains(&sensor.name)),
            Check::Causes(causes) => row.cause.is_some_and(|cause| causes.iter().any(|id| id == cause)),
            Check::Ids(ids) => ids.iter().any(|id| id == row.id),
            Check::Any(checks) => checks.iter().any(|check| check.holds(row, decision)),
        }
    }
}

fn payload(row: &Columns<'_>) -> Option<Value> {
    serde_json::from_str(row.payload).ok()
}

/// Finds the text, whatever the case of its ASCII letters, as LIKE does. `None` (a text too long for a pattern) is never found.
fn literal(text: &str) -> Option<Regex> {
    RegexBuilder::new(&regex::escape(text)).case_insensitive(true).unicode(false).build().ok()
}
