//! The bytes of an intake: header, record head, counters. Pure functions over byte arrays.

use std::fmt;

use crate::event::Timestamp;

pub(super) const MAGIC: [u8; 8] = *b"AGSHINTK";
pub(super) const VERSION: u32 = 1;
pub(super) const HEADER: usize = 4096;
pub(super) const IDENTITY: usize = 60;
pub(super) const OFFERED_AT: usize = 64;
pub(super) const LOSSES_AT: usize = 128;
const LOSS_SLOT: usize = 32;
pub(super) const RECORD_HEAD: usize = 24;
pub(super) const PADDING: u16 = 1;

/// Name of an intake: 16 random bytes, in hex in the file's name.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct IntakeId([u8; 16]);

impl IntakeId {
    /// Takes the bytes as they are.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl IntakeId {
    /// The id that 32 hex digits name.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let digits = Some(text).filter(|text| text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
        u128::from_str_radix(digits, 16).ok().map(|number| Self(number.to_be_bytes()))
    }

    /// Where the checksums of this intake's records start: what a session writes into its own file names, arguments or requests
    /// can then not pass for a record, since it does not know the id.
    pub(super) fn checksum(&self) -> crc32fast::Hasher {
        let mut checksum = crc32fast::Hasher::new();
        checksum.update(&self.0);
        checksum
    }
}

impl fmt::Display for IntakeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for IntakeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Where events are lost. The numbers are the slots of the intake's header and never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Hop {
    /// The intake was full and `on_overload` is `shed`, or the journal had failed: an observed event was counted out.
    IntakeFull,
    /// A gated operation was refused, and there was no room to record even that.
    GateRefused,
    /// A gated operation was let through unrecorded, as `on_overload: shed` or `on_audit_failure: allow` says.
    GateUnrecorded,
    /// The event was larger than the intake takes.
    TooLarge,
    /// The event was only `buffered` when the recorder died.
    Buffer,
    /// The recorder had closed its journal already.
    Closed,
}

impl Hop {
    /// Every hop, in the order of the slots.
    pub const ALL: [Hop; 6] = [Hop::IntakeFull, Hop::GateRefused, Hop::GateUnrecorded, Hop::TooLarge, Hop::Buffer, Hop::Closed];

    /// The stable name, as it stands in `events_lost.hop`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Hop::IntakeFull => "intake_full",
            Hop::GateRefused => "gate_refused",
            Hop::GateUnrecorded => "gate_unrecorded",
            Hop::TooLarge => "too_large",
            Hop::Buffer => "buffer",
            Hop::Closed => "closed",
        }
    }

    /// Why, in words for `events_lost.reason`.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Hop::IntakeFull => "the intake was full: the journal could not write, or `on_overload` is `shed`",
            Hop::GateRefused => "operations were refused, and the intake was too full to record each",
            Hop::GateUnrecorded => "operations were let through unrecorded, as configured for an overload or a failing journal",
            Hop::TooLarge => "the event was larger than the intake takes",
            Hop::Buffer => "the recorder or the machine stopped before the events were in the intake's file",
            Hop::Closed => "the recorder had closed its journal already",
        }
    }

    pub(super) const fn slot(self) -> usize {
        match self {
            Hop::IntakeFull => 0,
            Hop::GateRefused => 1,
            Hop::GateUnrecorded => 2,
            Hop::TooLarge => 3,
            Hop::Buffer => 4,
            Hop::Closed => 5,
        }
    }
}

/// What was lost at one hop since the intake was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Loss {
    /// Events.
    pub count: u64,
    /// When the first of those was lost that no `events_lost` has declared yet, in microseconds since 1970.
    pub from_us: i64,
    /// When the last was lost, in microseconds since 1970.
    pub to_us: i64,
}

impl Loss {
    /// Counts more, of which `declared` are in the journal already.
    pub(super) fn add(&mut self, count: u64, at: Timestamp, declared: u64) {
        if self.count == declared {
            self.from_us = at.as_micros();
        }
        self.count += count;
        self.to_us = at.as_micros();
    }

    pub(super) fn offset(hop: Hop) -> usize {
        LOSSES_AT + hop.slot() * LOSS_SLOT
    }

    pub(super) fn to_bytes(self) -> [u8; 24] {
        let mut bytes = [0; 24];
        let (count, times) = bytes.split_at_mut(8);
        let (from, to) = times.split_at_mut(8);
        count.copy_from_slice(&self.count.to_le_bytes());
        from.copy_from_slice(&self.from_us.to_le_bytes());
        to.copy_from_slice(&self.to_us.to_le_bytes());
        bytes
    }

    pub(super) fn from_bytes(bytes: &[u8; 24]) -> Self {
        let mut numbers = bytes.chunks_exact(8).map(|chunk| <[u8; 8]>::try_from(chunk).unwrap_or_default());
        let mut next = || numbers.next().unwrap_or_default();
        Self { count: u64::from_le_bytes(next()), from_us: i64::from_le_bytes(next()), to_us: i64::from_le_bytes(next()) }
    }
}

