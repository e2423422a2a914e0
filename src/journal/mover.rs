//! The mover: brings committed pages from the write-ahead log into the database file, beside the writer.
//!
//! SQLite would do that within a commit: every few thousand pages one commit writes and syncs the database file, and every event that
//! comes meanwhile reaches readers tens of milliseconds late. A passive checkpoint takes no lock that a writer needs. Only the log's
//! fresh start needs a moment without new pages; the writer takes it when the log is long, and finds little left to move.

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use super::sqlite::LogMover;

/// Bytes of the intake whose commits make it worth while: about two thousand pages of the log.
const MOVE_BYTES: u64 = 4 << 20;

#[derive(Default)]
struct State {
    /// Position in the intake up to which everything is committed.
    committed: u64,
    /// Position up to which it is moved, about.
    moved: u64,
    stop: bool,
}

/// Shared by writer and mover.
pub(super) struct Mover {
    state: Mutex<State>,
    changed: Condvar,
    database: PathBuf,
}

impl Mover {
    pub(super) fn start(database: PathBuf) -> io::Result<(Arc<Self>, JoinHandle<()>)> {
        let mover = Arc::new(Self { state: Mutex::new(State::default()), changed: Condvar::new(), database });
        let thread = {
            let mover = Arc::clone(&mover);
            std::thread::Builder::new().name("journal-mover".to_owned()).spawn(move || mover.run())?
        };
        Ok((mover, thread))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Everything up to `position` of the intake is committed.
    pub(super) fn committed(&self, position: u64) {
        let mut state = self.lock();
        state.committed = position;
        let due = state.is_due();
        drop(state);
        if due {
            self.changed.notify_all();
        }
    }

    /// Ends the thread; what it is at is finished first.
    pub(super) fn stop(&self) {
        self.lock().stop = true;
        self.changed.notify_all();
    }

    fn run(&self) {
        let mut log = None;
        let mut failing = false;
        loop {
            let waiting = self.changed.wait_while(self.lock(), |state| !state.stop && !state.is_due());
            let mut state = waiting.unwrap_or_else(PoisonError::into_inner);
            if state.stop {
                return;
            }
            state.moved = state.committed;
            drop(state);
            let moved = match log.take() {
                Some(log) => Ok(log),
                None => LogMover::open(&self.database),
            }
            .and_then(|open: LogMover| open.run().map(|()| open));
            match moved {
                Ok(open) => {
                    log = Some(open);
                    failing = false;
                }
                Err(error) => {
                    // Nothing is lost: the writer moves pages itself when the log is long, and says what the disk says.
                    if !failing {
                        tracing::warn!(%error, "the write-ahead log cannot be moved into the database beside the writer");
                    }
                    failing = true;
                }
            }
        }
    }
}

impl State {
    const fn is_due(&self) -> bool {
        self.committed - self.moved >= MOVE_BYTES
    }
}
