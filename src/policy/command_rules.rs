//! Command rules: a program and its arguments, which are matched as a list and never as a joined text.

use globset::{Candidate, Glob, GlobMatcher};

use super::compile::{Ranked, rank};
use super::document::{At, CommandRule as Written, place};
use super::error::{Fault, Problem};
use super::judgement::{Judgement, stricter};
use super::pattern::{CommandGlob, argument_globs, command_globs};
use super::pattern_set::{PatternSet, PatternSetBuilder, Scratch, with_scratch};
use super::variables::Variables;
use crate::event::{Decision, OsText, ProcessExec};

/// The command rules of a policy, in the order of precedence.
#[derive(Debug)]
pub(super) struct CommandRules {
    rules: Vec<CommandRule>,
    paths: PatternSet,
    names: PatternSet,
    default: Judgement,
}

#[derive(Debug)]
struct CommandRule {
    judgement: Judgement,
    /// The same verdict where the list of arguments was cut before the rule could be checked.
    unseen: Judgement,
    args: Vec<GlobMatcher>,
    /// One list of alternatives for each place.
    args_prefix: Vec<Vec<GlobMatcher>>,
}

/// How a rule's conditions on arguments fit.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fit {
    No,
    Yes,
    /// What decides is in the part of the list that was cut.
    Unseen,
}

impl CommandRules {
    pub(super) fn compile(rules: &[At<Written>], default: Judgement, variables: &Variables) -> Result<Self, Box<Fault>> {
        let mut compiled = Vec::with_capacity(rules.len());
        let (mut paths, mut names) = (PatternSetBuilder::default(), PatternSetBuilder::default());
        for Ranked { rule, judgement } in rank(rules)? {
            for command in rule.value.commands.required("commands", rule)? {
                let globs = command_globs(&command.value, variables)
                    .map_err(|flaw| Problem::BadPattern { pattern: command.value.clone(), flaw }.at(place(command)))?;
                for glob in globs {
                    match glob {
                        CommandGlob::Path(glob) => paths.add(compiled.len(), glob),
                        CommandGlob::Name(glob) => names.add(compiled.len(), glob),
                    }
                }
            }
            let args = rule.value.args.entries("args")?.unwrap_or_default();
            let args_prefix = rule.value.args_prefix.entries("args_prefix")?.unwrap_or_default();
            let unseen = format!("{}; the arguments are too many to be seen, so the strict reading counts", judgement.reason);
            compiled.push(CommandRule {
                unseen: Judgement { reason: unseen.into(), ..judgement.clone() },
                judgement,
                args: args.iter().map(argument).collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect(),
                args_prefix: args_prefix.iter().map(argument).collect::<Result<_, _>>()?,
            });
        }
        Ok(Self { rules: compiled, paths: paths.build("command_rules")?, names: names.build("command_rules")?, default })
    }

    pub(super) fn count(&self) -> usize {
        self.rules.len()
    }

    /// The verdict on a program. The interpreters that its `#!` lines name run too, each without arguments that could be checked, so
    /// each is judged and the strictest verdict counts.
    pub(super) fn judge(&self, exec: &ProcessExec) -> &Judgement {
        let unseen = exec.argc > u64::try_from(exec.argv.len()).unwrap_or(u64::MAX);
        let program = self.judge_program(&exec.path, &exec.requested, exec.argv.get(1..).unwrap_or_default(), unseen);
        exec.interpreters
            .iter()
            .fold(program, |verdict, interpreter| stricter(verdict, self.judge_program(interpreter, interpreter, &[], false)))
    }

    fn judge_program(&self, path: &OsText, requested: &OsText, arguments: &[OsText], cut: bool) -> &Judgement {
        with_scratch(|Scratch { found, part }| {
            self.paths.matches_into(&Candidate::from_bytes(path.as_bytes()), found);
            let (resolved, asked) = (basename(path.as_bytes()), basename(requested.as_bytes()));
            self.names.matches_into(&Candidate::from_bytes(resolved), part);
            found.append(part);
            if asked != resolved {
                self.names.matches_into(&Candidate::from_bytes(asked), part);
                found.append(part);
            }
            found.sort_unstable();
            let mut rules = found.iter().filter_map(|rule| self.rules.get(*rule));
            rules.find_map(|rule| rule.verdict(arguments, cut)).unwrap_or(&self.default)
        })
    }
}

impl CommandRule {
    fn verdict(&self, arguments: &[OsText], cut: bool) -> Option<&Judgement> {
        match self.fit(arguments, cut) {
            Fit::Yes => Some(&self.judgement),
            Fit::No => None,
            // Arguments that cannot be seen do not earn an allowance, and do not evade a refusal.
            Fit::Unseen if self.judgement.decision == Decision::Allow => None,
            Fit::Unseen => Some(&self.unseen),
        }
    }

    fn fit(&self, arguments: &[OsText], cut: bool) -> Fit {
        let mut given = arguments.iter();
        for place in &self.args_prefix {
            match given.next() {
                Some(argument) if matches(place, argument) => {}
                None if cut => return Fit::Unseen,
                Some(_) | None => return Fit::No,
            }
        }
        if self.args.is_empty() || arguments.iter().any(|argument| matches(&self.args, argument)) {
            Fit::Yes
        } else if cut {
            Fit::Unseen
        } else {
            Fit::No
        }
    }
}

fn matches(alternatives: &[GlobMatcher], argument: &OsText) -> bool {
    let candidate = Candidate::from_bytes(argument.as_bytes());
    alternatives.iter().any(|glob| glob.is_match_candidate(&candidate))
}

fn argument(entry: &At<String>) -> Result<Vec<GlobMatcher>, Box<Fault>> {
    match argument_globs(&entry.value) {
        Ok(globs) => Ok(globs.iter().map(Glob::compile_matcher).collect()),
        Err(flaw) => Err(Problem::BadPattern { pattern: entry.value.clone(), flaw }.at(place(entry))),
    }
}

fn basename(path: &[u8]) -> &[u8] {
    path.rsplit(|byte| *byte == b'/').next().unwrap_or_default()
}
