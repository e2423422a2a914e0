//! Whole members: compressing a batch of lines, and finding the last whole one in a file that a kill may have torn.

use std::borrow::Cow;
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Seek, SeekFrom, Write};

use super::config::Compression;

/// Speed 3 is zstd's own default; gzip's is 6.
const ZSTD_LEVEL: i32 = 3;

/// Bytes that are looked at from the end of a plain file at a time.
const STRIDE: u64 = 64 << 10;

/// No line of ours is longer: an event fits into an intake's record, and its JSON is a few times as long. What is longer is no file of ours,
/// and is not read on into memory.
const LONGEST_LINE: usize = 64 << 20;

impl Compression {
    /// What the name of a file ends in, besides what the user gave it.
    pub(super) const fn extension(self) -> Option<&'static str> {
        match self {
            Compression::None => None,
            Compression::Gzip => Some("gz"),
            Compression::Zstd => Some("zst"),
        }
    }

    /// The lines as one whole member.
    pub(super) fn pack(self, lines: &[u8]) -> io::Result<Cow<'_, [u8]>> {
        match self {
            Compression::None => Ok(Cow::Borrowed(lines)),
            Compression::Gzip => {
                let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
                encoder.write_all(lines)?;
                encoder.finish().map(Cow::Owned)
            }
            Compression::Zstd => {
                let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), ZSTD_LEVEL)?;
                encoder.include_checksum(true)?;
                encoder.write_all(lines)?;
                encoder.finish().map(Cow::Owned)
            }
        }
    }
}

/// Where a file's whole part ends.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Tail {
    /// Bytes of the whole part; what stands behind is torn.
    pub(super) whole: u64,
    /// The last line of it, without its end.
    pub(super) last_line: Option<Vec<u8>>,
}

/// Finds the whole part of a file.
///
/// # Errors
/// What the system says; [`ErrorKind::InvalidData`] when a member within the file is damaged, which no kill does.
pub(super) fn tail(compression: Compression, file: &mut (impl Read + Seek)) -> io::Result<Tail> {
    match compression {
        Compression::None => plain_tail(file),
        Compression::Gzip => members(file, |reader, sink| io::copy(&mut flate2::bufread::GzDecoder::new(reader), sink)),
        Compression::Zstd => {
            members(file, |reader, sink| io::copy(&mut zstd::stream::read::Decoder::with_buffer(reader)?.single_frame(), sink))
        }
    }
}

/// Reads backwards to the last two ends of lines.
fn plain_tail(file: &mut (impl Read + Seek)) -> io::Result<Tail> {
    let length = file.seek(SeekFrom::End(0))?;
    let mut start = length;
    let mut read = Vec::new();
    loop {
        let last = last_end(&read);
        let before = last.and_then(|last| last_end(read.get(..last).unwrap_or_default()));
        let line = match (before, last) {
            (Some(before), Some(last)) => Some((before + 1, last)),
            (None, Some(last)) if start == 0 => Some((0, last)),
            (_, _) => None,
        };
        if let Some((from, to)) = line {
            let whole = start + u64::try_from(to).unwrap_or(0) + 1;
            return Ok(Tail { whole, last_line: read.get(from..to).map(<[u8]>::to_vec) });
        }
        if start == 0 {
            return Ok(Tail::default());
        }
        if read.len() > LONGEST_LINE {
            return Err(no_line());
        }
        // Larger with each step, so that a long line is not copied again for every few bytes of it.
        let stride = STRIDE.max(u64::try_from(read.len()).unwrap_or(u64::MAX));
        let from = start.saturating_sub(stride);
        let mut more = vec![0; usize::try_from(start - from).unwrap_or(0)];
        file.seek(SeekFrom::Start(from))?;
        file.read_exact(&mut more)?;
        more.append(&mut read);
        (start, read) = (from, more);
    }
}

/// Where the last line's end is.
fn last_end(bytes: &[u8]) -> Option<usize> {
    bytes.iter().rposition(|byte| *byte == b'\n')
}

fn no_line() -> io::Error {
    io::Error::new(ErrorKind::InvalidData, format!("it has a line of more than {LONGEST_LINE} bytes, which none of an event has"))
}

/// Reads member by member.
fn members<'f, F: Read + Seek + 'f>(
    file: &'f mut F,
    mut copy: impl FnMut(&mut Counted<BufReader<&'f mut F>>, &mut LastLine) -> io::Result<u64>,
) -> io::Result<Tail> {
    file.seek(SeekFrom::Start(0))?;
    let mut reader = Counted { inner: BufReader::with_capacity(1 << 16, file), count: 0 };
    let mut tail = Tail::default();
    loop {
        if reader.fill_buf()?.is_empty() {
            return Ok(tail);
        }
        let mut lines = LastLine::default();
        match copy(&mut reader, &mut lines) {
            Ok(_bytes) => {
                tail.whole = reader.count;
                if let Some(line) = lines.last() {
                    tail.last_line = Some(line);
                }
            }
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(tail),
            Err(_full) if lines.is_too_long() => return Err(no_line()),
            Err(error) => {
                let what = format!("the part at byte {} is damaged: {error}", tail.whole);
                return Err(io::Error::new(ErrorKind::InvalidData, what));
            }
        }
    }
}

/// A reader that knows how far it is.
struct Counted<R> {
    inner: R,
    count: u64,
}

impl<R: BufRead> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.count += u64::try_from(read).unwrap_or(0);
        Ok(read)
    }
}

impl<R: BufRead> BufRead for Counted<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.inner.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.count += u64::try_from(amount).unwrap_or(0);
        self.inner.consume(amount);
    }
}

/// Keeps the last whole line of what is written to it.
#[derive(Default)]
struct LastLine {
    last: Option<Vec<u8>>,
    begun: Vec<u8>,
}

impl LastLine {
    fn last(self) -> Option<Vec<u8>> {
        self.last
    }

    const fn is_too_long(&self) -> bool {
        self.begun.len() > LONGEST_LINE
    }
}

impl Write for LastLine {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut parts = bytes.split(|byte| *byte == b'\n');
        self.begun.extend_from_slice(parts.next().unwrap_or_default());
        for part in parts {
            self.last = Some(std::mem::take(&mut self.begun));
            self.begun.extend_from_slice(part);
        }
        if self.is_too_long() { Err(no_line()) } else { Ok(bytes.len()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
