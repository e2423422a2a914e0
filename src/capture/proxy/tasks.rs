//! The proxy's tasks: counted, so that the end of a session can wait for them, and ended together.

use std::convert::Infallible;
use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use tokio::sync::{mpsc, watch};

/// How far the end of the session has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Phase {
    /// Connections are accepted.
    Serving,
    /// No connection is accepted; what is open may end by itself.
    Draining,
    /// What is still open is closed now.
    Closing,
}

/// Starts tasks that end with the session.
#[derive(Clone)]
pub(super) struct Tasks {
    phase: watch::Receiver<Phase>,
    alive: mpsc::WeakSender<Infallible>,
}

/// Ends them.
pub(super) struct TasksOwner {
    phase: watch::Sender<Phase>,
    alive: Option<mpsc::Sender<Infallible>>,
    ended: mpsc::Receiver<Infallible>,
}

impl TasksOwner {
    pub(super) fn new() -> (Self, Tasks) {
        let (phase, receiver) = watch::channel(Phase::Serving);
        // Nothing is ever sent: the channel closes when the last task has dropped its end.
        let (alive, ended) = mpsc::channel(1);
        let tasks = Tasks { phase: receiver, alive: alive.downgrade() };
        (Self { phase, alive: Some(alive), ended }, tasks)
    }

    /// The switch that moves the tasks from one phase to the next.
    pub(super) fn switch(&self) -> watch::Sender<Phase> {
        self.phase.clone()
    }

    /// Waits until every task has ended, or the time is over. Tasks that started before go on starting others until then.
    pub(super) async fn wait(&mut self, at_most: Duration) -> bool {
        self.alive = None;
        tokio::time::timeout(at_most, self.ended.recv()).await.is_ok()
    }
}

impl Tasks {
    /// Runs a future until it ends or the session does. It is dropped before the task counts as ended.
    pub(super) fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) {
        // Once every task has ended there is nobody who could start another.
        let Some(alive) = self.alive.upgrade() else { return };
        let mut phase = self.phase.clone();
        tokio::spawn(async move {
            {
                let future = pin!(future);
                tokio::select! {
                    biased;
                    () = future => {}
                    () = reached(&mut phase, Phase::Closing) => {}
                }
            }
            drop(alive);
        });
    }

    /// Returns when the session begins to end.
    pub(super) async fn draining(&self) {
        reached(&mut self.phase.clone(), Phase::Draining).await;
    }

    /// Whether what is open is being closed because the session ended.
    pub(super) fn is_closing(&self) -> bool {
        *self.phase.borrow() >= Phase::Closing
    }
}

async fn reached(phase: &mut watch::Receiver<Phase>, wanted: Phase) {
    // An error means that the owner is gone, which ends everything as well.
    let _ = phase.wait_for(|phase| *phase >= wanted).await;
}
