//! Registry rules: a key, perhaps a value of it, and a set of operations.

use std::cell::Cell;

use globset::{Candidate, GlobMatcher, GlobSet};

use super::fold::{BOTH, Classes, MACHINE, SEPARATOR, fold_into, fold_value_into, is_classes};
use super::operations::KeyOperations;
use super::pattern::{key_globs, value_globs};
use super::risk::{Risk, risk_of};
use crate::event::Decision;
use crate::policy::compile::{Ranked, rank};
use crate::policy::document::{At, RegistryRule as Written, place};
use crate::policy::error::{Fault, Problem};
use crate::policy::judgement::Judgement;
use crate::policy::variables::Variables;

/// The registry rules of a policy, in the order of precedence.
#[derive(Debug)]
pub(in crate::policy) struct RegistryRules {
    rules: Vec<RegistryRule>,
    keys: GlobSet,
    /// What each glob belongs to; ascending by rule.
    owners: Vec<Owner>,
    default: Judgement,
}

#[derive(Debug)]
struct RegistryRule {
    judgement: Judgement,
    operations: KeyOperations,
    /// Names of values, where the rule is about values only.
    values: Option<Vec<GlobMatcher>>,
}

/// A rule that has a pattern which matches, and how far down the pattern names its way.
#[derive(Clone, Copy, Debug)]
struct Owner {
    rule: usize,
    depth: usize,
}

/// Memory that a thread keeps, so that a verdict allocates nothing once the thread has given a few.
#[derive(Default)]
struct Scratch {
    folded: String,
    globs: Vec<usize>,
    found: Vec<Owner>,
}

thread_local! {
    static SCRATCH: Cell<Scratch> = const { Cell::new(Scratch { folded: String::new(), globs: Vec::new(), found: Vec::new() }) };
}

/// An operation on one key or one of its values.
#[derive(Clone, Copy)]
struct Target<'e> {
    key: &'e str,
    value: Option<&'e str>,
    operations: KeyOperations,
}

impl RegistryRules {
    pub(in crate::policy) fn compile(
        rules: &[At<Written>],
        default: Judgement,
        variables: &Variables,
    ) -> Result<Self, Box<Fault>> {
        let mut compiled = Vec::with_capacity(rules.len());
        let (mut globs, mut owners) = (globset::GlobSetBuilder::new(), Vec::new());
        for Ranked { rule, judgement } in rank(rules)? {
            let values = values(&rule.value, variables)?;
            for path in rule.value.paths.required("paths", rule)? {
                let found = key_globs(&path.value, variables)
                    .map_err(|flaw| Problem::BadKey { pattern: path.value.clone(), flaw }.at(place(path)))?;
                for key in found {
                    globs.add(key.glob);
                    // A rule about named values goes down to those values.
                    owners.push(Owner { rule: compiled.len(), depth: key.depth + usize::from(values.is_some()) });
                }
            }
            compiled.push(RegistryRule { judgement, operations: operations(&rule.value)?, values });
        }
        let keys = globs
            .build()
            .map_err(|error| Problem::PatternsTooLarge { family: "registry_rules", why: error.kind().to_string() }.nowhere())?;
        Ok(Self { rules: compiled, keys, owners, default })
    }

    pub(in crate::policy) fn count(&self) -> usize {
        self.rules.len()
    }

    /// The verdict on operations on a key.
    pub(in crate::policy) fn judge_key(&self, key: &str, operations: KeyOperations) -> Judgement {
        self.judge(Target { key, value: None, operations })
    }

    /// The verdict on operations on a value of a key.
    pub(in crate::policy) fn judge_value(&self, key: &str, value: &str, operations: KeyOperations) -> Judgement {
        self.judge(Target { key, value: Some(value), operations })
    }

    /// Whoever renames takes a name away and makes one.
    pub(in crate::policy) fn judge_rename(&self, key: &str, new_key: &str) -> Judgement {
        stricter(
            self.judge_key(key, KeyOperations::RENAME.and(KeyOperations::DELETE)),
            self.judge_key(new_key, KeyOperations::RENAME.and(KeyOperations::CREATE)),
        )
    }

    fn judge(&self, target: Target<'_>) -> Judgement {
        // In a thread that is ending there is none to borrow, and a new one does.
        let mut scratch = SCRATCH.try_with(Cell::take).unwrap_or_default();
        let places = if is_classes(target.key) { BOTH } else { MACHINE };
        let verdicts = places.iter().map(|classes| self.judge_place(target, *classes, &mut scratch));
        let judgement = verdicts.reduce(stricter).unwrap_or_else(|| self.default.clone());
        let _ = SCRATCH.try_with(|kept| kept.set(scratch));
        judgement
    }

