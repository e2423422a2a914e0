//! Opening: check, migrate, recover what dead recorders left, say what was found, start the threads.

use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;

use super::checkpoint::Signer;
use super::config::JournalConfig;
use super::data_dir::DataDir;
use super::doorbell::Ringer;
use super::error::{JournalError, StoreError};
use super::events::{lost, pipeline};
use super::note::{JournalKey, PublicKey};
use super::sqlite::{IntakeProgress, IntakeState, WriterStore};
use super::sync::Syncer;
use super::writer::{Progress, Writer};
use crate::channel::EventChannel;
use crate::channel::intake::{DeadIntake, Hop, Intake, IntakeId};
use crate::event::{JournalOpened, Severity};
use crate::runtime::{clock, ids};

/// An open journal: a recorder's channel and the threads behind it.
pub struct Journal {
    data_dir: DataDir,
    channel: Arc<EventChannel>,
    progress: Arc<Progress>,
    syncer: Arc<Syncer>,
    writer: JoinHandle<WriterStore>,
    sync_thread: JoinHandle<()>,
    public_key: PublicKey,
    found: JournalOpened,
}

/// What recovery found in dead recorders' intakes.
#[derive(Default)]
struct Recovered {
    intakes: u64,
    events: u64,
    torn_bytes: u64,
}

