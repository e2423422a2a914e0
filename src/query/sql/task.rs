//! `Task`: work on the engine's threads, which ends when nobody waits for it any more.

use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use super::error::SqlError;

/// Work that somebody waits for.
pub(super) struct Task<T>(JoinHandle<Result<T, SqlError>>);

impl<T: Send + 'static> Task<T> {
    pub(super) fn start(threads: &Handle, work: impl Future<Output = Result<T, SqlError>> + Send + 'static) -> Self {
        Self(threads.spawn(work))
    }
}

impl<T> Future for Task<T> {
    type Output = Result<T, SqlError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let failed = |error: tokio::task::JoinError| SqlError::Failed { what: error.to_string() };
        Pin::new(&mut self.0).poll(context).map(|ended| ended.map_err(failed).flatten())
    }
}

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
