//! Files of other systems into the journal: a session for each, with ids that follow from the file, so that it is imported once.
//!
//! A session is `import-<source>-<digest>`. What a file told already is known by the last record of its session in the journal: an
//! import that was cut off goes on behind it, and one that is whole adds nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;

use super::detect::Detector;
use super::error::RunError;
use super::import_session::{Announced, Held, Standing, standing};
use super::policy::{load_policy, variables};
use crate::capture::import::{
    Content, Digest, ImportError, Input, ReadAhead, Record, Unread, failed_event, open, put_event, unread_event,
};
use crate::channel::decision_event;
use crate::channel::intake::AppendError;
use crate::config::{Config, Environment, PolicyChoice};
use crate::event::{
    Decision, Detection, Event, EventId, ImportOrigin, ImportSource, Kind, OsText, Payload, SessionEnded, SessionId, Timestamp,
};
use crate::journal::{Condition, DataDir, Journal, JournalError, ReaderStore, StoreError};
use crate::policy::{Policy, is_gated};
use crate::runtime::clock;

/// Events that are handed over at once.
const BATCH: usize = 256;
/// How long an import waits at its end for the rules to have looked at all of it. Whoever does not want to wait ends it: the next process
/// that detects goes on.
const DETECTION_PATIENCE: Duration = Duration::from_secs(3_600);
/// Records between two reports of how far it is.
const REPORTED_EVERY: u64 = 1_000;

/// What to import and how.
#[derive(Clone, Debug)]
pub struct ImportRequest {
    /// What the files are.
    pub source: ImportSource,
    /// The files; `-` is standard input.
    pub files: Vec<PathBuf>,
    /// The policy that says what would have been decided.
    pub policy: PolicyChoice,
    /// What `${WORKSPACE}` of the policy stands for.
    pub workspace: PathBuf,
}

/// How far the import of a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImportProgress<'a> {
    /// The file.
    pub file: &'a Path,
    /// Bytes that were read.
    pub bytes: u64,
    /// Bytes of the file, where that is known.
    pub size: Option<u64>,
    /// Records that were read.
    pub records: u64,
}

/// What became of one file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ImportReport {
    /// The file.
    pub file: String,
    /// SHA-256 of it, in hex; of standard input, of what was read.
    pub digest: String,
    /// The session that its events belong to; absent where it holds no record.
    pub session: Option<String>,
    /// Records that it holds.
    pub records: u64,
    /// Records that were in the journal already.
    pub known: u64,
    /// Events that were added, by kind.
    pub events: BTreeMap<&'static str, u64>,
    /// What policy would have decided, where it would not have let through.
    pub verdicts: BTreeMap<&'static str, u64>,
    /// Detections in the file's session, by level and title of their rules.
    pub detections: BTreeMap<String, u64>,
    /// Records that no kind fits, by their type.
    pub unmapped: BTreeMap<String, u64>,
    /// Records that could not be read; they are in the journal as `record_unread`.
    pub unread: u64,
    /// Why those could not be read, each reason once, at most eight.
    pub reasons: Vec<String>,
}

