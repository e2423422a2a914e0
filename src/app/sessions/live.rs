//! A session that is open: its layers, and what it was created with.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::app::lease::Lease;
use crate::capture::actor::ProcActors;
use crate::capture::attribution::Attribution;
use crate::capture::exec::{LaunchError, ProcessObserver, RunningProgram, Session, Streams};
use crate::capture::fuse::FuseServer;
use crate::channel::SessionChannel;
use crate::event::trace::TraceParent;
use crate::event::{SessionEnded, SessionId};
use crate::runtime::clock;

/// What holds a session: all of it is let go at its end.
pub(super) struct Layers {
    /// The launcher that owns the namespaces and the mount.
    pub(super) holder: Session,
    pub(super) server: Option<FuseServer>,
    pub(super) lease: Lease,
}

/// An open session.
pub(super) struct LiveSession {
    pub(super) id: SessionId,
    pub(super) channel: SessionChannel,
    pub(super) workspace: PathBuf,
    /// Who created it, in a distributed trace.
    pub(super) caller: Option<TraceParent>,
    pub(super) created: Instant,
    pub(super) idle_timeout: Duration,
    pub(super) hard_timeout: Duration,
    pub(super) actors: Arc<ProcActors>,
    pub(super) attribution: Arc<Attribution>,
    pub(super) layers: Mutex<Option<Layers>>,
}

impl LiveSession {
    /// Starts a launcher for a command. `None` when the session has ended.
    pub(super) fn join(
        &self,
        program: &std::path::Path,
        streams: Streams,
        open_files: (u64, u64),
    ) -> Option<Result<Session, LaunchError>> {
        let layers = self.layers.lock().unwrap_or_else(PoisonError::into_inner);
        layers.as_ref().map(|layers| layers.holder.join(program, streams, open_files))
    }

    /// Takes the layers down and puts the end on record. No command runs any more. Does nothing the second time.
    pub(super) fn close(&self, reason: &str, processes_ended: u64, flush: impl Fn() -> bool) {
        let layers = self.layers.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(Layers { holder, server, lease }) = layers else { return };
        // The namespaces go with the last process in them, and the mount with them.
        drop(holder);
        if let Some(Err(error)) = server.map(FuseServer::finish) {
            tracing::error!(%error, session = %self.id, "the workspace's file system ended with an error");
        }
        self.put_end(reason, processes_ended, lease, flush);
    }

    /// Puts the end on record, and lets the session's file go once it is.
    pub(super) fn put_end(&self, reason: &str, processes_ended: u64, lease: Lease, flush: impl Fn() -> bool) {
        let ended = SessionEnded { reason: reason.to_owned(), duration_us: clock::micros_since(self.created), processes_ended };
        self.channel.observe(ended, None, None);
        if flush() {
            lease.release();
        }
    }

    /// Whether what holds the session is gone although nobody ended it.
    pub(super) fn is_lost(&self) -> bool {
        let layers = self.layers.lock().unwrap_or_else(PoisonError::into_inner);
        layers.as_ref().is_some_and(|layers| layers.holder.has_ended())
    }
}

/// Keeps the session's caches of processes true to what the process layer sees.
impl ProcessObserver for LiveSession {
    fn program_changed(&self, program: &RunningProgram<'_>) {
        self.actors.invalidate(program.pid);
    }

    fn ended(&self, pid: u32) {
        self.actors.invalidate(pid);
        self.attribution.invalidate(pid);
    }
}
