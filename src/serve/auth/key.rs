//! The text of a key: `agentsh_ID_SECRET`, eight and sixty-four hexadecimal digits.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

/// What a key begins with, so that scanners for leaked secrets (and our own redaction) know it.
const PREFIX: &str = "agentsh_";

/// Bytes of an id, which finds the entry in the file.
const ID: usize = 4;

/// Bytes of a secret. With 256 random bits one round of SHA-256 is enough: there is nothing to guess that stretching would slow.
const SECRET: usize = 32;

/// A key in clear: shown once when it is made, and given by callers.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey {
    id: String,
    secret: String,
}

impl ApiKey {
    /// The key that these random bytes make.
    #[must_use]
    pub fn new(random: [u8; ID + SECRET]) -> Self {
        let (id, secret) = random.split_at(ID);
        Self { id: hex(id), secret: hex(secret) }
    }

    /// Reads a key; `None` for what is not one.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(text).ok()?.strip_prefix(PREFIX)?;
        let (id, secret) = text.split_once('_')?;
        let is_hex = |text: &str, bytes: usize| {
            text.len() == 2 * bytes && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
        };
        (is_hex(id, ID) && is_hex(secret, SECRET)).then(|| Self { id: id.to_owned(), secret: secret.to_owned() })
    }

    /// The part that may be shown, and that the file names it by.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The whole key, to be shown to its owner once.
    #[must_use]
    pub fn reveal(&self) -> String {
        format!("{PREFIX}{}_{}", self.id, self.secret)
    }

    /// SHA-256 of the secret in hex: what the file keeps.
    #[must_use]
    pub fn digest(&self) -> String {
        hex(&Sha256::digest(self.secret.as_bytes()))
    }

    /// What proves that somebody had it.
    #[must_use]
    pub fn proof(&self) -> KeyProof {
        KeyProof { id: self.id.clone(), digest: self.digest() }
    }
}

/// That somebody showed a key: enough to find its entry again, not enough to show it to anybody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyProof {
    pub(super) id: String,
    pub(super) digest: String,
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        // Writing to a String cannot fail.
        let _infallible = write!(text, "{byte:02x}");
        text
    })
}

/// Compares two texts in a time that depends on their lengths alone.
#[must_use]
pub(super) fn equal_in_constant_time(one: &str, other: &str) -> bool {
    let differing = one.bytes().zip(other.bytes()).fold(0_u8, |differing, (one, other)| {
        // Hidden from the optimiser, which could otherwise stop at the first difference.
        std::hint::black_box(differing | (one ^ other))
    });
    one.len() == other.len() && differing == 0
}
