//! `Need`: what a block must have for a condition to hold on one of its events.

use super::super::filter::Condition;
use super::bits::{Of, has_runs, has_word, runs, word};
use crate::event::{Family, Kind};

/// What a block must have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Need {
    /// A word.
    Word(u64),
    /// Text with all of these runs.
    Runs(Vec<u32>),
    /// An event at or after the time.
    Since(i64),
    /// An event before the time.
    Until(i64),
    /// All of these.
    All(Vec<Need>),
    /// One of these.
    Any(Vec<Need>),
}

/// What is known of a block.
pub(super) struct Summary<'a> {
    pub(super) first_us: i64,
    pub(super) last_us: i64,
    pub(super) words: &'a [u8],
    pub(super) runs: &'a [u8],
}

impl Need {
    /// Nothing in particular.
    const ANYTHING: Need = Need::All(Vec::new());

    /// What a block needs so that one of its events can meet all conditions.
    pub(super) fn of(conditions: &[Condition]) -> Self {
        // Hosts are summed up of network events only: other kinds have fields of the same name.
        let of_network = conditions.iter().any(|condition| match condition {
            Condition::Kinds(kinds) => kinds.iter().all(|kind| kind.family() == Family::Network),
            _ => false,
        });
        Self::All(
            conditions.iter().map(|condition| Self::of_one(condition, of_network)).filter(|need| !need.is_anything()).collect(),
        )
    }

    pub(super) fn is_anything(&self) -> bool {
        match self {
            Need::All(needs) => needs.iter().all(Need::is_anything),
            Need::Any(needs) => needs.iter().any(Need::is_anything),
            Need::Word(_) | Need::Since(_) | Need::Until(_) => false,
            Need::Runs(runs) => runs.is_empty(),
        }
    }

    /// Whether the words and the runs of a block have to be looked at.
    pub(super) fn looks_at(&self) -> (bool, bool) {
        match self {
            Need::Word(_) => (true, false),
            Need::Runs(_) => (false, true),
            Need::Since(_) | Need::Until(_) => (false, false),
            Need::All(needs) | Need::Any(needs) => {
                needs.iter().map(Need::looks_at).fold((false, false), |so_far, next| (so_far.0 || next.0, so_far.1 || next.1))
            }
        }
    }

    /// Whether an event of the block may be one that is looked for.
    pub(super) fn may_be_in(&self, block: &Summary<'_>) -> bool {
        match self {
            Need::Word(hash) => has_word(block.words, *hash),
            Need::Runs(runs) => has_runs(block.runs, runs),
            Need::Since(time) => block.last_us >= *time,
            Need::Until(time) => block.first_us < *time,
            Need::All(needs) => needs.iter().all(|need| need.may_be_in(block)),
            Need::Any(needs) => needs.iter().any(|need| need.may_be_in(block)),
        }
    }

    fn word(of: Of, text: &str) -> Self {
        Self::Word(word(of, text.as_bytes()))
    }

    fn words(of: Of, texts: &[String]) -> Self {
        Self::Any(texts.iter().map(|text| Self::word(of, text)).collect())
    }

    fn of_one(condition: &Condition, of_network: bool) -> Self {
        match condition {
            Condition::Session(session) => Self::word(Of::Session, session),
            Condition::Sessions(sessions) => Self::words(Of::Session, sessions),
            Condition::Kinds(kinds) => Self::Any(kinds.iter().map(|kind| Self::word(Of::Kind, kind.as_str())).collect()),
            Condition::Decisions(decisions) => {
                Self::Any(decisions.iter().map(|decision| Self::word(Of::Decision, decision.as_str())).collect())
            }
            Condition::Since(time) => Self::Since(*time),
            Condition::Until(time) => Self::Until(*time),
            Condition::Path(path) => Self::of_path(path),
            Condition::Host(host) if of_network => Self::word(Of::Host, &host.to_ascii_lowercase()),
            Condition::Host(_) => Self::ANYTHING,
            Condition::Command(command) => Self::Any(vec![Self::word(Of::Command, command), Self::word(Of::Program, command)]),
            Condition::CommandId(command) => Self::word(Of::Command, command),
            Condition::Program(program) => Self::word(Of::Program, program),
            Condition::Rules(rules) => Self::words(Of::Rule, rules),
            Condition::Severity(least) if *least <= 1 => Self::ANYTHING,
            Condition::Severity(least) => {
                let severities = (*least).min(MOST_SEVERE)..=MOST_SEVERE;
                Self::Any(severities.map(|severity| Self::word(Of::Severity, &severity.to_string())).collect())
            }
            Condition::Sensors(names) => Self::words(Of::Sensor, names),
            // Neither is summed up: there would be a word for each event.
            Condition::Causes(_) | Condition::Ids(_) => Self::ANYTHING,
            Condition::Any(conditions) => {
                Self::Any(conditions.iter().map(|condition| Self::of_one(condition, of_network)).collect())
            }
            Condition::Pid(pid) => Self::word(Of::Pid, &pid.to_string()),
            Condition::Technique(technique) => Self::word(Of::Technique, technique),
            Condition::Text(part) => {
                // In the payload the text stands as JSON writes it.
                let json = serde_json::Value::from(part.as_str()).to_string();
                let json = json.strip_prefix('"').and_then(|json| json.strip_suffix('"')).unwrap_or(part);
                Self::Any(vec![Self::Runs(runs(part.as_bytes()).collect()), Self::Runs(runs(json.as_bytes()).collect())])
            }
        }
    }

    fn of_path(path: &str) -> Self {
        let beneath = Self::word(Of::Path, path.trim_end_matches('/'));
        let Some(special) = path.find(['*', '?', '[']) else { return beneath };
        // The folder that all of what the glob matches stands in, and the text between its signs. What stands behind a class is left out.
        let folder =
            path.get(..special).and_then(|literal| literal.rsplit_once('/')).map(|(folder, _)| Self::word(Of::Path, folder));
        // All that it matches ends as it does, so that its name or its ending is known where the glob says it whole.
        let end = path.rsplit(['*', '?', ']']).next().unwrap_or_default();
        let name = end.rsplit_once('/').map(|(_, name)| Self::word(Of::Name, name));
        let ending = end.rsplit_once('.').map(|(_, ending)| Self::word(Of::Ending, ending));
        let before_class = path.split('[').next().unwrap_or_default();
        let literal = before_class.split(['*', '?']).flat_map(|piece| runs(piece.as_bytes()));
        let matched = Self::All(folder.into_iter().chain(name).chain(ending).chain([Self::Runs(literal.collect())]).collect());
        Self::Any(vec![beneath, matched])
    }
}

/// The highest severity that there is; what is stored beyond it counts as it.
pub(super) const MOST_SEVERE: i64 = 6;

/// Kinds whose subject is a program.
pub(super) const STARTED: [Kind; 4] = [Kind::ProcessExec, Kind::ProcessExit, Kind::CommandStarted, Kind::CommandFinished];
