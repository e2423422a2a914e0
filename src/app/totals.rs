//! Metrics that are true for the whole journal, whoever recorded it: counted from the beginning, then followed.
//!
//! The server reads the journal in steps, each on a thread that may block, and remembers how far it came. Nothing waits for it: a
//! scrape shows what was counted so far, and the reader's lag `server/metrics` says how much is still to come.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::Duration;

use crate::event::{Decision, Detection, Kind, Payload};
use crate::journal::{Condition, DataDir, ReaderStore, StoreError};
use crate::runtime::metrics::{Metrics, metrics};

/// Events that are counted at once: some tens of milliseconds, so that a server that is told to stop does not wait for it.
const STEP: u64 = 50_000;

/// How often the journal is looked at.
const LOOK: Duration = Duration::from_millis(250);

/// The name that the counting itself has among the readers.
const READER: &str = "server/metrics";

/// The label of a decision that no rule gave.
const NO_RULE: &str = "default";

/// The label of a detection that names no technique.
const NO_TECHNIQUE: &str = "none";

/// How far the journal was counted.
pub(super) struct Totals {
    journal: PathBuf,
    store: Option<ReaderStore>,
    after: u64,
    readers: BTreeSet<String>,
    /// Whether the last look failed: a reason is logged once.
    failing: bool,
}

impl Totals {
    pub(super) fn new(data_dir: &DataDir) -> Self {
        Self { journal: data_dir.journal(), store: None, after: 0, readers: BTreeSet::new(), failing: false }
    }

    /// Counts for ever; dropping the future ends it.
    pub(super) async fn keep(mut self) {
        loop {
            let step = tokio::task::spawn_blocking(move || {
                let more = self.look(metrics());
                (self, more)
            });
            let Ok((totals, more)) = step.await else { return };
            self = totals;
            if !more {
                tokio::time::sleep(LOOK).await;
            }
        }
    }

    /// Counts one step; whether there is more to count at once.
    fn look(&mut self, metrics: &Metrics) -> bool {
        let store = match self.store.take() {
            Some(store) => store,
            None => match ReaderStore::open(&self.journal) {
                Ok(store) => store,
                Err(error) => return self.failed(&error),
            },
        };
        match self.count(&store, metrics) {
            Ok(more) => {
                self.store = Some(store);
                self.failing = false;
                more
            }
            Err(error) => self.failed(&error),
        }
    }

    fn failed(&mut self, error: &dyn std::fmt::Display) -> bool {
        if !self.failing {
            tracing::warn!(%error, "the journal cannot be counted for the metrics");
        }
        self.failing = true;
        false
    }

    /// Everything is read before anything is counted, so that a step that fails can be made again.
    fn count(&mut self, store: &ReaderStore, metrics: &Metrics) -> Result<bool, StoreError> {
        let head = store.head()?;
        let last = head.min(self.after.saturating_add(STEP));
        if last > self.after {
            let _span = tracing::info_span!("count", events = i64::try_from(last - self.after).unwrap_or(i64::MAX)).entered();
            let counts = store.count_decided(self.after, last)?;
            let mut found = Vec::new();
            for kind in [Kind::Detection, Kind::EventsLost] {
                store.rows::<StoreError>(self.after, &[Condition::Kinds(vec![kind])], None, |row| {
                    if row.seq > last {
                        return Ok(ControlFlow::Break(()));
                    }
                    // What cannot be read is counted by its kind all the same; `verify` says what is wrong with it.
                    found.extend(row.to_event().ok().map(|event| event.event));
                    Ok(ControlFlow::Continue(()))
                })?;
            }
            for count in counts {
                if let Ok(kind) = count.kind.parse::<Kind>() {
                    metrics.journal_events.of(kind).add(count.count);
                }
                if let Some(decision) = count.decision.as_deref().and_then(Decision::from_word) {
                    metrics.journal_decisions.of(decision).of(count.rule.as_deref().unwrap_or(NO_RULE)).add(count.count);
                }
            }
            for event in found {
                if let Payload::EventsLost(lost) = &event.payload {
                    metrics.journal_losses.of(&lost.hop).add(lost.count);
                } else if let Payload::Detection(detection) = &event.payload {
                    count_detection(metrics, event.attack.iter().map(|technique| technique.as_str()), detection);
                }
            }
            tables(store, metrics)?;
            self.after = last;
        }
        self.lags(store, metrics, head)?;
        Ok(last < head)
    }

    /// How far each reader is behind; one that is gone lags no more.
    fn lags(&mut self, store: &ReaderStore, metrics: &Metrics, head: u64) -> Result<(), StoreError> {
        let places = store.reader_places()?;
        let mut readers = BTreeSet::from([READER.to_owned()]);
        metrics.reader_lag.of(READER).set(head.saturating_sub(self.after));
        for place in places {
            metrics.reader_lag.of(&place.name).set(head.saturating_sub(place.seq));
            readers.insert(place.name);
        }
        for gone in self.readers.difference(&readers) {
            metrics.reader_lag.remove(gone);
        }
        self.readers = readers;
        Ok(())
    }
}

/// What stands in the tables that only a commit changes.
fn tables(store: &ReaderStore, metrics: &Metrics) -> Result<(), StoreError> {
    let (open, ended) = store.count_sessions()?;
    metrics.sessions.of("open").set(open);
    metrics.sessions.of("ended").set(ended);
    let intakes = store.intakes()?;
    let live = || intakes.iter().filter(|intake| intake.state == "live");
    metrics.recorders.set(u64::try_from(live().count()).unwrap_or(u64::MAX));
    metrics.recorders_waiting.set(live().map(|intake| intake.offered.saturating_sub(intake.journaled + intake.lost)).sum());
    Ok(())
}

/// Counts a detection under each technique that it names, once.
fn count_detection<'a>(metrics: &Metrics, named: impl Iterator<Item = &'a str>, detection: &'a Detection) {
    let techniques: BTreeSet<&str> = named.chain(detection.techniques.iter().map(|technique| technique.as_str())).collect();
    if techniques.is_empty() {
        metrics.journal_detections.of(NO_TECHNIQUE).add(1);
    }
    for technique in techniques {
        metrics.journal_detections.of(technique).add(1);
    }
}
