//! The events that are shown, in words; read a page at a time, so that a session of any length is shown from a few of them.

use std::collections::BTreeMap;

use crate::cli::events::{describe, verb_of, verdict};
use crate::cli::output::printable;
use crate::event::{JournaledEvent, OsText, Payload};
use crate::replay::{Index, ReplayError, Source};

/// Events of a page, and pages that are kept.
const PAGE: usize = 128;
const KEPT: usize = 16;

/// An event in words that no terminal obeys.
#[derive(Clone, Debug, Default)]
pub(super) struct Row {
    pub(super) pid: String,
    pub(super) program: String,
    pub(super) verb: String,
    pub(super) subject: String,
    pub(super) detail: String,
    /// The verdict, where it is not plain `allow`.
    pub(super) verdict: String,
}

/// Pages by their number.
#[derive(Default)]
pub(super) struct Pages {
    kept: BTreeMap<usize, Vec<Row>>,
    order: std::collections::VecDeque<usize>,
}

impl Pages {
    /// The event at a place in words.
    pub(super) fn row(&mut self, at: usize, index: &Index, source: &dyn Source) -> Result<Row, ReplayError> {
        let page = at / PAGE;
        let complete = self.kept.get(&page).is_some_and(|rows| at % PAGE < rows.len());
        if !complete {
            let rows = rows(index, source, page * PAGE, PAGE)?;
            if self.kept.insert(page, rows).is_none() {
                self.order.push_back(page);
            }
            if self.order.len() > KEPT
                && let Some(oldest) = self.order.pop_front()
            {
                self.kept.remove(&oldest);
            }
        }
        Ok(self.kept.get(&page).and_then(|rows| rows.get(at % PAGE)).cloned().unwrap_or_default())
    }
}

/// Rows of `count` events from a place on.
pub(super) fn rows(index: &Index, source: &dyn Source, from: usize, count: usize) -> Result<Vec<Row>, ReplayError> {
    let entries = index.range(from, from + count);
    let (Some(first), Some(last)) = (entries.first(), entries.last()) else { return Ok(Vec::new()) };
    // Each may have a decision behind it.
    let most = u64::try_from(entries.len() * 2).unwrap_or(u64::MAX);
    let events = source.events(first.seq, last.seq + 1, most)?;
    let mut rows = Vec::with_capacity(entries.len());
    let mut events = events.into_iter().peekable();
    for entry in entries {
        while events.next_if(|event| event.seq.get() < entry.seq).is_some() {}
        let Some(event) = events.next_if(|event| event.seq.get() == entry.seq) else {
            rows.push(Row::default());
            continue;
        };
        let decision = events.next_if(|next| next.event.cause == Some(event.event.id) && is_decision(next));
        rows.push(row(&event, decision.as_ref()));
    }
    Ok(rows)
}

fn is_decision(event: &JournaledEvent) -> bool {
    matches!(event.event.payload, Payload::PolicyDecision(_))
}

fn row(event: &JournaledEvent, decision: Option<&JournaledEvent>) -> Row {
    let inert = |text: &str| printable(text).into_owned();
    let described = describe(&event.event);
    let actor = event.event.actor.as_ref();
    let program = actor.and_then(|actor| actor.comm.clone().or_else(|| actor.exe.as_ref().map(base_name)));
    let judged = match decision.map(|decision| &decision.event.payload) {
        Some(Payload::PolicyDecision(p)) => {
            let text = verdict(p.decision, p.rule.as_deref());
            if p.enforced == Some(false) { text.map(|text| format!("would be {text}")) } else { text }
        }
        Some(_) | None => None,
    };
    Row {
        pid: actor.map_or_else(String::new, |actor| actor.pid.to_string()),
        program: program.map_or_else(String::new, |program| inert(&program.as_text())),
        verb: inert(&verb_of(&event.event.payload)),
        subject: inert(&described.subject),
        detail: inert(&described.detail),
        verdict: judged.map_or_else(String::new, |text| inert(&text)),
    }
}

fn base_name(path: &OsText) -> OsText {
    OsText::from_bytes(path.as_bytes().rsplit(|byte| *byte == b'/').next().unwrap_or_default())
}
