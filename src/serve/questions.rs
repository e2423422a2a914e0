//! `Questions`: SQL for both transports: how many are worked on at once, and what each may take.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::timeout;

use crate::query::sql::{Answer, Columns, Engine, Limits, QueryConfig, SqlError, TableInfo};
use crate::runtime::metrics::metrics;

/// How long a question waits for its turn.
const PATIENCE: Duration = Duration::from_secs(2);

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum QuestionError {
    /// As many as may be are worked on.
    #[error("{concurrent} questions are worked on, which is as many as may be at once (`query.concurrent`): ask again")]
    Busy {
        /// How many.
        concurrent: u64,
    },
    /// The server ends, and so do its questions.
    #[error("the server shuts down")]
    Ending,
    /// The question has no answer.
    #[error(transparent)]
    Sql(#[from] SqlError),
}

/// Answers questions. Cheap to clone.
#[derive(Clone)]
pub struct Questions {
    engine: Arc<Engine>,
    config: QueryConfig,
    turns: Arc<Semaphore>,
    ending: watch::Sender<bool>,
}

impl Questions {
    /// Answers from an engine.
    #[must_use]
    pub fn new(engine: Engine, config: &QueryConfig) -> Self {
        let turns = usize::try_from(config.concurrent).unwrap_or(Semaphore::MAX_PERMITS);
        let (ending, _) = watch::channel(false);
        Self { engine: Arc::new(engine), config: *config, turns: Arc::new(Semaphore::new(turns)), ending }
    }

    /// Takes no more questions. Who takes the rows of one sees it by [`Questions::ended`].
    pub fn shut_down(&self) {
        self.ending.send_replace(true);
    }

    /// Waits until no more questions are taken.
    pub async fn ended(&self) {
        // An error would mean that the sender is gone, which this holds.
        let mut ending = self.ending.subscribe();
        let _held = ending.wait_for(|ending| *ending).await;
    }

    /// What a question may take at most.
    #[must_use]
    pub fn most(&self) -> Limits {
        self.config.limits()
    }

    /// Runs work on the engine's threads, which may wait for a disk and compute as long as they like.
    pub fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        drop(self.engine.handle().spawn(work));
    }

    /// Asks, when it is its turn. It has its turn until the work is over.
    ///
    /// # Errors
    /// [`QuestionError`].
    pub async fn ask(&self, sql: &str, limits: Limits) -> Result<Answer, QuestionError> {
        let asking = async {
            let turn = self.turn(limits).await?;
            Ok(self.engine.query_holding(sql, limits, Box::new(turn)).await?)
        };
        self.unless_ending(asking).await
    }

    /// The columns of a question's answer, without asking it, when it is its turn.
    ///
    /// # Errors
    /// [`QuestionError`].
    pub async fn columns_of(&self, sql: &str) -> Result<Columns, QuestionError> {
        let limits = self.most();
        let planning = async {
            let _turn = self.turn(limits).await?;
            Ok(self.engine.columns_of(sql, limits).await?)
        };
        self.unless_ending(planning).await
    }

    /// What can be asked about.
    ///
    /// # Errors
    /// [`QuestionError`].
    pub async fn tables(&self) -> Result<Vec<TableInfo>, QuestionError> {
        Ok(self.engine.tables().await?)
    }

    async fn unless_ending<T>(&self, work: impl Future<Output = Result<T, QuestionError>>) -> Result<T, QuestionError> {
        tokio::select! {
            biased;
            () = self.ended() => Err(QuestionError::Ending),
            done = work => done,
        }
    }

    async fn turn(&self, limits: Limits) -> Result<Turn, QuestionError> {
        let permit: Result<Result<_, AcquireError>, _> =
            timeout(PATIENCE.min(limits.time), Arc::clone(&self.turns).acquire_owned()).await;
        match permit {
            Ok(Ok(permit)) => Ok(Turn::new(permit)),
            Ok(Err(_)) | Err(_) => {
                metrics().questions_asked.of("refused").add(1);
                Err(QuestionError::Busy { concurrent: self.config.concurrent })
            }
        }
    }
}

/// One of as many as there are. Counted while it is held.
struct Turn {
    _permit: OwnedSemaphorePermit,
}

impl Turn {
    fn new(permit: OwnedSemaphorePermit) -> Self {
        metrics().questions_asked.of("taken").add(1);
        metrics().questions.add(1);
        Self { _permit: permit }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        metrics().questions.add(-1);
    }
}
