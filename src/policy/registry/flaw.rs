//! What can be wrong with a pattern for keys, and what to write instead.

use thiserror::Error;

use crate::policy::error::nearest;
use crate::policy::flaw::PatternFlaw;

/// The hives that a pattern may start with.
const HIVES: [&str; 5] = ["HKLM", "HKCU", "HKU", "HKCR", "HKCC"];

/// What is wrong with a pattern for registry keys.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[expect(missing_docs, reason = "the fields are what the message names")]
pub enum KeyFlaw {
    /// It starts with no hive.
    #[error(r"matches nothing, since keys start with a hive and it starts with `{first}`")]
    NoHive { first: String },
    /// It is written with slashes.
    #[error(r"has `/` and no `\`, and `\` is what separates keys")]
    Slashes,
    /// It can never match, since no key ends in a separator.
    #[error(r"matches nothing, since no key ends in `\`")]
    TrailingSeparator,
    /// It is a glob with something wrong.
    #[error("{0}")]
    Pattern(PatternFlaw),
}

impl From<PatternFlaw> for KeyFlaw {
    fn from(flaw: PatternFlaw) -> Self {
        Self::Pattern(flaw)
    }
}

impl KeyFlaw {
    /// What to do about it.
    pub(in crate::policy) fn advice(&self, pattern: &str) -> String {
        match self {
            Self::NoHive { first } => match nearest(&first.to_uppercase(), HIVES.into_iter()) {
                Some(hive) => format!("did you mean `{hive}`?"),
                None => format!(r"start it with one of {}, with `\REGISTRY\…`, or with `**\` for every hive", HIVES.join(", ")),
            },
            Self::Slashes => format!("write `{}`", pattern.replace('/', r"\")),
            Self::TrailingSeparator => {
                let key = pattern.trim_end_matches('\\');
                format!(r"write `{key}` for the key itself with its values, `{key}\**` for what is in it")
            }
            Self::Pattern(PatternFlaw::PartialDoubleStar) => {
                r"write `**` between separators, such as `HKLM\SOFTWARE\**\Run`".to_owned()
            }
            Self::Pattern(flaw) => flaw.advice(pattern),
        }
    }
}
