//! Flaws: what can be wrong with a pattern, a host, a network or a port, and what to write instead.

use thiserror::Error;

use super::error::nearest;
use super::pattern::NAMED_CLASSES;

/// What is wrong with a glob.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[expect(missing_docs, reason = "the fields are what the message names")]
pub enum PatternFlaw {
    /// Nothing matches it.
    #[error("is empty")]
    Empty,
    /// It is longer than any path.
    #[error("is longer than {limit} bytes")]
    TooLong { limit: usize },
    /// It has more alternatives than are compiled.
    #[error("has more than {limit} alternatives, or braces nested too deep")]
    TooManyAlternatives { limit: usize },
    /// A brace is not closed.
    #[error("opens a brace that it does not close")]
    UnclosedBrace,
    /// A brace was not opened.
    #[error("closes a brace that it does not open")]
    UnopenedBrace,
    /// A class is not closed.
    #[error("opens a character class with `[` and does not close it")]
    UnclosedClass,
    /// A class holds what is not a single byte.
    #[error("has a character class with `{ch}`, and a class holds ASCII characters only")]
    ClassNotAscii { ch: char },
    /// A class holds a separator.
    #[error("has a character class with `{separator}`, which a class never matches")]
    SeparatorInClass { separator: char },
    /// A class has a name that no class has.
    #[error("has the character class `[:{name}:]`, which does not exist")]
    UnknownClass { name: String },
    /// It ends in an escape.
    #[error("ends in a backslash that escapes nothing")]
    DanglingEscape,
    /// `**` is only part of a segment.
    #[error("has `**` as only a part of a segment, where it would match no more than `*`")]
    PartialDoubleStar,
    /// It can never match, since paths are absolute.
    #[error("matches nothing, since paths are absolute and it starts with neither `/` nor `**/`{}", expanded_to(expanded))]
    Relative { expanded: String },
    /// It can never match, since no path ends in a slash.
    #[error("matches nothing, since no path ends in `/`")]
    TrailingSlash,
    /// It can never match, since paths are normalised.
    #[error("matches nothing, since paths have no `{segment}` in them")]
    DotSegment { segment: String },
    /// A variable is not closed.
    #[error("has a `${{` without its `}}`")]
    UnclosedVariable,
    /// What stands for a variable's name is none.
    #[error("has `${{{name}}}`, which is not a variable's name")]
    BadVariableName { name: String },
    /// A variable has no value.
    #[error("needs `${{{name}}}`, which has no value")]
    UndefinedVariable { name: String, defined: Vec<String> },
    /// Defaults stand in defaults.
    #[error("has variables nested more than {limit} deep")]
    VariablesTooDeep { limit: usize },
    /// The glob compiler refused it.
    #[error("does not compile: {why}")]
    DoesNotCompile { why: String },
}

fn expanded_to(expanded: &str) -> String {
    if expanded.is_empty() { String::new() } else { format!(" (it expands to `{expanded}`)") }
}

impl PatternFlaw {
    /// What to do about it.
    pub(super) fn advice(&self, pattern: &str) -> String {
        match self {
            Self::Empty => "write a pattern, or remove the entry".to_owned(),
            Self::TooLong { .. } | Self::TooManyAlternatives { .. } => "split it into several patterns".to_owned(),
            Self::UnclosedBrace => "close it, or write `[{]` for the character itself".to_owned(),
            Self::UnopenedBrace => "open it, or write `[}]` for the character itself".to_owned(),
            Self::UnclosedClass => "close it with `]`, or write `[[]` for the character itself".to_owned(),
            Self::ClassNotAscii { .. } => "write alternatives instead, such as `{ä,ö}`".to_owned(),
            Self::SeparatorInClass { .. } => "remove it from the class, or write the alternatives out in braces".to_owned(),
            Self::UnknownClass { name } => match nearest(name, NAMED_CLASSES.into_iter()) {
                Some(known) => format!("did you mean `[:{known}:]`?"),
                None => format!("the classes are {}", NAMED_CLASSES.join(", ")),
            },
            Self::DanglingEscape => r"write `\\` for a backslash itself".to_owned(),
            Self::PartialDoubleStar => "write `**` between slashes, such as `/src/**/*.rs`".to_owned(),
            Self::Relative { .. } => match pattern.strip_prefix('~') {
                Some(rest) => format!("write `${{HOME}}{rest}`"),
                None => {
                    let rest = pattern.trim_start_matches("./");
                    format!("write `**/{rest}` for every directory, or `${{WORKSPACE}}/{rest}` for the workspace")
                }
            },
            Self::TrailingSlash => {
                let directory = pattern.trim_end_matches('/');
                format!("write `{directory}` for the directory itself, `{directory}/**` for what is in it")
            }
            Self::DotSegment { .. } => "write the path that it stands for".to_owned(),
            Self::UnclosedVariable => "close it, or write `[$]{` for the characters themselves".to_owned(),
            Self::BadVariableName { .. } => {
                "a name has letters, digits and `_`, and the forms are `${NAME}` and `${NAME:-default}`".to_owned()
            }
            Self::UndefinedVariable { name, defined } => match nearest(name, defined.iter().map(String::as_str)) {
                Some(known) => format!("did you mean `${{{known}}}`?"),
                None if defined.is_empty() => format!("give it a default with `${{{name}:-…}}`"),
                None => format!("the variables are {}; or give it a default with `${{{name}:-…}}`", defined.join(", ")),
            },
            Self::VariablesTooDeep { .. } => "use fewer defaults within defaults".to_owned(),
            Self::DoesNotCompile { .. } => {
                "write it with the forms that policies have: `*`, `**`, `?`, `[ab]`, `{a,b}`".to_owned()
            }
        }
    }
}

