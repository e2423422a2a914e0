//! The writer: one thread for a recorder that drains its intake into group commits.
//!
//! While events come it commits every `commit_interval`; after a quiet while it parks, and the next append wakes it. A commit that
//! finds the database locked is tried again; one that fails makes the channel refuse (G-8) until it goes through.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::checkpoint::{Signed, Signer};
use super::config::JournalConfig;
use super::data_dir::DataDir;
use super::doorbell::Ringer;
use super::error::StoreError;
use super::events;
use super::sqlite::{IntakeProgress, IntakeState, WriterStore};
use super::sync::Syncer;
use crate::channel::intake::{Batch, Counters, Hop, Intake};
use crate::runtime::clock;
use crate::runtime::metrics::metrics;

/// Bytes of frames in one commit, about: large enough that its fixed cost does not count, small enough that readers and other
/// recorders do not wait long for it.
const COMMIT_BYTES: usize = 4 << 20;

/// Commit intervals without an event after which the writer parks.
const LINGER: u32 = 10;

/// How long the writer waits before it tries again what failed.
const RETRY: Duration = Duration::from_millis(50);

/// What others may wait for and ask for.
#[derive(Default)]
pub(super) struct Progress {
    state: Mutex<ProgressState>,
    changed: Condvar,
}

#[derive(Default)]
struct ProgressState {
    committed: u64,
    head: u64,
    checkpoint_wanted: bool,
    ended: bool,
}

impl Progress {
    /// Waits until everything up to `position` is committed; `false` when the journal cannot write or the writer has ended.
    pub(super) fn wait(&self, position: u64, intake: &Intake) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        while state.committed < position {
            if state.ended || intake.failure().is_some() {
                return false;
            }
            state = self.changed.wait_timeout(state, RETRY).unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    /// Asks for a checkpoint with the next commit.
    pub(super) fn want_checkpoint(&self) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).checkpoint_wanted = true;
    }

    /// `seq` of the last event that this recorder has committed or found.
    pub(super) fn head(&self) -> u64 {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).head
    }

    /// Whether the writer thread has ended, and no event will be committed any more.
    pub(super) fn has_ended(&self) -> bool {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).ended
    }
}

/// Everything that the thread owns.
pub(super) struct Writer {
    pub(super) store: WriterStore,
    pub(super) intake: Arc<Intake>,
    pub(super) intake_progress: IntakeProgress,
    pub(super) opened_us: i64,
    pub(super) signer: Signer,
    pub(super) data_dir: DataDir,
    pub(super) ringer: Ringer,
    pub(super) syncer: Arc<Syncer>,
    pub(super) progress: Arc<Progress>,
    pub(super) config: JournalConfig,
}

impl Writer {
    /// Drains until the intake is closed and empty, then signs, marks the intake as closed and removes its file.
    ///
    /// Returns the connection: the log may only be synced while one is open, since the last to close removes it.
    pub(super) fn run(mut self) -> WriterStore {
        let mut batch = Batch::default();
        let mut quiet = 0;
        let mut signed_at = clock::instant();
        let mut events_since = 0;
        loop {
            let closed = self.intake.is_closed();
            let wanted = self.take_checkpoint_wish();
            let due = wanted
                || events_since >= self.config.checkpoint_events
                || (events_since > 0 && since(signed_at) >= self.config.checkpoint_interval.duration());
            if let Err(error) = self.intake.take(COMMIT_BYTES, &mut batch) {
                self.fail(&StoreError::Disk(error.to_string()));
                continue;
            }
            let undeclared = self.intake_progress.undeclared(&batch.counters);
            let last = closed && batch.events == 0;
            if batch.events == 0 && undeclared.is_empty() && !due && !last {
                quiet += 1;
                if quiet > LINGER {
                    self.intake.wait_for_work((events_since > 0).then(|| self.config.checkpoint_interval.duration()));
                    quiet = 0;
                }
                self.intake.gather(self.config.commit_interval());
                continue;
            }
            quiet = 0;
            match self.commit(&batch, &undeclared, due || last, last) {
                Ok(signed) => {
                    events_since += batch.events;
                    if let Some(signed) = signed {
                        Signer::witness(&self.data_dir, &signed);
                        events_since = 0;
                        signed_at = clock::instant();
                    }
                    if last {
                        break;
                    }
                    if !closed {
                        self.intake.gather(self.config.commit_interval());
                    }
                }
                Err(StoreError::Busy) => self.intake.untake(self.intake_progress.mark),
                Err(error) => {
                    self.intake.untake(self.intake_progress.mark);
                    self.fail(&error);
                    if closed {
                        // The process wants to end and the disk refuses: what is in the intake stays there for the next recorder.
                        break;
                    }
                }
            }
        }
        self.progress.state.lock().unwrap_or_else(PoisonError::into_inner).ended = true;
        self.progress.changed.notify_all();
        self.store
    }

