//! The operations of one session that are open, or that may still turn out to have failed.

use std::collections::{BTreeMap, VecDeque};

use crate::encode::otel::span::{OpenSpan, TimedSpan};
use crate::event::trace::TraceParent;
use crate::event::{EventId, Timestamp};

/// Events of the journal after which an operation without duration counts as done: its verdict stands right behind it, its failure soon.
const SETTLES_AFTER: u64 = 128;

/// The open operations of one session.
#[derive(Debug, Default)]
pub(super) struct Operations {
    all: BTreeMap<EventId, Operation>,
    /// Those without an end of their own, in order of their place in the journal. May name ones that are gone.
    settling: VecDeque<(u64, EventId)>,
}

#[derive(Debug)]
pub(super) struct Operation {
    pub(super) span: OpenSpan,
    /// Where it stands in the journal.
    seq: u64,
    /// Whether an event of its own will end it.
    has_end: bool,
    /// Whether it waits for a person.
    pub(super) held: bool,
}

impl Operations {
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    pub(super) fn insert(&mut self, id: EventId, seq: u64, span: OpenSpan, has_end: bool) {
        self.all.insert(id, Operation { span, seq, has_end, held: false });
        if !has_end {
            self.settling.push_back((seq, id));
        }
    }

    pub(super) fn get_mut(&mut self, id: EventId) -> Option<&mut Operation> {
        self.all.get_mut(&id)
    }

    pub(super) fn at(&self, id: EventId) -> Option<TraceParent> {
        self.all.get(&id).map(|operation| operation.span.at)
    }

    pub(super) fn remove(&mut self, id: EventId) -> Option<OpenSpan> {
        self.all.remove(&id).map(|operation| operation.span)
    }

    /// Ends what has no end of its own and stands long enough before `seq` in the journal.
    pub(super) fn settle(&mut self, seq: u64, out: &mut Vec<TimedSpan>) {
        while let Some((began, id)) = self.settling.front().copied() {
            if began.saturating_add(SETTLES_AFTER) > seq {
                break;
            }
            self.settling.pop_front();
            if let Some(operation) = self.all.get(&id).filter(|operation| !operation.has_end && !operation.held) {
                let at = operation.seq;
                out.extend(self.remove(id).map(|span| span.over(at)));
            }
        }
    }

    /// Waits for the failure of what was held until now.
    pub(super) fn settle_again(&mut self, id: EventId, seq: u64) {
        if self.all.get(&id).is_some_and(|operation| !operation.has_end) {
            self.settling.push_back((seq, id));
        }
    }

    /// Gives up the oldest. Ids of observed events sort by time.
    pub(super) fn give_up_oldest(&mut self, seq: u64, time: Timestamp) -> Option<TimedSpan> {
        self.all.pop_first().map(|(_, operation)| finish(operation, seq, time))
    }

    pub(super) fn give_up_all(&mut self, seq: u64, time: Timestamp, out: &mut Vec<TimedSpan>) {
        out.extend(std::mem::take(&mut self.all).into_values().map(|operation| finish(operation, seq, time)));
        self.settling.clear();
    }
}

/// What has no end of its own is whole as it is.
fn finish(operation: Operation, seq: u64, time: Timestamp) -> TimedSpan {
    if operation.has_end || operation.held { operation.span.give_up(seq, time) } else { operation.span.over(operation.seq) }
}
