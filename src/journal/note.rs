//! Signed checkpoints: C2SP `tlog-checkpoint` in a C2SP `signed-note` with an Ed25519 signature, and the key files.
//!
//! ```text
//! agentsh.journal/<journal id>      origin
//! <tree size>
//! <root hash, base64>
//!
//! — <key name> <base64(4 bytes of key hash ‖ 64 bytes of signature)>
//! ```
//! The signature is over the text up to and with the newline before the empty line. The key hash is the start of
//! SHA-256(name ‖ 0x0A ‖ 0x01 ‖ public key); the printable public key is `<name>+<key hash, hex>+<base64(0x01 ‖ public key)>`.

use std::io;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use sha2::{Digest, Sha256};

use super::data_dir::DataDir;
use super::merkle::Hash;
use crate::runtime::ids;

/// Signature type of Ed25519 in signed notes.
const ED25519: u8 = 1;

/// Why a note, a key or its file is not accepted.
#[derive(Debug, thiserror::Error)]
pub enum NoteError {
    /// The file cannot be read or written.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The text is not a key of the expected form.
    #[error("{path} does not hold a signing key of agentsh")]
    Key {
        /// The file.
        path: PathBuf,
    },
    /// The text is not a printable public key.
    #[error("`{text}` is not a public key of the form <name>+<hash>+<base64>")]
    PublicKey {
        /// The text.
        text: String,
    },
    /// The text is not a checkpoint.
    #[error("the checkpoint has no well-formed {part}")]
    Malformed {
        /// What is missing or malformed.
        part: &'static str,
    },
    /// No signature of the key is on the note, or it does not fit the text.
    #[error("the checkpoint is not signed by {key}")]
    Signature {
        /// Name of the key.
        key: String,
    },
}

/// The head of a log at a moment: how many leaves, and their root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Name of the log.
    pub origin: String,
    /// Leaves.
    pub tree_size: u64,
    /// Root of the tree.
    pub root: Hash,
}

impl Checkpoint {
    fn text(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.tree_size, STANDARD.encode(self.root))
    }

    fn parse(text: &str) -> Result<Self, NoteError> {
        let malformed = |part| NoteError::Malformed { part };
        let mut lines = text.split('\n');
        let origin = lines.next().filter(|line| !line.is_empty()).ok_or_else(|| malformed("origin"))?;
        let size = lines.next().ok_or_else(|| malformed("tree size"))?;
        // Decimal without leading zeros, as the specification has it: one size has one text.
        let tree_size =
            size.parse::<u64>().ok().filter(|number| number.to_string() == size).ok_or_else(|| malformed("tree size"))?;
        let root = lines.next().and_then(|line| STANDARD.decode(line).ok()).and_then(|root| Hash::try_from(root).ok());
        Ok(Self { origin: origin.to_owned(), tree_size, root: root.ok_or_else(|| malformed("root hash"))? })
    }
}

/// A public key with its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    name: String,
    key: VerifyingKey,
}

impl PublicKey {
    /// Reads the printable form.
    ///
    /// # Errors
    /// [`NoteError::PublicKey`].
    pub fn parse(text: &str) -> Result<Self, NoteError> {
        let error = || NoteError::PublicKey { text: text.to_owned() };
        let mut parts = text.trim().splitn(3, '+');
        let (Some(name), Some(hash), Some(data)) = (parts.next(), parts.next(), parts.next()) else { return Err(error()) };
        let data = STANDARD.decode(data).map_err(|_| error())?;
        let key = match data.split_first() {
            Some((&ED25519, key)) => <[u8; 32]>::try_from(key).map_err(|_| error())?,
            _ => return Err(error()),
        };
        let key = Self { name: name.to_owned(), key: VerifyingKey::from_bytes(&key).map_err(|_| error())? };
        if key.hash_hex() == hash { Ok(key) } else { Err(error()) }
    }

    /// The printable form: `<name>+<hash>+<base64>`.
    #[must_use]
    pub fn to_text(&self) -> String {
        let data = [&[ED25519], self.key.as_bytes().as_slice()].concat();
        format!("{}+{}+{}", self.name, self.hash_hex(), STANDARD.encode(data))
    }

    fn hash(&self) -> [u8; 4] {
        let digest: Hash = Sha256::new()
            .chain_update(&self.name)
            .chain_update([b'\n', ED25519])
            .chain_update(self.key.as_bytes())
            .finalize()
            .into();
        let [a, b, c, d, ..] = digest;
        [a, b, c, d]
    }

