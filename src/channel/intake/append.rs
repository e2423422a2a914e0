//! The producers' side: appending, buffering, counting losses, waiting for the disk.

use std::io;
use std::sync::Arc;

use super::file::sync_directory;
use super::format::{Hop, record_size};
use super::ring::{FailingPart, Intake, State, Synced};
use crate::event::Timestamp;
use crate::runtime::sync::{MutexGuard, lock};

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

/// Why a record was not appended. Nothing was counted: the caller says with [`Intake::lose`] what its events count as.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// There is no room, and the caller does not want to wait.
    #[error("the intake is full")]
    Full,
    /// There is no room, and waiting does not help, since the journal cannot write.
    #[error("the journal cannot write: {reason}")]
    Failing {
        /// What the journal said.
        reason: Arc<str>,
    },
    /// The recorder has closed its journal.
    #[error("the journal is closed")]
    Closed,
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

impl Intake {
    /// Copies a record of `events` frames behind the last one. Returns the position behind it.
    ///
    /// # Errors
    /// [`AppendError`]; nothing was appended then.
    pub fn append(&self, payload: &[u8], events: u16, when_full: WhenFull) -> Result<u64, AppendError> {
        let size = record_size(payload.len());
        if size > self.max_record() {
            return Err(AppendError::TooLarge { size, max: self.max_record() });
        }
        let mut checksum = self.checksum.clone();
        checksum.update(payload);
        let state = lock(&self.state);
        if state.closed {
            return Err(AppendError::Closed);
        }
        let mut state = self.wait_for_room(state, size, when_full)?;
        self.put(&mut state, payload, events, checksum).map_err(|error| AppendError::Io { kind: error.kind() })?;
        self.count_offered(&mut state, u64::from(events));
        self.wake(&mut state);
        Ok(state.end.position)
    }

    fn wait_for_room<'a>(
        &'a self,
        mut state: MutexGuard<'a, State>,
        size: u64,
        when_full: WhenFull,
    ) -> Result<MutexGuard<'a, State>, AppendError> {
        while !(self.spill(&mut state) && self.has_room(&state, size)) {
            if let Some(reason) = state.failure().cloned() {
                // A writer that wants to end waits for those that wait for room.
                self.wake(&mut state);
                return Err(AppendError::Failing { reason });
            }
            if when_full == WhenFull::GiveUp {
                return Err(AppendError::Full);
            }
            state.urgent = true;
            state.waiting += 1;
            self.wake(&mut state);
            state = self.space.wait(state).unwrap_or_else(std::sync::PoisonError::into_inner);
            state.waiting -= 1;
        }
        Ok(state)
    }

    /// Keeps a record in memory until the writer, a full buffer or the next [`Intake::append`] puts it into the ring. It is lost
    /// (and counted, once recovery has looked) when the process dies before that.
    ///
    /// # Errors
    /// As [`Intake::append`], once the buffer is full and the ring too.
    pub fn append_buffered(&self, payload: &[u8], events: u16, when_full: WhenFull) -> Result<(), AppendError> {
        {
            let mut state = lock(&self.state);
            let fits = state.buffer.len() + payload.len() <= BUFFER_BYTES && record_size(payload.len()) <= self.max_record();
            if !state.closed
                && fits
                && let Ok(len) = u32::try_from(payload.len())
            {
                state.buffered.push((len, events));
                state.buffer.extend_from_slice(payload);
                self.count_offered(&mut state, u64::from(events));
                self.wake(&mut state);
                return Ok(());
            }
        }
        self.append(payload, events, when_full).map(|_position| ())
    }

    /// Counts events that were offered and are not appended (G-2). The writer declares them.
    pub fn lose(&self, hop: Hop, events: u64, now: Timestamp) {
        let mut state = lock(&self.state);
        self.count_lost(&mut state, hop, events, now);
        self.wake(&mut state);
    }

    /// Waits until everything up to `position` is on the disk. Threads that wait at once share one `fdatasync(2)`.
    ///
    /// # Errors
    /// What the disk said. The kernel then takes the pages for clean, and the next sync would succeed without writing them: so
    /// every sync fails, and the journal counts as failing, until what the ring held has reached the disk by way of the database.
    pub fn sync_to(&self, position: u64) -> io::Result<()> {
        let mut synced = lock(&self.synced);
        if synced.position >= position {
            return Ok(());
        }
        let (end, broken) = {
            let state = lock(&self.state);
            (state.end.position, state.broken)
        };
        if broken.is_some() {
            return Err(io::Error::other("an earlier sync of the intake failed"));
        }
        let result = self.sync_file(&mut synced);
        match &result {
            Ok(()) => synced.position = end,
            Err(error) => {
                let mut state = lock(&self.state);
                state.broken = Some(end);
                let reason = format!("the intake cannot be synced: {error}");
                self.set_failure_of(&mut state, FailingPart::Intake, Some(reason.into()));
            }
        }
        result
    }

    fn sync_file(&self, synced: &mut Synced) -> io::Result<()> {
        #[cfg(test)]
        if self.disk_refuses.load(std::sync::atomic::Ordering::SeqCst) {
            return Err(io::Error::from_raw_os_error(libc::EIO));
        }
        self.map.file().sync_data()?;
        if !synced.named {
            sync_directory(self.directory())?;
            synced.named = true;
        }
        Ok(())
    }
}
