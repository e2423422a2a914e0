//! File rules: a path and a set of operations.

use globset::Candidate;

use super::compile::{Ranked, rank};
use super::document::{At, FileRule, place};
use super::error::{Fault, Problem};
use super::judgement::{Judgement, stricter};
use super::operations::Operations;
use super::pattern::path_globs;
use super::pattern_set::{PatternSet, PatternSetBuilder, with_scratch};
use super::variables::Variables;

/// The file rules of a policy, in the order of precedence.
#[derive(Debug)]
pub(super) struct FileRules {
    rules: Vec<(Judgement, Operations)>,
    paths: PatternSet,
    default: Judgement,
}

impl FileRules {
    pub(super) fn compile(rules: &[At<FileRule>], default: Judgement, variables: &Variables) -> Result<Self, Box<Fault>> {
        let mut compiled = Vec::with_capacity(rules.len());
        let mut paths = PatternSetBuilder::default();
        for Ranked { rule, judgement } in rank(rules)? {
            for path in rule.value.paths.required("paths", rule)? {
                let globs = path_globs(&path.value, variables)
                    .map_err(|flaw| Problem::BadPattern { pattern: path.value.clone(), flaw }.at(place(path)))?;
                globs.into_iter().for_each(|glob| paths.add(compiled.len(), glob));
            }
            compiled.push((judgement, operations(&rule.value)?));
        }
        Ok(Self { rules: compiled, paths: paths.build("file_rules")?, default })
    }

    pub(super) fn count(&self) -> usize {
        self.rules.len()
    }

    /// The verdict on operations on one path: each operation is decided by the first rule that lists it, and the strictest counts.
    pub(super) fn judge(&self, path: &[u8], operations: Operations) -> &Judgement {
        with_scratch(|scratch| {
            self.paths.matches_into(&Candidate::from_bytes(path), &mut scratch.found);
            let mut undecided = operations;
            let mut verdict: Option<&Judgement> = None;
            for (judgement, listed) in scratch.found.iter().filter_map(|rule| self.rules.get(*rule)) {
                if undecided.meets(*listed) {
                    verdict = Some(verdict.map_or(judgement, |before| stricter(before, judgement)));
                    undecided = undecided.without(*listed);
                }
                if undecided.is_empty() {
                    break;
                }
            }
            match verdict {
                Some(verdict) if undecided.is_empty() => verdict,
                Some(verdict) => stricter(verdict, &self.default),
                None => &self.default,
            }
        })
    }
}

fn operations(rule: &FileRule) -> Result<Operations, Box<Fault>> {
    let Some(words) = rule.operations.entries("operations")? else { return Ok(Operations::ALL) };
    let mut operations = Operations::NONE;
    for word in words {
        operations = operations.and(Operations::from_word(&word.value).ok_or_else(|| {
            let words = Operations::WORDS.iter().map(|(known, _)| *known).collect();
            Problem::UnknownWord { role: "operation", word: word.value.clone(), words }.at(place(word))
        })?);
    }
    Ok(operations)
}
