//! `Deliverer`: the one loop that carries the journal to a destination, on a thread of its own.
//!
//! ```text
//! claim the name ─▶ resume ─▶ read a page ─▶ deliver ─▶ cursor and dead letters ─▶ …
//!                     ▲           │ empty       │ not now: wait with jitter, the same page again; too long: sink_stalled
//!                     │           ▼             └ refused: dead letters, in the cursor's transaction
//!                     └────── flush, wait for the doorbell
//! ```
//!
//! Bound: one page (`sinks.delivery.page_events`, about 1 MiB) for each sink; what comes meanwhile waits in the journal. A kill between
//! delivery and cursor delivers again what came since: destinations that can tell what they have pass over it, the others send the same
//! ids.

mod carrier;
mod trouble;

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::watch;

use super::config::{DeliveryConfig, SelectionConfig};
use super::destination::Destination;
use crate::event::Payload;
use crate::journal::{Bell, CursorStore, DataDir, JournalError, ReaderStore};
use carrier::Carrier;

/// Told of `sink_stalled` and `sink_recovered`, to be put on record. Called from the sink's thread.
pub type Report = Arc<dyn Fn(Payload) + Send + Sync>;

/// Where the loop stands, between any two of which it may be killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// A page was read, nothing is delivered.
    Read,
    /// The destination has taken it.
    Delivered,
    /// The cursor is about to be written.
    BeforeCursor,
    /// The cursor is written.
    AfterCursor,
    /// A dead letter was sent again, and the outcome is about to be written.
    SentAgain,
}

/// What a loop works with, besides its destination.
#[derive(Clone)]
pub struct Delivery {
    /// The journal.
    pub data_dir: DataDir,
    /// How it reads and retries.
    pub config: DeliveryConfig,
    /// Which events.
    pub selection: SelectionConfig,
    /// Is told of stalls.
    pub report: Report,
    /// Is called at each step; for tests that kill there.
    pub at: Option<Arc<dyn Fn(Step) + Send + Sync>>,
}

/// Why a sink was not started.
#[derive(Debug, thiserror::Error)]
pub enum DeliverStartError {
    /// The journal cannot be opened.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// No bell, no thread or no runtime can be had.
    #[error("the sink {name} cannot be started: {source}")]
    System {
        /// The sink.
        name: String,
        /// What the system said.
        source: std::io::Error,
    },
}

/// A sink that runs.
pub struct Deliverer {
    name: String,
    stop: watch::Sender<bool>,
    ended: Receiver<()>,
    thread: JoinHandle<()>,
    patience: Duration,
}

/// What a deadline adds for the thread to end.
const GRACE: Duration = Duration::from_secs(1);

impl Deliverer {
    /// Delivers to `destination` from now on; `name` is that of its cursor (`sink/<name>`), its metrics and its events.
    ///
    /// # Errors
    /// [`DeliverStartError`]. A peer that cannot be reached is no error here: it is tried again.
    pub fn start<D: Destination>(name: &str, destination: D, delivery: Delivery) -> Result<Self, DeliverStartError> {
        let system = |source| DeliverStartError::System { name: name.to_owned(), source };
        let reader = ReaderStore::open(&delivery.data_dir.journal())?;
        let cursors = CursorStore::open(&delivery.data_dir)?;
        let bell = Bell::hang(&delivery.data_dir.doorbell()).map_err(system)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(system)?;
        let (stop, stopped) = watch::channel(false);
        let (end, ended) = channel();
        let patience = delivery.config.close_timeout() + GRACE;
        let carrier = Carrier::new(name, destination, delivery, reader, cursors, stopped);
        let thread = std::thread::Builder::new().name(format!("sink-{name}")).spawn(move || {
            runtime.block_on(carrier.run(bell));
            // Connections are cut, not waited for.
            runtime.shutdown_background();
            let _nobody_waits = end.send(());
        });
        Ok(Self { name: name.to_owned(), stop, ended, thread: thread.map_err(system)?, patience })
    }

    /// The sink's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Tells the loop to deliver what is in the journal by now and to end.
    pub fn tell_to_end(&self) {
        self.stop.send_replace(true);
    }

    /// Tells the loop to end and waits for it, at most for `sinks.delivery.close_timeout` and a second; `false` when it did not end by
    /// then or has panicked. Its cursor stays where it was: the next start goes on there.
    pub fn end(self) -> bool {
        self.tell_to_end();
        match self.ended.recv_timeout(self.patience) {
            Ok(()) | Err(RecvTimeoutError::Disconnected) => self.thread.join().is_ok(),
            Err(RecvTimeoutError::Timeout) => {
                tracing::error!(sink = self.name, "the sink did not end in time: its destination does not answer");
                false
            }
        }
    }
}
