//! Processes, as of any moment: who started whom, what each ran, how it ended.

use std::collections::BTreeMap;

use super::error::ReplayError;
use super::source::typed;
use crate::event::{Decision, Kind, OsText, Payload};
use crate::journal::JournalRow;

/// Processes that are kept; what goes beyond is counted.
const MOST: usize = 100_000;

#[derive(Debug)]
struct Process {
    pid: i64,
    from: usize,
    depth: usize,
    children: Vec<usize>,
    runs: Vec<(usize, String, Option<Decision>)>,
    exit: Option<(usize, String)>,
}

/// One process as of a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line<'p> {
    /// How deep it stands.
    pub depth: usize,
    /// Process id.
    pub pid: i64,
    /// What it runs.
    pub program: &'p str,
    /// Whether policy refused that.
    pub refused: bool,
    /// How it ended.
    pub exit: Option<&'p str>,
}

/// The processes of a session.
#[derive(Debug, Default)]
pub struct Processes {
    seen: Vec<Process>,
    roots: Vec<usize>,
    live: BTreeMap<i64, usize>,
    gone: BTreeMap<i64, usize>,
    left_out: u64,
}

impl Processes {
    /// Those that were seen as of an event, each behind its parent; the first `most` of them behind `skip`, and how many.
    #[must_use]
    pub fn as_of(&self, at: usize, skip: usize, most: usize) -> (Vec<Line<'_>>, usize) {
        let mut lines = Vec::new();
        let mut count = 0;
        let mut waiting: Vec<usize> = self.roots.iter().rev().copied().collect();
        while let Some(process) = waiting.pop().and_then(|place| self.seen.get(place)) {
            // Children are seen later than their parent.
            if process.from > at {
                continue;
            }
            if count >= skip && lines.len() < most {
                lines.push(process.at(at));
            }
            count += 1;
            waiting.extend(process.children.iter().rev());
        }
        (lines, count)
    }

    /// Processes beyond the bound, of which nothing is kept.
    #[must_use]
    pub const fn left_out(&self) -> u64 {
        self.left_out
    }

    pub(super) fn judged(&mut self, at: usize, verdict: Decision) {
        let run = self.seen.iter_mut().rev().find_map(|process| process.runs.last_mut().filter(|run| run.0 == at));
        if let Some(run) = run {
            run.2 = Some(verdict);
        }
    }

    pub(super) fn take(&mut self, at: usize, kind: Kind, row: &JournalRow<'_>) -> Result<(), ReplayError> {
        let Some(pid) = row.columns.pid else { return Ok(()) };
        let starts = kind == Kind::ProcessExec;
        let known = self.live.get(&pid).copied().or_else(|| self.gone.get(&pid).copied().filter(|_| !starts));
        if known.is_some() && !matches!(kind, Kind::ProcessExec | Kind::ProcessExit) {
            return Ok(());
        }
        let event = typed(row)?.event;
        let place = match known {
            Some(place) => place,
            None if self.seen.len() >= MOST => {
                self.left_out += 1;
                return Ok(());
            }
            None => {
                let actor = event.actor.as_ref();
                let parent = actor.and_then(|actor| actor.ppid).map(i64::from);
                let parent = parent.and_then(|ppid| self.live.get(&ppid).or_else(|| self.gone.get(&ppid)).copied());
                let program = actor.and_then(|actor| actor.exe.as_ref().or(actor.comm.as_ref()));
                let runs = program.filter(|_| !starts).map(|program| (at, format!("({})", base_name(program)), None));
                let place = self.seen.len();
                let depth = parent.and_then(|parent| self.seen.get(parent)).map_or(0, |parent| parent.depth + 1);
                match parent.and_then(|parent| self.seen.get_mut(parent)) {
                    Some(parent) => parent.children.push(place),
                    None => self.roots.push(place),
                }
                let runs = runs.into_iter().collect();
                self.seen.push(Process { pid, from: at, depth, children: Vec::new(), runs, exit: None });
                self.live.insert(pid, place);
                place
            }
        };
        let Some(process) = self.seen.get_mut(place) else { return Ok(()) };
        if let Payload::ProcessExec(p) = &event.payload {
            let arguments = p.argv.get(1..).unwrap_or_default().iter().map(OsText::as_text);
            let words: Vec<_> = std::iter::once(base_name(&p.path).into()).chain(arguments).collect();
            process.runs.push((at, p.command_line.clone().unwrap_or_else(|| words.join(" ")), None));
        } else if let Payload::ProcessExit(p) = &event.payload {
            let code = p.exit_code.map(|code| format!("exit {code}"));
            process.exit = Some((at, p.signal.clone().or(code).unwrap_or_else(|| "ended".to_owned())));
            self.live.remove(&pid);
            self.gone.insert(pid, place);
        }
        Ok(())
    }
}

impl Process {
    fn at(&self, at: usize) -> Line<'_> {
        let ran = self.runs.get(..self.runs.partition_point(|run| run.0 <= at)).unwrap_or_default();
        let allowed = ran.iter().rev().find(|run| run.2 != Some(Decision::Deny));
        let run = allowed.or(ran.last());
        Line {
            depth: self.depth,
            pid: self.pid,
            program: run.map_or("", |run| run.1.as_str()),
            refused: ran.last().is_some_and(|run| run.2 == Some(Decision::Deny)),
            exit: self.exit.as_ref().filter(|exit| exit.0 <= at).map(|exit| exit.1.as_str()),
        }
    }
}

fn base_name(path: &OsText) -> String {
    let name = path.as_bytes().rsplit(|byte| matches!(byte, b'/' | b'\\')).next().unwrap_or_default();
    OsText::from_bytes(name).as_text().into_owned()
}
