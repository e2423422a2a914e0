//! The table: lines as they come, with the decision that stands right behind an operation folded into the operation's line.

use std::collections::VecDeque;
use std::io::Write;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

use super::line::Layout;
use crate::event::{EventId, JournaledEvent, Payload};
use crate::query::{Reader, StoreError, Verdict};

/// Writes lines, one behind what it was given: whether an operation was judged is seen from the next event.
pub(super) struct Table {
    layout: Layout,
    zone: TimeZone,
    /// Decisions have lines of their own.
    raw: bool,
    pending: Option<JournaledEvent>,
    day: Option<Date>,
    /// The last lines, as many as are wanted; `None` when they are written as they come.
    kept: Option<(usize, VecDeque<(Zoned, String)>)>,
}

impl Table {
    pub(super) const fn new(layout: Layout, zone: TimeZone, raw: bool, keep: Option<usize>) -> Self {
        let kept = match keep {
            Some(keep) => Some((keep, VecDeque::new())),
            None => None,
        };
        Self { layout, zone, raw, pending: None, day: None, kept }
    }

    /// Takes an event. Returns the lines that it completed.
    pub(super) fn push(&mut self, reader: &Reader, event: JournaledEvent, out: &mut dyn Write) -> anyhow::Result<u64> {
        if self.raw {
            return self.write(&event, None, out);
        }
        let Some(pending) = self.pending.take() else {
            self.pending = Some(event);
            return Ok(0);
        };
        if let Some(verdict) = verdict_on(&pending, &event) {
            return self.write(&pending, Some(&verdict), out);
        }
        // The filter may have left the decision out; where nothing is left out, there is none.
        let next_is_here = event.seq.get() == pending.seq.get() + 1;
        let verdict = if next_is_here { None } else { look_up(reader, &pending)? };
        self.pending = Some(event);
        self.write(&pending, verdict.as_ref(), out)
    }

    /// The event that waits for its decision.
    pub(super) fn pending(&self) -> Option<u64> {
        self.pending.as_ref().map(|event| event.seq.get())
    }

    /// Completes the last line. Returns the lines that were completed.
    pub(super) fn settle(&mut self, reader: &Reader, out: &mut dyn Write) -> anyhow::Result<u64> {
        let Some(pending) = self.pending.take() else { return Ok(0) };
        let verdict = look_up(reader, &pending)?;
        self.write(&pending, verdict.as_ref(), out)
    }

    /// Writes what was kept; from now on lines are written as they come.
    pub(super) fn release(&mut self, out: &mut dyn Write) -> anyhow::Result<()> {
        for (time, line) in self.kept.take().map(|(_, lines)| lines).into_iter().flatten() {
            self.write_line(&time, &line, out)?;
        }
        Ok(())
    }

    fn write(&mut self, event: &JournaledEvent, verdict: Option<&Verdict>, out: &mut dyn Write) -> anyhow::Result<u64> {
        let time = Timestamp::from_microsecond(event.event.time.as_micros()).unwrap_or(Timestamp::UNIX_EPOCH);
        let time = time.to_zoned(self.zone.clone());
        let line = self.layout.line(event, &time, verdict);
        if let Some((keep, lines)) = &mut self.kept {
            lines.push_back((time, line));
            if lines.len() > *keep {
                lines.pop_front();
            }
        } else {
            self.write_line(&time, &line, out)?;
        }
        Ok(1)
    }

    fn write_line(&mut self, time: &Zoned, line: &str, out: &mut dyn Write) -> anyhow::Result<()> {
        let day = time.date();
        match self.day {
            None => writeln!(out, "{}", self.layout.heading(&day.to_string()))?,
            Some(before) if before != day => writeln!(out, "{}", self.layout.day(&day.to_string()))?,
            Some(_) => {}
        }
        self.day = Some(day);
        Ok(writeln!(out, "{line}")?)
    }
}

/// The verdict that `next` is on `operation`.
fn verdict_on(operation: &JournaledEvent, next: &JournaledEvent) -> Option<Verdict> {
    let judges = next.seq.get() == operation.seq.get() + 1 && next.event.cause == Some(operation.event.id);
    match &next.event.payload {
        Payload::PolicyDecision(p) if judges => {
            Some(Verdict { decision: p.decision, rule: p.rule.clone(), enforced: p.enforced != Some(false) })
        }
        _ => None,
    }
}

fn look_up(reader: &Reader, operation: &JournaledEvent) -> Result<Option<Verdict>, StoreError> {
    let id: EventId = operation.event.id;
    reader.verdict(operation.seq.get(), id)
}