/// A place between two records: what was read, and what comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Position behind the last record, in bytes since the log began.
    pub position: u64,
    /// Number of the next record.
    pub number: u64,
}

impl Mark {
    /// The beginning of a log.
    pub const START: Mark = Mark { position: 0, number: 1 };
}

/// What the header says about the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) capacity: u64,
    pub(super) id: IntakeId,
    pub(super) pid: u64,
    pub(super) created_us: i64,
}

impl Identity {
    pub(super) fn to_bytes(self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(IDENTITY);
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&VERSION.to_le_bytes());
        bytes.extend_from_slice(&u32::try_from(HEADER).unwrap_or(0).to_le_bytes());
        bytes.extend_from_slice(&self.capacity.to_le_bytes());
        bytes.extend_from_slice(self.id.as_bytes());
        bytes.extend_from_slice(&self.pid.to_le_bytes());
        bytes.extend_from_slice(&self.created_us.to_le_bytes());
        let crc = crc32fast::hash(&bytes);
        bytes.extend_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// `None` when the bytes are not the head of an intake of this version.
    pub(super) fn from_bytes(bytes: &[u8; IDENTITY]) -> Option<Self> {
        let (checked, crc) = bytes.split_at_checked(IDENTITY - 4)?;
        if crc32fast::hash(checked).to_le_bytes() != crc {
            return None;
        }
        let (magic, rest) = checked.split_first_chunk::<8>()?;
        let (version, rest) = rest.split_first_chunk::<4>()?;
        let (header, rest) = rest.split_first_chunk::<4>()?;
        let (capacity, rest) = rest.split_first_chunk::<8>()?;
        let (id, rest) = rest.split_first_chunk::<16>()?;
        let (pid, rest) = rest.split_first_chunk::<8>()?;
        let (created, _) = rest.split_first_chunk::<8>()?;
        let capacity = u64::from_le_bytes(*capacity);
        let ours = *magic == MAGIC
            && u32::from_le_bytes(*version) == VERSION
            && usize::try_from(u32::from_le_bytes(*header)) == Ok(HEADER)
            && capacity > 0
            && capacity.is_multiple_of(8);
        ours.then_some(Self {
            capacity,
            id: IntakeId(*id),
            pid: u64::from_le_bytes(*pid),
            created_us: i64::from_le_bytes(*created),
        })
    }
}

/// The 24 bytes in front of a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RecordHead {
    pub(super) len: u32,
    pub(super) events: u16,
    pub(super) flags: u16,
    pub(super) number: u64,
    pub(super) crc: u32,
}

impl RecordHead {
    /// A head whose checksum goes on from the state `payload`, which covers the intake's id and the payload.
    pub(super) fn seal(len: u32, events: u16, flags: u16, number: u64, payload: crc32fast::Hasher) -> Self {
        let mut head = Self { len, events, flags, number, crc: 0 };
        head.crc = head.checksum(payload);
        head
    }

    pub(super) fn checksum(&self, mut payload: crc32fast::Hasher) -> u32 {
        payload.update(&self.len.to_le_bytes());
        payload.update(&self.events.to_le_bytes());
        payload.update(&self.flags.to_le_bytes());
        payload.update(&self.number.to_le_bytes());
        payload.finalize()
    }

    pub(super) fn to_bytes(self) -> [u8; RECORD_HEAD] {
        let mut bytes = [0; RECORD_HEAD];
        let fields = [
            (0, &self.len.to_le_bytes()[..]),
            (4, &self.events.to_le_bytes()[..]),
            (6, &self.flags.to_le_bytes()[..]),
            (8, &self.number.to_le_bytes()[..]),
            (16, &self.crc.to_le_bytes()[..]),
        ];
        for (at, field) in fields {
            for (to, from) in bytes.iter_mut().skip(at).zip(field) {
                *to = *from;
            }
        }
        bytes
    }

    pub(super) fn from_bytes(bytes: &[u8; RECORD_HEAD]) -> Self {
        let [l0, l1, l2, l3, e0, e1, f0, f1, n0, n1, n2, n3, n4, n5, n6, n7, c0, c1, c2, c3, ..] = *bytes;
        Self {
            len: u32::from_le_bytes([l0, l1, l2, l3]),
            events: u16::from_le_bytes([e0, e1]),
            flags: u16::from_le_bytes([f0, f1]),
            number: u64::from_le_bytes([n0, n1, n2, n3, n4, n5, n6, n7]),
            crc: u32::from_le_bytes([c0, c1, c2, c3]),
        }
    }
}

/// Bytes that a record with this payload takes in the ring.
pub(super) const fn record_size(payload: usize) -> u64 {
    (RECORD_HEAD as u64 + payload as u64).next_multiple_of(8)
}