    fn commit(
        &mut self,
        batch: &Batch,
        undeclared: &[(Hop, u64, i64, i64)],
        sign: bool,
        last: bool,
    ) -> Result<Option<Signed>, StoreError> {
        let started = clock::instant();
        let mut progress = self.intake_progress.clone();
        let now = clock::now();
        let (state, closed_us) = if last { (IntakeState::Closed, Some(now.as_micros())) } else { (IntakeState::Live, None) };
        let Self { store, signer, data_dir, opened_us, .. } = self;
        let (head, signed) = store.transaction(|transaction| {
            progress.journaled += transaction.append(&batch.frames)?;
            progress.mark = batch.mark;
            progress.offered = batch.counters.offered;
            for (hop, count, from_us, to_us) in undeclared {
                transaction.append_event(&events::lost(now, progress.id, *hop, *count, *from_us, *to_us))?;
                declare(&mut progress, *hop, &batch.counters);
            }
            transaction.put_intake(&progress, u64::from(std::process::id()), *opened_us, state, closed_us)?;
            let signed = if sign { signer.sign(data_dir, transaction)? } else { None };
            Ok((transaction.size(), signed))
        })?;
        self.intake_progress = progress;
        if self.intake.failure().is_some() && !self.syncer.is_failing() {
            tracing::info!("the journal can write again");
            self.intake.set_failure(None);
        }
        self.syncer.committed(batch.mark.position);
        {
            let mut state = self.progress.state.lock().unwrap_or_else(PoisonError::into_inner);
            state.committed = batch.mark.position;
            state.head = head;
        }
        self.progress.changed.notify_all();
        self.ringer.ring();
        let metrics = metrics();
        metrics.commit_events.observe(batch.events);
        metrics.commit_duration.observe(clock::micros_since(started));
        metrics.journal_head.set(head);
        let (used, capacity) = self.intake.usage();
        metrics.channel_bytes.set(used);
        metrics.channel_capacity.set(capacity);
        for (hop, count, ..) in undeclared {
            metrics.events_lost.of(hop.as_str()).add(*count);
        }
        Ok(signed)
    }

    fn take_checkpoint_wish(&self) -> bool {
        std::mem::take(&mut self.progress.state.lock().unwrap_or_else(PoisonError::into_inner).checkpoint_wanted)
    }

    fn fail(&self, error: &StoreError) {
        if self.intake.failure().is_none() {
            tracing::error!(%error, "the journal cannot write; gated operations are refused until it can");
        }
        self.intake.set_failure(Some(error.to_string().into()));
        self.progress.changed.notify_all();
        // Nobody signals that a disk has room again: look now and then. An append does not end this wait, a close does.
        self.intake.gather(RETRY);
    }
}

fn declare(progress: &mut IntakeProgress, hop: Hop, counters: &Counters) {
    for ((known, loss), declared) in Hop::ALL.into_iter().zip(&counters.losses).zip(&mut progress.lost) {
        if known == hop {
            *declared = loss.count;
        }
    }
}

fn since(start: Instant) -> Duration {
    clock::instant().saturating_duration_since(start)
}
