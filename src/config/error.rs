//! `ConfigError`: what is wrong with the configuration, where, and what to write instead.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use miette::{Diagnostic, LabeledSpan, NamedSource, SourceCode, SourceSpan};
use thiserror::Error;

/// A place in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Line, from 1.
    pub line: u64,
    /// Column in characters, from 1.
    pub column: u64,
    /// Offset in bytes, from 0.
    pub offset: usize,
    /// Length in bytes; 0 where only the start is known.
    pub length: usize,
}

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A place in the file.
    File(Place),
    /// An environment variable.
    Variable(Arc<str>),
}

/// What is wrong.
#[derive(Debug, Error)]
#[expect(missing_docs, reason = "the fields are what the message names")]
pub enum Problem {
    #[error("the file cannot be read: {source}; nothing was started")]
    Unreadable { source: std::io::Error },
    #[error("the file has more than {limit} bytes, which no configuration needs")]
    TooLarge { limit: u64 },
    #[error("{what}; see that indentation, brackets and quotes match")]
    NotYaml { what: String },
    #[error("unknown key `{key}`{}; {}", within(section), did_you_mean(key, keys))]
    UnknownKey { key: String, section: String, keys: Vec<&'static str> },
    #[error("the key `{key}` is missing{}", within(section))]
    MissingKey { key: &'static str, section: String },
    #[error("unknown word `{word}` for `{key}`; {}", did_you_mean(word, words))]
    UnknownWord { key: String, word: String, words: Vec<&'static str> },
    #[error("`{key}` takes {expected}, and this is {found}")]
    WrongType { key: String, expected: String, found: String },
    #[error("`{key}`: {what}")]
    Invalid { key: String, what: String },
    #[error("`{key}` is {value}; it takes {least} to {most}")]
    OutOfRange { key: &'static str, value: u64, least: u64, most: u64 },
    #[error("`{key}` is a section; set its keys, such as {variable}__KEY")]
    SectionInVariable { key: String, variable: String },
    #[error("`{key}` is not a section in the file, so a variable cannot set a key in it")]
    NotASection { key: String },
    #[error("the value is not UTF-8")]
    NotText,
    #[error("`{path}` is a relative path; write it from the root, or from the home directory with `~/`")]
    RelativePath { path: PathBuf },
    #[error("there is no home directory to put `{key}` in, since HOME is not set; set `{key}`")]
    NoHome { key: &'static str },
    #[error("the policy `{name}` is looked for in `policies.dir`, which is not set; set it, or write `{built_in}`", built_in = super::settings::BUILT_IN)]
    PolicyWithoutDir { name: String },
    #[error("`{name}` is no name of a policy; write the file's name without folder and without `.yaml`")]
    PolicyName { name: String },
}

fn within(section: &str) -> String {
    if section.is_empty() { String::new() } else { format!(" in `{section}`") }
}

fn did_you_mean(word: &str, known: &[&str]) -> String {
    let list = known.join(", ");
    match nearest(word, known) {
        Some(near) => format!("did you mean `{near}`? Here can stand: {list}"),
        None => format!("here can stand: {list}"),
    }
}

/// The word that was most likely meant: at most a third of its letters differ.
fn nearest<'w>(word: &str, known: &[&'w str]) -> Option<&'w str> {
    let word = word.to_lowercase().replace('-', "_");
    let limit = word.chars().count().div_ceil(3);
    let distances = known.iter().map(|known| (strsim::damerau_levenshtein(&word, known), *known));
    distances.filter(|(distance, known)| *distance <= limit && *distance < known.chars().count()).min().map(|(_, known)| known)
}

/// Why a configuration is refused. Nothing was started.
///
/// Its text is one line: where, what, and what to do about it.
#[derive(Debug)]
pub struct ConfigError {
    problem: Box<Problem>,
    origin: Option<Origin>,
    file: Option<Arc<NamedSource<Arc<str>>>>,
}

impl ConfigError {
    pub(super) fn new(problem: Problem, origin: Option<Origin>, file: Option<Arc<NamedSource<Arc<str>>>>) -> Self {
        Self { problem: Box::new(problem), origin, file }
    }

    /// What is wrong.
    #[must_use]
    pub const fn problem(&self) -> &Problem {
        &self.problem
    }

    /// Where, if it is at one place.
    #[must_use]
    pub const fn origin(&self) -> Option<&Origin> {
        self.origin.as_ref()
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.origin, &self.file) {
            (Some(Origin::Variable(name)), _) => write!(f, "{name}: ")?,
            (Some(Origin::File(place)), Some(file)) => write!(f, "{}:{}:{}: ", file.name(), place.line, place.column)?,
            (_, Some(file)) => write!(f, "{}: ", file.name())?,
            (_, None) => f.write_str("configuration: ")?,
        }
        self.problem.fmt(f)
    }
}

impl std::error::Error for ConfigError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.problem.source()
    }
}

/// For a terminal: the line, and the place in the file beneath it.
impl Diagnostic for ConfigError {
    fn source_code(&self) -> Option<&dyn SourceCode> {
        matches!(self.origin, Some(Origin::File(_))).then_some(self.file.as_deref()?)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let Some(Origin::File(place)) = &self.origin else { return None };
        let span = SourceSpan::new(place.offset.into(), place.length);
        Some(Box::new(std::iter::once(LabeledSpan::new_primary_with_span(Some("here".to_owned()), span))))
    }
}
