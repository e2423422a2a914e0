//! The writer: one thread for a recorder that drains its intake into group commits.
//!
//! While events come it commits every `commit_interval`; after a quiet while it parks, and the next append wakes it. A commit that
//! finds the database locked is tried again; one that fails makes the channel refuse (G-8) until it goes through.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::checkpoint::{Signed, Signer};
use super::config::JournalConfig;
use super::data_dir::DataDir;
use super::doorbell::Ringer;
use super::error::StoreError;
use super::events;
use super::mover::Mover;
use super::progress::Progress;
use super::sqlite::{IntakeProgress, IntakeState, Undeclared, WriterStore};
use super::sync::Syncer;
use crate::channel::intake::{Batch, FailingPart, Intake};
use crate::runtime::clock;
use crate::runtime::metrics::metrics;

/// Bytes of frames in one commit, about: large enough that its fixed cost does not count, small enough that readers and other
/// recorders do not wait long for it.
const COMMIT_BYTES: usize = 4 << 20;

/// Commit intervals without an event after which the writer parks.
const LINGER: u32 = 10;

/// How long the writer waits before it tries again what failed.
const RETRY: Duration = Duration::from_millis(50);

/// How long a recorder that wants to end waits for the database, before it leaves its intake to the next one.
const BUSY_AT_CLOSE: Duration = Duration::from_secs(30);

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
    pub(super) mover: Arc<Mover>,
    pub(super) progress: Arc<Progress>,
    pub(super) config: JournalConfig,
    /// The last commit failed.
    pub(super) failing: bool,
}

/// Says that the writer has ended, also when it ended by a panic: nobody may wait for it then.
struct Ending {
    progress: Arc<Progress>,
    intake: Arc<Intake>,
}

impl Drop for Ending {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.intake.set_failure(FailingPart::Commit, Some("the writer has ended with a panic".into()));
        }
        self.progress.ended();
    }
}

impl Writer {
    /// Drains until the intake is closed and empty, then signs and marks the intake as closed.
    ///
    /// Returns the connection: the log may only be synced while one is open, since the last to close removes it.
    pub(super) fn run(mut self) -> WriterStore {
        let _ending = Ending { progress: Arc::clone(&self.progress), intake: Arc::clone(&self.intake) };
        let mut batch = Batch::default();
        let mut quiet = 0;
        let mut signed_at = clock::instant();
        let mut events_since = 0;
        let mut busy_since = None;
        loop {
            if let Err(error) = self.intake.take_at_most(COMMIT_BYTES, self.config.commit_events.max(1), &mut batch) {
                self.set_failure(&StoreError::Disk(error.to_string()));
                break;
            }
            // Read behind `take`, which forgets who was in a hurry: a wish that comes later hurries again.
            let wanted = self.progress.wanted_checkpoint();
            let due = wanted.is_some()
                || events_since >= self.config.checkpoint_events
                || (events_since > 0 && since(signed_at) >= self.config.checkpoint_interval.duration());
            let undeclared = self.intake_progress.undeclared(&batch.counters);
            if batch.events == 0 && undeclared.is_empty() && !due && !batch.last {
                if self.intake.is_closed() {
                    // Buffered events and producers wait for the room of what is committed.
                    if !self.syncer.flush() {
                        break;
                    }
                    self.intake.wait_for_work(None);
                    continue;
                }
                quiet += 1;
                if quiet > LINGER {
                    self.intake.wait_for_work((events_since > 0).then(|| self.config.checkpoint_interval.duration()));
                    quiet = 0;
                }
                self.intake.gather(self.config.commit_interval());
                continue;
            }
            quiet = 0;
            self.syncer.seen(batch.mark.position);
            let sign = due || batch.last;
            match self.commit(&batch, &undeclared, sign) {
                Ok(signed) => {
                    busy_since = None;
                    events_since += batch.events;
                    if sign {
                        // Also when another recorder's checkpoint covers all of it already.
                        events_since = 0;
                        signed_at = clock::instant();
                    }
                    if let Some(signed) = signed {
                        self.witness(&signed);
                    }
                    if let Some(wanted) = wanted {
                        self.progress.made_checkpoint(wanted);
                    }
                    if batch.last {
                        break;
                    }
                    // A full batch has more behind it.
                    if batch.events < self.config.commit_events && batch.frames.len() < COMMIT_BYTES {
                        self.intake.gather(self.config.commit_interval());
                    }
                }
                Err(error) => {
                    self.intake.untake(self.intake_progress.mark);
                    if matches!(error, StoreError::Busy) {
                        // Another recorder commits: nothing is wrong, producers wait for room if they must.
                        let busy = since(*busy_since.get_or_insert_with(clock::instant));
                        if !self.intake.is_closed() || busy < BUSY_AT_CLOSE {
                            self.intake.pause(self.config.commit_interval());
                            continue;
                        }
                    }
                    self.set_failure(&error);
                    if self.intake.is_closed() {
                        // The process wants to end and the disk refuses: what is in the intake stays there for the next recorder.
                        break;
                    }
                    // Nobody signals that a disk has room again: look now and then. A close ends this wait.
                    self.intake.pause(RETRY);
                }
            }
        }
        self.store
    }