    fn judge_place(&self, target: Target<'_>, classes: Classes, scratch: &mut Scratch) -> Judgement {
        let Scratch { folded, globs, found } = scratch;
        folded.clear();
        found.clear();
        fold_into(target.key, classes, folded);
        let key_length = folded.len();
        self.matches(folded, globs, found);
        if let Some(name) = target.value {
            fold_value_into(name, folded);
            self.matches(folded, globs, found);
            found.sort_unstable_by_key(|owner| owner.rule);
        }
        let changes = target.operations.meets(KeyOperations::CHANGES);
        let risk = if changes { risk_of(folded, target.operations.meets(KeyOperations::RENAME)) } else { None };
        // After the separator.
        let value = target.value.and(folded.get(key_length + SEPARATOR.len_utf8()..));
        self.first_match(target.operations, value, found, risk)
    }

    fn matches(&self, folded: &str, globs: &mut Vec<usize>, found: &mut Vec<Owner>) {
        self.keys.matches_candidate_into(&Candidate::new(folded), globs);
        found.extend(globs.iter().filter_map(|glob| self.owners.get(*glob)).copied());
    }

    /// Each operation is decided by the first rule that lists it, then by the table of high-risk paths, then by the default; the
    /// strictest counts.
    fn first_match(&self, operations: KeyOperations, value: Option<&str>, found: &[Owner], risk: Option<&Risk>) -> Judgement {
        let mut undecided = operations;
        let mut verdict: Option<Judgement> = None;
        let mut add = |judgement: Judgement| {
            verdict = Some(match verdict.take() {
                Some(before) => stricter(before, judgement),
                None => judgement,
            });
        };
        for (at, owner) in found.iter().enumerate() {
            let Some(rule) = self.rules.get(owner.rule) else { continue };
            if !undecided.meets(rule.operations) || !rule.is_about(value) {
                continue;
            }
            // The same rule may match by several patterns; the one that names most of the way counts.
            let same = found.get(at..).unwrap_or_default().iter().take_while(|other| other.rule == owner.rule);
            let depth = same.map(|other| other.depth).max().unwrap_or(0);
            add(match risk.filter(|_| undecided.meets(KeyOperations::CHANGES)) {
                None => rule.judgement.clone(),
                Some(risk) if rule.judgement.decision > Decision::Audit => risk.tag(rule.judgement.clone()),
                Some(risk) if depth >= risk.depth => risk.lift(&rule.judgement),
                Some(risk) => risk.refusal.clone(),
            });
            undecided = undecided.without(rule.operations);
            if undecided.is_empty() {
                break;
            }
        }
        if !undecided.is_empty() {
            add(match risk {
                Some(risk) if self.default.decision <= risk.refusal.decision => risk.refusal.clone(),
                Some(_) | None => self.default.clone(),
            });
        }
        verdict.unwrap_or_else(|| self.default.clone())
    }
}

impl RegistryRule {
    /// Whether the rule is about a value of this name, or about a key and all that is in it.
    fn is_about(&self, value: Option<&str>) -> bool {
        match (&self.values, value) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(names), Some(value)) => {
                let candidate = Candidate::new(value);
                names.iter().any(|name| name.is_match_candidate(&candidate))
            }
        }
    }
}

fn stricter(first: Judgement, second: Judgement) -> Judgement {
    if second.decision > first.decision { second } else { first }
}

fn operations(rule: &Written) -> Result<KeyOperations, Box<Fault>> {
    let Some(words) = rule.operations.entries("operations")? else { return Ok(KeyOperations::ALL) };
    let mut operations = KeyOperations::NONE;
    for word in words {
        operations = operations.and(KeyOperations::from_word(&word.value).ok_or_else(|| {
            let words = KeyOperations::WORDS.iter().map(|(known, _)| *known).collect();
            Problem::UnknownWord { role: "operation", word: word.value.clone(), words }.at(place(word))
        })?);
    }
    Ok(operations)
}

fn values(rule: &Written, variables: &Variables) -> Result<Option<Vec<GlobMatcher>>, Box<Fault>> {
    let Some(names) = rule.values.entries("values")? else { return Ok(None) };
    let mut globs = Vec::new();
    for name in names {
        let found = value_globs(&name.value, variables)
            .map_err(|flaw| Problem::BadKey { pattern: name.value.clone(), flaw }.at(place(name)))?;
        globs.extend(found.iter().map(globset::Glob::compile_matcher));
    }
    Ok(Some(globs))
}
