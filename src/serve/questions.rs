//! `Questions`: SQL for both transports: how many are worked on at once, and what each may take.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::query::sql::{Answer, Columns, Engine, Limits, QueryConfig, SqlError, TableInfo};

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
}

impl Questions {
    /// Answers from an engine.
    #[must_use]
    pub fn new(engine: Engine, config: &QueryConfig) -> Self {
        let turns = usize::try_from(config.concurrent).unwrap_or(Semaphore::MAX_PERMITS);
        Self { engine: Arc::new(engine), config: *config, turns: Arc::new(Semaphore::new(turns)) }
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
        let turn = self.turn(limits).await?;
        Ok(self.engine.query_holding(sql, limits, Box::new(turn)).await?)
    }

    /// The columns of a question's answer, without asking it, when it is its turn.
    ///
    /// # Errors
    /// [`QuestionError`].
    pub async fn columns_of(&self, sql: &str) -> Result<Columns, QuestionError> {
        let limits = self.most();
        let _turn = self.turn(limits).await?;
        Ok(self.engine.columns_of(sql, limits).await?)
    }

    /// What can be asked about.
    ///
    /// # Errors
    /// [`QuestionError`].
    pub async fn tables(&self) -> Result<Vec<TableInfo>, QuestionError> {
        Ok(self.engine.tables().await?)
    }

    async fn turn(&self, limits: Limits) -> Result<OwnedSemaphorePermit, QuestionError> {
        let turn: Result<Result<_, AcquireError>, _> =
            timeout(PATIENCE.min(limits.time), Arc::clone(&self.turns).acquire_owned()).await;
        turn.ok().and_then(Result::ok).ok_or(QuestionError::Busy { concurrent: self.config.concurrent })
    }
}
