//! From texts to rules: what is in each file, what is wrong with it and where, and which rules are the same.

use std::collections::{BTreeMap, BTreeSet};

use rsigma_parser::{
    ConditionOperator, CorrelationCondition, CorrelationRule, CorrelationType, Detection, Level, SigmaCollection, SigmaRule,
    parse_sigma_yaml,
};
use sha2::{Digest as _, Sha256};

use super::category::{Category, Product};
use crate::detect::attack::tagged;
use crate::detect::finding::RuleInfo;

/// A text that may hold rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Where it comes from, for messages.
    pub file: String,
    /// The YAML, one document or several.
    pub text: String,
}

/// How much is taken in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one file.
    pub file_bytes: usize,
    /// Rules in all.
    pub rules: usize,
}

impl Default for Limits {
    /// A megabyte for a file, and twenty thousand rules: six times what SigmaHQ has.
    fn default() -> Self {
        Self { file_bytes: 1 << 20, rules: 20_000 }
    }
}

/// Something that is wrong with a rule or a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The file.
    pub file: String,
    /// The line in it, from 1, where that is known.
    pub line: Option<usize>,
    /// The rule's title or id, where that is known.
    pub rule: Option<String>,
    /// What is wrong.
    pub reason: String,
    /// Whether the rule is not used for it.
    pub refused: bool,
}

impl Fault {
    /// A rule that is not used.
    fn of(info: &RuleInfo, reason: String) -> Self {
        Self {
            file: info.file.clone(),
            line: info.line,
            rule: Some(info.title.clone()),
            reason: one_line(&reason),
            refused: true,
        }
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.file)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        if let Some(rule) = &self.rule {
            write!(f, ": {rule}")?;
        }
        write!(f, ": {}", self.reason)
    }
}

/// A detection rule and which of our events reach it.
pub(super) struct Loaded {
    pub(super) rule: SigmaRule,
    /// Its number in `infos`.
    pub(super) number: usize,
    pub(super) product: Option<Product>,
    pub(super) categories: Vec<Category>,
}

/// What the texts hold.
#[derive(Default)]
pub struct Rules {
    pub(super) infos: Vec<RuleInfo>,
    pub(super) loaded: Vec<Loaded>,
    pub(super) correlations: Vec<(CorrelationRule, usize)>,
    pub(super) filters: SigmaCollection,
    /// What was wrong.
    pub faults: Vec<Fault>,
    known: BTreeMap<String, String>,
}

impl Rules {
    /// Reads every text. A rule that cannot be used is a fault and stops no other.
    #[must_use]
    pub fn read(sources: &[Source], limits: Limits) -> Self {
        let mut rules = Self::default();
        for source in sources {
            rules.take(source, limits);
        }
        rules.resolve();
        rules
    }

    /// The rules, by their numbers.
    #[must_use]
    pub fn infos(&self) -> &[RuleInfo] {
        &self.infos
    }

    fn fault(&mut self, source: &Source, line: Option<usize>, rule: Option<&str>, reason: impl ToString, refused: bool) {
        let rule = rule.map(str::to_owned);
        self.faults.push(Fault { file: source.file.clone(), line, rule, reason: one_line(&reason.to_string()), refused });
    }

    fn take(&mut self, source: &Source, limits: Limits) {
        if source.text.len() > limits.file_bytes {
            let reason = format!("{} bytes are more than a file of rules may have ({})", source.text.len(), limits.file_bytes);
            return self.fault(source, None, None, reason, true);
        }
        let collection = match parse_sigma_yaml(&source.text) {
            Ok(collection) => collection,
            Err(error) => return self.fault(source, line_in(&error.to_string()), None, error, true),
        };
        for error in &collection.errors {
            self.fault(source, line_in(error), None, error, true);
        }
        for rule in collection.rules {
            self.take_rule(source, rule, limits);
        }
        for correlation in collection.correlations {
            self.take_correlation(source, correlation, limits);
        }
        self.filters.filters.extend(collection.filters);
    }

    fn take_rule(&mut self, source: &Source, mut rule: SigmaRule, limits: Limits) {
        let seed = format!("{}\n{:?}", rule.title, rule.logsource.category);
        let id = rule.id.get_or_insert_with(|| id_of(&seed)).clone();
        if !self.admit(source, &id, &rule.title, limits) {
            return;
        }
        let product = rule.logsource.product.as_deref().map(|name| name.to_ascii_lowercase());
        let of = product.as_deref().map(|name| Product::ALL.into_iter().find(|product| product.as_str() == name));
        let categories = if of == Some(None) { Vec::new() } else { categories(&rule) };
        let mut info = self.info(source, id, &rule.title, rule.level, &rule.tags);
        info.source = [&rule.logsource.product, &rule.logsource.category, &rule.logsource.service]
            .into_iter()
            .flatten()
            .map(String::as_str)
            .collect::<Vec<_>>()
            .join("/");
        info.fed = !categories.is_empty();
        let number = self.infos.len();
        self.infos.push(info);
        self.loaded.push(Loaded { rule, number, product: of.flatten(), categories });
    }

    fn take_correlation(&mut self, source: &Source, mut rule: CorrelationRule, limits: Limits) {
        let seed = format!("{}\ncorrelation", rule.title);
        let id = rule.id.get_or_insert_with(|| id_of(&seed)).clone();
        if !self.admit(source, &id, &rule.title, limits) {
            return;
        }
        all_of_temporal(&mut rule);
        let mut info = self.info(source, id, &rule.title, rule.level, &rule.tags);
        info.source = "correlation".to_owned();
        self.correlations.push((rule, self.infos.len()));
        self.infos.push(info);
    }

