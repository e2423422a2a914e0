//! The bytes of a file: opened, expanded where they are compressed, as UTF-8 where they are UTF-16, and hashed.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::read::MultiGzDecoder;
use sha2::{Digest as _, Sha256};

use super::error::ImportError;

/// How often its own size a compressed file may grow, once it has given 64 MiB. Logs come to 50; zeros to 1,000.
pub const MAX_EXPANSION: u64 = 400;
/// Bytes that any compressed file may give.
const FREE_EXPANSION: u64 = 64 * 1024 * 1024;
/// Bytes of a file that are read at once.
const BLOCK: usize = 256 * 1024;
/// The kind of `io::Error` by which the guard of [`MAX_EXPANSION`] is known again.
const EXPANDS: io::ErrorKind = io::ErrorKind::FileTooLarge;

/// What identifies a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Digest {
    /// SHA-256 of the whole file, in hex.
    Of(String),
    /// Standard input has no end that could be waited for: each record has the hash of what was read up to its end.
    Rolling,
}

/// A file that is being read.
pub struct Input {
    file: PathBuf,
    bytes: Box<dyn Read + Send>,
    digest: Digest,
    size: Option<u64>,
    taken: Arc<AtomicU64>,
    state: Option<(u64, Option<std::time::SystemTime>)>,
}

impl std::fmt::Debug for Input {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Input").field("file", &self.file).field("digest", &self.digest).finish_non_exhaustive()
    }
}

impl Input {
    /// Opens a file and hashes it; `-` is standard input.
    ///
    /// # Errors
    /// [`ImportError::File`].
    pub fn open(file: &Path) -> Result<Self, ImportError> {
        if file == Path::new("-") {
            return Self::of(file, Box::new(io::stdin()), Digest::Rolling);
        }
        let failed = |source| ImportError::File { file: file.to_owned(), source };
        let mut opened = File::open(file).map_err(failed)?;
        let metadata = opened.metadata().map_err(failed)?;
        if !metadata.is_file() {
            // A pipe or a terminal cannot be read twice.
            return Self::of(file, Box::new(opened), Digest::Rolling);
        }
        let digest = digest_of(&mut opened).map_err(failed)?;
        let again = File::open(file).map_err(failed)?;
        let mut input = Self::of(file, Box::new(again), Digest::Of(digest))?;
        input.size = Some(metadata.len());
        input.state = Some((metadata.len(), metadata.modified().ok()));
        Ok(input)
    }

    /// Any bytes under a name.
    ///
    /// # Errors
    /// [`ImportError::File`] when not even their beginning can be read.
    pub fn of(file: &Path, bytes: Box<dyn Read + Send>, digest: Digest) -> Result<Self, ImportError> {
        let taken = Arc::new(AtomicU64::new(0));
        let counted = Counted { bytes, taken: Arc::clone(&taken) };
        let peeked = Peeked::new(BufReader::with_capacity(BLOCK, counted))
            .map_err(|source| ImportError::File { file: file.to_owned(), source })?;
        let bytes: Box<dyn Read + Send> = match peeked.beginning() {
            [0x1f, 0x8b, ..] => {
                let expanded = MultiGzDecoder::new(peeked);
                let guarded = Guarded { bytes: expanded, given: 0, taken: Arc::clone(&taken) };
                match Peeked::new(guarded).map_err(|source| wrong(file, source))? {
                    inner if inner.beginning() == UTF16LE => Box::new(Wide::new(inner)),
                    inner => Box::new(inner),
                }
            }
            UTF16LE => Box::new(Wide::new(peeked)),
            _ => Box::new(peeked),
        };
        Ok(Self { file: file.to_owned(), bytes, digest, size: None, taken, state: None })
    }

    /// The file's name.
    #[must_use]
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// What identifies it.
    #[must_use]
    pub const fn digest(&self) -> &Digest {
        &self.digest
    }

    /// Its bytes, where that is known.
    #[must_use]
    pub const fn size(&self) -> Option<u64> {
        self.size
    }

    /// How many of its bytes were read so far.
    #[must_use]
    pub fn taken(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.taken)
    }

    /// Reads until `buffer` is full or the file ends.
    ///
    /// # Errors
    /// [`ImportError::File`] or [`ImportError::Expands`].
    pub fn fill(&mut self, buffer: &mut [u8]) -> Result<usize, ImportError> {
        let mut filled = 0;
        while let Some(room) = buffer.get_mut(filled..).filter(|room| !room.is_empty()) {
            match self.bytes.read(room) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(wrong(&self.file, error)),
            }
        }
        Ok(filled)
    }

    /// Reads some bytes.
    ///
    /// # Errors
    /// As [`Input::fill`].
    pub fn some(&mut self, buffer: &mut [u8]) -> Result<usize, ImportError> {
        loop {
            match self.bytes.read(buffer) {
                Ok(read) => return Ok(read),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(wrong(&self.file, error)),
            }
        }
    }

    /// Whether the file is as it was when it was hashed.
    ///
    /// # Errors
    /// [`ImportError::Changed`].
    pub fn check_unchanged(&self) -> Result<(), ImportError> {
        let Some((len, modified)) = self.state else { return Ok(()) };
        match std::fs::metadata(&self.file) {
            Ok(now) if now.len() == len && now.modified().ok() == modified => Ok(()),
            Ok(_) | Err(_) => Err(ImportError::Changed { file: self.file.clone() }),
        }
    }
}

