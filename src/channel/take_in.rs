//! Taking in what a sensor tells: it still holds what is not acknowledged, so nothing is lost here, and it is the one that waits.

use super::config::Durability;
use super::event_channel::EventChannel;
use super::intake::{AppendError, WhenFull};
use crate::encode::stored;
use crate::event::Event;
use crate::runtime::metrics::metrics;

/// Bytes of one record, about: many events share its cost, and it finds room in a small intake too.
const RECORD_BYTES: usize = 64 * 1024;

/// Why not all events were taken in. The first `taken` were; of the others nothing was appended or counted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{error}, after {taken} events")]
pub struct TakeInError {
    /// Events that were taken in.
    pub taken: usize,
    /// Why no more were.
    pub error: AppendError,
}

impl EventChannel {
    /// Puts events on record, in order. Waits while the intake is full, whatever `on_overload` says. They are in the intake's file when
    /// it answers, and on the disk if their family's durability is `durable`.
    ///
    /// # Errors
    /// [`TakeInError`] says how many were taken in before the intake refused.
    pub fn take_in(&self, events: &[Event]) -> Result<(), TakeInError> {
        let limit = RECORD_BYTES.min(usize::try_from(self.intake.max_record()).unwrap_or(RECORD_BYTES) / 2);
        let mut record = Vec::with_capacity(limit);
        let (mut taken, mut frames) = (0, 0_u16);
        let mut durable = None;
        for event in events {
            let before = record.len();
            stored::encode(event, &mut record);
            if frames > 0 && (record.len() > limit || frames == u16::MAX) {
                let next = record.split_off(before);
                durable = self.put(&record, frames).map_err(|error| TakeInError { taken, error })?.or(durable);
                taken += usize::from(frames);
                (record, frames) = (next, 0);
            }
            frames += 1;
        }
        if frames > 0 {
            durable = self.put(&record, frames).map_err(|error| TakeInError { taken, error })?.or(durable);
        }
        for event in events {
            metrics().events.of(event.kind()).add(1);
        }
        let wants_disk = |event: &Event| self.config.durability.of(event.kind().family()) == Durability::Durable;
        if let Some(position) = durable.filter(|_| events.iter().any(wants_disk)) {
            // It is in the intake, as safe as it can be made; the intake says that it is failing (G-8).
            let _failing = self.intake.sync_to(position);
        }
        Ok(())
    }

    fn put(&self, record: &[u8], frames: u16) -> Result<Option<u64>, AppendError> {
        self.intake.append(record, frames, WhenFull::Wait).map(Some)
    }
}
