//! Opening: check, migrate, recover what dead recorders left, say what was found, start the threads.

use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use super::checkpoint::{Signer, has_unsigned};
use super::config::JournalConfig;
use super::data_dir::DataDir;
use super::doorbell::Ringer;
use super::error::JournalError;
use super::events::pipeline;
use super::mover::Mover;
use super::note::{JournalKey, PublicKey};
use super::progress::Progress;
use super::recover::recover;
use super::sqlite::{IntakeProgress, IntakeState, WriterStore, check_before_touching};
use super::summarizer::Summarizer;
use super::sync::Syncer;
use super::writer::Writer;
use crate::channel::intake::{Intake, IntakeId};
use crate::channel::{Durability, EventChannel};
use crate::event::{JournalOpened, Severity};
use crate::runtime::{clock, ids};

/// An open journal: a recorder's channel and the threads behind it.
pub struct Journal {
    data_dir: DataDir,
    channel: Arc<EventChannel>,
    progress: Arc<Progress>,
    pub(super) syncer: Arc<Syncer>,
    writer: JoinHandle<WriterStore>,
    mover: Arc<Mover>,
    summarizer: Arc<Summarizer>,
    sync_thread: JoinHandle<()>,
    move_thread: JoinHandle<()>,
    summary_thread: JoinHandle<()>,
    public_key: PublicKey,
    found: JournalOpened,
}

/// How long opening waits for recorders that are writing. They let go of the database between any two commits, but SQLite does not
/// queue those that wait.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long the writer waits before it looks whether it should end.
const WRITER_PATIENCE: Duration = Duration::from_secs(5);

impl Journal {
    /// Opens the journal in a data directory, makes it where there is none, and drains what dead recorders left.
    ///
    /// # Errors
    /// [`JournalError`]; a foreign or newer file is not touched, a dead recorder's intake stays until it is drained.
    pub fn open(root: &Path, config: &JournalConfig) -> Result<Self, JournalError> {
        // Before anything is made beside it.
        check_before_touching(&DataDir::at(root).journal())?;
        let data_dir = DataDir::create(root)?;
        // One opener at a time: migration and recovery must not run twice at once. Recorders that are open already go on.
        let lock = data_dir.lock()?;
        let mut store = WriterStore::open(&data_dir.journal())?;
        let store_error = |source| JournalError::Store { path: data_dir.journal(), source };
        store.set_patience(PATIENCE).map_err(store_error)?;
        let created = store.meta("journal_id").map_err(store_error)?.is_none();
        let fresh_id: String = ids::random::<8>().iter().map(|byte| format!("{byte:02x}")).collect();
        let journal_id =
            store.transaction(|transaction| transaction.meta_or_insert("journal_id", &fresh_id)).map_err(store_error)?;
        let origin = format!("agentsh.journal/{journal_id}");
        let key = JournalKey::open_or_create(&data_dir.key(), &origin)?;
        let public_key = key.public();
        put_public_key(&data_dir, &public_key)?;
        let signer = Signer { key, origin };

        let (events_before, last_checkpoint) =
            store.transaction(|transaction| Ok((transaction.size(), transaction.last_checkpoint()?))).map_err(store_error)?;
        let recovered = recover(&data_dir, &mut store)?;
        let now = clock::now();
        let intake = Intake::create(&data_dir.intakes(), IntakeId::from_bytes(ids::random()), config.intake_bytes, now)
            .map_err(|source| JournalError::Io { what: "cannot make an intake in", path: data_dir.intakes(), source })?;
        if config.durability.has(Durability::Durable)
            && let Err(error) = intake.prepare_for_syncs()
        {
            tracing::warn!(%error, "durable operations will wait longer: the intake cannot be prepared for them");
        }
        let intake = Arc::new(intake);
        let intake_progress = IntakeProgress::new(intake.id());
        let found = JournalOpened {
            events_before,
            events_recovered: recovered.events,
            intakes_drained: recovered.intakes,
            torn_bytes: recovered.torn_bytes,
            checkpoint_missing: has_unsigned(events_before, last_checkpoint),
            created,
            agentsh_version: env!("CARGO_PKG_VERSION").to_owned(),
        };
        let mut ringer = Ringer::new(&data_dir.doorbell()).map_err(|source| JournalError::Io {
            what: "cannot ring in",
            path: data_dir.doorbell(),
            source,
        })?;
        let head = store
            .transaction(|transaction| {
                transaction.append_event(&pipeline(now, Severity::Informational, found.clone()))?;
                let pid = u64::from(std::process::id());
                transaction.put_intake(&intake_progress, pid, now.as_micros(), IntakeState::Live, None)?;
                Ok(transaction.size())
            })
            .map_err(store_error)?;
        ringer.ring();
        store.set_patience(WRITER_PATIENCE).map_err(store_error)?;
        drop(lock);

        let progress = Arc::new(Progress::default());
        progress.opened(head);
        let writer_failed = |_error| JournalError::Writer { what: "cannot be started" };
        let (syncer, sync_thread) =
            Syncer::start(Arc::clone(&intake), data_dir.journal(), data_dir.write_ahead_log(), config.sync_interval())
                .map_err(writer_failed)?;
        let (mover, move_thread) = Mover::start(data_dir.journal()).map_err(writer_failed)?;
        let (summarizer, summary_thread) = Summarizer::start(data_dir.clone(), Arc::clone(&progress)).map_err(writer_failed)?;
        let writer = Writer {
            store,
            intake: Arc::clone(&intake),
            intake_progress,
            opened_us: now.as_micros(),
            signer,
            data_dir: data_dir.clone(),
            ringer,
            syncer: Arc::clone(&syncer),
            mover: Arc::clone(&mover),
            progress: Arc::clone(&progress),
            config: *config,
            failing: false,
        };
        let writer_thread =
            std::thread::Builder::new().name("journal-writer".to_owned()).spawn(move || writer.run()).map_err(writer_failed)?;
        let channel = Arc::new(EventChannel::new(intake, config.channel()));
        Ok(Self {
            data_dir,
            channel,
            progress,
            syncer,
            mover,
            summarizer,
            writer: writer_thread,
            sync_thread,
            move_thread,
            summary_thread,
            public_key,
            found,
        })
    }

