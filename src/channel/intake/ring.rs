//! `Intake`: appending, draining and freeing, under one short lock.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::format::{HEADER, Hop, Identity, IntakeId, Loss, Mark, OFFERED_AT, PADDING, RECORD_HEAD, RecordHead, record_size};
use crate::event::Timestamp;
use crate::runtime::mapped_file::MappedFile;
use crate::runtime::sync::atomic::{AtomicBool, Ordering};
use crate::runtime::sync::{Condvar, Mutex, MutexGuard, lock};

/// Bound of the memory that `buffered` events wait in, in bytes. When it is full, they go to the ring like all others.
const BUFFER_BYTES: usize = 256 * 1024;

/// What an append does when the ring has no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenFull {
    /// Wait for room; a failing journal ends the wait.
    Wait,
    /// Give up at once.
    GiveUp,
}

/// Why a record was not appended. Its events were counted as lost at the hop that the caller named.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// There is no room, and waiting is not wanted or does not help.
    #[error("the intake is full")]
    Full,
    /// The record is larger than the intake takes.
    #[error("the record has {size} bytes and the intake takes {max}")]
    TooLarge {
        /// Bytes of the record.
        size: u64,
        /// Bytes that a record may have.
        max: u64,
    },
    /// The mapping or the file refused; nothing was appended.
    #[error("the intake cannot be written: {kind}")]
    Io {
        /// What the system said.
        kind: io::ErrorKind,
    },
}

/// The header's counters: events offered, and lost at each hop, since the intake was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Counters {
    /// Events handed to the channel.
    pub offered: u64,
    /// Losses in the order of [`Hop::ALL`].
    pub losses: [Loss; Hop::ALL.len()],
}

/// Records that were copied out of the ring.
#[derive(Debug)]
pub struct Batch {
    /// The payloads, one behind the other: frames.
    pub frames: Vec<u8>,
    /// Events in `frames`.
    pub events: u64,
    /// Behind the last record of the batch.
    pub mark: Mark,
    /// The counters when the batch was taken.
    pub counters: Counters,
}

impl Default for Batch {
    fn default() -> Self {
        Self { frames: Vec::new(), events: 0, mark: Mark::START, counters: Counters::default() }
    }
}

/// One recorder's intake: see the module's head for the file and its promises.
pub struct Intake {
    map: MappedFile,
    path: PathBuf,
    id: IntakeId,
    capacity: u64,
    state: Mutex<State>,
    /// Room was freed, or waiting for it became useless.
    space: Condvar,
    /// There is work for the writer.
    work: Condvar,
    /// Position up to which the file is known to be on the disk.
    synced: Mutex<u64>,
    failing: AtomicBool,
}