fn wrong(file: &Path, source: io::Error) -> ImportError {
    if source.kind() == EXPANDS {
        ImportError::Expands { file: file.to_owned() }
    } else {
        ImportError::File { file: file.to_owned(), source }
    }
}

fn digest_of(file: &mut File) -> io::Result<String> {
    let (mut hasher, mut block) = (Sha256::new(), vec![0; BLOCK]);
    loop {
        match file.read(&mut block)? {
            0 => return Ok(hex(&hasher.finalize())),
            read => hasher.update(block.get(..read).unwrap_or_default()),
        }
    }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Counts what is taken.
struct Counted {
    bytes: Box<dyn Read + Send>,
    taken: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.bytes.read(buffer)?;
        self.taken.fetch_add(u64::try_from(read).unwrap_or(0), Ordering::Relaxed);
        Ok(read)
    }
}

/// Stops a file that expands beyond all reason.
struct Guarded<R> {
    bytes: R,
    given: u64,
    taken: Arc<AtomicU64>,
}

impl<R: Read> Read for Guarded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.bytes.read(buffer)?;
        self.given += u64::try_from(read).unwrap_or(0);
        if self.given > FREE_EXPANSION && self.given / MAX_EXPANSION > self.taken.load(Ordering::Relaxed) {
            return Err(EXPANDS.into());
        }
        Ok(read)
    }
}

/// Bytes whose first two are known before they are read.
struct Peeked<R> {
    first: [u8; 2],
    len: usize,
    at: usize,
    bytes: R,
}

impl<R: Read> Peeked<R> {
    fn new(mut bytes: R) -> io::Result<Self> {
        let (mut first, mut len) = ([0; 2], 0);
        while let Some(room) = first.get_mut(len..).filter(|room| !room.is_empty()) {
            match bytes.read(room) {
                Ok(0) => break,
                Ok(read) => len += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Self { first, len, at: 0, bytes })
    }

    fn beginning(&self) -> &[u8] {
        self.first.get(..self.len).unwrap_or_default()
    }
}

impl<R: Read> Read for Peeked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.first.get(self.at..self.len).filter(|left| !left.is_empty()) {
            Some(left) => {
                let count = left.len().min(buffer.len());
                buffer.iter_mut().zip(left).for_each(|(to, from)| *to = *from);
                self.at += count;
                Ok(count)
            }
            None => self.bytes.read(buffer),
        }
    }
}

/// The mark of UTF-16, little endian, at the beginning of a file.
const UTF16LE: &[u8] = &[0xff, 0xfe];

/// UTF-16 as UTF-8; half of a pair becomes U+FFFD.
struct Wide<R> {
    bytes: R,
    block: Vec<u8>,
    odd: Option<u8>,
    high: Option<u16>,
    text: Vec<u8>,
    at: usize,
}

impl<R: Read> Wide<R> {
    fn new(bytes: R) -> Self {
        Self { bytes, block: vec![0; 16 * 1024], odd: None, high: None, text: Vec::new(), at: 0 }
    }

    fn push(&mut self, unit: u16) {
        let mut put = |unit: &[u16]| {
            for read in char::decode_utf16(unit.iter().copied()) {
                let mut utf8 = [0; 4];
                self.text.extend_from_slice(read.unwrap_or(char::REPLACEMENT_CHARACTER).encode_utf8(&mut utf8).as_bytes());
            }
        };
        match (self.high.take(), unit) {
            (Some(high), low @ 0xdc00..=0xdfff) => put(&[high, low]),
            (high, unit) => {
                if let Some(high) = high {
                    put(&[high]);
                }
                match unit {
                    0xd800..=0xdbff => self.high = Some(unit),
                    0xfeff => {}
                    unit => put(&[unit]),
                }
            }
        }
    }
}

impl<R: Read> Read for Wide<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.at == self.text.len() {
            self.text.clear();
            self.at = 0;
            let mut block = std::mem::take(&mut self.block);
            let read = self.bytes.read(&mut block);
            for byte in block.get(..*read.as_ref().unwrap_or(&0)).unwrap_or_default() {
                match self.odd.take() {
                    Some(low) => self.push(u16::from_le_bytes([low, *byte])),
                    None => self.odd = Some(*byte),
                }
            }
            self.block = block;
            if read? == 0 {
                return Ok(0);
            }
        }
        let left = self.text.get(self.at..).unwrap_or_default();
        let count = left.len().min(buffer.len());
        buffer.iter_mut().zip(left).for_each(|(to, from)| *to = *from);
        self.at += count;
        Ok(count)
    }
}
