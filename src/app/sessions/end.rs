//! The end of a session: its commands are told, then killed; then its layers go, and the end is put on record.

use std::sync::Arc;
use std::time::Duration;

use nix::sys::signal::Signal;

use super::manager::Inner;
use super::table::{Entry, Open, Table};
use crate::runtime::clock;

/// Somebody ended it.
pub(super) const ENDED: &str = "ended";
/// No command ran for as long as the idle timeout says.
pub(super) const IDLE_TIMEOUT: &str = "idle_timeout";
/// Its time was over.
pub(super) const HARD_TIMEOUT: &str = "hard_timeout";
/// The server was told to stop.
pub(super) const SHUTDOWN: &str = "shutdown";
/// It could not go on.
pub(super) const FAILED: &str = "failed";

/// How long killed commands, and what they had started, may take to be gone.
const GONE: Duration = Duration::from_secs(30);

/// Begins the end of a session: nothing starts in it any more, and its commands are told. `false` when it was ending already.
pub(super) fn begin(table: &mut Table, id: &str, reason: &'static str) -> bool {
    let Some(open) = table.open.get_mut(id).filter(|open| open.ending.is_none()) else { return false };
    open.ending = Some(reason);
    open.commands.values().for_each(tell);
    true
}

/// Tells a command to end. A stopped one hears it only once it goes on.
pub(super) fn tell(entry: &Entry) {
    entry.handle.signal(Signal::SIGTERM);
    entry.handle.signal(Signal::SIGCONT);
}

/// Kills a session's commands.
pub(super) fn kill(open: &Open) {
    open.commands.values().for_each(|entry| entry.handle.signal(Signal::SIGKILL));
}

/// Completes what [`begin`] began. The commands have `grace` before they are killed.
pub(super) fn complete(inner: &Inner, id: &str, grace: Duration) {
    let has_none = |table: &Table| table.open.get(id).is_none_or(|open| open.commands.is_empty());
    if !inner.shared.wait_until(Some(clock::instant() + grace), has_none) {
        inner.shared.lock().open.get(id).into_iter().for_each(kill);
        if !inner.shared.wait_until(Some(clock::instant() + GONE), has_none) {
            tracing::error!(session = id, "commands that were killed are not gone");
        }
    }
    let closing = {
        let table = inner.shared.lock();
        table.open.get(id).map(|open| (open.session.clone(), open.ending.unwrap_or(ENDED), open.processes_ended))
    };
    if let Some((session, reason, processes_ended)) = closing {
        session.close(reason, processes_ended, || inner.setting.journal.flush());
    }
    inner.shared.lock().open.remove(id);
    inner.shared.notify();
}

/// The same on a thread of its own; here, where none is to be had.
pub(super) fn complete_aside(inner: &Arc<Inner>, id: &str, grace: Duration) {
    let (ending, name) = (Arc::clone(inner), id.to_owned());
    if let Err(error) = inner.spawn("session-end", move || complete(&ending, &name, grace)) {
        tracing::warn!(%error, session = id, "no thread is to be had for the session's end; others wait for it");
        complete(inner, id, grace);
    }
}

/// Ends a session, or waits until it has been ended.
pub(super) fn end(inner: &Inner, id: &str, reason: &'static str, grace: Duration) {
    let ours = begin(&mut inner.shared.lock(), id, reason);
    inner.shared.notify();
    if ours {
        complete(inner, id, grace);
    } else {
        inner.shared.wait_until(None, |table| !table.open.contains_key(id));
    }
}
