//! `Intake`: the ring and its state, guarded by one short lock. Producers: `append`; the consumer: `drain`.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::file;
use super::format::{HEADER, Hop, Identity, IntakeId, Loss, Mark, OFFERED_AT, PADDING, RECORD_HEAD, RecordHead, record_size};
use crate::event::Timestamp;
use crate::runtime::mapped_file::MappedFile;
use crate::runtime::sync::atomic::{AtomicBool, Ordering};
use crate::runtime::sync::{Condvar, Mutex, MutexGuard, lock};

/// The header's counters: events offered, and lost at each hop, since the intake was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Counters {
    /// Events handed to the channel.
    pub offered: u64,
    /// Losses in the order of [`Hop::ALL`].
    pub losses: [Loss; Hop::ALL.len()],
}

impl Counters {
    /// Events lost, all hops together.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.losses.iter().map(|loss| loss.count).sum()
    }
}

/// A step on the way to the disk that can fail by itself. While any of them fails the journal cannot write (G-8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailingPart {
    /// Committing to the database.
    Commit,
    /// Syncing the database.
    Log,
    /// Syncing the intake's file.
    Intake,
}

impl FailingPart {
    const fn slot(self) -> usize {
        match self {
            FailingPart::Commit => 0,
            FailingPart::Log => 1,
            FailingPart::Intake => 2,
        }
    }
}

/// One recorder's intake: see the module's head for the file and its promises.
pub struct Intake {
    pub(super) map: MappedFile,
    path: PathBuf,
    id: IntakeId,
    pub(super) capacity: u64,
    /// Where every record's checksum starts.
    pub(super) checksum: crc32fast::Hasher,
    pub(super) state: Mutex<State>,
    /// Room was freed, or waiting for it became useless.
    pub(super) space: Condvar,
    /// There is work for the writer.
    pub(super) work: Condvar,
    pub(super) synced: Mutex<Synced>,
    failing: AtomicBool,
    /// A disk that refuses to sync, for tests.
    #[cfg(test)]
    pub(crate) disk_refuses: std::sync::atomic::AtomicBool,
}

/// What is known to be on the disk.
pub(super) struct Synced {
    /// Position up to which the ring is.
    pub(super) position: u64,
    /// Whether the file's name is.
    pub(super) named: bool,
}

pub(super) struct State {
    /// Behind the last record; where the next one goes.
    pub(super) end: Mark,
    /// Up to where the writer has copied out.
    pub(super) taken: Mark,
    /// Up to where room was handed back.
    pub(super) freed: u64,
    pub(super) counters: Counters,
    /// Losses that are in the journal, in the order of [`Hop::ALL`].
    pub(super) declared: [u64; Hop::ALL.len()],
    /// Where the ring ended when a sync of it failed: see `sync_to`.
    pub(super) broken: Option<u64>,
    failures: [Option<Arc<str>>; 3],
    /// Producers that wait for room.
    pub(super) waiting: usize,
    pub(super) writer_parked: bool,
    /// Somebody waits for room or for a flush: the writer does not linger.
    pub(super) urgent: bool,
    pub(super) closed: bool,
    /// Buffered records: length and events of each, and all payloads one behind the other.
    pub(super) buffered: Vec<(u32, u16)>,
    pub(super) buffer: Vec<u8>,
}

impl State {
    pub(super) fn failure(&self) -> Option<&Arc<str>> {
        self.failures.iter().flatten().next()
    }

    pub(super) fn has_records(&self) -> bool {
        self.taken.position < self.end.position || !self.buffered.is_empty()
    }

    /// Whether the writer has something to commit: records, or losses that the journal does not know.
    pub(super) fn has_work(&self) -> bool {
        self.has_records() || self.counters.losses.iter().zip(&self.declared).any(|(loss, declared)| loss.count > *declared)
    }
}

impl Intake {
    /// Makes and locks `<dir>/<id>.intake` with a ring of `capacity` bytes (rounded up to a multiple of 4096), allocated on disk.
    ///
    /// # Errors
    /// When the file cannot be made, locked, allocated (a full disk says so here) or mapped. A file that was begun is removed.
    pub fn create(dir: &Path, id: IntakeId, capacity: u64, now: Timestamp) -> io::Result<Self> {
        let path = dir.join(format!("{id}.intake"));
        // Made under a name that recovery does not look at, so that nobody takes a half-made file for a dead recorder's.
        let temporary = dir.join(format!("{id}.new"));
        let capacity = capacity.max(1).next_multiple_of(4096);
        let identity = Identity { capacity, id, pid: u64::from(std::process::id()), created_us: now.as_micros() };
        let map = file::make(&temporary, &path, identity)?;
        let state = State {
            end: Mark::START,
            taken: Mark::START,
            freed: 0,
            counters: Counters::default(),
            declared: [0; Hop::ALL.len()],
            broken: None,
            failures: [None, None, None],
            waiting: 0,
            writer_parked: false,
            urgent: false,
            closed: false,
            buffered: Vec::new(),
            buffer: Vec::new(),
        };
        Ok(Self {
            map,
            path,
            id,
            capacity,
            checksum: id.checksum(),
            state: Mutex::new(state),
            space: Condvar::new(),
            work: Condvar::new(),
            synced: Mutex::new(Synced { position: 0, named: false }),
            failing: AtomicBool::new(false),
            #[cfg(test)]
            disk_refuses: std::sync::atomic::AtomicBool::new(false),
        })
    }

    /// Name of the intake.
    #[must_use]
    pub const fn id(&self) -> IntakeId {
        self.id
    }

    pub(super) fn directory(&self) -> &Path {
        self.path.parent().unwrap_or(&self.path)
    }