    fn hash_hex(&self) -> String {
        self.hash().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Checks a signed note and returns the checkpoint that it holds.
    ///
    /// # Errors
    /// [`NoteError`] when the note is not well-formed or carries no good signature of this key.
    pub fn verify(&self, note: &str) -> Result<Checkpoint, NoteError> {
        Checkpoint::parse(&self.verify_text(note)?)
    }

    /// Checks a signed note and returns its text, whatever that says.
    ///
    /// # Errors
    /// [`NoteError`] when the note is not well-formed or carries no good signature of this key.
    pub(super) fn verify_text(&self, note: &str) -> Result<String, NoteError> {
        let malformed = |part| NoteError::Malformed { part };
        let (text, signatures) = note.split_once("\n\n").ok_or_else(|| malformed("empty line before the signatures"))?;
        let signatures = signatures.strip_suffix('\n').ok_or_else(|| malformed("end of its last line"))?;
        let text = format!("{text}\n");
        let mut signed = false;
        for line in signatures.split('\n') {
            // Signatures of others, such as witnesses', may stand there too; anything else may not.
            let (name, data) = signature_line(line).ok_or_else(|| malformed("signature line"))?;
            let (hash, signature) = data.split_at_checked(4).ok_or_else(|| malformed("signature line"))?;
            if name == self.name && hash == self.hash() {
                let signature = Signature::from_slice(signature);
                signed = signature.is_ok_and(|signature| self.key.verify_strict(text.as_bytes(), &signature).is_ok());
                if !signed {
                    break;
                }
            }
        }
        if signed { Ok(text) } else { Err(NoteError::Signature { key: self.name.clone() }) }
    }
}

/// Name and decoded data of `— name base64`.
fn signature_line(line: &str) -> Option<(&str, Vec<u8>)> {
    let (name, data) = line.strip_prefix("\u{2014} ")?.split_once(' ')?;
    Some((name, STANDARD.decode(data).ok()?)).filter(|_| !name.is_empty())
}

/// The journal's signing key.
pub struct JournalKey {
    name: String,
    key: SigningKey,
}

impl JournalKey {
    /// Reads the key from its file.
    ///
    /// # Errors
    /// [`NoteError`] when the file cannot be read, or holds something else.
    pub(super) fn open(path: &Path) -> Result<Self, NoteError> {
        let text = std::fs::read_to_string(path).map_err(|source| NoteError::Io { path: path.to_owned(), source })?;
        Self::parse(&text).ok_or_else(|| NoteError::Key { path: path.to_owned() })
    }

    /// Reads the key from its file, or makes one (mode 0600) named `name` where there is none.
    ///
    /// # Errors
    /// [`NoteError`] when the file cannot be read or made, or holds something else.
    pub fn open_or_create(path: &Path, name: &str) -> Result<Self, NoteError> {
        let io = |source| NoteError::Io { path: path.to_owned(), source };
        match std::fs::read_to_string(path) {
            Ok(text) => Self::parse(&text).ok_or_else(|| NoteError::Key { path: path.to_owned() }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let key = Self { name: name.to_owned(), key: SigningKey::from_bytes(&ids::random()) };
                // In one step and on the disk: half a key could never sign again, and a lost one would disown its checkpoints.
                DataDir::replace(path, &key.to_text()).map_err(io)?;
                Ok(key)
            }
            Err(error) => Err(io(error)),
        }
    }

    fn to_text(&self) -> String {
        let data = [&[ED25519], self.key.as_bytes().as_slice()].concat();
        format!("PRIVATE+KEY+{}+{}+{}\n", self.name, self.public().hash_hex(), STANDARD.encode(data))
    }

    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.trim().strip_prefix("PRIVATE+KEY+")?.splitn(3, '+');
        let (name, hash, data) = (parts.next()?, parts.next()?, parts.next()?);
        let data = STANDARD.decode(data).ok()?;
        let (&ED25519, seed) = data.split_first()? else { return None };
        let key = Self { name: name.to_owned(), key: SigningKey::from_bytes(&seed.try_into().ok()?) };
        (key.public().hash_hex() == hash).then_some(key)
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        PublicKey { name: self.name.clone(), key: self.key.verifying_key() }
    }

    /// Signs a checkpoint and returns the note.
    #[must_use]
    pub fn sign(&self, checkpoint: &Checkpoint) -> String {
        self.sign_text(&checkpoint.text())
    }

    /// Signs a text that ends with a line feed and has no empty line, and returns the note.
    pub(super) fn sign_text(&self, text: &str) -> String {
        let signature = self.key.sign(text.as_bytes());
        let data = [self.public().hash().as_slice(), signature.to_bytes().as_slice()].concat();
        format!("{text}\n\u{2014} {} {}\n", self.name, STANDARD.encode(data))
    }
}
