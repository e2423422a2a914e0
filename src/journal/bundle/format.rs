//! The bytes of a bundle: docs/bundle.md has them one by one.
//!
//! ```text
//! "agentsh-bundle" 0x0A version
//! section*                     tag, length (u32), body
//!   h   header, JSON
//!   k   public key, printable
//!   c   checkpoint, a signed note
//!   e*  items, compressed: size (u32) and a zstd frame
//!   s   signed note over the SHA-256 of everything before this section
//! ```
//! Numbers are little-endian. Items follow each other from seq 1 to the checkpoint's size:
//! `0x01 length (u32) frame` is the next event, `0x02 count (u64) hash*` stands for the next `count` events that are not in the file, by the
//! roots of the perfect subtrees that they make up.

use std::io::{self, Read, Write};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::error::{BundleError, io};

/// What a bundle begins with, without the version.
pub const MAGIC: &[u8] = b"agentsh-bundle\n";

/// The version that is written and read.
pub(super) const VERSION: u8 = 1;

/// Bytes of items in a section, about.
pub(super) const SECTION_BYTES: usize = 1 << 20;

/// Bytes of items that a section may unfold to: its last event may be as large as an intake takes.
pub(super) const MOST_BYTES: u64 = 256 << 20;

/// Bytes of a header, a key or a note.
pub(super) const MOST_TEXT: u64 = 1 << 20;

pub(super) const HEADER: u8 = b'h';
pub(super) const KEY: u8 = b'k';
pub(super) const CHECKPOINT: u8 = b'c';
pub(super) const ITEMS: u8 = b'e';
pub(super) const SIGNATURE: u8 = b's';

/// An event.
pub(super) const EVENT: u8 = 1;
/// Events that are not in the file.
pub(super) const GAP: u8 = 2;

/// What the file is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Header {
    /// The session.
    pub(super) session: String,
    /// Events that the checkpoint covers.
    pub(super) tree_size: u64,
    /// When the checkpoint was signed, µs since 1970.
    pub(super) signed_us: i64,
}

/// Whether a file that begins so is a bundle, of whatever version.
#[must_use]
pub fn looks_like(start: &[u8]) -> bool {
    start.starts_with(MAGIC)
}

/// The text that is signed at the end.
pub(super) fn statement(session: &str, events: u64, digest: &[u8; 32]) -> String {
    let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    // A session's name has no line feed (checked by whoever reads); the first line is no origin of a checkpoint.
    format!("agentsh bundle\n{session}\n{events}\n{digest}\n")
}

/// What the tag's section is called in messages.
pub(super) fn name_of(tag: u8) -> String {
    match tag {
        HEADER => "the header".to_owned(),
        KEY => "the public key".to_owned(),
        CHECKPOINT => "the checkpoint".to_owned(),
        ITEMS => "a part with events".to_owned(),
        SIGNATURE => "the closing signature".to_owned(),
        other => format!("a part of type {other}"),
    }
}

/// Writes and digests.
pub(super) struct Digesting<W> {
    inner: W,
    digest: Sha256,
}

impl<W> Digesting<W> {
    pub(super) fn new(inner: W) -> Self {
        Self { inner, digest: Sha256::new() }
    }

    /// The SHA-256 of what went through so far.
    pub(super) fn digest(&self) -> [u8; 32] {
        self.digest.clone().finalize().into()
    }
}

impl<W: Write> Digesting<W> {
    pub(super) fn put(&mut self, bytes: &[u8]) -> Result<(), BundleError> {
        self.digest.update(bytes);
        self.inner.write_all(bytes).map_err(io("the bundle cannot be written"))
    }

    pub(super) fn section(&mut self, tag: u8, body: &[u8]) -> Result<(), BundleError> {
        let most = BundleError::TooLarge { part: name_of(tag), size: body.len() as u64, max: u64::from(u32::MAX) };
        let length = u32::try_from(body.len()).map_err(|_too_long| most)?;
        self.put(&[tag])?;
        self.put(&length.to_le_bytes())?;
        self.put(body)
    }

    pub(super) fn flush(&mut self) -> Result<(), BundleError> {
        self.inner.flush().map_err(io("the bundle cannot be written"))
    }
}

impl<R: Read> Digesting<R> {
    /// The next bytes; `part` is what they belong to.
    pub(super) fn take<const N: usize>(&mut self, part: &str) -> Result<[u8; N], BundleError> {
        let mut bytes = [0; N];
        self.inner.read_exact(&mut bytes).map_err(|source| cut_off(source, part))?;
        self.digest.update(bytes);
        Ok(bytes)
    }

    /// The next byte, or `None` at the end. It is digested once [`Digesting::seen`] is called: the last section's is not.
    pub(super) fn tag(&mut self) -> Result<Option<u8>, BundleError> {
        let mut tag = [0; 1];
        loop {
            match self.inner.read(&mut tag) {
                Ok(0) => return Ok(None),
                Ok(_) => {
                    let [tag] = tag;
                    return Ok(Some(tag));
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(source) => return Err(BundleError::Io { what: "the bundle cannot be read", source }),
            }
        }
    }

    pub(super) fn seen(&mut self, tag: u8) {
        self.digest.update([tag]);
    }

    /// The body of a section of at most `most` bytes. What a length claims is not believed before the bytes are there.
    pub(super) fn body(&mut self, tag: u8, most: u64, body: &mut Vec<u8>) -> Result<(), BundleError> {
        let part = name_of(tag);
        let size = u64::from(u32::from_le_bytes(self.take(&part)?));
        if size > most {
            return Err(BundleError::TooLarge { part, size, max: most });
        }
        body.clear();
        let read = (&mut self.inner).take(size).read_to_end(body).map_err(io("the bundle cannot be read"))?;
        if read as u64 != size {
            return Err(BundleError::CutOff { part });
        }
        self.digest.update(&*body);
        Ok(())
    }
}

fn cut_off(source: io::Error, part: &str) -> BundleError {
    if source.kind() == io::ErrorKind::UnexpectedEof {
        BundleError::CutOff { part: part.to_owned() }
    } else {
        BundleError::Io { what: "the bundle cannot be read", source }
    }
}
