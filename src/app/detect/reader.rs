//! The detector's thread: waits for its turn, follows the journal, and ends when it is told.

use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use super::files::RuleFilesError;
use super::pass::{At, CURSOR, Pass};
use crate::detect::Engine as _;
use crate::detect::sigma::SigmaEngine;
use crate::journal::{Bell, DataDir, JournalError, ReaderStore, StoreError};
use crate::runtime::clock;
use crate::runtime::metrics::metrics;

/// How often a detector that waits for its turn looks.
const TURN: Duration = Duration::from_millis(250);

/// How often one that is about to end looks.
const LOOK: Duration = Duration::from_millis(20);

/// How long the detector waits for a ring before it looks by itself.
const POLL: Duration = Duration::from_millis(500);

/// How long the detector lets events gather while few come, and how many of them do not wait for more: a look costs the same for one
/// as for many.
const GATHER: Duration = Duration::from_millis(20);
const MANY: u64 = 1_024;

/// How long the cursor may stand behind what was looked at while nothing was found.
const LAZY: Duration = Duration::from_secs(5);

/// How long it waits before it tries again what failed.
const RETRY: Duration = Duration::from_millis(200);

/// Why the detector cannot work.
#[derive(Debug, thiserror::Error)]
pub enum DetectError {
    /// A rule file that is configured cannot be read.
    #[error(transparent)]
    Rules(#[from] RuleFilesError),
    /// The journal cannot be opened.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The journal refuses; nothing was written, and it is tried again.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No bell or no thread can be had.
    #[error("the detector cannot be started: {0}")]
    System(#[from] std::io::Error),
}

/// What the detector is told.
#[derive(Clone, Copy, Debug)]
pub(super) struct Finish {
    /// Everything up to this event is to be looked at.
    pub(super) head: u64,
    /// Until then.
    pub(super) deadline: Instant,
}

/// What the thread works with.
pub(super) struct Work {
    pub(super) data_dir: DataDir,
    pub(super) told: Receiver<Finish>,
    pub(super) at: Option<At>,
}

impl Work {
    /// Detects until it is told to finish. Says up to which event everything was looked at, by this process or another.
    pub(super) fn run(self, engine: Result<SigmaEngine, DetectError>) -> u64 {
        match engine.and_then(|engine| self.detect(engine)) {
            Ok(seq) => seq,
            Err(error) => {
                tracing::error!(%error, "nothing is detected; events are recorded all the same, and the next start goes on at the cursor");
                stands(&self.data_dir)
            }
        }
    }

    fn detect(&self, engine: SigmaEngine) -> Result<u64, DetectError> {
        let faults = engine.faults();
        metrics().detect_faults.set(u64::try_from(faults.len()).unwrap_or(u64::MAX));
        metrics().detect_rules.set(u64::try_from(engine.rules().iter().filter(|rule| rule.fed).count()).unwrap_or(u64::MAX));
        if let Some(first) = faults.first() {
            let count = faults.len();
            tracing::warn!(count, %first, "rules are not in order; agentsh detect rules check lists what is wrong");
        }
        let mut told = None;
        // One process detects at a time: the place is free again when it ends or dies.
        let _place = loop {
            if let Some(place) = self.data_dir.claim_reader(CURSOR)? {
                break place;
            }
            told = told.or(self.wait(TURN)?);
            if let Some(finish) = told {
                return Ok(self.wait_for_another(finish));
            }
        };
        let bell = Bell::hang(&self.data_dir.doorbell())?;
        let mut pass = Pass::new(&self.data_dir, Box::new(engine), self.at.clone())?;
        self.follow(&mut pass, &bell, told)?;
        Ok(pass.committed())
    }

    fn follow(&self, pass: &mut Pass, bell: &Bell, mut told: Option<Finish>) -> Result<(), DetectError> {
        let heads = ReaderStore::open(&self.data_dir.journal())?;
        let mut kept = clock::instant();
        let mut failing = false;
        loop {
            told = told.or(self.wait(Duration::ZERO)?);
            if let Some(finish) = told
                && (pass.looked() >= finish.head || clock::instant() >= finish.deadline)
            {
                return self.last_commit(pass, finish);
            }
            let stepped = pass.step().and_then(|more| {
                if more {
                    return Ok(true);
                }
                if pass.looked() > pass.committed() && since(kept) >= LAZY {
                    pass.commit()?;
                    kept = clock::instant();
                }
                Ok(false)
            });
            match stepped {
                Ok(more) => {
                    failing = false;
                    let behind = heads.head()?.saturating_sub(pass.looked());
                    metrics().detect_behind.set(behind);
                    if more && behind < MANY && told.is_none() {
                        told = self.wait(GATHER)?;
                    } else if !more && told.is_none() {
                        bell.wait(POLL)?;
                    } else if !more {
                        bell.wait(LOOK)?;
                    }
                }
                Err(error) => {
                    metrics().detect_errors.add(1);
                    if !failing && !matches!(error, DetectError::Store(StoreError::Busy)) {
                        tracing::error!(%error, "detections cannot be written; it is tried again");
                        failing = true;
                    }
                    told = told.or(self.wait(RETRY)?);
                }
            }
        }
    }

    /// What was looked at is kept, if the journal takes it in time; else the next process looks at it again.
    fn last_commit(&self, pass: &mut Pass, finish: Finish) -> Result<(), DetectError> {
        loop {
            match pass.commit() {
                Err(DetectError::Store(StoreError::Busy)) if clock::instant() < finish.deadline => {}
                done => return done,
            }
        }
    }

    /// Another process detects: it has all of it in a moment, or is late.
    fn wait_for_another(&self, finish: Finish) -> u64 {
        loop {
            let seq = stands(&self.data_dir);
            if seq >= finish.head || clock::instant() >= finish.deadline {
                return seq;
            }
            // Nothing is sent any more: this only lets time pass.
            let _nothing_comes = self.told.recv_timeout(LOOK);
            if let Ok(Some(_free)) = self.data_dir.claim_reader(CURSOR) {
                return seq;
            }
        }
    }

    /// Waits to be told; whoever started the thread and is gone tells it to end at once.
    fn wait(&self, most: Duration) -> Result<Option<Finish>, DetectError> {
        match self.told.recv_timeout(most) {
            Ok(finish) => Ok(Some(finish)),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => Ok(Some(Finish { head: 0, deadline: clock::instant() })),
        }
    }
}

/// Up to which event everything was looked at, by whichever process.
pub(super) fn stands(data_dir: &DataDir) -> u64 {
    ReaderStore::open(&data_dir.journal()).ok().and_then(|store| store.cursor(CURSOR).ok()).unwrap_or(0)
}

fn since(start: Instant) -> Duration {
    clock::instant().saturating_duration_since(start)
}
