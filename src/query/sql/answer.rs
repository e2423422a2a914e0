//! `Answer`: the rows of a question, batch by batch, while the engine works on them.

use std::time::Duration;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use futures_util::StreamExt as _;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};

use super::engine::Held;
use super::error::SqlError;
use super::limits::Limits;

/// Rows of an answer, in columns.
pub type Batch = RecordBatch;

/// The columns of an answer.
pub type Columns = SchemaRef;

/// Batches that wait for whoever reads.
const WAITING: usize = 2;

/// The rows of a question. Dropped, it stops the work.
pub struct Answer {
    schema: SchemaRef,
    batches: mpsc::Receiver<Result<RecordBatch, SqlError>>,
    work: JoinHandle<bool>,
    rows: u64,
    most: u64,
    truncated: bool,
    over: bool,
}

impl Answer {
    /// Runs the plan's stream on the engine's threads, and holds something until its end.
    pub(super) fn start(
        runtime: &Handle,
        mut stream: datafusion::execution::SendableRecordBatchStream,
        limits: Limits,
        deadline: Instant,
        held: Held,
    ) -> Self {
        let schema = stream.schema();
        let (sender, batches) = mpsc::channel(WAITING);
        let work = runtime.spawn(async move {
            let _until_the_end = held;
            loop {
                let next = match timeout_at(deadline, stream.next()).await {
                    Err(_late) => Some(Err(SqlError::Time { limit: limits.time })),
                    Ok(next) => next.map(|batch| batch.map_err(|error| SqlError::of(error, limits.memory))),
                };
                let Some(next) = next else { return true };
                let failed = next.is_err();
                // Whoever does not read in time is not waited for longer than the question may take.
                match timeout_at(deadline, sender.send(next)).await {
                    Ok(Ok(())) if !failed => {}
                    Ok(_) => return false,
                    Err(_late) => return false,
                }
            }
        });
        Self { schema, batches, work, rows: 0, most: limits.rows, truncated: false, over: false }
    }

    /// The columns.
    #[must_use]
    pub const fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Rows that were given so far.
    #[must_use]
    pub const fn rows(&self) -> u64 {
        self.rows
    }

    /// Whether rows were left out, since there are more than [`Limits::rows`].
    #[must_use]
    pub const fn is_truncated(&self) -> bool {
        self.truncated
    }

    /// The next rows; `None` behind the last. Cancel safe.
    ///
    /// # Errors
    /// [`SqlError`]; nothing comes behind it.
    pub async fn next(&mut self) -> Result<Option<RecordBatch>, SqlError> {
        loop {
            if self.truncated || self.over {
                return Ok(None);
            }
            match self.batches.recv().await {
                Some(Ok(batch)) => {
                    if let Some(batch) = self.take(batch) {
                        return Ok(Some(batch));
                    }
                }
                Some(Err(error)) => {
                    self.over = true;
                    return Err(error);
                }
                None => {
                    let ended = (&mut self.work).await;
                    self.over = true;
                    return after(ended);
                }
            }
        }
    }

    /// The next rows, for a thread that may wait; `None` behind the last.
    ///
    /// # Errors
    /// [`SqlError`]; nothing comes behind it.
    pub fn wait(&mut self, runtime: &Handle) -> Result<Option<RecordBatch>, SqlError> {
        runtime.block_on(self.next())
    }

    /// As [`Answer::wait`], but says after `patience` that there is nothing yet.
    ///
    /// # Errors
    /// [`SqlError`]; nothing comes behind it.
    pub fn wait_for(&mut self, runtime: &Handle, patience: Duration) -> Result<Option<Option<RecordBatch>>, SqlError> {
        runtime.block_on(async {
            match tokio::time::timeout(patience, self.next()).await {
                Ok(next) => next.map(Some),
                Err(_nothing_yet) => Ok(None),
            }
        })
    }

    /// As much of a batch as may still be given; `None` for one without rows.
    fn take(&mut self, batch: RecordBatch) -> Option<RecordBatch> {
        let rows = u64::try_from(batch.num_rows()).unwrap_or(u64::MAX);
        let left = self.most - self.rows;
        if rows > left {
            self.truncated = true;
            self.work.abort();
        }
        let rows = rows.min(left);
        self.rows += rows;
        (rows > 0).then(|| batch.slice(0, usize::try_from(rows).unwrap_or(usize::MAX)))
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.work.abort();
    }
}

/// The channel closed: the rows are at their end, or the work ended in the middle.
fn after(ended: Result<bool, tokio::task::JoinError>) -> Result<Option<RecordBatch>, SqlError> {
    match ended {
        Ok(true) => Ok(None),
        Ok(false) => Err(SqlError::Failed { what: "the answer was not read in the time that the question may take".to_owned() }),
        Err(error) => Err(SqlError::Failed { what: error.to_string() }),
    }
}
