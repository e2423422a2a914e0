//! What the writer has done, for those who wait for it and ask it for checkpoints.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use crate::channel::intake::{Goal, Intake};

/// How often a wait looks whether the journal has failed.
const LOOK: Duration = Duration::from_millis(50);

/// Shared by the writer and those who wait for it.
#[derive(Default)]
pub(super) struct Progress {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// Events of this recorder's intake that are committed.
    journaled: u64,
    /// Events that are declared lost.
    lost: u64,
    head: u64,
    /// Number of the last checkpoint that somebody asked for.
    wanted: u64,
    /// Number of the last one that was made, or found unnecessary.
    made: u64,
    ended: bool,
    /// Tasks that wait; each looks again at every change.
    wakers: Vec<Waker>,
}

impl State {
    const fn has_reached(&self, goal: Goal) -> bool {
        self.journaled >= goal.recorded && self.lost >= goal.lost
    }
}

impl Progress {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for what `goal` says and for checkpoint number `checkpoint`; `false` when the journal cannot write or the writer has
    /// ended.
    pub(super) fn wait(&self, goal: Goal, checkpoint: u64, intake: &Intake) -> bool {
        let mut state = self.lock();
        while !state.has_reached(goal) || state.made < checkpoint {
            if state.ended || intake.failure().is_some() {
                return false;
            }
            state = self.changed.wait_timeout(state, LOOK).unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    /// Whether what `goal` says is committed, and up to which `seq`; `None` when it never will be by this writer, since it has ended.
    /// Otherwise the task is woken by the next change.
    pub(super) fn poll_reached(&self, goal: Goal, cx: &Context<'_>) -> Poll<Option<u64>> {
        let mut state = self.lock();
        if state.has_reached(goal) {
            return Poll::Ready(Some(state.head));
        }
        if state.ended {
            return Poll::Ready(None);
        }
        if !state.wakers.iter().any(|waker| waker.will_wake(cx.waker())) {
            state.wakers.push(cx.waker().clone());
        }
        Poll::Pending
    }

    fn tell(&self, mut state: MutexGuard<'_, State>) {
        let wakers = std::mem::take(&mut state.wakers);
        drop(state);
        self.changed.notify_all();
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Asks for a checkpoint with the next commit; returns its number.
    pub(super) fn want_checkpoint(&self) -> u64 {
        let mut state = self.lock();
        state.wanted += 1;
        state.wanted
    }

    /// The number of the checkpoint that is wanted, if one is.
    pub(super) fn wanted_checkpoint(&self) -> Option<u64> {
        let state = self.lock();
        (state.wanted > state.made).then_some(state.wanted)
    }

    /// `seq` of the last event that this recorder has committed or found.
    pub(super) fn head(&self) -> u64 {
        self.lock().head
    }

    /// Whether the writer thread has ended, and no event will be committed any more.
    pub(super) fn has_ended(&self) -> bool {
        self.lock().ended
    }

    /// A journal with `head` events was opened.
    pub(super) fn opened(&self, head: u64) {
        self.lock().head = head;
    }

    /// A commit went through.
    pub(super) fn committed(&self, journaled: u64, lost: u64, head: u64) {
        let mut state = self.lock();
        (state.journaled, state.lost, state.head) = (journaled, lost, head);
        self.tell(state);
    }

    /// Checkpoint number `number` is signed, and witnessed where it was new.
    pub(super) fn made_checkpoint(&self, number: u64) {
        let mut state = self.lock();
        state.made = number;
        self.tell(state);
    }

    /// A commit failed: whoever waits looks.
    pub(super) fn failed(&self) {
        self.changed.notify_all();
    }

    /// The writer thread ends.
    pub(super) fn ended(&self) {
        let mut state = self.lock();
        state.ended = true;
        self.tell(state);
    }
}
