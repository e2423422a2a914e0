//! Named consumers: where each stands, who reads for it, and what it has not acknowledged.
//!
//! One stream at a time reads for a name; a newer one takes over, so that a client whose connection died is not kept out by its own ghost.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use tokio::sync::watch;

use super::acks::AckWriter;
use super::error::StreamsError;
use super::limits::Limits;
use super::pending::Pending;
use crate::journal::{ConsumerChange, ConsumerRow};
use crate::runtime::clock;
use crate::runtime::lock::lock;
use crate::runtime::metrics::metrics;

/// Who asks. Without keys nobody is told apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asker {
    /// Name of the key.
    pub name: Option<String>,
    /// May act on consumers of other keys.
    pub all: bool,
}

/// A consumer, as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsumerView {
    /// What is kept of it.
    pub row: ConsumerRow,
    /// Whether a stream reads for it.
    pub connected: bool,
}

/// What is to become of a consumer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConsumerUpdate {
    /// Whether nothing is to be sent.
    pub paused: Option<bool>,
    /// Read on behind this position.
    pub reset_to: Option<u64>,
    /// Forget it.
    pub delete: bool,
}

/// Why a stream may not go on reading for a consumer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lost {
    Taken,
    Changed,
}

/// What a stream needs to know of its consumer before it sends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Leave {
    pub(super) paused: bool,
    /// Events that were delivered and not acknowledged.
    pub(super) pending: u64,
    /// Events that may be delivered now.
    pub(super) room: u64,
}

struct Consumer {
    row: ConsumerRow,
    /// The furthest that was ever delivered in this server's life or, as far as the journal knows, before.
    ever: u64,
    pending: Pending,
    /// Number of the stream that reads for it; grows with each.
    generation: u64,
    connected: bool,
    /// Whether the journal has it.
    saved: bool,
    changed: watch::Sender<u64>,
}

impl Consumer {
    fn new(row: ConsumerRow, saved: bool) -> Self {
        let ever = row.delivered;
        Self { row, ever, pending: Pending::default(), generation: 0, connected: false, saved, changed: watch::Sender::new(0) }
    }

    fn tell(&self) {
        self.changed.send_modify(|count| *count += 1);
    }
}

/// All consumers of the journal.
pub(super) struct Consumers {
    of: Mutex<BTreeMap<String, Consumer>>,
    writer: AckWriter,
    limits: Limits,
}

/// A stream's hold on a consumer.
pub(super) struct Held {
    pub(super) name: String,
    pub(super) generation: u64,
    pub(super) changed: watch::Receiver<u64>,
    /// Behind this position it reads.
    pub(super) acked: u64,
    consumers: Arc<Consumers>,
}

impl Consumers {
    pub(super) fn new(rows: Vec<ConsumerRow>, writer: AckWriter, limits: Limits) -> Self {
        let of = rows.into_iter().map(|row| (row.name.clone(), Consumer::new(row, true))).collect();
        Self { of: Mutex::new(of), writer, limits }
    }

    /// Where a consumer stands; `None` if there is none.
    ///
    /// # Errors
    /// [`StreamsError::NotYours`], [`StreamsError::BadName`].
    pub(super) fn find(&self, name: &str, asker: &Asker) -> Result<Option<u64>, StreamsError> {
        check_name(name)?;
        let of = lock(&self.of);
        let Some(consumer) = of.get(name) else { return Ok(None) };
        check_owner(&consumer.row, asker)?;
        Ok(Some(consumer.row.acked))
    }

