//! `agentsh server`: keeps the journal open and answers health and metrics until it is told to stop.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};

use super::sinks::Sinks;
use crate::config::Config;
use crate::journal::{Journal, JournalError, ReaderStore};
use crate::runtime::metrics::metrics;
use crate::serve::http::{HttpServer, HttpState, NotReady, ServeError};
use crate::sink::DeliverStartError;

/// How long requests that have begun may take once the server is told to stop.
const DRAIN: Duration = Duration::from_secs(5);

/// Why there is no server.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The journal cannot be opened or closed.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The address is refused or taken.
    #[error(transparent)]
    Serve(#[from] ServeError),
    /// A sink cannot be started.
    #[error(transparent)]
    Sinks(#[from] DeliverStartError),
    /// The runtime or its signals cannot be had.
    #[error("the server cannot be started: {0}")]
    Runtime(#[from] std::io::Error),
}

/// Serves until SIGTERM or SIGINT; `started` is told the address once it listens.
///
/// # Errors
/// [`ServerError`]; the journal is closed then too.
pub fn serve(config: &Config, started: impl FnOnce(SocketAddr)) -> Result<(), ServerError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let journal = tracing::info_span!("open journal").in_scope(|| Journal::open(&config.data_dir, &config.journal))?;
    let journal = Arc::new(journal);
    metrics().intakes_drained.add(journal.found().intakes_drained);
    let sinks = Sinks::start(&config.sinks, &journal);
    let served = match &sinks {
        Ok(_running) => runtime.block_on(until_told(config, &journal, started)),
        Err(_not_started) => Ok(()),
    };
    drop(runtime);
    // Before the journal: what it closes with is delivered by the next start.
    let sinks = sinks.map(Sinks::end);
    match Arc::try_unwrap(journal) {
        Ok(journal) => journal.close()?,
        // Only a connection that the runtime could not cut would still hold it; the next start drains the intake.
        Err(_still_held) => tracing::error!("the journal is still in use and was not closed"),
    }
    served.and(sinks.map_err(ServerError::from))
}

async fn until_told(config: &Config, journal: &Arc<Journal>, started: impl FnOnce(SocketAddr)) -> Result<(), ServerError> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let (ready, scraped) = (Arc::clone(journal), Arc::clone(journal));
    let state = HttpState::new(move || {
        let reason = ready.failure().map(|reason| NotReady { part: "journal".to_owned(), reason: reason.to_string() });
        reason.into_iter().collect()
    })
    .with_metrics(move || {
        refresh(&scraped);
        metrics().text()
    });
    let server = HttpServer::start(&config.server.http, state).await?;
    started(server.addr());
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    server.shutdown(DRAIN).await;
    Ok(())
}

/// Gauges that are read and not counted: other recorders move the journal too.
fn refresh(journal: &Journal) {
    let (used, capacity) = journal.channel().intake().usage();
    metrics().channel_bytes.set(used);
    metrics().channel_capacity.set(capacity);
    let Ok(store) = ReaderStore::open(&journal.data_dir().journal()) else { return };
    match (store.head(), store.last_checkpoint()) {
        (Ok(head), Ok(checkpoint)) => {
            metrics().journal_head.set(head);
            metrics().checkpoint_size.set(checkpoint.map_or(0, |checkpoint| checkpoint.tree_size));
        }
        (Err(error), _) | (_, Err(error)) => tracing::warn!(%error, "the journal's head cannot be read for the metrics"),
    }
}
