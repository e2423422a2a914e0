//! Sets of bits: the words that the events of a block have, and the runs of three bytes in their text.
//!
//! Both are stored, so what stands here is a format: see `docs/journal.md`.
//!
//! - A **word** is a byte that says what it is, and text. Its hash is FNV-1a (64 bits) over both, mixed by the last steps of SplitMix64;
//!   of the hash `h`, bits `(low + i · (high | 1)) mod 131,072` for `i` from 0 to 5 are set, `low` and `high` its halves of 32 bits. That is
//!   a Bloom filter: a word that is in the block is always found, one that is not is found once in thousands of blocks.
//! - A **run** is three bytes that stand one behind the other, capital letters of ASCII as small ones; the bit is the upper 17 bits of
//!   `(a · 65,536 + b · 256 + c) · 2,654,435,769 mod 2³²`.

/// Bits of a set.
pub(super) const BITS: u32 = 1 << 17;
/// Bytes of a set.
pub(super) const BYTES: usize = (BITS / 8) as usize;

/// What a word is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Of {
    /// The name of a session.
    Session,
    /// The id of a command.
    Command,
    /// The name of a kind.
    Kind,
    /// A verdict, of an event or of the decision behind it.
    Decision,
    /// A rule, of an event or of the decision behind it.
    Rule,
    /// What an event is about, whole, and up to each slash.
    Path,
    /// The last part of what an event is about: what stands behind its last slash.
    Name,
    /// What stands behind its last dot.
    Ending,
    /// A host, whole, and behind each dot.
    Host,
    /// A program, whole, and behind each slash.
    Program,
    /// The number of a process.
    Pid,
    /// A technique, whole, and up to each dot.
    Technique,
    /// A severity.
    Severity,
    /// The name of a sensor.
    Sensor,
}

impl Of {
    const fn byte(self) -> u8 {
        match self {
            Of::Session => b'S',
            Of::Command => b'C',
            Of::Kind => b'K',
            Of::Decision => b'D',
            Of::Rule => b'R',
            Of::Path => b'P',
            Of::Name => b'F',
            Of::Ending => b'E',
            Of::Host => b'H',
            Of::Program => b'X',
            Of::Pid => b'I',
            Of::Technique => b'T',
            Of::Severity => b'V',
            Of::Sensor => b'N',
        }
    }
}

/// A hash that is being made.
#[derive(Clone, Copy)]
pub(super) struct Hasher(u64);

impl Hasher {
    pub(super) const fn new(of: Of) -> Self {
        Self(0xcbf2_9ce4_8422_2325).with(of.byte())
    }

    pub(super) const fn with(self, byte: u8) -> Self {
        Self((self.0 ^ byte as u64).wrapping_mul(0x0000_0100_0000_01b3))
    }

    pub(super) const fn finish(self) -> u64 {
        let mut hash = self.0;
        hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        hash ^ (hash >> 31)
    }
}

/// The hash of a word.
pub(super) fn word(of: Of, text: &[u8]) -> u64 {
    text.iter().fold(Hasher::new(of), |hasher, byte| hasher.with(*byte)).finish()
}

/// The bits of a word.
fn places(hash: u64) -> impl Iterator<Item = u32> {
    let (low, high) = ((hash & 0xffff_ffff) as u32, (hash >> 32) as u32 | 1);
    (0..6_u32).map(move |number| low.wrapping_add(number.wrapping_mul(high)) % BITS)
}

/// The bits of the runs of a text.
pub(super) fn runs(text: &[u8]) -> impl Iterator<Item = u32> {
    text.windows(3).map(|three| {
        let number = three.iter().fold(0_u32, |number, byte| (number << 8) | u32::from(byte.to_ascii_lowercase()));
        number.wrapping_mul(2_654_435_769) >> 15
    })
}

/// A set that is being made.
#[derive(Clone, Debug)]
pub(super) struct Bits(Vec<u8>);

impl Bits {
    pub(super) fn new() -> Self {
        Self(vec![0; BYTES])
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    fn set(&mut self, bit: u32) {
        if let Some(byte) = usize::try_from(bit / 8).ok().and_then(|place| self.0.get_mut(place)) {
            *byte |= 1 << (bit % 8);
        }
    }

    pub(super) fn add_word(&mut self, hash: u64) {
        places(hash).for_each(|bit| self.set(bit));
    }

    pub(super) fn add_runs(&mut self, text: &[u8]) {
        runs(text).for_each(|bit| self.set(bit));
    }
}

fn has(set: &[u8], bit: u32) -> bool {
    // A set that is cut says nothing: what it lacks may be there.
    usize::try_from(bit / 8).ok().and_then(|place| set.get(place)).is_none_or(|byte| byte >> (bit % 8) & 1 == 1)
}

/// Whether a word may be in a set.
pub(super) fn has_word(set: &[u8], hash: u64) -> bool {
    places(hash).all(|bit| has(set, bit))
}

/// Whether all runs may be in a set.
pub(super) fn has_runs(set: &[u8], bits: &[u32]) -> bool {
    bits.iter().all(|bit| has(set, *bit))
}
