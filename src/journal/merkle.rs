//! The Merkle tree of RFC 6962 §2.1, kept as its frontier: appending needs no more than one hash for each perfect subtree.

use sha2::{Digest, Sha256};

/// A SHA-256 hash.
pub type Hash = [u8; 32];

/// A tree of which only the roots of the perfect subtrees are kept, largest first: one for each bit that is set in the size.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    subtrees: Vec<Hash>,
}

impl Frontier {
    /// Takes a stored frontier; `None` when the number of hashes does not fit the size.
    #[must_use]
    pub fn from_parts(size: u64, bytes: &[u8]) -> Option<Self> {
        let (subtrees, rest) = bytes.as_chunks::<32>();
        let fits = rest.is_empty() && usize::try_from(size.count_ones()) == Ok(subtrees.len());
        fits.then(|| Self { size, subtrees: subtrees.to_vec() })
    }

    /// The hashes one behind the other, largest subtree first.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.subtrees.concat()
    }

    /// Leaves.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Appends a leaf by its hash. Each trailing one-bit of the size is a subtree that the leaf completes to one twice as large.
    pub fn push(&mut self, leaf: Hash) {
        self.join(0, leaf);
    }

    /// Appends 2^`level` leaves by the root of the perfect subtree over them. `false`, and nothing is appended, where such a subtree
    /// cannot begin here or the tree would be too large.
    pub fn push_subtree(&mut self, level: u32, root: Hash) -> bool {
        let Some(leaves) = 1_u64.checked_shl(level) else { return false };
        let fits = self.size.is_multiple_of(leaves) && self.size.checked_add(leaves).is_some();
        if fits {
            self.join(level, root);
        }
        fits
    }

    fn join(&mut self, level: u32, root: Hash) {
        let mut hash = root;
        for _ in 0..(self.size >> level).trailing_ones() {
            if let Some(left) = self.subtrees.pop() {
                hash = node(&left, &hash);
            }
        }
        self.subtrees.push(hash);
        self.size += 1 << level;
    }

    /// The tree's root (RFC 6962 `MTH`); for no leaves the hash of the empty string.
    #[must_use]
    pub fn root(&self) -> Hash {
        let mut subtrees = self.subtrees.iter().rev();
        let Some(last) = subtrees.next() else { return Sha256::digest([]).into() };
        subtrees.fold(*last, |right, left| node(left, &right))
    }
}

/// The perfect subtrees that the leaves `from` to `end` (without it) are made of, by their levels: the largest that can begin at each place.
pub(super) fn subtrees(from: u64, end: u64) -> impl Iterator<Item = u32> {
    let mut at = from;
    std::iter::from_fn(move || {
        let left = end.checked_sub(at).filter(|left| *left > 0)?;
        let level = left.ilog2().min(at.trailing_zeros());
        at += 1 << level;
        Some(level)
    })
}

/// Hash of an inner node: SHA-256(0x01 ‖ left ‖ right).
fn node(left: &Hash, right: &Hash) -> Hash {
    Sha256::new().chain_update([1]).chain_update(left).chain_update(right).finalize().into()
}
