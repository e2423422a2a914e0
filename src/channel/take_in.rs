//! Taking in what a sensor tells: it still holds what is not acknowledged, so nothing is lost here, and it is the one that waits.

use super::config::Durability;
use super::event_channel::EventChannel;
use super::intake::{AppendError, WhenFull};
use crate::encode::stored;
use crate::event::{Event, Kind};
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
        self.take_in_with(events, |_| None)
    }

    /// As [`EventChannel::take_in`], with an event that `also` derives from one right behind it, in the same record, so that neither is
    /// ever there without the other. It does not count among those that were taken.
    ///
    /// # Errors
    /// As [`EventChannel::take_in`].
    pub fn take_in_with(&self, events: &[Event], also: impl Fn(&Event) -> Option<Event>) -> Result<(), TakeInError> {
        let limit = RECORD_BYTES.min(usize::try_from(self.intake.max_record()).unwrap_or(RECORD_BYTES) / 2);
        let (mut record, mut encoder) = (Vec::with_capacity(limit), stored::Encoder::default());
        // Events of the record so far, and frames: those of what was derived count too.
        let (mut taken, mut gathered, mut frames) = (0, 0, 0_u16);
        let (mut durable, mut derived, mut last) = (None, Vec::new(), None);
        for event in events {
            let before = record.len();
            encoder.encode(event, &mut record);
            let mut own = 1;
            if let Some(next) = also(event) {
                encoder.encode(&next, &mut record);
                derived.push(next.kind());
                own += 1;
            }
            // A decision goes with its operation.
            let is_tied = event.kind() == Kind::PolicyDecision && event.cause == last;
            last = Some(event.id);
            if frames > 0 && !is_tied && (record.len() > limit || frames > u16::MAX - 4) {
                let next = record.split_off(before);
                durable = self.put(&record, frames).map_err(|error| TakeInError { taken, error })?.or(durable);
                taken += gathered;
                (record, gathered, frames) = (next, 0, 0);
            }
            gathered += 1;
            frames += own;
        }
        if frames > 0 {
            durable = self.put(&record, frames).map_err(|error| TakeInError { taken, error })?.or(durable);
        }
        for kind in events.iter().map(Event::kind).chain(derived) {
            metrics().events.of(kind).add(1);
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
