//! What is open and what runs: the one lock of this module, and the waiting for it to change.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::live::LiveSession;
use crate::capture::exec::CommandHandle;
use crate::runtime::clock;
use crate::serve::sessions::CommandInfo;

/// A command that is being started, or runs.
pub(super) struct Entry {
    pub(super) handle: Arc<CommandHandle>,
    pub(super) info: CommandInfo,
    /// Its client is gone: it is killed then.
    pub(super) kill_at: Option<Instant>,
}

/// An open session and what runs in it.
pub(super) struct Open {
    pub(super) session: Arc<LiveSession>,
    pub(super) commands: BTreeMap<String, Entry>,
    /// Since when no command runs.
    pub(super) idle_since: Instant,
    /// Why it is ending, if it is.
    pub(super) ending: Option<&'static str>,
    /// Processes that were still running when their command had ended.
    pub(super) processes_ended: u64,
}

impl Open {
    /// A session in which nothing runs.
    pub(super) fn new(session: Arc<LiveSession>) -> Self {
        Self { session, commands: BTreeMap::new(), idle_since: clock::instant(), ending: None, processes_ended: 0 }
    }
}

/// All open sessions.
#[derive(Default)]
pub(super) struct Table {
    pub(super) open: BTreeMap<String, Open>,
    /// Sessions that are being opened.
    pub(super) opening: u32,
    /// Commands in all sessions.
    pub(super) commands: u32,
    /// Nothing may begin any more.
    pub(super) closing: bool,
    /// The timer is to end.
    pub(super) closed: bool,
}

/// The table, its lock and the news of its changes.
#[derive(Default)]
pub(super) struct Shared {
    table: Mutex<Table>,
    changed: Condvar,
}

impl Shared {
    /// The table; what it holds is consistent between any two changes, so a panic elsewhere is no reason to stop.
    pub(super) fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes whoever waits for a change.
    pub(super) fn notify(&self) {
        self.changed.notify_all();
    }

    /// Waits until `done`, or until the deadline. Says whether it is done.
    pub(super) fn wait_until(&self, deadline: Option<Instant>, done: impl Fn(&Table) -> bool) -> bool {
        let mut table = self.lock();
        loop {
            if done(&table) {
                return true;
            }
            if deadline.is_some_and(|deadline| deadline <= clock::instant()) {
                return false;
            }
            table = self.wait(table, deadline);
        }
    }

    /// Waits for a change, or until the deadline.
    pub(super) fn wait<'a>(&self, table: MutexGuard<'a, Table>, deadline: Option<Instant>) -> MutexGuard<'a, Table> {
        match deadline {
            None => self.changed.wait(table).unwrap_or_else(PoisonError::into_inner),
            Some(deadline) => {
                let left = deadline.saturating_duration_since(clock::instant());
                self.changed.wait_timeout(table, left).unwrap_or_else(PoisonError::into_inner).0
            }
        }
    }
}
