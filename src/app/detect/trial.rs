//! Rules over events of a file, without a journal: for whoever writes rules.

use std::io::{self, BufRead};

use crate::capture::import::{LineError, read_line};
use crate::detect::{Engine, Finding};
use crate::event::{Event, JournaledEvent};

/// Bytes of one line: more than an event can have.
const LINE: u64 = 16 << 20;

/// Why a file of events cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TrialError {
    /// It cannot be read.
    #[error("line {line}: {source}")]
    Read {
        /// The line, from 1.
        line: usize,
        /// What the system said.
        source: io::Error,
    },
    /// A line is not an event.
    #[error("line {line}: {source}")]
    Line {
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        source: LineError,
    },
}

/// A rule that recognised something.
#[derive(Clone, Debug, PartialEq)]
pub struct Fired {
    /// The line of the event that completed it, from 1.
    pub line: usize,
    /// That event.
    pub on: JournaledEvent,
    /// The detection, as the journal would have it.
    pub detection: Event,
}

/// Lets an engine look at each line, in order. Empty lines are passed over. Says how many events there were.
///
/// # Errors
/// [`TrialError`], or what `each` says.
pub fn trial<E: From<TrialError>>(
    engine: &mut dyn Engine,
    mut lines: impl BufRead,
    mut each: impl FnMut(Fired) -> Result<(), E>,
) -> Result<usize, E> {
    let (mut text, mut found, mut line, mut events) = (String::new(), Vec::new(), 0, 0);
    loop {
        text.clear();
        line += 1;
        let read = io::Read::take(&mut lines, LINE).read_line(&mut text);
        if read.map_err(|source| TrialError::Read { line, source })? == 0 {
            return Ok(events);
        }
        if text.trim().is_empty() {
            continue;
        }
        let event = read_line(&text).map_err(|source| TrialError::Line { line, source })?;
        events += 1;
        engine.look(&event, &mut found);
        for Finding { rule, events } in found.drain(..) {
            if let Some(rule) = engine.rules().get(rule) {
                each(Fired { line, on: event.clone(), detection: rule.detection(&event, events) })?;
            }
        }
    }
}
