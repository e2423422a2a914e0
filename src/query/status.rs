//! How the journal stands: size, head, checkpoint, sessions, and the accounts of its intakes (G-2).

use std::fs::{self, File, TryLockError};
use std::io;
use std::ops::ControlFlow;

use serde::Serialize;

use super::sinks::{SinkStatus, sinks};
use crate::event::Kind;
use crate::journal::{Condition, DataDir, IntakeRow, JournalError, ReaderStore, StoreError};

/// The kinds that the journal writes by itself, past every intake.
const OWN: [Kind; 3] = [Kind::JournalOpened, Kind::JournalCheckpoint, Kind::EventsLost];

/// How a journal stands at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct JournalStatus {
    /// The database.
    pub path: String,
    /// Bytes of the database and its write-ahead log.
    pub bytes: u64,
    /// Name of the journal, as checkpoints carry it; absent when it was taken out.
    pub journal_id: Option<String>,
    /// The printable public key; absent when its file cannot be read.
    pub public_key: Option<String>,
    /// `seq` of the last event, which is how many there are.
    pub head: u64,
    /// The newest checkpoint.
    pub last_checkpoint: Option<CheckpointStatus>,
    /// Sessions.
    pub sessions: SessionCounts,
    /// Recorders' intakes, oldest first.
    pub intakes: Vec<IntakeStatus>,
    /// The sums over the intakes.
    pub accounts: Accounts,
    /// Sinks that have delivered something or tried to, by name.
    pub sinks: Vec<SinkStatus>,
}

/// The newest checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CheckpointStatus {
    /// Events that it covers.
    pub tree_size: u64,
    /// When it was signed, µs since 1970.
    pub time_us: i64,
    /// Events behind it.
    pub unsigned: u64,
}

/// Sessions of the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct SessionCounts {
    /// All.
    pub total: u64,
    /// Those without an end: running, or their recorder was killed.
    pub open: u64,
}

/// What became of the events that were handed to one recorder's channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct IntakeStatus {
    /// Name of the intake.
    pub id: String,
    /// Process id of its recorder.
    pub pid: u64,
    /// When it was made, µs since 1970.
    pub opened_us: i64,
    /// `live`, `dead` (its recorder died, the next one drains it), `missing` (the file is gone although it was not drained), `closed` or
    /// `recovered`.
    pub state: &'static str,
    /// Events handed over, when the writer last looked.
    pub offered: u64,
    /// Events of it in the journal.
    pub journaled: u64,
    /// Events declared lost.
    pub lost: u64,
    /// Events that are still in the intake.
    pub in_flight: u64,
}

/// Offered = journaled + lost + in flight, over all intakes; every other event is the journal's own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Accounts {
    /// Events handed over.
    pub offered: u64,
    /// Events that came through the intakes into the journal.
    pub journaled: u64,
    /// Events declared lost.
    pub lost: u64,
    /// Events that are still in intakes.
    pub in_flight: u64,
    /// Events that the journal wrote by itself.
    pub own: u64,
    /// Where a sum does not come out, in words; empty when all is accounted for.
    pub differences: Vec<String>,
}

/// Reads how the journal of a data directory stands.
///
/// # Errors
/// [`JournalError`] when there is no journal, or it cannot be read.
pub fn status(data_dir: &DataDir) -> Result<JournalStatus, JournalError> {
    let path = data_dir.journal();
    let store = ReaderStore::open(&path)?;
    let in_store = |source| JournalError::Store { path: path.clone(), source };
    let read = || store.at_one_moment(|| Figures::read(&store)).map_err(in_store);
    let mut figures = read()?;
    let mut intakes = intake_states(data_dir, &figures.intakes);
    if intakes.iter().any(|intake| intake.state == MISSING) {
        // A recorder that ends says so in the journal first and removes the file then; it may have done both since we read.
        figures = read()?;
        intakes = intake_states(data_dir, &figures.intakes);
    }
    let accounts = figures.accounts(&intakes);
    let Figures { head, journal_id, last_checkpoint, sessions, sinks, .. } = figures;
    Ok(JournalStatus {
        bytes: size_on_disk(data_dir),
        path: path.display().to_string(),
        journal_id,
        public_key: fs::read_to_string(data_dir.public_key()).ok().map(|text| text.trim().to_owned()),
        head,
        last_checkpoint,
        sessions,
        intakes,
        accounts,
        sinks,
    })
}

fn size_on_disk(data_dir: &DataDir) -> u64 {
    ["", "-wal", "-shm"]
        .into_iter()
        .filter_map(|suffix| {
            let mut path = data_dir.journal().into_os_string();
            path.push(suffix);
            fs::metadata(path).ok()
        })
        .map(|metadata| metadata.len())
        .sum()
}

/// What the database says, at one moment.
struct Figures {
    head: u64,
    journal_id: Option<String>,
    last_checkpoint: Option<CheckpointStatus>,
    sessions: SessionCounts,
    intakes: Vec<IntakeRow>,
    own: u64,
    declared_lost: u64,
    sinks: Vec<SinkStatus>,
}

