//! `Destination`: what a place must be able to do, so that one loop can deliver to all of them.

use std::future::Future;
use std::time::Duration;

use crate::journal::Page;

/// A place that events are delivered to. One loop owns it and calls it from one thread of its own, so it may block.
///
/// Every call that succeeds answers a **safe seq**: every event up to it is with the peer (or is a dead letter) and survives a kill of
/// either side. The loop records it as the sink's cursor. It may lie before the last event that was handed over, where the place
/// gathers events before it seals them; it never goes back.
pub trait Destination: Send + 'static {
    /// Called once, before anything else: the cursor that the journal holds, and the seq behind which the place wants to go on. A place
    /// that can tell what it has (a file) answers from that, so that a kill between delivery and cursor repeats nothing.
    ///
    /// # Errors
    /// [`DeliverError`]; it is tried again.
    fn resume(&mut self, cursor: u64) -> impl Future<Output = Result<u64, DeliverError>> + Send;

    /// Takes the next events, in order, each once unless an error said otherwise.
    ///
    /// # Errors
    /// [`DeliverError`]: nothing of the page counts as taken, and the same page comes again.
    fn deliver(&mut self, page: &Page) -> impl Future<Output = Result<u64, DeliverError>> + Send;

    /// Called when there is nothing new, at least every second, and when the loop ends: seals, syncs, sends what was gathered.
    ///
    /// # Errors
    /// [`DeliverError`]; it is tried again.
    fn flush(&mut self, why: Flush) -> impl Future<Output = Result<u64, DeliverError>> + Send;

    /// Sends one event again that was refused before, apart from the order of the rest: the safe seq does not move. A place that keeps
    /// events in order and each once cannot do that, and refuses.
    ///
    /// # Errors
    /// [`DeliverError`]; it stays a dead letter, with that reason, until it is asked for again.
    fn again(&mut self, page: &Page) -> impl Future<Output = Result<(), DeliverError>> + Send {
        let refused = page.seqs().map(|seq| Refused { seq, reason: IN_ORDER.to_owned() }).collect();
        std::future::ready(Err(DeliverError::Refused { refused, safe: 0 }))
    }
}

/// Why a file does not take an event that it was not given in its turn.
const IN_ORDER: &str =
    "a file has its events in order and each once, and is past this one; `agentsh events --after SEQ-1 --limit 1` prints it";

/// What sending again comes to, from what was refused of it.
pub(super) fn taken_or_refused(refused: Vec<Refused>) -> Result<(), DeliverError> {
    if refused.is_empty() { Ok(()) } else { Err(DeliverError::Refused { refused, safe: 0 }) }
}

/// What went wrong, with what it derives from: the outermost error alone often says only "error sending request".
pub(super) fn whole(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let more = error.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        source = error.source();
    }
    text
}

/// Why a place is asked to bring away what it has gathered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flush {
    /// Nothing new came; seal what is old enough.
    Idle,
    /// The loop ends.
    Close,
}

/// Why a delivery did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum DeliverError {
    /// The peer cannot take it now: it is tried again, later.
    #[error("{reason}")]
    Unavailable {
        /// What the peer or the system said.
        reason: String,
        /// How long the peer asked to be left alone.
        retry_after: Option<Duration>,
    },
    /// The peer has taken the page but for these events, and will never take them.
    #[error("{} events were refused", refused.len())]
    Refused {
        /// What was refused.
        refused: Vec<Refused>,
        /// The safe seq, once the refused are dead letters.
        safe: u64,
    },
    /// Nothing will help but a person: a credential, a setting, a program.
    #[error("{reason}")]
    Misconfigured {
        /// What is wrong and what to do.
        reason: String,
    },
}

/// One event that a peer will not take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The event.
    pub seq: u64,
    /// What the peer said.
    pub reason: String,
}
