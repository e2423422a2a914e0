//! The syncer: brings what was committed to the disk on a timer, and hands the intake's room back once it is there.
//!
//! A commit in write-ahead mode with `synchronous = NORMAL` is in the page cache only. Until the log is synced a power loss may
//! undo it, so the intake must keep its copy; this thread syncs the log every `sync_interval` and frees the intake up to there.

use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::channel::intake::Intake;

/// What the writer tells the syncer.
#[derive(Default)]
struct State {
    /// Position in the intake up to which everything is committed.
    committed: u64,
    /// Position up to which it is on the disk.
    synced: u64,
    /// The intake runs full: do not wait for the timer.
    urgent: bool,
    stop: bool,
    /// The last sync failed.
    failing: bool,
}

/// Shared by writer and syncer.
pub(super) struct Syncer {
    state: Mutex<State>,
    changed: Condvar,
    intake: Arc<Intake>,
    log: PathBuf,
    interval: Duration,
}

impl Syncer {
    pub(super) fn start(intake: Arc<Intake>, log: PathBuf, interval: Duration) -> io::Result<(Arc<Self>, JoinHandle<()>)> {
        let syncer = Arc::new(Self { state: Mutex::new(State::default()), changed: Condvar::new(), intake, log, interval });
        let thread = {
            let syncer = Arc::clone(&syncer);
            std::thread::Builder::new().name("journal-sync".to_owned()).spawn(move || syncer.run())?
        };
        Ok((syncer, thread))
    }

    /// Everything up to `position` is committed. Where more than half of the intake waits for a sync, it is done now.
    pub(super) fn committed(&self, position: u64) {
        let (used, capacity) = self.intake.usage();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.committed = position;
        state.urgent |= used > capacity / 2;
        drop(state);
        self.changed.notify_all();
    }

    /// Waits until `position` is on the disk, or the disk refuses.
    pub(super) fn flush(&self, position: u64) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        while state.synced < position && !state.stop && self.intake.failure().is_none() {
            state.urgent = true;
            self.changed.notify_all();
            state = self.changed.wait_timeout(state, self.interval).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Whether the disk refused the last sync.
    pub(super) fn is_failing(&self) -> bool {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).failing
    }

    pub(super) fn stop(&self) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).stop = true;
        self.changed.notify_all();
    }

    fn run(&self) {
        // Kept open to the end: closing a descriptor of a database file would drop SQLite's own locks on that file (POSIX locks
        // belong to the process). The log has none, but it stays the same file as long as any connection is open.
        let mut log: Option<File> = None;
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let pending = state.committed > state.synced;
            if state.stop && !pending {
                return;
            }
            if !pending {
                // A writer that is stuck commits nothing: what is only in the intake is synced on the timer too.
                drop(state);
                self.sync_intake();
                state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
                if state.committed == state.synced && !state.stop {
                    state = self.changed.wait_timeout(state, self.idle_interval()).unwrap_or_else(PoisonError::into_inner).0;
                }
                continue;
            }
            if !state.urgent && !state.stop {
                let waited = self.changed.wait_timeout_while(state, self.interval, |state| !state.urgent && !state.stop);
                state = waited.unwrap_or_else(PoisonError::into_inner).0;
            }
            state.urgent = false;
            let position = state.committed;
            drop(state);
            let synced = self.sync_log(&mut log);
            state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            match synced {
                Ok(()) => {
                    state.synced = position;
                    if std::mem::take(&mut state.failing) {
                        self.intake.set_failure(None);
                    }
                    self.intake.free(position);
                    self.changed.notify_all();
                }
                Err(error) => {
                    self.intake.set_failure(Some(format!("the journal cannot be synced: {error}").into()));
                    state.failing = true;
                    if state.stop {
                        return;
                    }
                    state = self.changed.wait_timeout(state, self.interval).unwrap_or_else(PoisonError::into_inner).0;
                }
            }
        }
    }

    fn idle_interval(&self) -> Duration {
        if self.intake.usage().0 > 0 { self.interval } else { self.interval * 10 }
    }

    fn sync_log(&self, log: &mut Option<File>) -> io::Result<()> {
        if log.is_none() {
            *log = Some(File::open(&self.log)?);
        }
        match log {
            Some(file) => file.sync_data(),
            None => Ok(()),
        }
    }

    fn sync_intake(&self) {
        let end = self.intake.end();
        if self.intake.usage().0 > 0
            && let Err(error) = self.intake.sync_to(end)
        {
            self.intake.set_failure(Some(format!("the intake cannot be synced: {error}").into()));
        }
    }
}