/// What is wrong with an entry of `hosts`.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[expect(missing_docs, reason = "the fields are what the message names")]
pub enum HostFlaw {
    /// It is a URL, or has a path.
    #[error("is not a host but a URL or a path")]
    Url,
    /// It has a port.
    #[error("has a `:`, and a host has no port")]
    HasPort,
    /// It has characters that no host has.
    #[error("has `{ch}`, which no host has")]
    BadCharacter { ch: char },
    /// It is not in its ASCII form.
    #[error("is not in ASCII, and names are compared in their ASCII form")]
    NotAscii,
    /// It starts with a dot, or has two in a row.
    #[error("has an empty label")]
    EmptyLabel,
    /// `**` stands in a host.
    #[error("has `**`, which hosts do not have")]
    DoubleStar,
    /// It matches parts of an address as if it were a name.
    #[error("looks like a part of an address, and a name never matches it")]
    AddressGlob,
    /// It is a network with something wrong.
    #[error("{0}")]
    Network(NetworkFlaw),
    /// It is a pattern with something wrong.
    #[error("{0}")]
    Pattern(PatternFlaw),
}

impl HostFlaw {
    /// What to do about it.
    pub(super) fn advice(&self, host: &str) -> String {
        match self {
            Self::Url => "write only the name, such as `api.example.com`, or a network such as `10.0.0.0/8`".to_owned(),
            Self::HasPort => "put the port into `ports`".to_owned(),
            Self::BadCharacter { .. } => "write only the name, such as `api.example.com`".to_owned(),
            Self::NotAscii => "write the name with its `xn--` labels".to_owned(),
            Self::EmptyLabel => format!("write `*.{}` for every name beneath it", host.trim_start_matches('.')),
            Self::DoubleStar => "write `*.` in front for every name beneath, `*` alone for every host".to_owned(),
            Self::AddressGlob => "write the network, such as `10.1.2.0/24`".to_owned(),
            Self::Network(flaw) => flaw.advice(),
            Self::Pattern(flaw) => flaw.advice(host),
        }
    }
}

/// What is wrong with an address or a network.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[expect(missing_docs, reason = "the fields are what the message names")]
pub enum NetworkFlaw {
    /// What stands before the slash is no address.
    #[error("is not an IP address or network")]
    NotAnAddress,
    /// The length of the prefix is out of range.
    #[error("has a prefix that is not a number from 0 to {longest}")]
    BadPrefix { longest: u8 },
    /// There are bits beyond the prefix.
    #[error("has address bits beyond its prefix")]
    HostBits { network: String },
}

impl NetworkFlaw {
    /// What to do about it.
    pub(super) fn advice(&self) -> String {
        match self {
            Self::NotAnAddress => "write it like `10.0.0.0/8`, `192.0.2.7` or `fd00::/8`; names go into `hosts`".to_owned(),
            Self::BadPrefix { .. } => "write it like `10.0.0.0/8` or `fd00::/8`".to_owned(),
            Self::HostBits { network } => format!("write `{network}`"),
        }
    }
}

/// What is wrong with a port or a range of ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum PortFlaw {
    /// It is no number from 1 to 65535.
    #[error("is not a port from 1 to 65535")]
    NotAPort,
    /// The range ends before it starts.
    #[error("ends before it starts")]
    Backwards,
}
