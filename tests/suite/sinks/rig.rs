//! Journals with events in them, a place in memory that answers as it is told, and what loops are started with.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use agentsh::event::{Event, EventId, Payload};
use agentsh::journal::{DataDir, DeadLetterRow, Journal, JournalConfig, Page, ReaderStore};
use agentsh::runtime::units::Millis;
use agentsh::sink::{DeliverError, Deliverer, Delivery, DeliveryConfig, Destination, Flush, SelectionConfig};

use crate::support::{open_event, until};

/// A journal with `count` events of the family `file`.
pub fn journal(root: &Path, count: u64) -> Journal {
    let config = JournalConfig { intake_bytes: 1 << 20, ..JournalConfig::default() };
    let journal = Journal::open(root, &config).unwrap();
    record(&journal, 0, count);
    journal
}

/// Records more of them.
pub fn record(journal: &Journal, first: u64, count: u64) {
    for number in first..first + count {
        journal.channel().publish(&open_event(number));
    }
    assert!(journal.flush());
}

pub fn publish(journal: &Journal, event: &Event) {
    journal.channel().publish(event);
    assert!(journal.flush());
}

/// Short waits, so that what takes seconds in earnest takes little here.
pub fn quick() -> DeliveryConfig {
    DeliveryConfig {
        page_events: 50,
        retry_initial: Millis::new(1),
        retry_max: Millis::new(20),
        stalled_after: Millis::new(50),
        cursor_interval: Millis::new(1),
        close_timeout: Millis::new(10_000),
    }
}

/// What was reported.
#[derive(Clone, Default)]
pub struct Reports(Arc<Mutex<Vec<Payload>>>);

impl Reports {
    pub fn all(&self) -> Vec<Payload> {
        self.0.lock().unwrap().clone()
    }

    /// The stalls' reasons.
    pub fn stalls(&self) -> Vec<String> {
        let stalled = |payload| if let Payload::SinkStalled(stalled) = payload { Some(stalled.reason) } else { None };
        self.all().into_iter().filter_map(stalled).collect()
    }

    pub fn recoveries(&self) -> usize {
        self.all().iter().filter(|payload| matches!(payload, Payload::SinkRecovered(_))).count()
    }
}

pub fn delivery(root: &Path, reports: &Reports) -> Delivery {
    let reports = reports.clone();
    Delivery {
        data_dir: DataDir::at(root),
        config: quick(),
        selection: SelectionConfig::default(),
        report: Arc::new(move |payload| reports.0.lock().unwrap().push(payload)),
        at: None,
    }
}

pub fn start(name: &str, destination: impl Destination, delivery: Delivery) -> Deliverer {
    Deliverer::start(name, destination, delivery).unwrap()
}

pub fn store(root: &Path) -> ReaderStore {
    ReaderStore::open(&DataDir::at(root).journal()).unwrap()
}

pub fn head(root: &Path) -> u64 {
    store(root).head().unwrap()
}

/// The cursor of a sink; 0 when there is none.
pub fn cursor(root: &Path, sink: &str) -> u64 {
    let name = format!("sink/{sink}");
    store(root).cursors().unwrap().into_iter().find(|row| row.name == name).map_or(0, |row| row.seq)
}

/// Waits until a sink's cursor is at the head.
pub fn caught_up(root: &Path, sink: &str) {
    until("the sink catches up", || cursor(root, sink) >= head(root));
}

pub fn dead_letters(root: &Path, sink: &str) -> Vec<DeadLetterRow> {
    let mut found = store(root).dead_letters(Some(sink), 1_000).unwrap();
    found.reverse();
    found
}

/// Every `seq` and id of the journal.
pub fn recorded(root: &Path) -> Vec<(u64, String)> {
    let mut found = Vec::new();
    let read = store(root).rows::<agentsh::journal::StoreError>(0, &[], None, |row| {
        let id = EventId::from_bytes(row.columns.id.try_into().unwrap());
        found.push((row.seq, id.to_string()));
        Ok(std::ops::ControlFlow::Continue(()))
    });
    read.unwrap();
    found
}

/// What a place in memory was given and what it answers next.
#[derive(Clone, Default)]
pub struct Memory {
    pub state: Arc<Mutex<State>>,
}

#[derive(Default)]
pub struct State {
    pub taken: Vec<u64>,
    /// Answers to the next calls of `deliver`; then everything is taken.
    pub answers: VecDeque<DeliverError>,
    /// Fails every call with this reason while it is set.
    pub down: Option<String>,
    /// How far the answered `seq` lies before the last that was taken.
    pub gathers: u64,
    pub flushes: Vec<Flush>,
    pub attempts: u64,
    pub resumed: Vec<u64>,
    /// Where it says it goes on.
    pub has: Option<u64>,
    /// What came again, and the answers to the next times; then it is taken.
    pub again: Vec<u64>,
    pub answers_again: VecDeque<DeliverError>,
}

impl Memory {
    pub fn with(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock().unwrap());
    }

    pub fn taken(&self) -> Vec<u64> {
        self.state.lock().unwrap().taken.clone()
    }
}

pub fn unavailable(reason: &str) -> DeliverError {
    DeliverError::Unavailable { reason: reason.to_owned(), retry_after: None }
}

pub fn after(reason: &str, wait: Duration) -> DeliverError {
    DeliverError::Unavailable { reason: reason.to_owned(), retry_after: Some(wait) }
}

impl Destination for Memory {
    async fn resume(&mut self, cursor: u64) -> Result<u64, DeliverError> {
        let mut state = self.state.lock().unwrap();
        state.resumed.push(cursor);
        Ok(state.has.unwrap_or(cursor))
    }

    async fn deliver(&mut self, page: &Page) -> Result<u64, DeliverError> {
        let mut state = self.state.lock().unwrap();
        state.attempts += 1;
        if let Some(reason) = &state.down {
            return Err(unavailable(reason));
        }
        let refused = match state.answers.pop_front() {
            Some(DeliverError::Refused { refused, .. }) => refused,
            Some(error) => return Err(error),
            None => Vec::new(),
        };
        state.taken.extend(page.seqs().filter(|seq| !refused.iter().any(|refused| refused.seq == *seq)));
        let safe = page.last_seq().unwrap() - state.gathers;
        if refused.is_empty() { Ok(safe) } else { Err(DeliverError::Refused { refused, safe }) }
    }

    async fn flush(&mut self, why: Flush) -> Result<u64, DeliverError> {
        let mut state = self.state.lock().unwrap();
        state.flushes.push(why);
        if why == Flush::Close {
            state.gathers = 0;
        }
        let last = state.taken.last().copied().unwrap_or_else(|| state.resumed.last().copied().unwrap_or(0));
        Ok(last.saturating_sub(state.gathers))
    }

    async fn again(&mut self, page: &Page) -> Result<(), DeliverError> {
        let mut state = self.state.lock().unwrap();
        state.again.extend(page.seqs());
        state.answers_again.pop_front().map_or(Ok(()), Err)
    }
}
