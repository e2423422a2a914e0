//! `PolicyError`: what is wrong with a policy's text, where, why, and what to write instead.

use std::fmt;
use std::sync::Arc;

use miette::{Diagnostic, LabeledSpan, NamedSource, SourceCode, SourceSpan};
use thiserror::Error;

use super::flaw::{HostFlaw, NetworkFlaw, PatternFlaw, PortFlaw};
use super::registry::KeyFlaw;

/// A place in a policy's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
    /// Offset in bytes, from 0.
    pub offset: usize,
    /// Length in bytes; 0 where only the start is known.
    pub length: usize,
}

/// Why a text is not a policy. Nothing was compiled; whatever policy was in force still is.
///
/// Its text is one line: `file:line:column: what and why; what to do`. [`PolicyError::explained`] shows the place in the text.
#[derive(Clone, Debug)]
pub struct PolicyError {
    fault: Box<Fault>,
    text: Arc<NamedSource<Arc<str>>>,
}

/// A problem and its place, before it is known which file it is in.
#[derive(Clone, Debug)]
pub(super) struct Fault {
    pub(super) problem: Problem,
    pub(super) place: Option<Place>,
}

/// What is wrong with a policy's text.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[expect(missing_docs, reason = "the fields are what the message names")]
pub enum Problem {
    /// The text is too long to be read.
    #[error("the policy has more than {limit} bytes")]
    TooLarge { limit: usize },
    /// The text is not YAML, or uses what a policy may not.
    #[error("{what}")]
    NotYaml { what: String },
    /// The text is YAML that expands beyond reason.
    #[error("the YAML is larger than a policy may be: {what}")]
    BeyondBudget { what: String },
    /// A `*` that starts a scalar made it an alias.
    #[error("`*` starts a YAML alias here, and there is no anchor of that name")]
    UnknownAlias,
    /// A value that is no list.
    #[error("a list is expected here")]
    NotAList,
    /// A value that is no text.
    #[error("a text is expected here")]
    NotAText,
    /// A value that is no number, or one that is too large.
    #[error("a whole number of at most 32 bits is expected here")]
    NotANumber,
    /// A value that is no mapping.
    #[error("keys with their values are expected here")]
    NotAMapping,
    /// A key that does not exist.
    #[error("unknown key `{key}` in {within}")]
    UnknownKey { key: String, within: &'static str, keys: Vec<&'static str> },
    /// A key that must be there.
    #[error("the key `{key}` is missing in {within}")]
    MissingKey { key: &'static str, within: &'static str },
    /// A key that stands twice.
    #[error("the key `{key}` stands twice")]
    RepeatedKey { key: String },
    /// A word that is none of a closed list.
    #[error("unknown {role} `{word}`")]
    UnknownWord { role: &'static str, word: String, words: Vec<&'static str> },
    /// A decision that a later version takes.
    #[error("the decision `{decision}` is not taken by this version, which decides allow, deny and audit")]
    LaterDecision { decision: &'static str },
    /// A version of the language that is not this one.
    #[error("the version {version} of the policy language is not known")]
    WrongVersion { version: i64 },
    /// A list that would make its rule match nothing.
    #[error("`{key}` is empty, so the rule would match nothing")]
    EmptyList { key: &'static str },
    /// A name that nobody could refer to.
    #[error("the name is empty or has a control character in it")]
    BadName,
    /// Two rules with one name.
    #[error("the name `{name}` is also that of the rule in line {first_line}")]
    DuplicateName { name: String, first_line: u32 },
    /// A pattern that cannot be used.
    #[error("the pattern `{pattern}` {flaw}")]
    BadPattern { pattern: String, flaw: PatternFlaw },
    /// A pattern for registry keys or values that cannot be used.
    #[error("the pattern `{pattern}` {flaw}")]
    BadKey { pattern: String, flaw: KeyFlaw },
    /// A host that cannot be used.
    #[error("the host `{host}` {flaw}")]
    BadHost { host: String, flaw: HostFlaw },
    /// A network that cannot be used.
    #[error("`{network}` {flaw}")]
    BadNetwork { network: String, flaw: NetworkFlaw },
    /// A port that cannot be used.
    #[error("`{port}` {flaw}")]
    BadPort { port: String, flaw: PortFlaw },
    /// All patterns of a family together are too much for the matcher.
    #[error("the patterns of `{family}` are too large together: {why}")]
    PatternsTooLarge { family: &'static str, why: String },
}

impl Problem {
    /// What to do about it.
    #[must_use]
    pub fn advice(&self) -> String {
        match self {
            Self::TooLarge { .. } | Self::BeyondBudget { .. } | Self::PatternsTooLarge { .. } => {
                "use patterns instead of long lists, or fewer rules".to_owned()
            }
            Self::NotYaml { .. } => {
                "see that indentation, brackets and quotes match, and put what has `{`, `[`, `*`, `!` or `: ` in it in quotes"
                    .to_owned()
            }
            Self::UnknownAlias => "put a pattern that starts with `*` in quotes".to_owned(),
            Self::NotAList => "write `[a, b]`, or lines that start with `- `".to_owned(),
            Self::NotAText => "put what starts with `{`, `[`, `~`, `!` or `&` in quotes".to_owned(),
            Self::NotANumber => "write digits, with `-` in front for less than zero".to_owned(),
            Self::NotAMapping => "write lines of the form `key: value`".to_owned(),
            Self::UnknownKey { key, keys, .. } => did_you_mean(key, keys, "key"),
            Self::MissingKey { key: "version", .. } => "start the policy with `version: 1`".to_owned(),
            Self::MissingKey { key, .. } => format!("add `{key}:`"),
            Self::RepeatedKey { .. } => "keep one of them".to_owned(),
            Self::UnknownWord { word, words, .. } => did_you_mean(word, words, "word"),
            Self::LaterDecision { .. } => "write `deny` to be safe, or `audit` to let it through and flag it".to_owned(),
            Self::WrongVersion { .. } => "write `version: 1`".to_owned(),
            Self::EmptyList { .. } => "add an entry, or remove the key or the rule".to_owned(),
            Self::BadName => "write a name on one line that says what the rule is for".to_owned(),
            Self::DuplicateName { .. } => "give each rule a name of its own, since events name it".to_owned(),
            Self::BadPattern { pattern, flaw } => flaw.advice(pattern),
            Self::BadKey { pattern, flaw } => flaw.advice(pattern),
            Self::BadHost { host, flaw } => flaw.advice(host),
            Self::BadNetwork { flaw, .. } => flaw.advice(),
            Self::BadPort { .. } => "write a port such as `443` or a range such as `8000-8100`".to_owned(),
        }
    }

    /// The stable name of the problem, for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "policy::too_large",
            Self::NotYaml { .. } => "policy::not_yaml",
            Self::BeyondBudget { .. } => "policy::beyond_budget",
            Self::UnknownAlias => "policy::unknown_alias",
            Self::NotAList => "policy::not_a_list",
            Self::NotAText => "policy::not_a_text",
            Self::NotANumber => "policy::not_a_number",
            Self::NotAMapping => "policy::not_a_mapping",
            Self::UnknownKey { .. } => "policy::unknown_key",
            Self::MissingKey { .. } => "policy::missing_key",
            Self::RepeatedKey { .. } => "policy::repeated_key",
            Self::UnknownWord { .. } => "policy::unknown_word",
            Self::LaterDecision { .. } => "policy::later_decision",
            Self::WrongVersion { .. } => "policy::wrong_version",
            Self::EmptyList { .. } => "policy::empty_list",
            Self::BadName => "policy::bad_name",
            Self::DuplicateName { .. } => "policy::duplicate_name",
            Self::BadPattern { .. } => "policy::bad_pattern",
            Self::BadKey { .. } => "policy::bad_key",
            Self::BadHost { .. } => "policy::bad_host",
            Self::BadNetwork { .. } => "policy::bad_network",
            Self::BadPort { .. } => "policy::bad_port",
            Self::PatternsTooLarge { .. } => "policy::patterns_too_large",
        }
    }

    /// The problem at a place.
    pub(super) fn at(self, place: Place) -> Box<Fault> {
        Box::new(Fault { problem: self, place: Some(place) })
    }

    /// The problem of the text as a whole.
    pub(super) fn nowhere(self) -> Box<Fault> {
        Box::new(Fault { problem: self, place: None })
    }
}

fn did_you_mean(word: &str, words: &[&'static str], role: &str) -> String {
    let list = words.join(", ");
    match nearest(word, words.iter().copied()) {
        Some(known) => format!("did you mean `{known}`? The {role}s here are {list}"),
        None => format!("the {role}s here are {list}"),
    }
}

/// The word that was most likely meant: at most a third of the letters differ, or half of them behind the same first three.
pub(super) fn nearest<'w>(word: &str, words: impl Iterator<Item = &'w str>) -> Option<&'w str> {
    let word = word.to_lowercase().replace('-', "_");
    let length = word.chars().count();
    let near = |known: &str, distance: usize| {
        let same_start = word.chars().zip(known.chars()).take_while(|(one, other)| one == other).count();
        distance < known.chars().count() && (distance <= length.div_ceil(3) || same_start >= 3 && distance <= length / 2)
    };
    words
        .map(|known| (strsim::damerau_levenshtein(&word, &known.to_lowercase()), known))
        .filter(|(distance, known)| near(known, *distance))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, known)| known)
}

