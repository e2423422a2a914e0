//! `KeyOperations`: the words that a registry rule may list, as a set.

/// A set of registry operations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::policy) struct KeyOperations(u8);

impl KeyOperations {
    pub(in crate::policy) const OPEN: Self = Self(1);
    pub(in crate::policy) const QUERY: Self = Self(1 << 1);
    pub(in crate::policy) const WRITE: Self = Self(1 << 2);
    pub(in crate::policy) const CREATE: Self = Self(1 << 3);
    pub(in crate::policy) const DELETE: Self = Self(1 << 4);
    pub(in crate::policy) const RENAME: Self = Self(1 << 5);
    pub(in crate::policy) const NONE: Self = Self(0);
    pub(in crate::policy) const ALL: Self = Self((1 << 6) - 1);
    /// What changes a registry.
    pub(in crate::policy) const CHANGES: Self = Self(Self::WRITE.0 | Self::CREATE.0 | Self::DELETE.0 | Self::RENAME.0);

    /// Every word, in the order of the documentation, with what it stands for.
    pub(in crate::policy) const WORDS: [(&str, Self); 7] = [
        ("read", Self(Self::OPEN.0 | Self::QUERY.0)),
        ("open", Self::OPEN),
        ("write", Self::WRITE),
        ("create", Self::CREATE),
        ("delete", Self::DELETE),
        ("rename", Self::RENAME),
        ("*", Self::ALL),
    ];

    /// What a word stands for.
    pub(in crate::policy) fn from_word(word: &str) -> Option<Self> {
        Self::WORDS.iter().find(|(known, _)| *known == word).map(|(_, operations)| *operations)
    }

    /// The operations of both sets.
    pub(in crate::policy) const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether the sets have an operation in common.
    pub(in crate::policy) const fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// The operations that are not in the other set.
    pub(in crate::policy) const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    pub(in crate::policy) const fn is_empty(self) -> bool {
        self.0 == 0
    }
}
