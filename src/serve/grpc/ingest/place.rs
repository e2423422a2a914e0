//! Where each sensor stands, and which stream writes for it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Mutex as TaskMutex, watch};

/// The sensors that have had a stream, by their names: as many as there are keys and certificates.
#[derive(Default)]
pub(super) struct Places(Mutex<BTreeMap<String, Arc<Place>>>);

/// One sensor.
pub(super) struct Place {
    /// Number of the stream that writes now; an older one ends.
    turn: watch::Sender<u64>,
    /// The next number that is handed over. Locked by the stream that hands over, until it has.
    pub(super) next: Arc<TaskMutex<u64>>,
}

/// A stream's right to write for its sensor, until a newer stream takes it.
#[derive(Clone)]
pub(super) struct Turn {
    number: u64,
    now: watch::Receiver<u64>,
}

impl Places {
    /// The place of a sensor.
    pub(super) fn of(&self, name: &str) -> Arc<Place> {
        let mut places = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let new = || Arc::new(Place { turn: watch::Sender::new(0), next: Arc::new(TaskMutex::new(0)) });
        Arc::clone(places.entry(name.to_owned()).or_insert_with(new))
    }
}

impl Place {
    /// Takes the right to write from whichever stream has it.
    pub(super) fn take(&self) -> Turn {
        let mut number = 0;
        self.turn.send_modify(|turn| {
            *turn += 1;
            number = *turn;
        });
        Turn { number, now: self.turn.subscribe() }
    }
}

impl Turn {
    /// Whether no newer stream has taken it.
    pub(super) fn holds(&self) -> bool {
        *self.now.borrow() == self.number
    }

    /// Waits until a newer stream takes it.
    pub(super) async fn is_taken(&mut self) {
        let number = self.number;
        // The place outlives its streams, so there is no error.
        let _taken = self.now.wait_for(|now| *now != number).await;
    }
}