    /// The interceptors' side.
    #[must_use]
    pub const fn channel(&self) -> &Arc<EventChannel> {
        &self.channel
    }

    /// Where it is.
    #[must_use]
    pub const fn data_dir(&self) -> &DataDir {
        &self.data_dir
    }

    /// The key that checkpoints are checked with.
    #[must_use]
    pub const fn public_key(&self) -> &PublicKey {
        &self.public_key
    }

    /// What was found when it was opened.
    #[must_use]
    pub const fn found(&self) -> &JournalOpened {
        &self.found
    }

    /// `seq` of the last event that this recorder has committed.
    #[must_use]
    pub fn head(&self) -> u64 {
        self.progress.head()
    }

    /// Waits until everything that was handed to the channel so far is committed, or declared lost; `false` when the journal cannot
    /// write.
    pub fn flush(&self) -> bool {
        let intake = self.channel.intake();
        self.progress.wait(intake.hurry(), 0, intake)
    }

    /// As [`Journal::flush`] without holding a thread, and without hurrying the writer: waits until everything that was handed to the
    /// channel so far is committed. Answers with the `seq` of that commit, or `None` when the writer has ended; while the journal cannot
    /// write it waits on. Dropping it is no harm.
    pub fn committed(&self) -> impl Future<Output = Option<u64>> + Send + use<> {
        let (progress, goal) = (Arc::clone(&self.progress), self.channel.intake().goal());
        std::future::poll_fn(move |cx| progress.poll_reached(goal, cx))
    }

    /// Has everything that was handed over so far committed and covered by a signed checkpoint; `false` when the journal cannot
    /// write.
    pub fn checkpoint(&self) -> bool {
        // Committed first: the writer may be about to sign without what is handed over just now.
        if !self.flush() {
            return false;
        }
        let number = self.progress.want_checkpoint();
        let intake = self.channel.intake();
        self.progress.wait(intake.hurry(), number, intake)
    }

    /// Why the journal cannot write, if it cannot.
    #[must_use]
    pub fn failure(&self) -> Option<Arc<str>> {
        if self.progress.has_ended() { Some("the writer has ended".into()) } else { self.channel.intake().failure() }
    }

    /// Drains, signs a last checkpoint, syncs, and removes the intake. What is handed over from now on is refused; producers that
    /// wait for room are still served.
    ///
    /// # Errors
    /// [`JournalError::Writer`] when the journal could not write to the end: then the intake stays, and whoever opens the journal
    /// next drains it.
    pub fn close(self) -> Result<(), JournalError> {
        let intake = Arc::clone(self.channel.intake());
        self.summarizer.stop();
        intake.close();
        let panicked = || JournalError::Writer { what: "ended with a panic; what it had not committed is in the intake" };
        // Kept until the syncer is done: the last connection to close removes the log that it syncs.
        let store = self.writer.join().map_err(|_panic| panicked());
        let synced = self.syncer.flush();
        self.syncer.stop();
        self.mover.stop();
        self.sync_thread.join().map_err(|_panic| panicked())?;
        self.move_thread.join().map_err(|_panic| panicked())?;
        self.summary_thread.join().map_err(|_panic| panicked())?;
        drop(store?);
        if !synced || intake.failure().is_some() {
            return Err(JournalError::Writer { what: "could not write to the end; the next start drains the intake" });
        }
        if intake.undeclared() > 0 {
            // Somebody was refused after the last commit: the header says so, and the next start declares it.
            return Ok(());
        }
        intake.remove().map_err(|source| JournalError::Io {
            what: "cannot remove the drained intake in",
            path: self.data_dir.intakes(),
            source,
        })
    }
}

/// Keeps the printable public key beside the signing key.
fn put_public_key(data_dir: &DataDir, key: &PublicKey) -> Result<(), JournalError> {
    let (path, text) = (data_dir.public_key(), format!("{}\n", key.to_text()));
    if std::fs::read_to_string(&path).is_ok_and(|there| there == text) {
        return Ok(());
    }
    DataDir::replace(&path, &text).map_err(|source| JournalError::Io { what: "cannot write the public key", path, source })
}
