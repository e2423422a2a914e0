//! Lines of a file, whatever their length: a longer one than the limit is passed over and its beginning kept.

use sha2::{Digest as _, Sha256};

use super::error::ImportError;
use super::input::{Digest, Input, hex};
use super::record::MAX_RAW_BYTES;

/// Bytes that a line may have.
pub const MAX_LINE_BYTES: usize = 4 * 1024 * 1024;
/// Bytes that are read at once.
const BLOCK: usize = 64 * 1024;

/// One line, without its end.
#[derive(Debug)]
pub(super) struct Line<'a> {
    /// Its number, starting at 1.
    pub(super) number: u64,
    /// Where it starts, in bytes of the expanded text.
    pub(super) offset: u64,
    /// The line; of one that is too long, its beginning.
    pub(super) bytes: &'a [u8],
    /// Bytes of the whole line.
    pub(super) size: u64,
}

impl Line<'_> {
    pub(super) const fn is_whole(&self) -> bool {
        self.size == self.bytes.len() as u64
    }
}

/// Reads lines in bounded memory.
pub(super) struct Lines {
    input: Input,
    block: Vec<u8>,
    from: usize,
    to: usize,
    line: Vec<u8>,
    number: u64,
    offset: u64,
    hasher: Option<Sha256>,
}

impl Lines {
    pub(super) fn new(input: Input) -> Self {
        let hasher = matches!(input.digest(), Digest::Rolling).then(Sha256::new);
        Self { input, block: vec![0; BLOCK], from: 0, to: 0, line: Vec::new(), number: 0, offset: 0, hasher }
    }

    pub(super) const fn input(&self) -> &Input {
        &self.input
    }

    /// Bytes of the expanded text that were read.
    pub(super) const fn position(&self) -> u64 {
        self.offset
    }

    /// Hash of what was read up to the end of the last line, where the file has no hash of its own.
    pub(super) fn rolling(&self) -> Option<String> {
        self.hasher.clone().map(|hasher| hex(&hasher.finalize()))
    }

    /// The next line that is not empty.
    pub(super) fn next(&mut self) -> Result<Option<Line<'_>>, ImportError> {
        let (mut size, mut start) = (0_u64, self.offset);
        self.line.clear();
        loop {
            if self.from == self.to {
                self.from = 0;
                self.to = self.input.some(&mut self.block)?;
                if self.to == 0 {
                    break;
                }
            }
            let left = self.block.get(self.from..self.to).unwrap_or_default();
            let end = left.iter().position(|byte| *byte == b'\n');
            let piece = left.get(..end.unwrap_or(left.len())).unwrap_or_default();
            let len = piece.len();
            size += len as u64;
            if self.line.len() + len <= MAX_LINE_BYTES {
                self.line.extend_from_slice(piece);
            } else {
                // Enough to be kept as a record that could not be read.
                let room = MAX_RAW_BYTES.saturating_sub(self.line.len());
                self.line.extend_from_slice(piece.get(..room.min(len)).unwrap_or_default());
                self.line.truncate(MAX_RAW_BYTES);
            }
            let with_end = len + usize::from(end.is_some());
            if let Some(hasher) = &mut self.hasher {
                hasher.update(left.get(..with_end).unwrap_or_default());
            }
            self.from += with_end;
            self.offset += with_end as u64;
            if end.is_some() {
                self.number += 1;
                if size == 0 || (size == 1 && self.line.first() == Some(&b'\r')) {
                    (size, start) = (0, self.offset);
                    self.line.clear();
                    continue;
                }
                return Ok(Some(self.line_of(size, start)));
            }
        }
        if size == 0 {
            return Ok(None);
        }
        self.number += 1;
        Ok(Some(self.line_of(size, start)))
    }

    fn line_of(&mut self, mut size: u64, offset: u64) -> Line<'_> {
        if self.line.last() == Some(&b'\r') && size == self.line.len() as u64 {
            self.line.pop();
            size -= 1;
        }
        Line { number: self.number, offset, bytes: &self.line, size }
    }
}

/// What the first line of a file looks like, and what to do with such a file.
pub(super) fn looks_like(first: &[u8]) -> (&'static str, &'static str) {
    let first = first.trim_ascii_start();
    if first.starts_with(b"ElfFile\0") {
        ("starts as a Windows event log does", "try `agentsh import evtx`")
    } else if first.starts_with(b"type=") || first.starts_with(b"node=") {
        ("starts as a log of auditd does", "try `agentsh import auditd`")
    } else if first.starts_with(b"{") {
        ("starts as JSON does", "try `agentsh import jsonl` or `agentsh import eslogger`")
    } else if first.iter().take(64).any(|byte| *byte < 9) {
        ("holds bytes that are no text", "name the log itself, not an archive or a database of it")
    } else {
        ("starts with other text", "look at its first line, and name the source that it is of")
    }
}