/// Why an import stopped.
#[derive(Debug, thiserror::Error)]
pub enum ImportFailure {
    /// The file cannot be imported any further.
    #[error(transparent)]
    File(#[from] ImportError),
    /// There is no policy or no journal.
    #[error(transparent)]
    Session(#[from] RunError),
    /// The journal cannot be opened or closed.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The journal cannot be read.
    #[error("the journal cannot be read: {0}: run `agentsh doctor`")]
    Store(#[from] StoreError),
    /// The journal cannot take any more.
    #[error("the journal cannot write: {0}: make room on the disk and import again, which goes on where this stopped")]
    Append(AppendError),
    /// Another process imports the same file.
    #[error("{} is being imported by another process: wait until that has ended", file.display())]
    Busy {
        /// The file.
        file: PathBuf,
    },
    /// The lock against that cannot be had.
    #[error("the lock of the import cannot be made in the data directory: {0}")]
    Lock(std::io::Error),
    /// Standard input begins as what was imported and then differs.
    #[error(
        "the input begins as session {session} did and then differs from it: import it as a file, which has a session of its own"
    )]
    OtherInput {
        /// The session.
        session: String,
    },
}

/// Imports the files, one after the other. Stops at the first that cannot be imported; what was imported until then stays.
///
/// # Errors
/// [`ImportFailure`], with the reports of the files before.
pub fn import(
    request: &ImportRequest,
    config: &Config,
    environment: &Environment,
    mut progress: impl FnMut(ImportProgress<'_>),
) -> Result<Vec<ImportReport>, (Vec<ImportReport>, ImportFailure)> {
    let data_dir = std::path::absolute(&config.data_dir).unwrap_or_else(|_| config.data_dir.clone());
    let begin = || -> Result<(Policy, Journal), ImportFailure> {
        let policy = load_policy(&request.policy, &variables(&request.workspace, environment))?;
        Ok((policy, Journal::open(&data_dir, &config.journal)?))
    };
    let (policy, journal) = begin().map_err(|failure| (Vec::new(), failure))?;
    let detector = Detector::start(&config.detect, journal.data_dir()).unwrap_or_else(|error| {
        tracing::error!(%error, "nothing is detected; everything is imported all the same");
        None
    });
    let mut reports = Vec::new();
    let mut failure = None;
    for file in &request.files {
        match import_file(request.source, file, &policy, &journal, &mut progress) {
            Ok(report) => reports.push(report),
            Err(error) => {
                failure = Some(error);
                break;
            }
        }
    }
    if let Some(detector) = detector
        && journal.flush()
    {
        detector.finish(journal.head(), DETECTION_PATIENCE);
        if let Err(error) = count_detections(journal.data_dir(), &mut reports) {
            tracing::warn!(%error, "the detections cannot be counted");
        }
    }
    let closed = journal.close().map_err(ImportFailure::from);
    match failure.or(closed.err()) {
        None => Ok(reports),
        Some(failure) => Err((reports, failure)),
    }
}

/// Adds what rules detected in each file's session.
fn count_detections(data_dir: &DataDir, reports: &mut [ImportReport]) -> Result<(), StoreError> {
    let store = ReaderStore::open(&data_dir.journal()).map_err(|error| StoreError::Other(error.to_string()))?;
    for report in reports {
        let Some(session) = &report.session else { continue };
        let Some(known) = store.session(session)? else { continue };
        // By kind alone: SQLite would go through all of the session's events to find these few.
        let detections = [Condition::Kinds(vec![Kind::Detection])];
        store.rows::<StoreError>(known.seqs.0, &detections, None, |row| {
            if row.columns.session_id != Some(session.as_str()) {
                return Ok(ControlFlow::Continue(()));
            }
            let found: Detection =
                serde_json::from_str(row.columns.payload).map_err(|error| StoreError::Damaged(error.to_string()))?;
            *report.detections.entry(format!("{}: {}", found.level, found.title)).or_default() += 1;
            Ok(ControlFlow::Continue(()))
        })?;
    }
    Ok(())
}

fn import_file(
    source: ImportSource,
    file: &Path,
    policy: &Policy,
    journal: &Journal,
    progress: &mut impl FnMut(ImportProgress<'_>),
) -> Result<ImportReport, ImportFailure> {
    let began = clock::instant();
    let reader = open(source, Input::open(file)?)?;
    let name =
        if file == Path::new("-") { file.to_owned() } else { std::path::absolute(file).unwrap_or_else(|_| file.to_owned()) };
    let mut import = Import {
        policy,
        journal,
        origin: ImportOrigin { source, file: OsText::from(name.as_path()), ..ImportOrigin::default() },
        report: ImportReport { file: name.display().to_string(), ..ImportReport::default() },
        batch: Vec::with_capacity(BATCH * 2),
        last_time: Timestamp::from_micros(0),
        of_last: BTreeSet::new(),
        skip: 0,
        told: 0,
    };
    if let Digest::Of(digest) = reader.input().digest() {
        import.origin.digest.clone_from(digest);
    }
    let (taken, size) = (reader.input().taken(), reader.input().size());
    let is_rolling = *reader.input().digest() == Digest::Rolling;
    let mut reader = ReadAhead::start(reader)?;
    let mut announced: Option<Announced> = None;
    while let Some(record) = reader.record()? {
        import.report.records += 1;
        if let Some(rolling) = reader.rolling_digest() {
            import.origin.digest = rolling;
        }
        let session = match &announced {
            Some(announced) => announced.session.clone(),
            None => {
                let session =
                    SessionId::new(format!("import-{}-{}", source.as_str(), import.origin.digest.get(..32).unwrap_or_default()));
                let Some(begun) = import.begin(&session, &record, is_rolling)? else {
                    import.count_known(&mut reader, &session)?;
                    return Ok(import.report);
                };
                announced = Some(begun);
                session
            }
        };
        import.take(record, &session)?;
        if import.report.records.is_multiple_of(REPORTED_EVERY) {
            let bytes = taken.load(std::sync::atomic::Ordering::Relaxed);
            progress(ImportProgress { file, bytes, size, records: import.report.records });
        }
    }
    import.hand_over()?;
    import.report.digest.clone_from(&import.origin.digest);
    if let Some(announced) = announced {
        reader.check_unchanged()?;
        let ended = SessionEnded { reason: "imported".to_owned(), duration_us: clock::micros_since(began), processes_ended: 0 };
        if import.told > 0 || !announced.ended {
            import.batch.push(announced.event(ended));
            import.hand_over()?;
        }
        import.report.session = Some(announced.session.to_string());
        if journal.flush() {
            announced.held.release();
        }
    }
    Ok(import.report)
}

struct Import<'a> {
    policy: &'a Policy,
    journal: &'a Journal,
    origin: ImportOrigin,
    report: ImportReport,
    batch: Vec<Event>,
    last_time: Timestamp,
    /// Events of the last record that is known, which may lack some of its own.
    of_last: BTreeSet<EventId>,
    /// Number of that record.
    skip: u64,
    /// Records that were not known.
    told: u64,
}

impl Import<'_> {
    /// Puts the session on record, or finds out how far it is. `None` when all of the file is there.
    fn begin(&mut self, session: &SessionId, first: &Record, is_rolling: bool) -> Result<Option<Announced>, ImportFailure> {
        let held = Held::take(self.journal.data_dir(), session, &self.report.file)?;
        let host = match &first.content {
            Content::Told(told) => told.first().map(|told| told.host.clone()).unwrap_or_default(),
            Content::Unmapped(_) | Content::Unread(_) => String::new(),
        };
        let mut announced = Announced { session: session.clone(), held, ended: false };
        match standing(self.journal.data_dir(), session)? {
            Standing::Unknown => {
                self.batch.extend(announced.opening(self.policy, &self.origin, &host));
                self.hand_over()?;
            }
            Standing::Whole if !is_rolling => {
                announced.held.release();
                return Ok(None);
            }
            Standing::Whole | Standing::Begun { last: None, .. } => {}
            Standing::Begun { last: Some(last), ended } => {
                announced.ended = ended;
                self.skip = last.record;
                self.of_last = last.events;
                self.last_time = last.time;
            }
        }
        Ok(Some(announced))
    }

    /// The rest of a file that is in the journal already.
    fn count_known(&mut self, reader: &mut ReadAhead, session: &SessionId) -> Result<(), ImportFailure> {
        while reader.record()?.is_some() {
            self.report.records += 1;
        }
        self.report.known = self.report.records;
        self.report.digest.clone_from(&self.origin.digest);
        self.report.session = Some(session.to_string());
        Ok(())
    }

    fn take(&mut self, record: Record, session: &SessionId) -> Result<(), ImportFailure> {
        let Record { number, content } = record;
        if number < self.skip {
            self.report.known += 1;
            return Ok(());
        }
        let is_last_known = number == self.skip;
        if is_last_known {
            self.report.known += 1;
        } else {
            self.told += 1;
        }
        self.origin.record = number;
        let before = self.batch.len();
        match content {
            Content::Told(told) => {
                for (place, told) in told.into_iter().enumerate() {
                    self.last_time = told.time;
                    let is_own = told.own.is_some();
                    let failure = put_event(told, place, &self.origin, session, &mut self.batch);
                    let Some(event) = self.batch.last() else { continue };
                    let failed = failure.map(|failure| failed_event(event, failure));
                    let decided = (!is_own && is_gated(event.kind()))
                        .then(|| decision_event(event, &self.policy.decide(event).in_hindsight(), self.policy.digest()));
                    self.batch.extend(decided);
                    self.batch.extend(failed);
                }
            }
            Content::Unmapped(name) => *self.report.unmapped.entry(name.into_owned()).or_default() += 1,
            Content::Unread(unread) => {
                self.report.unread += 1;
                if !self.report.reasons.contains(&unread.reason) && self.report.reasons.len() < 8 {
                    self.report.reasons.push(unread.reason.clone());
                }
                self.batch.push(unread_event(unread, self.last_time, &self.origin, session));
            }
        }
        if is_last_known && self.skip > 0 {
            let known = std::mem::take(&mut self.of_last);
            let (old, new): (Vec<Event>, Vec<Event>) = self.batch.drain(before..).partition(|event| known.contains(&event.id));
            if old.is_empty() {
                // The last record that is known is another one here, so that this is another input, which begins alike.
                return Err(ImportFailure::OtherInput { session: session.to_string() });
            }
            self.batch.extend(new);
        }
        if self.batch.len() >= BATCH {
            self.hand_over()?;
        }
        Ok(())
    }

    /// Puts what was gathered on record. Waits while the intake is full.
    fn hand_over(&mut self) -> Result<(), ImportFailure> {
        let mut from = 0;
        while let Some(events) = self.batch.get(from..).filter(|events| !events.is_empty()) {
            match self.journal.channel().take_in(events) {
                Ok(()) => break,
                Err(error) if matches!(error.error, AppendError::TooLarge { .. }) => {
                    from += error.taken;
                    let reason = error.error.to_string();
                    if let Some(event) = self.batch.get_mut(from) {
                        self.report.unread += 1;
                        self.report.reasons.push(reason.clone());
                        *event = too_large(event, &reason);
                    }
                }
                Err(error) => return Err(ImportFailure::Append(error.error)),
            }
        }
        if let Some(reason) = self.journal.failure() {
            return Err(ImportFailure::Session(RunError::JournalCannotWrite { reason: reason.to_string() }));
        }
        for event in &self.batch {
            *self.report.events.entry(event.kind().as_str()).or_default() += 1;
            if let Payload::PolicyDecision(decided) = &event.payload
                && decided.enforced == Some(false)
                && decided.decision != Decision::Allow
            {
                *self.report.verdicts.entry(decided.decision.as_str()).or_default() += 1;
            }
        }
        self.batch.clear();
        Ok(())
    }
}

/// The event of a record that the intake does not take.
fn too_large(event: &Event, reason: &str) -> Event {
    let origin = event.imported.as_deref().cloned().unwrap_or_default();
    let raw = serde_json::to_vec(&event.payload).unwrap_or_default();
    let unread = Unread::new(None, reason, &raw, u64::try_from(raw.len()).unwrap_or(u64::MAX));
    let session = event.session_id.clone().unwrap_or_else(|| SessionId::new(""));
    Event { id: event.id, ..unread_event(unread, event.time, &origin, &session) }
}
