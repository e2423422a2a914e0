//! What is on its way: batches in order, and what a collector will not take, found by halving.
//!
//! Bound: what one page of the journal makes. Nothing is added before all of it is with the collector, or is a dead letter. A batch that
//! was taken is not sent again when a later one fails; after a restart it is, with the same ids.

use std::collections::{BTreeMap, VecDeque};

use prost::Message;

use super::answer::{Fault, Taken};
use super::client::Client;
use super::config::Signal;
use super::request::{Batch, Frame};
use crate::sink::{DeliverError, Refused};

/// So many single items that are refused one after another, with none taken, are no bad items: the collector takes nothing, and making
/// all of them dead letters would empty the journal into nowhere.
const ALL_REFUSED: usize = 10;

/// Limits of one request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) items: usize,
    pub(super) bytes: usize,
}

/// See the module's head.
#[derive(Debug)]
pub(super) struct Outbox {
    limits: Limits,
    filling: BTreeMap<Signal, Batch>,
    ready: VecDeque<Batch>,
    tallies: BTreeMap<Signal, Tally>,
    /// Dead letters of what is on its way, by their events.
    dead: BTreeMap<u64, String>,
}

/// How a signal fares.
#[derive(Debug, Default)]
struct Tally {
    /// Whether the collector has taken anything of it.
    taken: bool,
    /// Items that were refused by themselves.
    alone: Vec<Alone>,
    /// Whether the last item was tried out of its turn.
    probed: bool,
}

#[derive(Debug)]
struct Alone {
    batch: Batch,
    reason: String,
    doubtful: bool,
}

