//! Rules over what was recorded before they were there. It appends and never rewrites, and a second time it adds nothing.

use std::ops::ControlFlow;

use super::files::{RuleFilesError, engine};
use super::pass::{take_up, wanted};
use super::reader::DetectError;
use crate::config::Config;
use crate::detect::{DetectConfig, Engine as _, Finding};
use crate::event::{Event, Timestamp};
use crate::journal::{Condition, DataDir, DetectionCommit, DetectionStore, Journal, JournalRow, ReaderStore, StoreError};

/// Detections that are committed at once.
const BATCH: usize = 1_000;

/// How often a commit that finds the journal busy is tried again; each waits for a second.
const TRIES: usize = 30;

/// Which past.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Backfill {
    /// Events seen at or after this time.
    pub since: Option<Timestamp>,
    /// Events seen before this time.
    pub until: Option<Timestamp>,
    /// Events of this session.
    pub session: Option<String>,
    /// Only these rules, by id or title.
    pub rules: Vec<String>,
}

/// What came of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backfilled {
    /// Events that were looked at.
    pub events: u64,
    /// What the rules found.
    pub found: u64,
    /// Those that were not in the journal yet.
    pub appended: u64,
}

/// Opens the journal as a recorder, looks at the past, and closes it with a checkpoint that covers what was appended.
///
/// # Errors
/// When there is no journal, or as [`backfill`].
pub fn backfill_opened(config: &Config, which: &Backfill, progress: impl FnMut(u64, u64)) -> Result<Backfilled, DetectError> {
    let journal = Journal::open(&config.data_dir, &config.journal)?;
    let done = backfill(&config.detect, journal.data_dir(), which, progress);
    journal.close()?;
    done
}

/// Looks at the past. The caller has the journal open. `progress` is told the seq that was reached and the last one.
///
/// # Errors
/// [`DetectError`]; what was appended by then stays.
pub fn backfill(
    config: &DetectConfig,
    data_dir: &DataDir,
    which: &Backfill,
    mut progress: impl FnMut(u64, u64),
) -> Result<Backfilled, DetectError> {
    let mut engine = engine(config, data_dir)?;
    let is_there = |name: &&String| engine.rules().iter().any(|rule| **name == rule.id || **name == rule.title);
    if let Some(name) = which.rules.iter().find(|name| !is_there(name)) {
        return Err(RuleFilesError::NoSuchRule { name: name.clone() }.into());
    }
    let reader = ReaderStore::open(&data_dir.journal())?;
    let mut store = DetectionStore::open(data_dir)?;
    let chosen: Vec<bool> = engine
        .rules()
        .iter()
        .map(|rule| which.rules.is_empty() || which.rules.iter().any(|name| *name == rule.id || *name == rule.title))
        .collect();
    let head = reader.head()?;
    let mut conditions: Vec<Condition> = which.session.iter().cloned().map(Condition::Session).collect();
    conditions.extend(which.since.map(|time| Condition::Since(time.as_micros())));
    conditions.extend(which.until.map(|time| Condition::Until(time.as_micros())));
    let mut done = Backfilled::default();
    let (mut findings, mut found): (Vec<Finding>, Vec<Event>) = (Vec::new(), Vec::new());
    reader.rows::<DetectError>(0, &conditions, None, |row: &JournalRow<'_>| {
        if row.seq > head {
            return Ok(ControlFlow::Break(()));
        }
        done.events += 1;
        if done.events % 1_024 == 0 {
            progress(row.seq, head);
        }
        if !wanted(row.columns.kind, row.columns.decision) {
            return Ok(ControlFlow::Continue(()));
        }
        let Ok(event) = row.to_event() else { return Ok(ControlFlow::Continue(())) };
        begin(&reader, &mut engine, &event)?;
        engine.look(&event, &mut findings);
        for Finding { rule, events } in findings.drain(..) {
            if let Some(info) = engine.rules().get(rule).filter(|_| chosen.get(rule) == Some(&true)) {
                found.push(info.detection(&event, events));
            }
        }
        if found.len() >= BATCH {
            append(&mut store, &mut found, &mut done)?;
        }
        Ok(ControlFlow::Continue(()))
    })?;
    append(&mut store, &mut found, &mut done)?;
    Ok(done)
}

/// The tables follow from the session's past; what correlations count begins with the range, whatever the detector has kept.
fn begin(
    reader: &ReaderStore,
    engine: &mut crate::detect::sigma::SigmaEngine,
    event: &crate::event::JournaledEvent,
) -> Result<(), StoreError> {
    let session = event.event.session_id.as_ref().map_or("", |session| session.as_str());
    if engine.knows(session) {
        return Ok(());
    }
    take_up(reader, &mut Forgetful(engine), event)
}

/// An engine that is given no state.
struct Forgetful<'e>(&'e mut crate::detect::sigma::SigmaEngine);

impl crate::detect::Engine for Forgetful<'_> {
    fn rules(&self) -> &[crate::detect::RuleInfo] {
        self.0.rules()
    }

    fn knows(&self, session: &str) -> bool {
        self.0.knows(session)
    }

    fn take_up(&mut self, session: &str, _state: Option<&str>) -> bool {
        self.0.take_up(session, None)
    }

    fn remember(&mut self, event: &crate::event::JournaledEvent) {
        self.0.remember(event);
    }

    fn look(&mut self, event: &crate::event::JournaledEvent, found: &mut Vec<Finding>) {
        self.0.look(event, found);
    }

    fn changed(&mut self) -> Vec<crate::detect::SessionState> {
        self.0.changed()
    }
}

fn append(store: &mut DetectionStore, found: &mut Vec<Event>, done: &mut Backfilled) -> Result<(), DetectError> {
    if found.is_empty() {
        return Ok(());
    }
    done.found += u64::try_from(found.len()).unwrap_or(u64::MAX);
    let mut tries = 0;
    loop {
        tries += 1;
        match store.commit(DetectionCommit { detections: found, states: &[], cursor: None }) {
            Ok(appended) => {
                done.appended += appended;
                found.clear();
                return Ok(());
            }
            Err(StoreError::Busy) if tries < TRIES => {}
            Err(error) => return Err(error.into()),
        }
    }
}
