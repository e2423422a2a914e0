//! The policy document: what may stand in the YAML, read strictly, each part with its place.

use serde::{Deserialize, Deserializer};
use serde_saphyr::{Error as YamlError, Location, MessageFormatter, UserMessageFormatter};

use super::error::{Fault, Place, Problem};
use crate::event::Decision;

/// The longest text that is read as a policy, in bytes: about 20,000 rules.
pub const MAX_TEXT_BYTES: usize = 4 * 1024 * 1024;

/// The version of the language that this crate reads.
const VERSION: i64 = 1;

/// What a policy is called in an error.
const TITLE: &str = "the policy";

/// A value with its place; where an alias stands for it, the place that it was written at.
pub(super) type At<T> = serde_saphyr::Spanned<T>;

/// Whether gated operations go on while the journal cannot write (G-8).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnAuditFailure {
    /// They are refused.
    #[default]
    Deny,
    /// They are let through, and the gap becomes an event.
    Allow,
}

/// A policy as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Document {
    version: Option<At<i64>>,
    name: Option<At<String>>,
    #[serde(rename = "description")]
    _description: Option<String>,
    on_audit_failure: Option<At<String>>,
    #[serde(default)]
    pub(super) defaults: Defaults,
    // A family whose rules are all commented out has none.
    file_rules: Option<Vec<At<FileRule>>>,
    network_rules: Option<Vec<At<NetworkRule>>>,
    command_rules: Option<Vec<At<CommandRule>>>,
    registry_rules: Option<Vec<At<RegistryRule>>>,
}

/// What is decided where no rule of the family matches.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct Defaults {
    /// Absent: allow.
    pub(super) file: Option<At<String>>,
    /// Absent: deny.
    pub(super) network: Option<At<String>>,
    /// Absent: allow.
    pub(super) command: Option<At<String>>,
    /// Absent: allow.
    pub(super) registry: Option<At<String>>,
}

/// What every rule has, whatever its family.
pub(super) struct Head<'d> {
    pub(super) name: Option<&'d At<String>>,
    pub(super) description: Option<&'d str>,
    pub(super) message: Option<&'d str>,
    pub(super) decision: Option<&'d At<String>>,
    pub(super) priority: i32,
}

/// A rule of any family.
pub(super) trait Rule {
    /// What a rule of the family is called in an error.
    const TITLE: &'static str;

    fn head(&self) -> Head<'_>;
}

