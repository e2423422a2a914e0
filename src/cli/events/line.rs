//! One line of the table: where, when, who, what, about what, and how it was judged.

use jiff::Zoned;

use super::describe::{describe, verb_of, verdict};
use crate::cli::output::{Palette, columns, middle, printable};
use crate::event::{Decision, Event, JournaledEvent, OsText, Payload, Severity};
use crate::query::Verdict;

/// Columns of the time, of a process id, of a program's name and of a verb.
const TIME: usize = 12;
const PID: usize = 7;
const PROGRAM: usize = 15;
const VERB: usize = 9;

/// No subject is cut to less.
const LEAST: usize = 24;

/// How lines are laid out.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout {
    /// Colours.
    pub(super) palette: Palette,
    /// Columns that a line may take; `None` when nothing is cut.
    pub(super) width: Option<usize>,
    /// Columns of the position.
    pub(super) seq: usize,
}

impl Layout {
    /// The names of the columns, with the day in the place of the time.
    pub(super) fn heading(&self, day: &str) -> String {
        let seq = self.seq;
        let heading =
            format!("{:>seq$}  {day:<TIME$}  {:>PID$} {:<PROGRAM$}  {:<VERB$}  SUBJECT", "SEQ", "PID", "PROGRAM", "EVENT");
        self.palette.dim(heading).to_string()
    }

    /// A day that begins between two lines.
    pub(super) fn day(&self, day: &str) -> String {
        self.palette.dim(format!("{:>seq$}  {day}", "", seq = self.seq)).to_string()
    }

    /// An event with the verdict that stands behind it.
    pub(super) fn line(&self, event: &JournaledEvent, time: &Zoned, judged: Option<&Verdict>) -> String {
        let payload = &event.event.payload;
        let description = describe(&event.event);
        let (decision, judgement) = judgement(&event.event, judged);
        let detail = printable(&description.detail).into_owned();
        let judgement = judgement.map(|text| printable(&text).into_owned());
        let before = self.seq + 2 + TIME + 2 + PID + 1 + PROGRAM + 2 + VERB + 2;
        let behind = [Some(detail.as_str()), judgement.as_deref()].into_iter().flatten().filter(|text| !text.is_empty());
        let behind: usize = behind.map(|text| columns(text) + 2).sum();
        let subject = printable(&description.subject);
        let subject = match self.width {
            Some(width) => middle(&subject, width.saturating_sub(before + behind).max(LEAST)).into_owned(),
            None => subject.into_owned(),
        };

        let actor = event.event.actor.as_ref();
        let pid = actor.map_or_else(String::new, |actor| actor.pid.to_string());
        let program = actor.and_then(|actor| actor.comm.clone().or_else(|| actor.exe.as_ref().map(base_name)));
        let program = program.map_or_else(String::new, |program| printable(&program.as_text()).into_owned());
        let program = padded(&middle(&program, PROGRAM), PROGRAM);
        let verb = padded(&printable(&verb_of(payload)), VERB);
        let palette = self.palette;
        let verb = match event.event.severity {
            _ if matches!(payload, Payload::PolicyDecision(_)) => palette.plain(verb),
            Severity::Informational if matches!(payload, Payload::OperationFailed(_)) => palette.yellow(verb),
            Severity::Informational => palette.plain(verb),
            Severity::Low | Severity::Medium => palette.yellow(verb),
            Severity::High | Severity::Critical | Severity::Fatal => palette.red(verb),
        };
        let seq = palette.dim(format!("{:>width$}", event.seq, width = self.seq));
        let clock = palette.dim(time.strftime("%H:%M:%S%.3f"));
        let mut line = format!("{seq}  {clock}  {pid:>PID$} {program}  {verb}  {subject}");
        if !detail.is_empty() {
            line.push_str(&format!("  {}", palette.dim(detail)));
        }
        if let Some(judgement) = judgement {
            let judgement = match decision {
                Some(Decision::Deny) => palette.red(judgement),
                Some(Decision::Allow) => palette.dim(judgement),
                Some(Decision::Audit | Decision::Redirect | Decision::SoftDelete | Decision::Approve) | None => {
                    palette.yellow(judgement)
                }
            };
            line.push_str(&format!("  {judgement}"));
        }
        line.truncate(line.trim_end().len());
        line
    }
}

/// The verdict behind an operation, or of a decision that has a line to itself; that one also says when it let through. Where the
/// operation was over by then, it is what would have been decided.
fn judgement(event: &Event, judged: Option<&Verdict>) -> (Option<Decision>, Option<String>) {
    if let Payload::PolicyDecision(p) = &event.payload {
        let rule = p.rule.as_deref();
        let text = verdict(p.decision, rule).unwrap_or_else(|| format!("allowed by {}", rule.unwrap_or("default")));
        return (Some(p.decision), Some(if p.enforced == Some(false) { would_be(&text) } else { text }));
    }
    let decision = judged.map(|judged| judged.decision);
    let text = judged.and_then(|judged| verdict(judged.decision, judged.rule.as_deref()));
    let was_over = judged.is_some_and(|judged| !judged.enforced);
    (decision, if was_over { text.as_deref().map(would_be) } else { text })
}

fn would_be(verdict: &str) -> String {
    format!("would be {verdict}")
}

fn base_name(path: &OsText) -> OsText {
    OsText::from_bytes(path.as_bytes().rsplit(|byte| *byte == b'/').next().unwrap_or_default())
}

fn padded(text: &str, width: usize) -> String {
    format!("{text}{}", " ".repeat(width.saturating_sub(columns(text))))
}