    /// Takes hold of a consumer for a stream; makes it, on record, where there is none. A stream that reads for it ends.
    ///
    /// # Errors
    /// [`StreamsError`].
    pub(super) async fn hold(
        self: &Arc<Self>,
        name: &str,
        asker: &Asker,
        start: u64,
        max_ack_pending: u32,
    ) -> Result<Held, StreamsError> {
        check_name(name)?;
        let most = self.limits.most_ack_pending;
        if max_ack_pending > most {
            return Err(StreamsError::TooLarge { field: "max_ack_pending", asked: max_ack_pending.into(), most: most.into() });
        }
        let (held, put) = {
            let mut of = lock(&self.of);
            if !of.contains_key(name) && of.len() >= self.limits.consumers {
                return Err(StreamsError::TooManyConsumers { most: self.limits.consumers });
            }
            let now = clock::now().as_micros();
            let fresh = ConsumerRow {
                name: name.to_owned(),
                acked: start,
                delivered: start,
                paused: false,
                max_ack_pending: self.limits.ack_pending,
                owner: asker.name.clone(),
                created_us: now,
                updated_us: now,
            };
            let consumer = of.entry(name.to_owned()).or_insert_with(|| Consumer::new(fresh, false));
            check_owner(&consumer.row, asker)?;
            let mut put = !consumer.saved;
            if max_ack_pending > 0 && consumer.row.max_ack_pending != max_ack_pending {
                consumer.row.max_ack_pending = max_ack_pending;
                consumer.row.updated_us = now;
                put = true;
            }
            consumer.generation += 1;
            consumer.connected = true;
            consumer.pending = Pending::default();
            consumer.tell();
            let held = Held {
                name: name.to_owned(),
                generation: consumer.generation,
                changed: consumer.changed.subscribe(),
                acked: consumer.row.acked,
                consumers: Arc::clone(self),
            };
            (held, put.then(|| self.writer.put(ConsumerChange::Put(consumer.row.clone()))))
        };
        if let Some(put) = put {
            put.await?;
            if let Some(consumer) = lock(&self.of).get_mut(name) {
                consumer.saved = true;
            }
        }
        Ok(held)
    }

    /// Says that everything up to `seq` is done with; answers once that is on record.
    ///
    /// # Errors
    /// [`StreamsError`].
    pub(super) async fn ack(&self, name: &str, asker: &Asker, seq: u64) -> Result<u64, StreamsError> {
        let written = {
            let of = lock(&self.of);
            let consumer = of.get(name).ok_or_else(|| StreamsError::UnknownConsumer { name: name.to_owned() })?;
            check_owner(&consumer.row, asker)?;
            let delivered = consumer.row.delivered.max(consumer.row.acked);
            if seq > delivered {
                return Err(StreamsError::NotDelivered { name: name.to_owned(), asked: seq, delivered });
            }
            if seq <= consumer.row.acked {
                return Ok(consumer.row.acked);
            }
            self.writer.put(ConsumerChange::Ack { name: name.to_owned(), acked: seq })
        };
        written.await?;
        let of = lock(&self.of);
        Ok(of.get(name).map_or(seq, |consumer| consumer.row.acked))
    }

    /// The consumers that the asker may see.
    pub(super) fn list(&self, asker: &Asker) -> Vec<ConsumerView> {
        let of = lock(&self.of);
        let visible = of.values().filter(|consumer| check_owner(&consumer.row, asker).is_ok());
        visible.map(|consumer| ConsumerView { row: consumer.row.clone(), connected: consumer.connected }).collect()
    }

    /// Pauses, resumes, moves or deletes; `None` once it is deleted.
    ///
    /// # Errors
    /// [`StreamsError`].
    pub(super) async fn update(
        &self,
        name: &str,
        asker: &Asker,
        update: ConsumerUpdate,
    ) -> Result<Option<ConsumerView>, StreamsError> {
        let (written, view, deleted) = {
            let mut of = lock(&self.of);
            let consumer = of.get_mut(name).ok_or_else(|| StreamsError::UnknownConsumer { name: name.to_owned() })?;
            check_owner(&consumer.row, asker)?;
            if update.delete {
                let written = self.writer.put(ConsumerChange::Delete { name: name.to_owned() });
                // Its stream finds that it is gone.
                consumer.generation += 1;
                consumer.tell();
                let deleted = of.remove(name);
                metrics().reader_lag.remove(name);
                (written, None, deleted)
            } else {
                let row = &mut consumer.row;
                row.paused = update.paused.unwrap_or(row.paused);
                if let Some(seq) = update.reset_to {
                    row.acked = seq;
                    // What was delivered before may not be acknowledged any more: it would undo the move.
                    row.delivered = seq;
                    consumer.pending = Pending::default();
                    consumer.generation += 1;
                    consumer.connected = false;
                }
                consumer.row.updated_us = clock::now().as_micros();
                consumer.tell();
                let view = ConsumerView { row: consumer.row.clone(), connected: consumer.connected };
                (self.writer.put(ConsumerChange::Put(consumer.row.clone())), Some(view), None)
            }
        };
        let written = written.await;
        if let (Err(_), Some(mut consumer)) = (&written, deleted) {
            // It is in the journal still, and so it is here, unless somebody has made it anew.
            consumer.connected = false;
            lock(&self.of).entry(name.to_owned()).or_insert(consumer);
        }
        written.map(|()| view)
    }

