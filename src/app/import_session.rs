//! The session of an import: its opening, how far it is in the journal, and the lock that keeps a second one away.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions, TryLockError};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use super::import::ImportFailure;
use crate::event::{
    CapabilityReport, Event, EventId, ImportOrigin, ImportSource, Layer, LayerReport, LayerState, Payload, PolicyLoaded,
    SessionCreated, SessionId, Severity, Timestamp,
};
use crate::journal::{Condition, DataDir, ReaderStore, StoreError};
use crate::policy::Policy;
use crate::runtime::{clock, ids};

/// Rows that are looked at in one go, from the end of a session.
const WINDOW: u64 = 4_096;

/// A session that is on record.
pub(super) struct Announced {
    pub(super) session: SessionId,
    pub(super) held: Held,
    /// Whether its end is on record already.
    pub(super) ended: bool,
}

impl Announced {
    /// An event of the session itself: it happens here and now.
    pub(super) fn event(&self, payload: impl Into<Payload>) -> Event {
        let time = clock::now();
        Event {
            id: ids::event_id(time),
            time,
            session_id: Some(self.session.clone()),
            command_id: None,
            cause: None,
            actor: None,
            sensor: None,
            imported: None,
            attack: Vec::new(),
            severity: Severity::Informational,
            payload: payload.into(),
        }
    }

    /// What stands at the beginning of the session.
    pub(super) fn opening(&self, policy: &Policy, origin: &ImportOrigin, host: &str) -> Vec<Event> {
        let os = match origin.source {
            ImportSource::Evtx => "Windows",
            ImportSource::Eslogger => "macOS",
            ImportSource::Auditd => "Linux",
            ImportSource::Jsonl => "",
        };
        let created = SessionCreated {
            workspace: origin.file.clone(),
            policy: policy.name().to_owned(),
            policy_digest: policy.digest().to_owned(),
            agentsh_version: env!("CARGO_PKG_VERSION").to_owned(),
            hostname: host.to_owned(),
            os: os.to_owned(),
            uid: nix::unistd::getuid().as_raw(),
            labels: vec![format!("import={}", origin.source.as_str()), format!("digest={}", origin.digest)],
            traceparent: None,
        };
        let created = self.event(created);
        let loaded = PolicyLoaded {
            name: policy.name().to_owned(),
            digest: policy.digest().to_owned(),
            source: policy.source().to_owned(),
            text: policy.text().to_owned(),
            rules: u64::try_from(policy.rule_count()).unwrap_or(u64::MAX),
        };
        let loaded = Event { cause: Some(created.id), ..self.event(loaded) };
        let absent = |layer| LayerReport {
            layer,
            state: LayerState::Absent,
            mechanism: None,
            reason: Some("imported from a file: nothing was watched or refused here".to_owned()),
            remedy: None,
        };
        let report = CapabilityReport { layers: Layer::ALL.iter().copied().map(absent).collect() };
        vec![created, loaded, self.event(report)]
    }
}

/// The last record of an import that is in the journal.
pub(super) struct LastRecord {
    pub(super) record: u64,
    pub(super) time: Timestamp,
    pub(super) events: BTreeSet<EventId>,
}

/// How far an import is.
pub(super) enum Standing {
    /// There is no such session.
    Unknown,
    /// It was begun, and cut off or ended.
    Begun { last: Option<LastRecord>, ended: bool },
    /// Nothing is missing.
    Whole,
}

/// How far the import of the session is.
///
/// # Errors
/// What the journal says.
pub(super) fn standing(data_dir: &DataDir, session: &SessionId) -> Result<Standing, ImportFailure> {
    let store = ReaderStore::open(&data_dir.journal())?;
    let Some(row) = store.session(session.as_str())? else { return Ok(Standing::Unknown) };
    let is_of_stream = |last: &LastRecord| last.record > 0;
    let ended = row.end_reason.as_deref() == Some("imported");
    let of_session = [Condition::Session(session.to_string())];
    let (first, mut end) = (row.seqs.0.saturating_sub(1), row.seqs.1);
    while end > first {
        let start = end.saturating_sub(WINDOW).max(first);
        let mut last: Option<LastRecord> = None;
        store.rows::<StoreError>(start, &of_session, None, |row| {
            if row.seq > end {
                return Ok(ControlFlow::Break(()));
            }
            let event = row.columns.to_event().map_err(|error| StoreError::Damaged(error.to_string()))?;
            if let Some(origin) = &event.imported {
                match &mut last {
                    Some(last) if last.record == origin.record => {
                        last.events.insert(event.id);
                    }
                    Some(last) if last.record > origin.record => {}
                    _ => last = Some(LastRecord { record: origin.record, time: event.time, events: BTreeSet::from([event.id]) }),
                }
            }
            Ok(ControlFlow::Continue(()))
        })?;
        if let Some(last) = last.filter(is_of_stream) {
            return Ok(if ended && !is_stream(&store, &of_session)? {
                Standing::Whole
            } else {
                Standing::Begun { last: Some(last), ended }
            });
        }
        end = start;
    }
    Ok(if ended { Standing::Whole } else { Standing::Begun { last: None, ended } })
}

/// Whether the session is of standard input, which may go on behind its end.
fn is_stream(store: &ReaderStore, of_session: &[Condition]) -> Result<bool, StoreError> {
    let mut is_stream = false;
    store.rows::<StoreError>(0, of_session, Some(1), |row| {
        let event = row.columns.to_event().map_err(|error| StoreError::Damaged(error.to_string()))?;
        if let Payload::SessionCreated(created) = &event.payload {
            is_stream = created.workspace.as_bytes() == b"-";
        }
        Ok(ControlFlow::Break(()))
    })?;
    Ok(is_stream)
}

/// The lock of an import. Its name begins with a dot, so that nobody takes it for the file of a session whose recorder died.
pub(super) struct Held {
    path: PathBuf,
    _locked: File,
}

impl Held {
    /// Takes it.
    ///
    /// # Errors
    /// [`ImportFailure::Busy`] when another process has it.
    pub(super) fn take(data_dir: &DataDir, session: &SessionId, file: &str) -> Result<Self, ImportFailure> {
        let path = data_dir.sessions().join(format!(".{session}"));
        let locked = OpenOptions::new().write(true).create(true).truncate(false).open(&path).map_err(ImportFailure::Lock)?;
        match locked.try_lock() {
            Ok(()) => Ok(Self { path, _locked: locked }),
            Err(TryLockError::WouldBlock) => Err(ImportFailure::Busy { file: Path::new(file).to_owned() }),
            Err(TryLockError::Error(error)) => Err(ImportFailure::Lock(error)),
        }
    }

    /// The import is whole.
    pub(super) fn release(self) {
        // One that stays is locked by nobody.
        let _left = std::fs::remove_file(&self.path);
    }
}