struct State {
    /// Behind the last record; where the next one goes.
    end: Mark,
    /// Up to where the writer has copied out.
    taken: Mark,
    /// Up to where room was handed back.
    freed: u64,
    counters: Counters,
    failure: Option<Arc<str>>,
    writer_parked: bool,
    /// Somebody waits for room or for a flush: the writer does not linger.
    urgent: bool,
    closed: bool,
    /// Buffered records: length and events of each, and all payloads one behind the other.
    buffered: Vec<(u32, u16)>,
    buffer: Vec<u8>,
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
        let made = Self::make(&temporary, &path, id, capacity.max(1).next_multiple_of(4096), now);
        if made.is_err() {
            let _already_gone = std::fs::remove_file(&temporary);
        }
        made
    }

    fn make(temporary: &Path, path: &Path, id: IntakeId, capacity: u64, now: Timestamp) -> io::Result<Self> {
        let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(temporary)?;
        file.try_lock()?;
        let len = capacity + HEADER as u64;
        allocate(&file, len)?;
        let map = MappedFile::map(file, usize::try_from(len).map_err(io::Error::other)?)?;
        let identity = Identity { capacity, id, pid: u64::from(std::process::id()), created_us: now.as_micros() };
        map.write(0, &identity.to_bytes())?;
        std::fs::rename(temporary, path)?;
        let state = State {
            end: Mark::START,
            taken: Mark::START,
            freed: 0,
            counters: Counters::default(),
            failure: None,
            writer_parked: false,
            urgent: false,
            closed: false,
            buffered: Vec::new(),
            buffer: Vec::new(),
        };
        Ok(Self {
            map,
            path: path.to_owned(),
            id,
            capacity,
            state: Mutex::new(state),
            space: Condvar::new(),
            work: Condvar::new(),
            synced: Mutex::new(0),
            failing: AtomicBool::new(false),
        })
    }

    /// Name of the intake.
    #[must_use]
    pub const fn id(&self) -> IntakeId {
        self.id
    }

    /// Bytes that a record may have: a quarter of the ring, so that a large one never waits for an empty ring.
    #[must_use]
    pub const fn max_record(&self) -> u64 {
        self.capacity / 4
    }

    /// Copies a record of `events` frames behind the last one. Returns the position behind it.
    ///
    /// # Errors
    /// [`AppendError`]; nothing was appended then, and the events were counted as lost at `hop`.
    pub fn append(&self, payload: &[u8], events: u16, when_full: WhenFull, hop: Hop, now: Timestamp) -> Result<u64, AppendError> {
        let size = record_size(payload.len());
        let mut checksum = crc32fast::Hasher::new();
        checksum.update(payload);
        let mut state = lock(&self.state);
        if size > self.max_record() {
            self.count_lost(&mut state, Hop::TooLarge, u64::from(events), now);
            return Err(AppendError::TooLarge { size, max: self.max_record() });
        }
        while !(self.spill(&mut state) && self.has_room(&state, size)) {
            if when_full == WhenFull::GiveUp || state.failure.is_some() || state.closed {
                self.count_lost(&mut state, hop, u64::from(events), now);
                return Err(AppendError::Full);
            }
            state.urgent = true;
            self.wake(&mut state);
            state = self.space.wait(state).unwrap_or_else(std::sync::PoisonError::into_inner);
        }
        let put = self.put(&mut state, payload, events, checksum);
        if let Err(error) = put {
            self.count_lost(&mut state, hop, u64::from(events), now);
            return Err(AppendError::Io { kind: error.kind() });
        }
        self.count_offered(&mut state, u64::from(events));
        self.wake(&mut state);
        Ok(state.end.position)
    }

    /// Keeps a record in memory until the writer, a full buffer or the next [`Intake::append`] puts it into the ring. It is lost
    /// (and counted, once recovery has looked) when the process dies before that.
    ///
    /// # Errors
    /// As [`Intake::append`], once the buffer is full and the ring too.
    pub fn append_buffered(
        &self,
        payload: &[u8],
        events: u16,
        when_full: WhenFull,
        hop: Hop,
        now: Timestamp,
    ) -> Result<(), AppendError> {
        {
            let mut state = lock(&self.state);
            let fits = state.buffer.len() + payload.len() <= BUFFER_BYTES && record_size(payload.len()) <= self.max_record();
            if fits && let Ok(len) = u32::try_from(payload.len()) {
                state.buffered.push((len, events));
                state.buffer.extend_from_slice(payload);
                self.count_offered(&mut state, u64::from(events));
                self.wake(&mut state);
                return Ok(());
            }
        }
        self.append(payload, events, when_full, hop, now).map(|_position| ())
    }

    /// Counts events that never came as far as an append.
    pub fn lose(&self, hop: Hop, events: u64, now: Timestamp) {
        let mut state = lock(&self.state);
        self.count_lost(&mut state, hop, events, now);
        self.wake(&mut state);
    }

    /// Waits until everything up to `position` is on the disk. Threads that wait at once share one `fdatasync(2)`.
    ///
    /// # Errors
    /// What the disk said; then nothing is known about the records since the last good call.
    pub fn sync_to(&self, position: u64) -> io::Result<()> {
        let mut synced = lock(&self.synced);
        if *synced >= position {
            return Ok(());
        }
        let end = lock(&self.state).end.position;
        self.map.file().sync_data()?;
        *synced = end;
        Ok(())
    }

    /// Position behind the last record, buffered ones included once they are in the ring.
    #[must_use]
    pub fn end(&self) -> u64 {
        lock(&self.state).end.position
    }

    /// Copies records out, at most about `max_bytes`, in order, each once. Leaves an empty batch when there are none.
    ///
    /// # Errors
    /// When the mapping refuses, which would be a bug of this module; nothing was taken then.
    pub fn take(&self, max_bytes: usize, batch: &mut Batch) -> io::Result<()> {
        batch.frames.clear();
        batch.events = 0;
        let (mut mark, end) = {
            let mut state = lock(&self.state);
            state.urgent = false;
            self.spill(&mut state);
            batch.counters = state.counters;
            (state.taken, state.end)
        };
        // Producers write behind `end` only, and nobody frees what was not committed: the range is ours without the lock.
        while mark.position < end.position && batch.frames.len() < max_bytes {
            let place = self.place(mark.position);
            if self.capacity - mark.position % self.capacity < RECORD_HEAD as u64 {
                mark.position = mark.position.next_multiple_of(self.capacity);
                continue;
            }
            let head = RecordHead::from_bytes(&self.map.read_array(place)?);
            let len = usize::try_from(head.len).map_err(io::Error::other)?;
            if head.flags == PADDING {
                mark.position = mark.position.next_multiple_of(self.capacity);
                continue;
            }
            self.map.read(place + RECORD_HEAD, len, &mut batch.frames)?;
            batch.events += u64::from(head.events);
            mark = Mark { position: mark.position + record_size(len), number: head.number + 1 };
        }
        batch.mark = mark;
        lock(&self.state).taken = mark;
        Ok(())
    }

    /// Goes back to `mark`: a batch that could not be committed is taken again.
    pub fn untake(&self, mark: Mark) {
        lock(&self.state).taken = mark;
    }

    /// Hands back the room before `position`, which is committed and on the disk.
    pub fn free(&self, position: u64) {
        let mut state = lock(&self.state);
        state.freed = state.freed.max(position);
        drop(state);
        self.space.notify_all();
    }

    /// Waits until there is something to take, at most `timeout`; returns whether there is.
    ///
    /// While it waits it is parked: the next append wakes it.
    pub fn wait_for_work(&self, timeout: Option<Duration>) -> bool {
        let mut state = lock(&self.state);
        while !(has_work(&state) || state.closed || state.urgent) {
            state.writer_parked = true;
            match timeout {
                None => state = self.work.wait(state).unwrap_or_else(std::sync::PoisonError::into_inner),
                Some(timeout) => {
                    state = self.work.wait_timeout(state, timeout).unwrap_or_else(std::sync::PoisonError::into_inner).0;
                    break;
                }
            }
        }
        state.writer_parked = false;
        has_work(&state)
    }

    /// Lets records gather for `interval`; ends early when somebody waits for room or for a flush, or a quarter of the ring is used.
    pub fn gather(&self, interval: Duration) {
        let state = lock(&self.state);
        if state.urgent || state.closed || state.end.position - state.taken.position > self.capacity / 4 {
            return;
        }
        // Not parked: appends do not wake it, urgent callers do.
        let _gathered = self.work.wait_timeout(state, interval).unwrap_or_else(std::sync::PoisonError::into_inner);
    }

    /// Makes the writer take what there is now, without lingering. Returns the position to wait for.
    pub fn hurry(&self) -> u64 {
        let mut state = lock(&self.state);
        self.spill(&mut state);
        state.urgent = true;
        state.writer_parked = false;
        let end = state.end.position;
        drop(state);
        self.work.notify_all();
        end
    }

    /// Says that the journal cannot write, or can again. Ends all waits for room when it cannot.
    pub fn set_failure(&self, failure: Option<Arc<str>>) {
        self.failing.store(failure.is_some(), Ordering::Release);
        lock(&self.state).failure = failure;
        self.space.notify_all();
    }

    /// What the journal said when it last failed to write; `None` while it can.
    #[must_use]
    pub fn failure(&self) -> Option<Arc<str>> {
        if self.failing.load(Ordering::Acquire) { lock(&self.state).failure.clone() } else { None }
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

    /// No record is taken any more; the writer wakes and drains what is left.
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

    fn place(&self, position: u64) -> usize {
        HEADER + usize::try_from(position % self.capacity).unwrap_or(0)
    }

    /// Room for a record of `size` bytes, with the padding in front of it if the ring's end is too near.
    fn has_room(&self, state: &State, size: u64) -> bool {
        let left = self.capacity - state.end.position % self.capacity;
        let padding = if left < size { left } else { 0 };
        state.end.position + padding + size - state.freed <= self.capacity
    }

    fn put(&self, state: &mut State, payload: &[u8], events: u16, checksum: crc32fast::Hasher) -> io::Result<()> {
        let len = u32::try_from(payload.len()).map_err(io::Error::other)?;
        let left = self.capacity - state.end.position % self.capacity;
        if left < record_size(payload.len()) {
            if left >= RECORD_HEAD as u64 {
                let head = RecordHead::seal(0, 0, PADDING, state.end.number, crc32fast::Hasher::new());
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
    fn spill(&self, state: &mut State) -> bool {
        if state.buffered.is_empty() {
            return true;
        }
        let buffered = std::mem::take(&mut state.buffered);
        let buffer = std::mem::take(&mut state.buffer);
        let (mut spilled, mut at) = (0, 0);
        for (len, events) in &buffered {
            let Some(payload) = usize::try_from(*len).ok().and_then(|len| buffer.get(at..at + len)) else { break };
            let mut checksum = crc32fast::Hasher::new();
            checksum.update(payload);
            if !self.has_room(state, record_size(payload.len())) || self.put(state, payload, *events, checksum).is_err() {
                break;
            }
            spilled += 1;
            at += payload.len();
        }
        state.buffered.extend(buffered.iter().skip(spilled));
        state.buffer.extend(buffer.iter().skip(at));
        state.buffered.is_empty()
    }

    fn count_offered(&self, state: &mut State, events: u64) {
        state.counters.offered += events;
        // The header has room for its own counters: this cannot fail.
        let _within_the_header = self.map.write(OFFERED_AT, &state.counters.offered.to_le_bytes());
    }

    fn count_lost(&self, state: &mut State, hop: Hop, events: u64, now: Timestamp) {
        if let Some(loss) = state.counters.losses.get_mut(hop.slot()) {
            loss.add(events, now);
            let _within_the_header = self.map.write(Loss::offset(hop), &loss.to_bytes());
        }
        self.count_offered(state, events);
    }

    fn wake(&self, state: &mut MutexGuard<'_, State>) {
        if state.writer_parked {
            state.writer_parked = false;
            self.work.notify_all();
        } else if state.urgent || state.end.position - state.taken.position > self.capacity / 4 {
            // The writer may be gathering: see `gather`.
            self.work.notify_all();
        }
    }
}

fn has_work(state: &State) -> bool {
    state.taken.position < state.end.position || !state.buffered.is_empty()
}

fn allocate(file: &File, len: u64) -> io::Result<()> {
    let size = i64::try_from(len).map_err(io::Error::other)?;
    match nix::fcntl::fallocate(file, nix::fcntl::FallocateFlags::empty(), 0, size) {
        Ok(()) => Ok(()),
        Err(nix::errno::Errno::EOPNOTSUPP) => {
            // No fallocate here: write the zeros.
            let zeros = vec![0_u8; 1 << 20];
            let mut at = 0;
            while at < len {
                let part = usize::try_from(len - at).unwrap_or(usize::MAX).min(zeros.len());
                let written = std::os::unix::fs::FileExt::write_at(file, zeros.get(..part).unwrap_or_default(), at)?;
                at += written as u64;
            }
            Ok(())
        }
        Err(errno) => Err(errno.into()),
    }
}