    /// Whether there is room for the rule and no other has its id.
    fn admit(&mut self, source: &Source, id: &str, title: &str, limits: Limits) -> bool {
        let line = line_of(&source.text, id).or_else(|| line_of(&source.text, title));
        if self.infos.len() >= limits.rules {
            let reason = format!("there are more rules than are taken in ({})", limits.rules);
            self.fault(source, line, Some(title), reason, true);
            return false;
        }
        if let Some(first) = self.known.get(id) {
            let reason = format!("a rule with the id {id} was loaded already, from {first}");
            self.fault(source, line, Some(title), reason, true);
            return false;
        }
        self.known.insert(id.to_owned(), source.file.clone());
        true
    }

    fn info(&mut self, source: &Source, id: String, title: &str, level: Option<Level>, tags: &[String]) -> RuleInfo {
        let tagged = tagged(tags);
        for bad in &tagged.bad {
            self.fault(source, line_of(&source.text, bad.tag()), Some(title), bad, false);
        }
        let level = match level {
            Some(Level::Critical) => "critical",
            Some(Level::High) => "high",
            Some(Level::Medium) => "medium",
            Some(Level::Low) => "low",
            Some(Level::Informational) | None => "informational",
        };
        RuleInfo {
            line: line_of(&source.text, &id).or_else(|| line_of(&source.text, title)),
            id,
            title: title.to_owned(),
            level,
            techniques: tagged.techniques,
            tactics: tagged.tactics,
            file: source.file.clone(),
            source: String::new(),
            fed: true,
        }
    }

    /// Finds the rules that each correlation is about; one that names a rule which is not there is not used.
    fn resolve(&mut self) {
        let mut names: BTreeSet<String> = BTreeSet::new();
        for rule in self.loaded.iter().map(|loaded| &loaded.rule) {
            names.extend(rule.id.iter().chain(&rule.name).cloned());
        }
        for (rule, _) in &self.correlations {
            names.extend(rule.id.iter().chain(&rule.name).cloned());
        }
        // A correlation over one that goes goes too, however long the chain.
        loop {
            let lost = self.correlations.iter().position(|(rule, _)| rule.rules.iter().any(|of| !names.contains(of)));
            let Some(at) = lost else { break };
            let (rule, number) = self.correlations.remove(at);
            let missing = rule.rules.iter().find(|of| !names.contains(*of)).cloned().unwrap_or_default();
            for name in rule.id.iter().chain(&rule.name) {
                names.remove(name);
            }
            if let Some(info) = self.infos.get_mut(number) {
                info.fed = false;
                let reason = format!("it correlates `{missing}`, and no rule has that id or name");
                self.faults.push(Fault::of(info, reason));
            }
        }
    }

    /// Strikes out a rule that does not compile.
    pub(super) fn refuse(&mut self, number: usize, reason: impl ToString) {
        if let Some(info) = self.infos.get_mut(number) {
            info.fed = false;
            self.faults.push(Fault::of(info, reason.to_string()));
        }
    }
}

/// The categories whose events are shown to a rule. One of another log source (a service's own log) gets none.
fn categories(rule: &SigmaRule) -> Vec<Category> {
    if rule.logsource.service.is_some() {
        return Vec::new();
    }
    match rule.logsource.category.as_deref() {
        Some("proxy") => vec![if asks_for_response(rule) { Category::ProxyResponse } else { Category::Proxy }],
        Some(name) => Category::named(&name.to_ascii_lowercase()).into_iter().collect(),
        // Words to be found anywhere.
        None => Category::ALL.to_vec(),
    }
}

/// A temporal correlation without a condition is about all of its rules; the parser hands it over as one about any of them.
fn all_of_temporal(rule: &mut CorrelationRule) {
    let temporal = matches!(rule.correlation_type, CorrelationType::Temporal | CorrelationType::TemporalOrdered);
    if let CorrelationCondition::Threshold { predicates, .. } = &mut rule.condition
        && temporal
        && *predicates == [(ConditionOperator::Gte, 1)]
    {
        *predicates = vec![(ConditionOperator::Gte, u64::try_from(rule.rules.len()).unwrap_or(u64::MAX))];
    }
}

/// Whether a rule of `proxy` looks at what the server answered.
fn asks_for_response(rule: &SigmaRule) -> bool {
    fn of(detection: &Detection) -> bool {
        match detection {
            Detection::AllOf(items) => {
                items.iter().any(|item| item.field.name.as_deref().is_some_and(|name| name.starts_with("sc-")))
            }
            Detection::AnyOf(detections) => detections.iter().any(of),
            _ => false,
        }
    }
    rule.detection.named.values().any(of)
}

/// The id of a rule that has none: the same wherever it is read.
fn id_of(seed: &str) -> String {
    let digest = Sha256::new().chain_update(b"agentsh rule 1\n").chain_update(seed.as_bytes()).finalize();
    let hex: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    format!("{}-{}-{}-{}-{}", part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32))
}

/// A reader's message without its drawing: a fault is one line.
fn one_line(message: &str) -> String {
    message.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The line that a reader's message names (`… at line 12 column 3`).
fn line_in(message: &str) -> Option<usize> {
    let (_, after) = message.split_once("line ")?;
    after.split(|ch: char| !ch.is_ascii_digit()).next()?.parse().ok()
}

/// The line on which a word stands first.
fn line_of(text: &str, word: &str) -> Option<usize> {
    text.lines().position(|line| line.contains(word)).map(|index| index + 1)
}
