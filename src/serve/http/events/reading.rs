//! `Reading`: what is read of the journal for one request, on a thread that may wait for the disk.

use std::ops::ControlFlow;
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::cursor::Cursor;
use super::filter;
use crate::query::{Cel, DataDir, Filter, JournalRow, Matcher, Reader};
use crate::runtime::clock;
use crate::serve::http::parameters::Parameters;
use crate::serve::http::problem::Problem;
use crate::serve::stream::Streams;

/// Readings at a time. Further ones wait.
const READINGS: usize = 4;

/// What the routes answer from.
#[derive(Clone)]
pub(super) struct Events {
    pub(super) streams: Arc<Streams>,
    data_dir: DataDir,
    turns: Arc<Semaphore>,
}

/// What a request asks for, read once.
pub(super) struct Asked {
    pub(super) parameters: Parameters,
    pub(super) filter: Filter,
    pub(super) cel: Option<Cel>,
    pub(super) after: u64,
    /// Absent where everything up to the head is meant.
    pub(super) before: Option<u64>,
    pub(super) descending: bool,
    pub(super) limit: Option<u64>,
}

/// An [`Asked`] whose sessions have their full names.
pub(super) struct Reading {
    pub(super) reader: Reader,
    pub(super) asked: Asked,
    pub(super) head: u64,
}

impl Events {
    pub(super) fn new(streams: Arc<Streams>, data_dir: DataDir) -> Self {
        Self { streams, data_dir, turns: Arc::new(Semaphore::new(READINGS)) }
    }

    /// Waits for a turn to read.
    pub(super) async fn turn(&self) -> Result<OwnedSemaphorePermit, Problem> {
        Arc::clone(&self.turns).acquire_owned().await.map_err(|_closed| Problem::fault("the server shuts down"))
    }

    /// Runs a reading on a thread that may wait. It has its turn until it ends, also when who asked is gone.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&DataDir) -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        let turn = self.turn().await?;
        let data_dir = self.data_dir.clone();
        let done = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            work(&data_dir)
        });
        done.await.map_err(|_panic| Problem::fault("the journal could not be read"))?
    }

    pub(super) fn data_dir(&self) -> DataDir {
        self.data_dir.clone()
    }
}

impl Asked {
    /// Reads a query.
    pub(super) fn read(query: Option<&str>) -> Result<Self, Problem> {
        let parameters = Parameters::read(query, &filter::names())?;
        let (mut filter, cel) = filter::read(&parameters, clock::now())?;
        let descending = match parameters.one("order")? {
            None | Some("asc") => false,
            Some("desc") => true,
            Some(_) => return Err(Problem::parameter("order", "it is asc or desc")),
        };
        let limit = parameters.number("limit")?;
        if limit == Some(0) {
            return Err(Problem::parameter("limit", "it is 1 or more"));
        }
        let mut after = parameters.number("after")?.unwrap_or(0);
        let mut before = parameters.number("before")?;
        if let Some(text) = parameters.one("cursor")? {
            let cursor = Cursor::read(text, &parameters)?;
            (filter.since, filter.until) = (cursor.since, cursor.until);
            if descending {
                before = Some(cursor.seq);
            } else {
                after = cursor.seq;
            }
        }
        Ok(Self { parameters, filter, cel, after, before, descending, limit })
    }
}

impl Reading {
    /// Opens the journal and finds the sessions that are meant.
    pub(super) fn open(data_dir: &DataDir, mut asked: Asked) -> Result<Self, Problem> {
        let reader = Reader::open(data_dir)?;
        for name in &mut asked.filter.sessions {
            *name = reader.session(name)?;
        }
        let head = reader.head()?;
        Ok(Self { reader, asked, head })
    }

    /// Calls `each` for the rows that match, in the order that was asked for, until it breaks or nobody wants them any more.
    pub(super) fn rows(
        &mut self,
        is_gone: impl Fn() -> bool,
        mut each: impl FnMut(&JournalRow<'_>) -> Result<ControlFlow<()>, Problem>,
    ) -> Result<(), Problem> {
        // What the database looks at is not looked at again.
        let matcher = Matcher::new(&Filter::default(), self.asked.cel.take());
        let conditions = self.asked.filter.conditions();
        let before = self.asked.before.unwrap_or(u64::MAX).min(self.head.saturating_add(1));
        let mut one = |row: &JournalRow<'_>| {
            if is_gone() || row.seq >= before && !self.asked.descending {
                return Ok(ControlFlow::Break(()));
            }
            if !matcher.cel_holds(row.seq, &row.columns) {
                return Ok(ControlFlow::Continue(()));
            }
            each(row)
        };
        if self.asked.descending {
            self.reader.rows_newest_first(self.asked.after, before, &conditions, &mut one)
        } else {
            self.reader.rows(self.asked.after, &conditions, &mut one).map(drop)
        }
    }
}
