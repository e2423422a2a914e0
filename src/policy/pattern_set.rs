//! `PatternSet`: the patterns of all rules of a family, matched in one pass.

use std::cell::Cell;

use globset::{Candidate, Glob, GlobSet};

use super::error::{Fault, Problem};

/// The patterns of rules that are numbered in the order of precedence.
#[derive(Debug, Default)]
pub(super) struct PatternSet {
    globs: GlobSet,
    /// The rule that each glob belongs to; ascending.
    rules: Vec<usize>,
}

/// Collects patterns; rules must come in the order of precedence.
#[derive(Default)]
pub(super) struct PatternSetBuilder {
    globs: Vec<Glob>,
    rules: Vec<usize>,
}

impl PatternSetBuilder {
    pub(super) fn add(&mut self, rule: usize, glob: Glob) {
        self.globs.push(glob);
        self.rules.push(rule);
    }

    pub(super) fn build(self, family: &'static str) -> Result<PatternSet, Box<Fault>> {
        match GlobSet::new(&self.globs) {
            Ok(globs) => Ok(PatternSet { globs, rules: self.rules }),
            Err(error) => Err(Problem::PatternsTooLarge { family, why: error.kind().to_string() }.nowhere()),
        }
    }
}

impl PatternSet {
    /// Puts the rules that have a pattern which matches into `found`, in the order of precedence.
    pub(super) fn matches_into(&self, candidate: &Candidate<'_>, found: &mut Vec<usize>) {
        // The globs come back in ascending order, and so do their rules.
        self.globs.matches_candidate_into(candidate, found);
        for at in found.iter_mut() {
            *at = self.rules.get(*at).copied().unwrap_or(usize::MAX);
        }
        found.dedup();
    }
}

/// Memory that a thread keeps for matching, so that a verdict allocates nothing once the thread has given a few.
#[derive(Default)]
pub(super) struct Scratch {
    pub(super) found: Vec<usize>,
    pub(super) part: Vec<usize>,
}

thread_local! {
    static SCRATCH: Cell<Scratch> = const { Cell::new(Scratch { found: Vec::new(), part: Vec::new() }) };
}

/// Lends the thread's scratch memory; what was in it is of no meaning.
pub(super) fn with_scratch<R>(work: impl FnOnce(&mut Scratch) -> R) -> R {
    // In a thread that is ending there is none to lend, and a new one does.
    let mut scratch = SCRATCH.try_with(Cell::take).unwrap_or_default();
    let result = work(&mut scratch);
    let _ = SCRATCH.try_with(|lent| lent.set(scratch));
    result
}