impl Journal {
    /// Opens the journal in a data directory, makes it where there is none, and drains what dead recorders left.
    ///
    /// # Errors
    /// [`JournalError`]; a foreign or newer file is not touched, a dead recorder's intake stays until it is drained.
    pub fn open(root: &Path, config: &JournalConfig) -> Result<Self, JournalError> {
        let data_dir = DataDir::create(root)?;
        // One opener at a time: migration and recovery must not run twice at once. Recorders that are open already go on.
        let lock = data_dir.lock()?;
        let mut store = WriterStore::open(&data_dir.journal())?;
        let store_error = |source| JournalError::Store { path: data_dir.journal(), source };
        let created = store.meta("journal_id").map_err(store_error)?.is_none();
        let fresh_id: String = ids::random::<8>().iter().map(|byte| format!("{byte:02x}")).collect();
        let journal_id =
            store.transaction(|transaction| transaction.meta_or_insert("journal_id", &fresh_id)).map_err(store_error)?;
        let origin = format!("agentsh.journal/{journal_id}");
        let key = JournalKey::open_or_create(&data_dir.key(), &origin)?;
        let public_key = key.public();
        DataDir::replace(&data_dir.public_key(), &format!("{}\n", public_key.to_text())).map_err(|source| JournalError::Io {
            what: "cannot write the public key",
            path: data_dir.public_key(),
            source,
        })?;
        let signer = Signer { key, origin };

        let (events_before, last_checkpoint) =
            store.transaction(|transaction| Ok((transaction.size(), transaction.last_checkpoint()?))).map_err(store_error)?;
        let recovered = recover(&data_dir, &mut store)?;
        let now = clock::now();
        let intake = Intake::create(&data_dir.intakes(), IntakeId::from_bytes(ids::random()), config.intake_bytes, now)
            .map_err(|source| JournalError::Io { what: "cannot make an intake in", path: data_dir.intakes(), source })?;
        let intake = Arc::new(intake);
        let intake_progress = IntakeProgress::new(intake.id());
        let found = JournalOpened {
            events_before,
            events_recovered: recovered.events,
            intakes_drained: recovered.intakes,
            torn_bytes: recovered.torn_bytes,
            checkpoint_missing: events_before > last_checkpoint + 1,
            created,
            agentsh_version: env!("CARGO_PKG_VERSION").to_owned(),
        };
        store
            .transaction(|transaction| {
                transaction.append_event(&pipeline(now, Severity::Informational, found.clone()))?;
                let pid = u64::from(std::process::id());
                transaction.put_intake(&intake_progress, pid, now.as_micros(), IntakeState::Live, None)
            })
            .map_err(store_error)?;
        drop(lock);

        let progress = Arc::new(Progress::default());
        let writer_failed = |_error| JournalError::Writer { what: "cannot be started" };
        let (syncer, sync_thread) =
            Syncer::start(Arc::clone(&intake), data_dir.write_ahead_log(), config.sync_interval()).map_err(writer_failed)?;
        let ringer = Ringer::new(&data_dir.doorbell()).map_err(|source| JournalError::Io {
            what: "cannot ring in",
            path: data_dir.doorbell(),
            source,
        })?;
        let writer = Writer {
            store,
            intake: Arc::clone(&intake),
            intake_progress,
            opened_us: now.as_micros(),
            signer,
            data_dir: data_dir.clone(),
            ringer,
            syncer: Arc::clone(&syncer),
            progress: Arc::clone(&progress),
            config: *config,
        };
        let writer_thread =
            std::thread::Builder::new().name("journal-writer".to_owned()).spawn(move || writer.run()).map_err(writer_failed)?;
        let channel = Arc::new(EventChannel::new(intake, config.channel()));
        Ok(Self { data_dir, channel, progress, syncer, writer: writer_thread, sync_thread, public_key, found })
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

    /// Waits until everything that the channel has accepted so far is committed; `false` when the journal cannot write.
    pub fn flush(&self) -> bool {
        let intake = self.channel.intake();
        self.progress.wait(intake.hurry(), intake)
    }

    /// Asks for a signed checkpoint and waits for it; `false` when the journal cannot write.
    pub fn checkpoint(&self) -> bool {
        self.progress.want_checkpoint();
        self.flush()
    }

    /// Why the journal cannot write, if it cannot.
    #[must_use]
    pub fn failure(&self) -> Option<Arc<str>> {
        if self.progress.has_ended() { Some("the writer has ended".into()) } else { self.channel.intake().failure() }
    }

    /// Drains, signs a last checkpoint, syncs, and removes the intake. Nobody may hand events over any more.
    ///
    /// # Errors
    /// [`JournalError::Writer`] when the journal could not write to the end: then the intake stays, and whoever opens the journal
    /// next drains it.
    pub fn close(self) -> Result<(), JournalError> {
        let intake = Arc::clone(self.channel.intake());
        intake.close();
        let panicked = || JournalError::Writer { what: "ended with a panic; what it had not committed is in the intake" };
        // Kept until the syncer is done: the last connection to close removes the log that it syncs.
        let store = self.writer.join().map_err(|_panic| panicked())?;
        let failed = intake.failure().is_some();
        if !failed {
            self.syncer.flush(intake.end());
        }
        self.syncer.stop();
        self.sync_thread.join().map_err(|_panic| panicked())?;
        drop(store);
        if failed || intake.failure().is_some() {
            return Err(JournalError::Writer { what: "could not write to the end; the next start drains the intake" });
        }
        intake.remove().map_err(|source| JournalError::Io {
            what: "cannot remove the drained intake in",
            path: self.data_dir.intakes(),
            source,
        })
    }
}

/// Drains the intakes of recorders that died, each in a transaction of its own, and removes them.
fn recover(data_dir: &DataDir, store: &mut WriterStore) -> Result<Recovered, JournalError> {
    let folder = data_dir.intakes();
    let io = |source| JournalError::Io { what: "cannot read", path: folder.clone(), source };
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(&folder).map_err(io)? {
        paths.push(entry.map_err(io)?.path());
    }
    paths.sort();
    let mut recovered = Recovered::default();
    for path in paths {
        match path.extension().and_then(std::ffi::OsStr::to_str) {
            Some("intake") => {
                if let Some(intake) = DeadIntake::open(&path)? {
                    drain(data_dir, store, intake, &mut recovered)?;
                }
            }
            Some("new") => remove_if_abandoned(&path),
            _ => {}
        }
    }
    Ok(recovered)
}

/// A file that a recorder was making when it died holds nothing.
fn remove_if_abandoned(path: &Path) {
    if let Ok(file) = std::fs::File::open(path)
        && file.try_lock().is_ok()
    {
        let _removed_by_another = std::fs::remove_file(path);
    }
}

fn drain(data_dir: &DataDir, store: &mut WriterStore, intake: DeadIntake, recovered: &mut Recovered) -> Result<(), JournalError> {
    let store_error = |source| JournalError::Store { path: data_dir.journal(), source };
    let disk_error = |error: std::io::Error| store_error(StoreError::Disk(error.to_string()));
    let mut progress = store.intake(intake.id()).map_err(store_error)?.unwrap_or_else(|| IntakeProgress::new(intake.id()));
    let counters = intake.counters().map_err(disk_error)?;
    let mut frames = Vec::new();
    let (mark, torn) = intake
        .read_from::<std::io::Error>(progress.mark, |record, _events, _mark| {
            frames.extend_from_slice(record);
            Ok(())
        })
        .map_err(disk_error)?;
    let undeclared = progress.undeclared(&counters);
    let now = clock::now();
    let events = store
        .transaction(|transaction| {
            let events = transaction.append(&frames)?;
            progress.mark = mark;
            progress.journaled += events;
            progress.offered = counters.offered;
            for (hop, count, from_us, to_us) in &undeclared {
                transaction.append_event(&lost(now, progress.id, *hop, *count, *from_us, *to_us))?;
            }
            for (declared, loss) in progress.lost.iter_mut().zip(&counters.losses) {
                *declared = loss.count;
            }
            // What was offered, and is neither in the ring nor counted as lost, was in the recorder's memory (`buffered`).
            let missing = progress.offered.saturating_sub(progress.journaled + progress.lost_total());
            if missing > 0 {
                let event = lost(now, progress.id, Hop::Buffer, missing, intake.created_us(), now.as_micros());
                transaction.append_event(&event)?;
                for (hop, declared) in Hop::ALL.into_iter().zip(&mut progress.lost) {
                    if hop == Hop::Buffer {
                        *declared += missing;
                    }
                }
            }
            transaction.put_intake(
                &progress,
                intake.pid(),
                intake.created_us(),
                IntakeState::Recovered,
                Some(now.as_micros()),
            )?;
            Ok(events)
        })
        .map_err(store_error)?;
    recovered.intakes += 1;
    recovered.events += events;
    recovered.torn_bytes += torn;
    intake.remove().map_err(|source| JournalError::Io {
        what: "cannot remove a drained intake in",
        path: data_dir.intakes(),
        source,
    })
}