impl Outbox {
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, filling: BTreeMap::new(), ready: VecDeque::new(), tallies: BTreeMap::new(), dead: BTreeMap::new() }
    }

    pub(super) const fn limits(&self) -> Limits {
        self.limits
    }

    pub(super) fn is_empty(&self) -> bool {
        self.ready.is_empty() && self.filling.is_empty()
    }

    /// Adds an item of the event at `seq`.
    pub(super) fn add(&mut self, signal: Signal, seq: u64, item: &impl Message) {
        let batch = self.filling.entry(signal).or_insert_with(|| Batch::new(signal));
        if batch.len() > 0 && (batch.len() >= self.limits.items || batch.size() + item.encoded_len() > self.limits.bytes) {
            self.ready.push_back(std::mem::replace(batch, Batch::new(signal)));
        }
        batch.push(seq, item);
    }

    /// Adds a dead letter.
    pub(super) fn bury(&mut self, seq: u64, reason: String) {
        bury(&mut self.dead, seq, reason);
    }

    /// Sends everything.
    ///
    /// # Errors
    /// [`DeliverError`] with what is not with the collector still here, so that the next call goes on.
    pub(super) async fn send(&mut self, client: &mut Client, frame: &Frame) -> Result<(), DeliverError> {
        self.ready.extend(std::mem::take(&mut self.filling).into_values());
        while let Some(batch) = self.ready.pop_front() {
            match client.send(batch.signal, frame.request(&batch)).await {
                Ok(taken) => self.taken(&batch, taken),
                Err(Fault::Refused { reason, doubtful }) => self.refused(batch, reason, doubtful)?,
                Err(Fault::Later { reason, after }) => {
                    self.ready.push_front(batch);
                    return Err(DeliverError::Unavailable { reason, retry_after: after });
                }
                Err(Fault::Misconfigured { reason }) => {
                    self.ready.push_front(batch);
                    return Err(DeliverError::Misconfigured { reason });
                }
            }
        }
        self.conclude()
    }

    /// The dead letters of what was sent.
    pub(super) fn take_dead(&mut self) -> Vec<Refused> {
        std::mem::take(&mut self.dead).into_iter().map(|(seq, reason)| Refused { seq, reason }).collect()
    }

    fn taken(&mut self, batch: &Batch, taken: Taken) {
        let signal = batch.signal.as_str();
        self.tallies.entry(batch.signal).or_default().taken = true;
        if taken.rejected == 0 {
            if !taken.message.is_empty() {
                tracing::warn!(sink = "otlp", signal, said = taken.message, "the collector has a warning");
            }
            return;
        }
        if batch.signal == Signal::Metrics {
            tracing::warn!(sink = "otlp", rejected = taken.rejected, said = taken.message, "the collector rejected metrics");
            return;
        }
        // Such a request must not be sent again (specification, "Partial Success"), and the answer does not name the rejected. So every
        // event of it is kept as a dead letter: those that it took are in one place too many, none is in no place.
        let reason = match taken.message.as_str() {
            "" => format!("the collector rejected {} of {} {signal} and did not say which", taken.rejected, batch.len()),
            said => {
                format!("the collector rejected {} of {} {signal} and did not say which: {said}", taken.rejected, batch.len())
            }
        };
        batch.seqs().for_each(|seq| bury(&mut self.dead, seq, reason.clone()));
    }

    fn refused(&mut self, batch: Batch, reason: String, doubtful: bool) -> Result<(), DeliverError> {
        if batch.len() > 1 {
            let (front, back) = batch.halves();
            self.ready.push_front(back);
            self.ready.push_front(front);
            return Ok(());
        }
        let signal = batch.signal;
        let tally = self.tallies.entry(signal).or_default();
        tally.alone.push(Alone { batch, reason: reason.clone(), doubtful });
        if tally.taken || tally.alone.len() < ALL_REFUSED {
            return Ok(());
        }
        if !std::mem::replace(&mut tally.probed, true) {
            self.probe(signal);
            return Ok(());
        }
        let doubtful = tally.alone.iter().any(|alone| alone.doubtful);
        self.put_back(signal);
        Err(all_refused(signal, &reason, doubtful))
    }

    /// Brings the last item of a signal to the front: others further on may be good.
    fn probe(&mut self, signal: Signal) {
        let Some(at) = self.ready.iter().rposition(|batch| batch.signal == signal) else { return };
        let Some(mut last) = self.ready.remove(at) else { return };
        while last.len() > 1 {
            let (front, back) = last.halves();
            self.ready.insert(at.min(self.ready.len()), front);
            last = back;
        }
        self.ready.push_front(last);
    }

    /// Makes what was refused alone one of what is to be sent again.
    fn put_back(&mut self, signal: Signal) {
        let tally = self.tallies.remove(&signal).unwrap_or_default();
        for alone in tally.alone.into_iter().rev() {
            self.ready.push_front(alone.batch);
        }
    }

    /// Everything was sent: what was refused alone becomes a dead letter, unless it may be the collector that is at fault.
    fn conclude(&mut self) -> Result<(), DeliverError> {
        let doubtful = |tally: &Tally| !tally.taken && tally.alone.iter().any(|alone| alone.doubtful);
        if let Some((signal, tally)) = self.tallies.iter().find(|(signal, tally)| **signal != Signal::Metrics && doubtful(tally))
        {
            let (signal, reason) = (*signal, tally.alone.first().map(|alone| alone.reason.clone()).unwrap_or_default());
            self.put_back(signal);
            return Err(all_refused(signal, &reason, true));
        }
        for (signal, tally) in std::mem::take(&mut self.tallies) {
            for Alone { batch, reason, .. } in tally.alone {
                if signal == Signal::Metrics {
                    // Sums are sent again with the next ones.
                    tracing::warn!(sink = "otlp", said = reason, "the collector refused metrics");
                    continue;
                }
                batch.seqs().for_each(|seq| bury(&mut self.dead, seq, format!("refused in {}: {reason}", signal.as_str())));
            }
        }
        Ok(())
    }
}

fn bury(dead: &mut BTreeMap<u64, String>, seq: u64, reason: String) {
    match dead.get_mut(&seq) {
        Some(before) if *before != reason => {
            before.push_str("; ");
            before.push_str(&reason);
        }
        Some(_) => {}
        None => drop(dead.insert(seq, reason)),
    }
}

fn all_refused(signal: Signal, reason: &str, doubtful: bool) -> DeliverError {
    let signal = signal.as_str();
    if doubtful {
        DeliverError::Unavailable { reason: format!("the collector takes no {signal}: {reason}"), retry_after: None }
    } else {
        DeliverError::Misconfigured { reason: format!("the collector refuses all {signal}, so it is not the events: {reason}") }
    }
}
