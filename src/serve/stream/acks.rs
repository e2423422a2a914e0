//! The thread that writes what becomes of consumers: many changes in one transaction, in their order.

use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::oneshot;

use super::consumers::Consumers;
use super::error::StreamsError;
use super::ring::Ring;
use crate::journal::{ConsumerChange, ConsumerStore, StoreError};
use crate::runtime::clock;

/// Changes that may wait. When there are more, acknowledgements are refused as `UNAVAILABLE` and marks of delivery are left out.
const WAITING: usize = 4096;

/// Transactions that are tried when another process holds the write lock.
const TRIES: u32 = 3;

/// How often it is measured how far consumers are behind, where nothing else happens.
const LAG: Duration = Duration::from_secs(1);

/// A change, and who waits for it.
struct Job {
    change: ConsumerChange,
    done: Option<oneshot::Sender<Result<(), StoreError>>>,
}

/// The writer's side that the rest sees.
#[derive(Clone)]
pub(super) struct AckWriter {
    jobs: SyncSender<Job>,
}

/// What comes when a change is on record.
pub(super) enum Written {
    Waiting(oneshot::Receiver<Result<(), StoreError>>),
    Refused,
}

/// The thread's side.
pub(super) struct AckJobs(Receiver<Job>);

impl AckWriter {
    pub(super) fn new() -> (Self, AckJobs) {
        let (jobs, receiver) = sync_channel(WAITING);
        (Self { jobs }, AckJobs(receiver))
    }

    /// Hands a change over; what comes back is awaited.
    pub(super) fn put(&self, change: ConsumerChange) -> impl Future<Output = Result<(), StreamsError>> + Send + 'static {
        let (done, waiting) = oneshot::channel();
        let written = match self.jobs.try_send(Job { change, done: Some(done) }) {
            Ok(()) => Written::Waiting(waiting),
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => Written::Refused,
        };
        async move {
            match written {
                Written::Waiting(waiting) => Ok(waiting.await.map_err(|_ended| StreamsError::Ended)??),
                Written::Refused => Err(StoreError::Busy.into()),
            }
        }
    }

    /// Hands a change over that nobody waits for.
    pub(super) fn note(&self, change: ConsumerChange) {
        // Left out when too many wait: a later mark covers it.
        let _full = self.jobs.try_send(Job { change, done: None });
    }
}

impl AckJobs {
    /// Starts the thread. It ends once the last writer's side is gone, and has written everything by then.
    ///
    /// # Errors
    /// [`StreamsError::Thread`].
    pub(super) fn start(
        self,
        store: ConsumerStore,
        consumers: Weak<Consumers>,
        ring: Arc<Ring>,
        interval: Duration,
    ) -> Result<(), StreamsError> {
        let run = move || self.run(store, &consumers, &ring, interval);
        std::thread::Builder::new().name("stream-acks".to_owned()).spawn(run).map(drop).map_err(StreamsError::Thread)
    }

    fn run(self, mut store: ConsumerStore, consumers: &Weak<Consumers>, ring: &Ring, interval: Duration) {
        let mut last = None;
        loop {
            let first = match self.0.recv_timeout(LAG) {
                Ok(first) => first,
                Err(RecvTimeoutError::Timeout) => {
                    if let Some(consumers) = consumers.upgrade() {
                        consumers.measure(ring.head());
                    }
                    continue;
                }
                Err(RecvTimeoutError::Disconnected) => return,
            };
            let (mut changes, mut waiting) = (Vec::new(), Vec::new());
            push(&mut changes, first.change);
            waiting.extend(first.done);
            // The first after a silence is written at once; those that keep coming are gathered.
            let due = last.map_or_else(clock::instant, |last| last + interval);
            loop {
                let left = due.saturating_duration_since(clock::instant());
                match self.0.recv_timeout(left) {
                    Ok(job) => {
                        push(&mut changes, job.change);
                        waiting.extend(job.done);
                    }
                    Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => break,
                }
                if changes.len() >= WAITING {
                    break;
                }
            }
            let written = write(&mut store, &changes);
            last = Some(clock::instant());
            match &written {
                Ok(()) => {
                    if let Some(consumers) = consumers.upgrade() {
                        consumers.written(&changes);
                        consumers.measure(ring.head());
                    }
                }
                Err(error) => tracing::warn!(%error, "the places of consumers cannot be written"),
            }
            for done in waiting {
                // Who waited may have gone.
                let _gone = done.send(match &written {
                    Ok(()) => Ok(()),
                    Err(StoreError::Busy) => Err(StoreError::Busy),
                    Err(StoreError::Full) => Err(StoreError::Full),
                    Err(error) => Err(StoreError::Other(error.to_string())),
                });
            }
        }
    }
}

/// Adds a change; a mark that goes further replaces the one right before it.
fn push(changes: &mut Vec<ConsumerChange>, change: ConsumerChange) {
    if let (Some(ConsumerChange::Delivered { name: before, delivered: place }), ConsumerChange::Delivered { name, delivered }) =
        (changes.last_mut(), &change)
        && before == name
    {
        *place = (*place).max(*delivered);
        return;
    }
    changes.push(change);
}

fn write(store: &mut ConsumerStore, changes: &[ConsumerChange]) -> Result<(), StoreError> {
    let mut tries = 1;
    loop {
        match store.apply(changes.iter(), clock::now().as_micros()) {
            Err(StoreError::Busy) if tries < TRIES => tries += 1,
            done => return done,
        }
    }
}
