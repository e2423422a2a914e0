//! `Operations`: the words that a file rule may list, as a set.

/// A set of file operations, one bit for each word of [`Operations::WORDS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Operations(u16);

impl Operations {
    pub(super) const READ: Self = Self(1);
    pub(super) const WRITE: Self = Self(1 << 1);
    pub(super) const CREATE: Self = Self(1 << 2);
    pub(super) const DELETE: Self = Self(1 << 3);
    pub(super) const RENAME: Self = Self(1 << 4);
    pub(super) const LINK: Self = Self(1 << 5);
    pub(super) const SYMLINK: Self = Self(1 << 6);
    pub(super) const TRUNCATE: Self = Self(1 << 7);
    pub(super) const CHMOD: Self = Self(1 << 8);
    pub(super) const CHOWN: Self = Self(1 << 9);
    pub(super) const UTIMENS: Self = Self(1 << 10);
    pub(super) const XATTR: Self = Self(1 << 11);
    pub(super) const MKDIR: Self = Self(1 << 12);
    pub(super) const RMDIR: Self = Self(1 << 13);
    pub(super) const LIST: Self = Self(1 << 14);
    pub(super) const NONE: Self = Self(0);
    pub(super) const ALL: Self = Self((1 << 15) - 1);

    /// Every word, in the order of the documentation, with what it stands for.
    pub(super) const WORDS: [(&str, Self); 16] = [
        ("read", Self::READ),
        ("write", Self::WRITE),
        ("create", Self::CREATE),
        ("delete", Self::DELETE),
        ("rename", Self::RENAME),
        ("link", Self::LINK),
        ("symlink", Self::SYMLINK),
        ("truncate", Self::TRUNCATE),
        ("chmod", Self::CHMOD),
        ("chown", Self::CHOWN),
        ("utimens", Self::UTIMENS),
        ("xattr", Self::XATTR),
        ("mkdir", Self::MKDIR),
        ("rmdir", Self::RMDIR),
        ("list", Self::LIST),
        ("*", Self::ALL),
    ];

    /// What a word stands for.
    pub(super) fn from_word(word: &str) -> Option<Self> {
        Self::WORDS.iter().find(|(known, _)| *known == word).map(|(_, operations)| *operations)
    }

    /// The operations of both sets.
    pub(super) const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether the sets have an operation in common.
    pub(super) const fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// The operations that are not in the other set.
    pub(super) const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    pub(super) const fn is_empty(self) -> bool {
        self.0 == 0
    }
}
