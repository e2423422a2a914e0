//! The consumer's side: taking records out, freeing their room, waiting for more.

use std::io;
use std::time::Duration;

use super::format::{Mark, PADDING, RECORD_HEAD, RecordHead, record_size};
use super::ring::{Counters, FailingPart, Intake};
use crate::runtime::sync::lock;

/// Records that were copied out of the ring.
#[derive(Debug)]
pub struct Batch {
    /// The payloads, one behind the other: frames.
    pub frames: Vec<u8>,
    /// Events in `frames`.
    pub events: u64,
    /// Behind the last record of the batch.
    pub mark: Mark,
    /// The counters when the batch was taken.
    pub counters: Counters,
    /// The intake is closed, the batch is empty, and nothing can follow it.
    pub last: bool,
}

impl Default for Batch {
    fn default() -> Self {
        Self { frames: Vec::new(), events: 0, mark: Mark::START, counters: Counters::default(), last: false }
    }
}

/// What was offered up to a moment, to wait for: see [`Intake::hurry`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Goal {
    /// Events that were recorded, in the ring or in memory.
    pub recorded: u64,
    /// Events that were counted as lost.
    pub lost: u64,
}

impl Intake {
    /// As [`Intake::take_at_most`], however many events there are.
    ///
    /// # Errors
    /// As [`Intake::take_at_most`].
    pub fn take(&self, max_bytes: usize, batch: &mut Batch) -> io::Result<()> {
        self.take_at_most(max_bytes, u64::MAX, batch)
    }

    /// Copies records out, at most about `max_bytes` and `max_events`, in order, each once. Leaves an empty batch when there are none.
    ///
    /// # Errors
    /// When the mapping refuses, which would be a bug of this module; nothing was taken then.
    pub fn take_at_most(&self, max_bytes: usize, max_events: u64, batch: &mut Batch) -> io::Result<()> {
        batch.frames.clear();
        batch.events = 0;
        let (mut mark, end) = {
            let mut state = lock(&self.state);
            state.urgent = false;
            self.spill(&mut state);
            batch.counters = state.counters;
            batch.last = state.closed && state.waiting == 0 && !state.has_records();
            (state.taken, state.end)
        };
        // Producers write behind `end` only, and nobody frees what was not committed: the range is ours without the lock.
        while mark.position < end.position && batch.frames.len() < max_bytes && batch.events < max_events {
            let place = self.place(mark.position);
            if self.capacity - mark.position % self.capacity < RECORD_HEAD as u64 {
                mark.position = mark.position.next_multiple_of(self.capacity);
                continue;
            }
            let head = RecordHead::from_bytes(&self.map.read_array(place)?);
            let len = usize::try_from(head.len).map_err(io::Error::other)?;
            if head.flags == PADDING {
                mark.position = mark.position.next_multiple_of(self.capacity);
                continue;
            }
            self.map.read(place + RECORD_HEAD, len, &mut batch.frames)?;
            batch.events += u64::from(head.events);
            mark = Mark { position: mark.position + record_size(len), number: head.number + 1 };
        }
        batch.mark = mark;
        lock(&self.state).taken = mark;
        Ok(())
    }

    /// Goes back to `mark`: a batch that could not be committed is taken again.
    pub fn untake(&self, mark: Mark) {
        lock(&self.state).taken = mark;
    }

    /// The losses of `counters` are in the journal.
    pub fn declared(&self, counters: &Counters) {
        let mut state = lock(&self.state);
        for (declared, loss) in state.declared.iter_mut().zip(&counters.losses) {
            *declared = loss.count;
        }
    }

    /// Losses so far that [`Intake::declared`] was not told about.
    #[must_use]
    pub fn undeclared(&self) -> u64 {
        let state = lock(&self.state);
        state.counters.losses.iter().zip(&state.declared).map(|(loss, declared)| loss.count - declared).sum()
    }

    /// Hands back the room before `position`, which is committed and on the disk.
    pub fn free(&self, position: u64) {
        let mut state = lock(&self.state);
        state.freed = state.freed.max(position);
        if state.broken.is_some_and(|broken| broken <= state.freed) {
            state.broken = None;
            self.set_failure_of(&mut state, FailingPart::Intake, None);
        }
        if state.waiting > 0 {
            self.space.notify_all();
        }
    }

    /// Waits until there is something to take or to declare, somebody is in a hurry, or the intake is closed and nobody waits for
    /// room any more; at most `timeout`.
    ///
    /// While it waits it is parked: the next append wakes it.
    pub fn wait_for_work(&self, timeout: Option<Duration>) {
        let mut state = lock(&self.state);
        while !(state.has_work() || state.urgent || state.closed && state.waiting == 0) {
            state.writer_parked = true;
            match timeout {
                None => state = self.work.wait(state).unwrap_or_else(std::sync::PoisonError::into_inner),
                Some(timeout) => {
                    state = self.work.wait_timeout(state, timeout).unwrap_or_else(std::sync::PoisonError::into_inner).0;
                    break;
                }
            }
        }
        state.writer_parked = false;
    }

    /// Lets records gather for `interval`; ends early when somebody waits for room or for a flush, or a quarter of the ring is used.
    pub fn gather(&self, interval: Duration) {
        let state = lock(&self.state);
        if state.urgent || state.closed || state.end.position - state.taken.position > self.capacity / 4 {
            return;
        }
        // Not parked: appends do not wake it, urgent callers do.
        let _gathered = self.work.wait_timeout(state, interval).unwrap_or_else(std::sync::PoisonError::into_inner);
    }

    /// Waits for `interval`, whoever is in a hurry, or until the intake is closed: for a writer that has to try again.
    pub fn pause(&self, interval: Duration) {
        let state = lock(&self.state);
        let _paused = self
            .work
            .wait_timeout_while(state, interval, |state| !state.closed)
            .unwrap_or_else(std::sync::PoisonError::into_inner);
    }

    /// What was handed over so far, to wait for.
    #[must_use]
    pub fn goal(&self) -> Goal {
        let state = lock(&self.state);
        let lost = state.counters.lost();
        Goal { recorded: state.counters.offered - lost, lost }
    }

    /// Makes the writer take what there is now, without lingering. Returns what to wait for.
    pub fn hurry(&self) -> Goal {
        let mut state = lock(&self.state);
        self.spill(&mut state);
        state.urgent = true;
        state.writer_parked = false;
        let lost = state.counters.lost();
        let goal = Goal { recorded: state.counters.offered - lost, lost };
        drop(state);
        self.work.notify_all();
        goal
    }
}