    fn commit(&mut self, batch: &Batch, undeclared: &[Undeclared], sign: bool) -> Result<Option<Signed>, StoreError> {
        let _span = tracing::info_span!("commit", events = i64::try_from(batch.events).unwrap_or(i64::MAX), sign).entered();
        let started = clock::instant();
        let mut progress = self.intake_progress.clone();
        let now = clock::now();
        let (state, closed_us) =
            if batch.last { (IntakeState::Closed, Some(now.as_micros())) } else { (IntakeState::Live, None) };
        let Self { store, signer, data_dir, opened_us, .. } = self;
        let (head, signed) = store.transaction(|transaction| {
            progress.journaled += transaction.append(&batch.frames)?;
            progress.mark = batch.mark;
            progress.offered = batch.counters.offered;
            for loss in undeclared {
                transaction.append_event(&events::lost(now, progress.id, loss))?;
            }
            progress.declare(&batch.counters);
            transaction.put_intake(&progress, u64::from(std::process::id()), *opened_us, state, closed_us)?;
            let signed = if sign { signer.sign(data_dir, transaction)? } else { None };
            Ok((transaction.size(), signed))
        })?;
        if self.failing {
            tracing::info!("the journal can write again");
            self.failing = false;
            self.intake.set_failure(FailingPart::Commit, None);
        }
        self.intake.declared(&batch.counters);
        self.syncer.committed(batch.mark.position);
        self.mover.committed(batch.mark.position);
        self.progress.committed(progress.journaled, progress.lost_total(), head);
        self.intake_progress = progress;
        self.ringer.ring();
        if self.mover.takes_over()
            && let Err(error) = self.store.move_log()
        {
            // Everything is committed; the log only grows a little longer.
            tracing::warn!(%error, "the write-ahead log cannot be moved into the database");
        }
        let metrics = metrics();
        metrics.commit_events.observe(batch.events);
        metrics.commit_duration.observe(clock::micros_since(started));
        metrics.journal_head.set(head);
        let (used, capacity) = self.intake.usage();
        metrics.channel_bytes.set(used);
        metrics.channel_capacity.set(capacity);
        metrics
            .channel_events
            .set(batch.counters.offered.saturating_sub(self.intake_progress.journaled + self.intake_progress.lost_total()));
        for loss in undeclared {
            metrics.events_lost.of(loss.hop.as_str()).add(loss.count);
        }
        Ok(signed)
    }

    /// The witness file may only know what a power loss cannot undo: otherwise it would accuse a journal that is in order.
    fn witness(&self, signed: &Signed) {
        if self.syncer.flush() {
            self.signer.witness(&self.data_dir, signed);
        }
    }

    fn set_failure(&mut self, error: &StoreError) {
        if !self.failing {
            tracing::error!(%error, "the journal cannot write; gated operations are refused until it can");
        }
        self.failing = true;
        self.intake.set_failure(FailingPart::Commit, Some(error.to_string().into()));
        self.progress.failed();
    }
}

fn since(start: Instant) -> Duration {
    clock::instant().saturating_duration_since(start)
}
