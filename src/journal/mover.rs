//! The mover: brings committed pages from the write-ahead log into the database file, beside the writer.
//!
//! SQLite would do that within a commit: every few thousand pages one commit writes and syncs the database file, and every event that
//! comes meanwhile reaches readers tens of milliseconds late. A passive checkpoint takes no lock that a writer needs. Only the log's
//! fresh start needs a moment without new pages: when the log is long the mover moves once more what came meanwhile and hands over to
//! the writer, which finds little left to move between two commits.

use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use super::sqlite::LogMover;

/// Bytes of the intake whose commits make it worth while: about 8 MiB of the log.
const MOVE_BYTES: u64 = 4 << 20;

/// Bytes of the log from which it is to start anew.
const LONG_LOG: u64 = 32 << 20;

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
    /// The log is long and almost all of it is moved.
    handed_over: AtomicBool,
    database: PathBuf,
}

impl Mover {
    pub(super) fn start(database: PathBuf) -> io::Result<(Arc<Self>, JoinHandle<()>)> {
        let mover = Arc::new(Self {
            state: Mutex::new(State::default()),
            changed: Condvar::new(),
            handed_over: AtomicBool::new(false),
            database,
        });
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

    /// Whether the writer is to move the rest of the log, now.
    pub(super) fn takes_over(&self) -> bool {
        self.handed_over.load(Relaxed) && self.handed_over.swap(false, Relaxed)
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
            .and_then(|open: LogMover| {
                let log = open.run()?;
                if log >= LONG_LOG {
                    open.run()?;
                }
                Ok((open, log))
            });
            match moved {
                Ok((open, bytes)) => {
                    self.handed_over.store(bytes >= LONG_LOG, Relaxed);
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