    /// Called by the writer once changes are on record, in their order.
    pub(super) fn written(&self, changes: &[ConsumerChange]) {
        let mut of = lock(&self.of);
        for change in changes {
            if let ConsumerChange::Ack { name, acked } = change
                && let Some(consumer) = of.get_mut(name)
                // It may have been moved since.
                && *acked <= consumer.row.delivered
                && *acked > consumer.row.acked
            {
                consumer.row.acked = *acked;
                consumer.row.updated_us = clock::now().as_micros();
                consumer.pending.acked(*acked);
                consumer.tell();
            }
        }
    }

    /// Says how far each consumer is behind.
    pub(super) fn measure(&self, head: u64) {
        for (name, consumer) in lock(&self.of).iter() {
            metrics().reader_lag.of(name).set(head.saturating_sub(consumer.row.acked));
        }
    }
}

impl Held {
    /// What the stream may do now.
    ///
    /// # Errors
    /// [`Lost`] when it must end.
    pub(super) fn leave(&self) -> Result<Leave, Lost> {
        let of = lock(&self.consumers.of);
        let consumer = of.get(&self.name).ok_or(Lost::Changed)?;
        if consumer.generation != self.generation {
            return Err(if consumer.connected { Lost::Taken } else { Lost::Changed });
        }
        let pending = consumer.pending.count();
        Ok(Leave {
            paused: consumer.row.paused,
            pending,
            room: u64::from(consumer.row.max_ack_pending.max(1)).saturating_sub(pending),
        })
    }

    /// Up to where events were delivered to this name before.
    pub(super) fn delivered_before(&self) -> u64 {
        lock(&self.consumers.of).get(&self.name).map_or(0, |consumer| consumer.ever)
    }

    /// These events are handed over, and everything up to `through` was looked at.
    ///
    /// # Errors
    /// [`Lost`] when the stream must end: nothing may be handed over.
    pub(super) fn deliver(&self, events: &Pending, through: u64) -> Result<(), Lost> {
        let mut of = lock(&self.consumers.of);
        let consumer = of.get_mut(&self.name).ok_or(Lost::Changed)?;
        if consumer.generation != self.generation {
            return Err(if consumer.connected { Lost::Taken } else { Lost::Changed });
        }
        consumer.pending.append(events);
        let newly = through > consumer.row.delivered;
        consumer.row.delivered = consumer.row.delivered.max(through);
        consumer.ever = consumer.ever.max(through);
        if newly {
            self.consumers.writer.note(ConsumerChange::Delivered { name: self.name.clone(), delivered: through });
        }
        Ok(())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut of = lock(&self.consumers.of);
        if let Some(consumer) = of.get_mut(&self.name).filter(|consumer| consumer.generation == self.generation) {
            consumer.connected = false;
        }
    }
}

fn check_name(name: &str) -> Result<(), StreamsError> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:".contains(&byte);
    if name.is_empty() || name.len() > 128 || !name.bytes().all(fits) { Err(StreamsError::BadName) } else { Ok(()) }
}

fn check_owner(row: &ConsumerRow, asker: &Asker) -> Result<(), StreamsError> {
    if asker.all || row.owner.is_none() || row.owner == asker.name {
        return Ok(());
    }
    Err(StreamsError::NotYours { name: row.name.clone() })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
mod tests {
    use super::*;
    use crate::serve::stream::Limits;

    #[test]
    fn a_consumer_whose_deletion_cannot_be_written_is_there_still() {
        let row = ConsumerRow {
            name: "billing".to_owned(),
            acked: 7,
            delivered: 9,
            paused: false,
            max_ack_pending: 1,
            owner: None,
            created_us: 0,
            updated_us: 0,
        };
        let (writer, jobs) = AckWriter::new();
        drop(jobs);
        let consumers = Consumers::new(vec![row], writer, Limits::default());
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let asker = Asker { name: None, all: true };
        let delete = ConsumerUpdate { delete: true, ..ConsumerUpdate::default() };
        runtime.block_on(consumers.update("billing", &asker, delete)).unwrap_err();
        assert_eq!(consumers.find("billing", &asker).unwrap(), Some(7));
    }
}
