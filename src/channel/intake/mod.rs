//! The intake: a bounded, memory-mapped log that producers append to themselves and the journal's writer drains.
//!
//! # What it guarantees
//! A record that [`Intake::append`] has answered survives the death of the process (the page cache outlives it), and after
//! [`Intake::sync_to`] also the loss of power. Recovery finds a prefix of the log that holds every answered record.
//! It never loses silently: what is not appended is counted in the file's header (G-2).
//!
//! # The file
//! `intakes/<id>.intake`, one for each recorder, locked with `flock(2)` while the recorder lives. All numbers are little endian.
//!
//! ```text
//! 0     8   magic "AGSHINTK"
//! 8     4   version, 1
//! 12    4   size of this header in bytes, 4096
//! 16    8   capacity: bytes of the ring behind the header, a multiple of 4096
//! 24    16  id of the intake
//! 40    8   process id of the recorder
//! 48    8   time of creation, microseconds since 1970
//! 56    4   CRC-32 (IEEE) of bytes 0..56
//! 64    8   offered: events handed to the channel, whether they were recorded or counted as lost
//! 128   32n one slot for each `Hop`: events lost there (u64), time of the first and of the last (i64, µs), 8 spare bytes
//! 4096      the ring
//! ```
//!
//! A position is a count of bytes since the log began; byte `p` stands at `4096 + p mod capacity`. A record starts at a multiple
//! of 8 and never wraps:
//!
//! ```text
//! 0     4   length of the payload in bytes
//! 4     2   events in the payload
//! 6     2   1 = padding up to the end of the ring (no payload, no event), else 0
//! 8     8   number of the record: 1, 2, 3 …; a padding has the number of the record behind it
//! 16    4   CRC-32 of the intake's id, then the payload, then bytes 0..16
//! 20    4   zero
//! 24        payload: one frame (see `encode::stored`) for each event, then zeros up to a multiple of 8
//! ```
//!
//! Where less than 24 bytes are left before the end of the ring, the next record starts at the ring's beginning without a padding.
//!
//! # Appending
//! Under one short lock: check for room, copy the record behind the last one, step the counters. No system call, unless the
//! writer is parked (one wake-up, once for each idle period) or the log is full. The file is allocated in full when it is made
//! (`fallocate(2)`), so that a full disk cannot end the recorder by SIGBUS; file systems that copy on write (btrfs, ZFS) do not
//! keep that promise for `fallocate`, so the data directory belongs on ext4, xfs or tmpfs.
//!
//! # Draining
//! The writer copies records out, commits them to SQLite together with the mark (position and number) up to which it has read,
//! and hands the room back only when that commit is on the disk: until then a power loss may undo the commit, and the intake is
//! the only copy.
//!
//! # Recovery
//! Whoever opens the journal tries the lock of each intake. A lock that it gets belonged to a recorder that died. It reads on
//! from the mark in SQLite as long as each record has the expected number and the right checksum. What follows is either older
//! (a smaller number, from the ring's last lap) or torn: the record that was being copied when the process died, which was never
//! answered. `offered` minus what was found and what was counted as lost are events that were only `buffered`; they become an
//! `events_lost` too.

mod append;
mod drain;
mod file;
mod format;
mod recover;
mod ring;
#[cfg(all(test, feature = "shuttle"))]
mod schedules;
#[cfg(all(test, not(feature = "shuttle")))]
mod tests;

pub use append::{AppendError, WhenFull};
pub use drain::{Batch, Goal};
pub use format::{Hop, IntakeId, Loss, Mark};
pub use recover::{DeadIntake, RecoverError};
pub use ring::{Counters, FailingPart, Intake};