/// Flattening would lose the places, so the keys that all families share are written into each struct. What must be there is optional to
/// the parser, since it would point to the last key of a rule and not to the rule that lacks one.
macro_rules! rules {
    ($($(#[$meta:meta])* struct $rule:ident = $title:literal { $($field:ident,)* })*) => {
        $(
            $(#[$meta])*
            #[derive(Deserialize)]
            #[serde(deny_unknown_fields)]
            pub(super) struct $rule {
                name: Option<At<String>>,
                description: Option<String>,
                decision: Option<At<String>>,
                #[serde(default)]
                priority: i32,
                message: Option<String>,
                $(#[serde(default)] pub(super) $field: List,)*
            }

            impl Rule for $rule {
                const TITLE: &'static str = $title;

                fn head(&self) -> Head<'_> {
                    Head {
                        name: self.name.as_ref(),
                        description: self.description.as_deref(),
                        message: self.message.as_deref(),
                        decision: self.decision.as_ref(),
                        priority: self.priority,
                    }
                }
            }
        )*
    };
}

rules! {
    /// One entry of `file_rules`.
    struct FileRule = "a file rule" { paths, operations, }

    /// One entry of `network_rules`. Conditions that are absent hold.
    struct NetworkRule = "a network rule" { hosts, cidrs, ports, }

    /// One entry of `command_rules`. Conditions that are absent hold.
    struct CommandRule = "a command rule" { commands, args, args_prefix, }

    /// One entry of `registry_rules`. Without `values` it is about keys and all their values.
    struct RegistryRule = "a registry rule" { paths, operations, values, }
}

/// A list that may be absent. It is not an `Option`, since then a key without a value (`hosts:` with every entry commented out) would
/// be read as an absent condition, and the rule would match everything.
#[derive(Default)]
pub(super) struct List(Option<At<Vec<At<String>>>>);

impl<'de> Deserialize<'de> for List {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        At::deserialize(deserializer).map(|list| Self(Some(list)))
    }
}

impl List {
    /// The entries, or none where the key is absent.
    pub(super) fn entries(&self, key: &'static str) -> Result<Option<&[At<String>]>, Box<Fault>> {
        match &self.0 {
            None => Ok(None),
            Some(list) if list.value.is_empty() => Err(Problem::EmptyList { key }.at(place(list))),
            Some(list) => Ok(Some(&list.value)),
        }
    }

    /// The entries of a list that must be there.
    pub(super) fn required<R: Rule>(&self, key: &'static str, rule: &At<R>) -> Result<&[At<String>], Box<Fault>> {
        self.entries(key)?.ok_or_else(|| missing(key, R::TITLE, rule))
    }
}

/// Where a value was written.
pub(super) fn place<T>(at: &At<T>) -> Place {
    place_of(at.defined)
}

fn place_of(location: Location) -> Place {
    let small = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
    let size = |number: Option<u64>| number.and_then(|number| usize::try_from(number).ok()).unwrap_or_default();
    let span = location.span();
    Place {
        line: small(location.line()),
        column: small(location.column()),
        offset: size(span.byte_offset()),
        length: size(span.byte_len()),
    }
}

impl Document {
    /// Reads the YAML. Only what the rules say is left to be checked.
    pub(super) fn parse(text: &str) -> Result<Self, Box<Fault>> {
        if text.len() > MAX_TEXT_BYTES {
            return Err(Problem::TooLarge { limit: MAX_TEXT_BYTES }.nowhere());
        }
        let options = serde_saphyr::options! {
            // A policy is three levels deep; an alias may save typing, and must not multiply.
            budget: serde_saphyr::budget! { max_depth: 16, flow_nesting_limit: 16, max_documents: 2, max_aliases: 1_000 },
            alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: 100_000, max_replay_stack_depth: 8 },
            merge_keys: serde_saphyr::MergeKeyPolicy::Error,
            reject_unsupported_tags: true,
            reject_tagged_field_names: true,
            with_snippet: false,
        };
        let document: At<Self> = serde_saphyr::from_str_with_options(text, options).map_err(|error| fault(&error))?;
        let version = document.value.version.as_ref().ok_or_else(|| missing("version", TITLE, &document))?;
        if version.value != VERSION {
            return Err(Problem::WrongVersion { version: version.value }.at(place(version)));
        }
        let name = document.value.name.as_ref().ok_or_else(|| missing("name", TITLE, &document))?;
        check_name(name)?;
        Ok(document.value)
    }

    /// The name of the policy.
    pub(super) fn name(&self) -> &str {
        self.name.as_ref().map_or("", |name| &name.value)
    }

    pub(super) fn file_rules(&self) -> &[At<FileRule>] {
        self.file_rules.as_deref().unwrap_or_default()
    }

    pub(super) fn network_rules(&self) -> &[At<NetworkRule>] {
        self.network_rules.as_deref().unwrap_or_default()
    }

    pub(super) fn command_rules(&self) -> &[At<CommandRule>] {
        self.command_rules.as_deref().unwrap_or_default()
    }

    pub(super) fn registry_rules(&self) -> &[At<RegistryRule>] {
        self.registry_rules.as_deref().unwrap_or_default()
    }

    /// The answer to a journal that cannot write.
    pub(super) fn on_audit_failure(&self) -> Result<OnAuditFailure, Box<Fault>> {
        let Some(word) = &self.on_audit_failure else { return Ok(OnAuditFailure::default()) };
        match word.value.as_str() {
            "deny" => Ok(OnAuditFailure::Deny),
            "allow" => Ok(OnAuditFailure::Allow),
            other => {
                let words = vec!["deny", "allow"];
                Err(Problem::UnknownWord { role: "answer to an audit failure", word: other.to_owned(), words }.at(place(word)))
            }
        }
    }
}

/// A key that must be there and is not.
pub(super) fn missing<T>(key: &'static str, within: &'static str, at: &At<T>) -> Box<Fault> {
    Problem::MissingKey { key, within }.at(place(at))
}

/// A name that a person can read in one line of output.
pub(super) fn check_name(name: &At<String>) -> Result<(), Box<Fault>> {
    if name.value.trim().is_empty() || name.value.chars().any(char::is_control) {
        return Err(Problem::BadName.at(place(name)));
    }
    Ok(())
}

/// A decision that this version takes.
pub(super) fn decision(word: &At<String>) -> Result<Decision, Box<Fault>> {
    let problem = match Decision::from_word(&word.value) {
        Some(decision @ (Decision::Allow | Decision::Deny | Decision::Audit)) => return Ok(decision),
        Some(later @ (Decision::Approve | Decision::Redirect | Decision::SoftDelete)) => {
            Problem::LaterDecision { decision: later.as_str() }
        }
        None => Problem::UnknownWord { role: "decision", word: word.value.clone(), words: vec!["allow", "deny", "audit"] },
    };
    Err(problem.at(place(word)))
}

fn fault(error: &YamlError) -> Box<Fault> {
    let location = error.location().filter(|location| *location != Location::UNKNOWN);
    let error = error.without_snippet();
    let message = || UserMessageFormatter.format_message(error).into_owned();
    let problem = match error {
        YamlError::AliasError { error, .. } => return fault(error),
        YamlError::SerdeUnknownField { field, expected, .. } => {
            Problem::UnknownKey { key: field.clone(), within: within(expected), keys: expected.clone() }
        }
        YamlError::DuplicateMappingKey { key, .. } => Problem::RepeatedKey { key: key.clone().unwrap_or_default() },
        YamlError::UnknownAnchor { .. } => Problem::UnknownAlias,
        YamlError::InvalidScalar { .. } => Problem::NotANumber,
        YamlError::NullIntoString { .. } | YamlError::Unexpected { expected: "string scalar", .. } => Problem::NotAText,
        YamlError::Unexpected { expected: "sequence start", .. } => Problem::NotAList,
        YamlError::Unexpected { expected: "mapping start", .. } => Problem::NotAMapping,
        YamlError::Budget { .. }
        | YamlError::AliasReplayLimitExceeded { .. }
        | YamlError::AliasReplayStackDepthExceeded { .. } => Problem::BeyondBudget { what: message() },
        _ => Problem::NotYaml { what: message() },
    };
    match location {
        Some(location) => {
            let mut place = place_of(location);
            if let (Problem::UnknownKey { key, .. } | Problem::RepeatedKey { key }, 0) = (&problem, place.length) {
                place.length = key.len();
            }
            problem.at(place)
        }
        None => problem.nowhere(),
    }
}

/// Which part of a policy has these keys.
fn within(keys: &[&str]) -> &'static str {
    let has = |key| keys.contains(&key);
    if has("values") {
        RegistryRule::TITLE
    } else if has("paths") {
        FileRule::TITLE
    } else if has("hosts") {
        NetworkRule::TITLE
    } else if has("commands") {
        CommandRule::TITLE
    } else if has("version") {
        TITLE
    } else {
        "`defaults`"
    }
}