    /// Bytes that a record may have: a quarter of the ring, so that a large one never waits for an empty ring.
    #[must_use]
    pub const fn max_record(&self) -> u64 {
        self.capacity / 4
    }

    /// Position behind the last record, buffered ones included once they are in the ring.
    #[must_use]
    pub fn end(&self) -> u64 {
        lock(&self.state).end.position
    }

    /// The header's counters now.
    #[must_use]
    pub fn counters(&self) -> Counters {
        lock(&self.state).counters
    }

    /// Bytes of the ring that are in use, and its size.
    #[must_use]
    pub fn usage(&self) -> (u64, u64) {
        let state = lock(&self.state);
        (state.end.position - state.freed, self.capacity)
    }

    /// Says that a part of the way to the disk fails, or works again. While one fails, nobody waits for room.
    pub fn set_failure(&self, part: FailingPart, failure: Option<Arc<str>>) {
        self.set_failure_of(&mut lock(&self.state), part, failure);
    }

    pub(super) fn set_failure_of(&self, state: &mut State, part: FailingPart, failure: Option<Arc<str>>) {
        if let Some(slot) = state.failures.get_mut(part.slot()) {
            *slot = failure;
        }
        self.failing.store(state.failure().is_some(), Ordering::Release);
        self.space.notify_all();
    }

    /// What the journal said when it last failed to write; `None` while it can.
    #[must_use]
    pub fn failure(&self) -> Option<Arc<str>> {
        if self.failing.load(Ordering::Acquire) { lock(&self.state).failure().cloned() } else { None }
    }

    /// No record is taken any more, but for those that already wait for room; the writer wakes and drains what is left.
    pub fn close(&self) {
        let mut state = lock(&self.state);
        self.spill(&mut state);
        state.closed = true;
        drop(state);
        self.work.notify_all();
        self.space.notify_all();
    }

    /// Whether [`Intake::close`] was called.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        lock(&self.state).closed
    }

    /// Removes the file; for a recorder that has drained all of it.
    ///
    /// # Errors
    /// When the file cannot be removed.
    pub fn remove(&self) -> io::Result<()> {
        std::fs::remove_file(&self.path)
    }

    pub(super) fn place(&self, position: u64) -> usize {
        HEADER + usize::try_from(position % self.capacity).unwrap_or(0)
    }

    /// Room for a record of `size` bytes, with the padding in front of it if the ring's end is too near.
    pub(super) const fn has_room(&self, state: &State, size: u64) -> bool {
        let left = self.capacity - state.end.position % self.capacity;
        let padding = if left < size { left } else { 0 };
        state.end.position + padding + size - state.freed <= self.capacity
    }

    /// Copies a record behind the last one; the caller has made sure of the room. `checksum` covers the id and the payload.
    pub(super) fn put(&self, state: &mut State, payload: &[u8], events: u16, checksum: crc32fast::Hasher) -> io::Result<()> {
        let len = u32::try_from(payload.len()).map_err(io::Error::other)?;
        let left = self.capacity - state.end.position % self.capacity;
        if left < record_size(payload.len()) {
            if left >= RECORD_HEAD as u64 {
                let head = RecordHead::seal(0, 0, PADDING, state.end.number, self.checksum.clone());
                self.map.write(self.place(state.end.position), &head.to_bytes())?;
            }
            state.end.position += left;
        }
        let head = RecordHead::seal(len, events, 0, state.end.number, checksum);
        let place = self.place(state.end.position);
        self.map.write(place, &head.to_bytes())?;
        self.map.write(place + RECORD_HEAD, payload)?;
        state.end = Mark { position: state.end.position + record_size(payload.len()), number: state.end.number + 1 };
        Ok(())
    }

    /// Moves buffered records into the ring, in order; `false` when there is no room for all of them.
    pub(super) fn spill(&self, state: &mut State) -> bool {
        if state.buffered.is_empty() {
            return true;
        }
        let buffered = std::mem::take(&mut state.buffered);
        let buffer = std::mem::take(&mut state.buffer);
        let (mut spilled, mut at) = (0, 0);
        for (len, events) in &buffered {
            let Some(payload) = usize::try_from(*len).ok().and_then(|len| buffer.get(at..at + len)) else { break };
            if !self.has_room(state, record_size(payload.len())) {
                break;
            }
            let mut checksum = self.checksum.clone();
            checksum.update(payload);
            if self.put(state, payload, *events, checksum).is_err() {
                break;
            }
            spilled += 1;
            at += payload.len();
        }
        state.buffered.extend(buffered.iter().skip(spilled));
        state.buffer.extend(buffer.iter().skip(at));
        state.buffered.is_empty()
    }

    pub(super) fn count_offered(&self, state: &mut State, events: u64) {
        state.counters.offered += events;
        // The header has room for its own counters: this cannot fail.
        let _within_the_header = self.map.write(OFFERED_AT, &state.counters.offered.to_le_bytes());
    }

    pub(super) fn count_lost(&self, state: &mut State, hop: Hop, events: u64, now: Timestamp) {
        let declared = state.declared.get(hop.slot()).copied().unwrap_or(0);
        if let Some(loss) = state.counters.losses.get_mut(hop.slot()) {
            loss.add(events, now, declared);
            let _within_the_header = self.map.write(Loss::offset(hop), &loss.to_bytes());
        }
        self.count_offered(state, events);
    }

    /// Wakes the writer if it is parked, or gathers although somebody waits for it.
    pub(super) fn wake(&self, state: &mut MutexGuard<'_, State>) {
        if state.writer_parked {
            state.writer_parked = false;
            self.work.notify_all();
        } else if state.urgent || state.end.position - state.taken.position > self.capacity / 4 {
            self.work.notify_all();
        }
    }
}
