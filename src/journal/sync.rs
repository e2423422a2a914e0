//! The syncer: brings what was committed to the disk on a timer, and hands the intake's room back once it is there.
//!
//! A commit in write-ahead mode with `synchronous = NORMAL` is in the page cache only. Until the log is synced a power loss may
//! undo it, so the intake must keep its copy; this thread syncs the log every `sync_interval` and frees the intake up to there.
//! While the writer cannot commit (another recorder holds the database, the disk is full) it syncs the intake instead.

use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use super::sqlite;
use crate::channel::intake::{FailingPart, Intake};

/// What the writer tells the syncer.
#[derive(Default)]
struct State {
    /// Position in the intake up to which the writer has seen it.
    seen: u64,
    /// Position up to which everything is committed.
    committed: u64,
    /// Number of the last commit. A checkpoint is a commit that moves no position.
    commit: u64,
    /// Number of the last commit that is on the disk.
    synced: u64,
    /// The intake runs full, or somebody waits: do not wait for the timer.
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
    database: PathBuf,
    log: PathBuf,
    interval: Duration,
    /// A disk that refuses, for tests.
    #[cfg(test)]
    pub(super) disk_refuses: std::sync::atomic::AtomicBool,
}

impl Syncer {
    pub(super) fn start(
        intake: Arc<Intake>,
        database: PathBuf,
        log: PathBuf,
        interval: Duration,
    ) -> io::Result<(Arc<Self>, JoinHandle<()>)> {
        let syncer = Arc::new(Self {
            state: Mutex::new(State::default()),
            changed: Condvar::new(),
            intake,
            database,
            log,
            interval,
            #[cfg(test)]
            disk_refuses: std::sync::atomic::AtomicBool::new(false),
        });
        let thread = {
            let syncer = Arc::clone(&syncer);
            std::thread::Builder::new().name("journal-sync".to_owned()).spawn(move || syncer.run())?
        };
        Ok((syncer, thread))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The writer is about to commit up to `position`.
    pub(super) fn seen(&self, position: u64) {
        let mut state = self.lock();
        let idle = state.commit == state.synced && state.seen <= state.committed;
        state.seen = state.seen.max(position);
        drop(state);
        if idle {
            self.changed.notify_all();
        }
    }

    /// Everything up to `position` is committed. Where more than half of the intake waits for a sync, it is done now. Returns the
    /// number of the commit, to wait for with [`Syncer::flush`].
    pub(super) fn committed(&self, position: u64) -> u64 {
        let (used, capacity) = self.intake.usage();
        let mut state = self.lock();
        state.committed = position;
        state.seen = state.seen.max(position);
        state.commit += 1;
        state.urgent |= used > capacity / 2;
        let commit = state.commit;
        drop(state);
        self.changed.notify_all();
        commit
    }

    /// Waits until everything that was committed so far is on the disk; `false` when the disk refuses.
    pub(super) fn flush(&self) -> bool {
        let mut state = self.lock();
        let commit = state.commit;
        while state.synced < commit {
            if state.stop || state.failing {
                return false;
            }
            state.urgent = true;
            self.changed.notify_all();
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        true
    }

    /// Syncs what is committed, once more, and ends the thread.
    pub(super) fn stop(&self) {
        self.lock().stop = true;
        self.changed.notify_all();
    }

    fn run(&self) {
        let mut log = None;
        let mut state = self.lock();
        loop {
            let pending = state.commit > state.synced;
            let stuck = state.seen > state.committed;
            if state.stop && !pending {
                return;
            }
            if !pending && !stuck {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            let waited = self.changed.wait_timeout_while(state, self.interval, |state| {
                // A failing disk is tried on the timer only, whoever is in a hurry.
                !state.stop && (state.failing || !state.urgent)
            });
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
            state.urgent = false;
            if state.commit == state.synced {
                drop(state);
                self.sync_intake();
                state = self.lock();
                continue;
            }
            let (commit, position, failing) = (state.commit, state.committed, state.failing);
            drop(state);
            let synced = if failing { self.mend_log(&mut log) } else { self.sync_log(&mut log) };
            state = self.lock();
            state.failing = synced.is_err();
            match synced {
                Ok(()) => {
                    state.synced = commit;
                    if failing {
                        self.intake.set_failure(FailingPart::Log, None);
                    }
                    self.intake.free(position);
                }
                Err(error) => {
                    self.intake.set_failure(FailingPart::Log, Some(format!("the journal cannot be synced: {error}").into()));
                    if state.stop {
                        return;
                    }
                }
            }
            self.changed.notify_all();
        }
    }

    /// Syncs the log. It is kept open, so that the kernel reports to us whatever error there was since the last sync; it stays the
    /// same file as long as any connection is open.
    fn sync_log(&self, log: &mut Option<File>) -> io::Result<()> {
        #[cfg(test)]
        if self.disk_refuses.load(std::sync::atomic::Ordering::SeqCst) {
            return Err(io::Error::from_raw_os_error(libc::EIO));
        }
        if log.is_none() {
            *log = Some(File::open(&self.log)?);
        }
        log.as_ref().map_or(Ok(()), File::sync_data)
    }

    /// After a sync has failed the kernel takes the pages for clean, and the next one succeeds without writing them. So the log is
    /// not trusted any more: SQLite moves all of it into the database, syncs that, and empties the log.
    fn mend_log(&self, log: &mut Option<File>) -> io::Result<()> {
        sqlite::empty_log(&self.database).map_err(io::Error::other)?;
        self.sync_log(log)
    }

    fn sync_intake(&self) {
        // If it fails, the intake says so itself.
        let _failing = self.intake.sync_to(self.intake.end());
    }
}
