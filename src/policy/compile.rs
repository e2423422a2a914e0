//! `Policy`: a text that was read, checked and compiled once, and is then only asked.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::command_rules::CommandRules;
use super::document::{At, Document, OnAuditFailure, Rule, check_name, decision, missing, place};
use super::error::{Fault, PolicyError, Problem};
use super::file_rules::FileRules;
use super::judgement::Judgement;
use super::network_rules::NetworkRules;
use super::registry::RegistryRules;
use super::variables::Variables;
use crate::event::Decision;

/// The policy that is in force when none is given.
const BUILT_IN: &str = include_str!("default.yaml");

/// A compiled policy. It never changes, and is shared by all threads.
#[derive(Debug)]
pub struct Policy {
    name: String,
    digest: String,
    source: String,
    text: Arc<str>,
    on_audit_failure: OnAuditFailure,
    pub(super) files: FileRules,
    pub(super) network: NetworkRules,
    pub(super) commands: CommandRules,
    pub(super) registry: RegistryRules,
    /// What is said about an event that is only recorded.
    pub(super) not_gated: Judgement,
}

/// How many rules a policy has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RuleCounts {
    /// Rules in `file_rules`.
    pub file: usize,
    /// Rules in `network_rules`.
    pub network: usize,
    /// Rules in `command_rules`.
    pub command: usize,
    /// Rules in `registry_rules`.
    pub registry: usize,
}

impl RuleCounts {
    /// All rules together.
    #[must_use]
    pub const fn total(self) -> usize {
        self.file + self.network + self.command + self.registry
    }
}

impl Policy {
    /// Reads, checks and compiles a policy's text. `source` is where it was read, for errors and for `policy_loaded`.
    ///
    /// # Errors
    /// [`PolicyError`] with the place of the first thing that is wrong.
    pub fn parse_and_compile(source: &str, text: &str, variables: &Variables) -> Result<Self, PolicyError> {
        // A byte order mark is no part of the YAML; without it, places count from the first visible character.
        let yaml = text.strip_prefix('\u{feff}').unwrap_or(text);
        let fail = |fault| PolicyError::new(fault, source, yaml);
        let document = Document::parse(yaml).map_err(fail)?;
        Self::compile(&document, source, text, variables).map_err(fail)
    }

    /// Compiles the policy that is built in. It needs `${WORKSPACE}` and `${HOME}`.
    ///
    /// # Errors
    /// [`PolicyError`] when one of the two has no value.
    pub fn built_in(variables: &Variables) -> Result<Self, PolicyError> {
        Self::parse_and_compile("built-in", BUILT_IN, variables)
    }

    /// The text of the policy that is built in, as a start for one's own.
    #[must_use]
    pub const fn built_in_text() -> &'static str {
        BUILT_IN
    }

    fn compile(document: &Document, source: &str, text: &str, variables: &Variables) -> Result<Self, Box<Fault>> {
        let defaults = &document.defaults;
        let files = default_judgement(defaults.file.as_ref(), Decision::Allow, "files")?;
        let network = default_judgement(defaults.network.as_ref(), Decision::Deny, "the network")?;
        let commands = default_judgement(defaults.command.as_ref(), Decision::Allow, "commands")?;
        let registry = default_judgement(defaults.registry.as_ref(), Decision::Allow, "the registry")?;
        check_distinct_names(document)?;
        Ok(Self {
            name: document.name().to_owned(),
            digest: hex(&Sha256::digest(text.as_bytes())),
            source: source.to_owned(),
            text: text.into(),
            on_audit_failure: document.on_audit_failure()?,
            files: FileRules::compile(document.file_rules(), files, variables)?,
            network: NetworkRules::compile(document.network_rules(), network)?,
            commands: CommandRules::compile(document.command_rules(), commands, variables)?,
            registry: RegistryRules::compile(document.registry_rules(), registry, variables)?,
            not_gated: Judgement::new(Decision::Allow, None, "events of this kind are recorded and not gated"),
        })
    }

    /// The name that the policy gives itself.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// SHA-256 of the text, in hex.
    #[must_use]
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// The text as it was given.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Where the text was read, or `built-in`.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// How many rules there are, by family.
    #[must_use]
    pub fn rule_counts(&self) -> RuleCounts {
        RuleCounts {
            file: self.files.count(),
            network: self.network.count(),
            command: self.commands.count(),
            registry: self.registry.count(),
        }
    }

    /// How many rules there are, all families together.
    #[must_use]
    pub fn rule_count(&self) -> usize {
        self.rule_counts().total()
    }

    /// Whether gated operations go on while the journal cannot write (G-8).
    #[must_use]
    pub const fn on_audit_failure(&self) -> OnAuditFailure {
        self.on_audit_failure
    }
}

/// A rule in its place of precedence, with the verdict that it gives.
pub(super) struct Ranked<'d, R> {
    pub(super) rule: &'d At<R>,
    pub(super) judgement: Judgement,
}

/// Sorts rules: higher priority first, then the order of the file.
pub(super) fn rank<R: Rule>(rules: &[At<R>]) -> Result<Vec<Ranked<'_, R>>, Box<Fault>> {
    let mut sorted: Vec<&At<R>> = rules.iter().collect();
    sorted.sort_by_key(|rule| Reverse(rule.value.head().priority));
    sorted.into_iter().map(|rule| Ok(Ranked { rule, judgement: judgement(rule)? })).collect()
}

fn judgement<R: Rule>(rule: &At<R>) -> Result<Judgement, Box<Fault>> {
    let head = rule.value.head();
    let name = name(rule)?.value.as_str();
    let decision = decision(head.decision.ok_or_else(|| missing("decision", R::TITLE, rule))?)?;
    let reason =
        head.message.or(head.description).map_or_else(|| format!("the rule `{name}` says {}", decision.as_str()), one_line);
    Ok(Judgement::new(decision, Some(name.into()), reason))
}

fn name<R: Rule>(rule: &At<R>) -> Result<&At<String>, Box<Fault>> {
    rule.value.head().name.ok_or_else(|| missing("name", R::TITLE, rule))
}

/// A text that YAML spread over lines, in one.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn default_judgement(word: Option<&At<String>>, otherwise: Decision, family: &str) -> Result<Judgement, Box<Fault>> {
    let decision = word.map_or(Ok(otherwise), decision)?;
    let reason = format!("no rule matches, and the default for {family} is {}", decision.as_str());
    Ok(Judgement::new(decision, None, reason))
}

/// Events name rules without their family, so a name may stand only once in the whole policy.
fn check_distinct_names(document: &Document) -> Result<(), Box<Fault>> {
    fn names<R: Rule>(rules: &[At<R>]) -> impl Iterator<Item = Result<&At<String>, Box<Fault>>> {
        rules.iter().map(name)
    }
    let mut first_lines = HashMap::new();
    let all = names(document.file_rules())
        .chain(names(document.network_rules()))
        .chain(names(document.command_rules()))
        .chain(names(document.registry_rules()));
    for name in all {
        let name = name?;
        check_name(name)?;
        if let Some(first_line) = first_lines.insert(name.value.as_str(), place(name).line) {
            return Err(Problem::DuplicateName { name: name.value.clone(), first_line }.at(place(name)));
        }
    }
    Ok(())
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