impl PolicyError {
    pub(super) fn new(fault: Box<Fault>, source: &str, text: &str) -> Self {
        Self { fault, text: Arc::new(NamedSource::new(source, Arc::from(text)).with_language("yaml")) }
    }

    /// What is wrong.
    #[must_use]
    pub const fn problem(&self) -> &Problem {
        &self.fault.problem
    }

    /// Where, if it is at one place.
    #[must_use]
    pub const fn place(&self) -> Option<Place> {
        self.fault.place
    }

    /// The error as a diagnostic whose headline, excerpt and advice are apart, for a terminal.
    #[must_use]
    pub const fn explained(&self) -> Explained<'_> {
        Explained(self)
    }

    fn span(&self) -> Option<LabeledSpan> {
        let place = self.fault.place?;
        Some(LabeledSpan::new_primary_with_span(Some("here".to_owned()), SourceSpan::new(place.offset.into(), place.length)))
    }
}

impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text.name())?;
        if let Some(place) = self.fault.place {
            write!(f, ":{}:{}", place.line, place.column)?;
        }
        write!(f, ": {}; {}", self.fault.problem, self.fault.problem.advice())
    }
}

impl std::error::Error for PolicyError {}

/// As a diagnostic, the headline is the whole line, so there is no help beside it.
impl Diagnostic for PolicyError {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(self.fault.problem.code()))
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(&*self.text)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        Some(Box::new(self.span().into_iter()))
    }
}

/// A [`PolicyError`] for a terminal: the problem as the headline, an excerpt of the text, the advice as help.
#[derive(Debug)]
pub struct Explained<'e>(&'e PolicyError);

impl fmt::Display for Explained<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fault.problem.fmt(f)
    }
}

impl std::error::Error for Explained<'_> {}

impl Diagnostic for Explained<'_> {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Diagnostic::code(self.0)
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(self.0.fault.problem.advice()))
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        Diagnostic::source_code(self.0)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        Diagnostic::labels(self.0)
    }
}
