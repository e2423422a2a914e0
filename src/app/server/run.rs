//! From the start of the process to its end: open the journal, build, wait until told, shut down, close.

use std::sync::Arc;

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::build::{Listening, build};
use super::error::ServerError;
use crate::app::telemetry::export_spans;
use crate::config::{Config, Environment};
use crate::journal::Journal;
use crate::runtime::metrics::metrics;

/// Threads that serve. What may wait for a disk runs on threads of its own.
const WORKERS: usize = 2;

/// Serves until SIGTERM or SIGINT; `started` is told the addresses once it listens. A second signal cuts what is still open.
///
/// # Errors
/// [`ServerError`]; the journal is closed then too.
pub fn serve(config: &Config, environment: &Environment, started: impl FnOnce(&Listening)) -> Result<(), ServerError> {
    // A session runs as the same user: without this it could reach the server's memory and descriptors through /proc (G-9).
    if let Err(errno) = nix::sys::prctl::set_dumpable(false) {
        tracing::warn!(%errno, "the server's memory and descriptors stay open to its user's other processes");
    }
    // The first to come and the last to go: the journal's end has spans too.
    let _exporting = export_spans(&config.telemetry)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(WORKERS).enable_all().build()?;
    let journal = Arc::new(Journal::open(&config.data_dir, &config.journal)?);
    metrics().intakes_drained.add(journal.found().intakes_drained);
    let served = runtime.block_on(until_told(config, environment, &journal, started));
    drop(runtime);
    match Arc::try_unwrap(journal) {
        Ok(journal) => journal.close()?,
        // Only a thread that the runtime could not end would still hold it; the next start drains the intake.
        Err(_still_held) => tracing::error!("the journal is still in use and was not closed"),
    }
    served
}

async fn until_told(
    config: &Config,
    environment: &Environment,
    journal: &Arc<Journal>,
    started: impl FnOnce(&Listening),
) -> Result<(), ServerError> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let running = build(config, environment, journal).await?;
    started(&running.listening());
    told(&mut terminate, &mut interrupt).await;
    tokio::select! {
        () = running.shut_down(config.server.shutdown_timeout.duration()) => {}
        () = told(&mut terminate, &mut interrupt) => tracing::warn!("told to stop twice; open connections are cut"),
    }
    Ok(())
}

async fn told(terminate: &mut Signal, interrupt: &mut Signal) {
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}