impl Figures {
    fn read(store: &ReaderStore) -> Result<Self, StoreError> {
        let head = store.head()?;
        let sessions = store.sessions()?;
        let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
        Ok(Self {
            head,
            journal_id: store.meta("journal_id")?,
            last_checkpoint: store.checkpoints()?.pop().map(|checkpoint| CheckpointStatus {
                tree_size: checkpoint.tree_size,
                time_us: checkpoint.time_us,
                unsigned: head.saturating_sub(checkpoint.tree_size),
            }),
            sessions: SessionCounts {
                total: count(sessions.len()),
                open: count(sessions.iter().filter(|session| session.ended_us.is_none()).count()),
            },
            intakes: store.intakes()?,
            own: own_events(store)?,
            declared_lost: declared_lost(store)?,
            sinks: sinks(store, head)?,
        })
    }

    fn accounts(&self, intakes: &[IntakeStatus]) -> Accounts {
        let mut accounts = Accounts { own: self.own, ..Accounts::default() };
        for intake in intakes {
            accounts.offered += intake.offered;
            accounts.journaled += intake.journaled;
            accounts.lost += intake.lost;
            accounts.in_flight += intake.in_flight;
            accounts.differences.extend(difference(intake));
        }
        if self.head != accounts.journaled + self.own {
            accounts.differences.push(format!(
                "the journal has {} events, and {} that came through intakes and {} of its own are {}",
                self.head,
                accounts.journaled,
                self.own,
                accounts.journaled + self.own
            ));
        }
        if self.declared_lost != accounts.lost {
            accounts.differences.push(format!(
                "the intakes count {} lost events, and the journal's `events_lost` declare {}",
                accounts.lost, self.declared_lost
            ));
        }
        accounts
    }
}

/// What is not accounted for at one intake. What a living recorder has not written yet is still in its intake.
fn difference(intake: &IntakeStatus) -> Option<String> {
    let IntakeStatus { id, state, offered, journaled, lost, .. } = intake;
    let accounted = journaled + lost;
    let sum = format!("intake {id} ({state}): {journaled} journaled and {lost} lost are {accounted}, of {offered} offered");
    match *state {
        MISSING => {
            Some(format!("intake {id}: its file is gone although it was not drained; what was in it is not accounted for"))
        }
        CLOSED | RECOVERED if accounted != *offered => Some(sum),
        _ if accounted > *offered => Some(sum),
        _ => None,
    }
}

/// Events that the journal wrote by itself. What a sensor declares lost came through an intake like all that it tells.
fn own_events(store: &ReaderStore) -> Result<u64, StoreError> {
    let mut own = 0;
    store.rows::<StoreError>(0, &[Condition::Kinds(OWN.to_vec())], None, |row| {
        own += u64::from(matches!(row.columns.sensor(), Ok(None)));
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(own)
}

fn declared_lost(store: &ReaderStore) -> Result<u64, StoreError> {
    #[derive(serde::Deserialize)]
    struct Lost {
        count: u64,
        intake: Option<String>,
    }
    let mut sum = 0;
    store.rows::<StoreError>(0, &[Condition::Kinds(vec![Kind::EventsLost])], None, |row| {
        let lost: Lost = serde_json::from_str(row.columns.payload)
            .map_err(|error| StoreError::Damaged(format!("the events_lost at seq {} cannot be read: {error}", row.seq)))?;
        if lost.intake.is_some() {
            sum += lost.count;
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(sum)
}

const LIVE: &str = "live";
const DEAD: &str = "dead";
const MISSING: &str = "missing";
const CLOSED: &str = "closed";
const RECOVERED: &str = "recovered";

fn intake_states(data_dir: &DataDir, rows: &[IntakeRow]) -> Vec<IntakeStatus> {
    let status = |row: &IntakeRow| {
        let state = match row.state.as_str() {
            "closed" => CLOSED,
            "recovered" => RECOVERED,
            _ => recorder_state(data_dir, &row.id),
        };
        IntakeStatus {
            id: row.id.clone(),
            pid: row.pid,
            opened_us: row.opened_us,
            state,
            offered: row.offered,
            journaled: row.journaled,
            lost: row.lost,
            in_flight: row.offered.saturating_sub(row.journaled + row.lost),
        }
    };
    rows.iter().map(status).collect()
}

/// Whether the recorder of an intake that is not drained lives: it holds the file's lock as long as it does.
fn recorder_state(data_dir: &DataDir, id: &str) -> &'static str {
    match File::open(data_dir.intakes().join(format!("{id}.intake"))) {
        Ok(file) => match file.try_lock_shared() {
            Ok(()) => DEAD,
            Err(TryLockError::WouldBlock | TryLockError::Error(_)) => LIVE,
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => MISSING,
        Err(_) => LIVE,
    }
}
