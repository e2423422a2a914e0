//! Calls to the channel from tasks that must not block.
//!
//! A call usually takes about a microsecond, but it waits while the intake is full or while the disk syncs (`durable`). Handing every call
//! to another thread would cost more than the call. So calls run where they are, as long as one worker of the runtime stays free
//! of them; any further call tells the runtime that its worker may block (`block_in_place`), which then moves that worker's tasks to
//! another thread. A stalled intake thus stops those who have something to record, and nobody else: tunnels go on copying.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::gatekeeper::NetworkGatekeeper;
use crate::channel::{Refusal, Verdict};
use crate::event::{EventId, Kind, Payload};

/// Threads of the proxy's runtime. One stays free of calls to the channel; with fewer than three, two requests at a time would already
/// pay for moving tasks.
pub(super) const WORKERS: usize = 3;

/// The session's gatekeeper, for tasks.
pub(super) struct Recorder {
    gatekeeper: Arc<dyn NetworkGatekeeper>,
    /// Calls that run on a worker now.
    inline: AtomicUsize,
}

impl Recorder {
    pub(super) fn new(gatekeeper: Arc<dyn NetworkGatekeeper>) -> Self {
        Self { gatekeeper, inline: AtomicUsize::new(0) }
    }

    pub(super) fn gate(&self, payload: impl Into<Payload>, cause: Option<EventId>) -> Verdict {
        let payload = payload.into();
        self.call(|gatekeeper| gatekeeper.gate(payload, None, cause))
    }

    pub(super) fn observe(&self, payload: impl Into<Payload>, cause: Option<EventId>) -> EventId {
        let payload = payload.into();
        self.call(|gatekeeper| gatekeeper.observe(payload, None, cause))
    }

    pub(super) fn failed(&self, operation: EventId, kind: Kind, subject: Option<String>, errno: i32) {
        self.call(|gatekeeper| gatekeeper.failed(operation, kind, subject, None, errno));
    }

    /// Asks the policy only, which never blocks.
    pub(super) fn refused_by_name(&self, host: &str, port: u16) -> Option<Refusal> {
        self.gatekeeper.refused_by_name(host, port)
    }

    fn call<T>(&self, call: impl FnOnce(&dyn NetworkGatekeeper) -> T) -> T {
        let slot = Slot(&self.inline);
        if self.inline.fetch_add(1, Ordering::Relaxed) < WORKERS - 1 {
            return call(&*self.gatekeeper);
        }
        drop(slot);
        tokio::task::block_in_place(|| call(&*self.gatekeeper))
    }
}

/// One of the calls that run on a worker, given back also if the call panics.
struct Slot<'a>(&'a AtomicUsize);

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
