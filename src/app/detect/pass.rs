//! `Pass`: from the cursor forward: read a page, ask the rules, commit what they found with the cursor.
//!
//! ```text
//! read a page ─▶ take up sessions that are not at hand ─▶ ask ─▶ detections, states and cursor in one transaction ─▶ …
//! ```
//!
//! A kill anywhere makes no detection twice and loses none: what was not committed is found again from the cursor, with the same ids. A
//! page in which nothing was found commits nothing; the cursor follows every [`LAZY_EVENTS`] events and when the journal is quiet.

use std::ops::ControlFlow;
use std::sync::Arc;

use super::reader::DetectError;
use crate::detect::{Engine, Finding};
use crate::event::{Decision, Event, JournaledEvent, Kind};
use crate::journal::{
    Condition, CursorMove, DataDir, DetectionCommit, DetectionStore, Events, JournalRow, ReaderStore, StateRow, StoreError,
};
use crate::runtime::clock;
use crate::runtime::metrics::metrics;

/// The name of the detector's cursor, and of the place that one process at a time has.
pub const CURSOR: &str = "detect";

/// Events of one page.
const PAGE: u32 = 4_096;

/// Events without a detection after which the cursor is written all the same.
const LAZY_EVENTS: u64 = 65_536;

/// The kinds that a session's tables follow from.
pub(super) const REMEMBERED: [Kind; 7] = [
    Kind::ProcessExec,
    Kind::ProcessExit,
    Kind::PolicyDecision,
    Kind::OperationFailed,
    Kind::HttpRequest,
    Kind::HttpResponse,
    Kind::SessionEnded,
];

/// Where a pass stands, between any two of which it may be killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DetectStep {
    /// A page was read.
    Read,
    /// The rules have looked at it.
    Looked,
    /// Something is about to be committed.
    BeforeCommit,
    /// It is committed.
    AfterCommit,
}

/// Is told of each step; for tests that kill there.
pub(super) type At = Arc<dyn Fn(DetectStep) + Send + Sync>;

/// The detector's work, without a thread.
pub(super) struct Pass {
    reader: ReaderStore,
    store: DetectionStore,
    engine: Box<dyn Engine>,
    /// Everything up to this event was looked at.
    looked: u64,
    /// Everything up to this event is committed.
    committed: u64,
    found: Vec<Event>,
    levels: Vec<&'static str>,
    states: Vec<StateRow>,
    page: Events,
    at: Option<At>,
}

impl Pass {
    pub(super) fn new(data_dir: &DataDir, engine: Box<dyn Engine>, at: Option<At>) -> Result<Self, DetectError> {
        let reader = ReaderStore::open(&data_dir.journal())?;
        let cursor = reader.cursor(CURSOR)?;
        Ok(Self {
            store: DetectionStore::open(data_dir)?,
            reader,
            engine,
            looked: cursor,
            committed: cursor,
            found: Vec::new(),
            levels: Vec::new(),
            states: Vec::new(),
            page: Events::default(),
            at,
        })
    }

    /// Everything up to this event is done with.
    pub(super) const fn committed(&self) -> u64 {
        self.committed
    }

    /// Everything up to this event was looked at.
    pub(super) const fn looked(&self) -> u64 {
        self.looked
    }

    /// Looks at the next page. Says whether there was one.
    pub(super) fn step(&mut self) -> Result<bool, DetectError> {
        // What could not be committed comes first: a further page would only add to it.
        if !self.found.is_empty() {
            self.commit()?;
        }
        self.reader.events(self.looked, PAGE, wanted, &mut self.page)?;
        let (passed, Some(last)) = (self.page.rows, self.page.last_seq) else { return Ok(false) };
        self.told(DetectStep::Read);
        let mut findings = Vec::new();
        for event in &self.page.events {
            match event {
                Ok(event) => {
                    take_up(&self.reader, self.engine.as_mut(), event)?;
                    self.engine.look(event, &mut findings);
                    for Finding { rule, events } in findings.drain(..) {
                        if let Some(rule) = self.engine.rules().get(rule) {
                            self.levels.push(rule.level);
                            self.found.push(rule.detection(event, events));
                        }
                    }
                }
                Err((seq, error)) => {
                    metrics().detect_errors.add(1);
                    tracing::warn!(seq, error, "an event cannot be looked at for detections; agentsh verify says more");
                }
            }
        }
        // A quiet detector keeps no memory for a full page.
        self.page.events = Vec::new();
        metrics().detect_events.add(passed);
        self.looked = last;
        self.told(DetectStep::Looked);
        if !self.found.is_empty() || self.looked - self.committed >= LAZY_EVENTS {
            self.commit()?;
        }
        Ok(true)
    }

    /// Commits what is not committed yet.
    pub(super) fn commit(&mut self) -> Result<(), DetectError> {
        if self.looked == self.committed {
            return Ok(());
        }
        self.told(DetectStep::BeforeCommit);
        // What changed is kept until it is committed: the engine says it once.
        for changed in self.engine.changed() {
            self.states.retain(|known| known.session_id != changed.session);
            self.states.push(StateRow { session_id: changed.session, state: changed.state });
        }
        let to = self.looked;
        let cursor = CursorMove { name: CURSOR.to_owned(), from: self.committed, to, time_us: clock::now().as_micros() };
        let commit = DetectionCommit { detections: &self.found, states: &self.states, cursor: Some(&cursor) };
        self.store.commit(commit)?;
        self.committed = to;
        for level in self.levels.drain(..) {
            metrics().detect_detections.of(level).add(1);
        }
        self.found.clear();
        self.states.clear();
        self.told(DetectStep::AfterCommit);
        Ok(())
    }

    fn told(&self, step: DetectStep) {
        if let Some(at) = &self.at {
            at(step);
        }
    }
}

/// Whether a row can matter to any rule or table. Half of a journal are decisions that let something through.
pub(super) fn wanted(kind: &str, decision: Option<&str>) -> bool {
    match kind.parse::<Kind>() {
        Ok(Kind::PolicyDecision) => decision == Some(Decision::Deny.as_str()),
        Ok(Kind::FileClose | Kind::NetClose | Kind::TlsHandshake | Kind::ResourceUsage) => false,
        Ok(kind) => !matches!(
            kind.family(),
            crate::event::Family::Command | crate::event::Family::Derived | crate::event::Family::Pipeline
        ),
        // A newer version wrote it.
        Err(_) => false,
    }
}

/// Brings a session that is not at hand to where it was before this event: the state that was kept, and tables from its past.
pub(super) fn take_up(reader: &ReaderStore, engine: &mut dyn Engine, event: &JournaledEvent) -> Result<(), StoreError> {
    let session = event.event.session_id.as_ref().map_or("", |session| session.as_str());
    if engine.knows(session) {
        return Ok(());
    }
    let state = reader.detection_state(session)?;
    if !engine.take_up(session, state.as_deref()) {
        metrics().detect_errors.add(1);
        tracing::warn!(session, "what was counted in the session for correlations cannot be read and begins anew");
    }
    if session.is_empty() || reader.session(session)?.is_some_and(|row| row.seqs.0 >= event.seq.get()) {
        return Ok(());
    }
    let past = [Condition::Session(session.to_owned()), Condition::Kinds(REMEMBERED.to_vec())];
    reader.rows::<StoreError>(0, &past, None, |row: &JournalRow<'_>| {
        if row.seq >= event.seq.get() {
            return Ok(ControlFlow::Break(()));
        }
        if wanted(row.columns.kind, row.columns.decision)
            && let Ok(past) = row.to_event()
        {
            engine.remember(&past);
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(())
}
