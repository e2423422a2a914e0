//! The file format: a header of 4,096 bytes, then chunks of 65,536 bytes, each with a header of 512 bytes and its records. A record
//! starts with `2a 2a 00 00`, its size and its number. All of it is read in the order of the file, a chunk at a time, so that a log of any
//! size, a damaged one and a stream take the same memory.
//!
//! A chunk that cannot be read is one record that could not be read; so is the rest of a chunk behind a damaged record that the crate
//! cannot step over. What stands in a file that was cut is read as far as it goes.

use std::collections::VecDeque;
use std::sync::Arc;

use ::evtx::err::EvtxError;
use ::evtx::{EvtxChunk, EvtxChunkData, EvtxRecord, ParserSettings};
use sha2::{Digest as _, Sha256};

use super::document::Document;
use crate::capture::import::error::ImportError;
use crate::capture::import::input::{Digest, Input, hex};
use crate::capture::import::reader::Reader;
use crate::capture::import::record::{Content, Record, Unread};
use crate::capture::import::text;
use crate::capture::import::windows::{Handles, Header, translate};
use crate::event::{ImportSource, Timestamp};

const FILE_MAGIC: &[u8] = b"ElfFile\0";
const CHUNK_MAGIC: &[u8] = b"ElfChnk\0";
const RECORD_MAGIC: &[u8] = b"\x2a\x2a\x00\x00";
const FILE_HEADER: usize = 4_096;
const CHUNK: usize = 65_536;
const CHUNK_HEADER: usize = 512;
/// Bit of the file header's flags: the log was not closed, so that sums may be behind what they sum up.
const DIRTY: u8 = 1;

/// Reads a log.
pub(in crate::capture::import) struct EvtxReader {
    input: Input,
    settings: Arc<ParserSettings>,
    /// Records of the chunk that was read last.
    ready: VecDeque<Record>,
    number: u64,
    chunk: u64,
    position: u64,
    dirty: bool,
    ended: bool,
    hasher: Option<Sha256>,
    handles: Handles,
    /// The memory of the chunk before, for the next.
    spare: Vec<u8>,
}

impl EvtxReader {
    /// Reads the file's header.
    ///
    /// # Errors
    /// [`ImportError::WrongType`] when it is no event log.
    pub(in crate::capture::import) fn open(mut input: Input) -> Result<Self, ImportError> {
        let mut header = vec![0; FILE_HEADER];
        let read = input.fill(&mut header)?;
        let start = header.get(..read).unwrap_or_default();
        if !start.starts_with(FILE_MAGIC) {
            return Err(wrong_type(&input, start));
        }
        let mut hasher = matches!(input.digest(), Digest::Rolling).then(Sha256::new);
        if let Some(hasher) = &mut hasher {
            hasher.update(start);
        }
        Ok(Self {
            input,
            // With attributes within their elements: the crate has compiled templates for that form only.
            settings: Arc::new(ParserSettings::new().indent(false).num_threads(1)),
            spare: Vec::new(),
            ready: VecDeque::new(),
            number: 0,
            chunk: 0,
            position: u64::try_from(read).unwrap_or(u64::MAX),
            dirty: start.get(120).is_some_and(|flags| flags & DIRTY != 0),
            ended: read < FILE_HEADER,
            hasher,
            handles: Handles::default(),
        })
    }

    /// Reads the next chunk's records. `false` at the end of the file.
    fn read_chunk(&mut self) -> Result<bool, ImportError> {
        if self.ended {
            return Ok(false);
        }
        let mut data = std::mem::take(&mut self.spare);
        data.resize(CHUNK, 0);
        let read = self.input.fill(&mut data)?;
        if let Some(hasher) = &mut self.hasher {
            hasher.update(data.get(..read).unwrap_or_default());
        }
        // What the chunk before left behind a cut.
        data.iter_mut().skip(read).for_each(|byte| *byte = 0);
        self.ended = read < CHUNK;
        let start = self.position;
        self.position += u64::try_from(read).unwrap_or(0);
        self.chunk += 1;
        let bytes = data.get(..read).unwrap_or_default();
        if bytes.iter().all(|byte| *byte == 0) {
            // Room that the log has not used.
            return Ok(!self.ended);
        }
        if read < CHUNK {
            self.unread(Unread::new(
                Some(start),
                format!("chunk {} is cut: {read} of {CHUNK} bytes are there", self.chunk),
                &[],
                u64::try_from(read).unwrap_or(0),
            ));
        }
        let raw = if read < CHUNK_HEADER || !bytes.starts_with(CHUNK_MAGIC) { Some(bytes.to_vec()) } else { None };
        if let Some(raw) = raw {
            let reason = format!("chunk {} has no header of a chunk", self.chunk);
            self.unread(Unread::new(Some(start), reason, &raw, u64::try_from(read).unwrap_or(0)));
            return Ok(true);
        }
        match EvtxChunkData::new(data, false) {
            Ok(chunk) => self.read_records(chunk, start, read),
            Err(error) => self.unread(Unread::new(Some(start), format!("chunk {}: {error}", self.chunk), &[], CHUNK as u64)),
        }
        Ok(true)
    }

    fn read_records(&mut self, mut chunk: EvtxChunkData, start: u64, read: usize) {
        if read == CHUNK && !self.dirty && !chunk.validate_checksum() {
            let reason = format!("the checksum of chunk {} is wrong; its records were read as far as they can be", self.chunk);
            self.unread(Unread::new(Some(start), reason, chunk.data.get(..CHUNK_HEADER).unwrap_or_default(), CHUNK as u64));
        }
        let number = self.chunk;
        let mut contents = Vec::new();
        match chunk.parse(Arc::clone(&self.settings)) {
            Ok(mut parsed) => self.read_parsed(&mut parsed, start, &mut contents),
            Err(error) => {
                let raw = chunk.data.as_slice();
                contents.push(Content::Unread(Unread::new(Some(start), format!("chunk {number}: {error}"), raw, CHUNK as u64)));
            }
        }
        for content in contents {
            self.push(content);
        }
        self.spare = chunk.data;
    }

    fn read_parsed(&mut self, parsed: &mut EvtxChunk<'_>, start: u64, contents: &mut Vec<Content>) {
        let bytes = parsed.data;
        let mut after = CHUNK_HEADER;
        for record in parsed.iter() {
            contents.push(match record {
                Ok(record) => {
                    let (offset, size) = span(&record);
                    after = offset + size;
                    read_record(record, &mut self.handles).unwrap_or_else(|reason| {
                        let raw = bytes.get(offset..(offset + size).min(CHUNK)).unwrap_or_default();
                        Content::Unread(Unread::new(Some(start + offset as u64), reason, raw, size as u64))
                    })
                }
                Err(error) => {
                    let offset = offset_of(&error, bytes).unwrap_or(after);
                    let size = size_at(bytes, offset);
                    after = offset + size;
                    let raw = bytes.get(offset..(offset + size).min(CHUNK)).unwrap_or_default();
                    Content::Unread(Unread::new(Some(start + offset as u64), innermost(&error), raw, size as u64))
                }
            });
        }
    }

    fn unread(&mut self, unread: Unread) {
        self.push(Content::Unread(unread));
    }

    fn push(&mut self, content: Content) {
        self.number += 1;
        self.ready.push_back(Record { number: self.number, content });
    }
}

impl Reader for EvtxReader {
    fn next(&mut self) -> Result<Option<Record>, ImportError> {
        while self.ready.is_empty() {
            if !self.read_chunk()? {
                return Ok(self.ready.pop_front());
            }
        }
        Ok(self.ready.pop_front())
    }

    fn rolling_digest(&self) -> Option<String> {
        self.hasher.clone().map(|hasher| hex(&hasher.finalize()))
    }

    fn position(&self) -> u64 {
        self.position
    }

    fn input(&self) -> &Input {
        &self.input
    }
}

fn read_record(record: EvtxRecord<'_>, handles: &mut Handles) -> Result<Content, String> {
    let logged = Timestamp::from_micros(record.timestamp.as_microsecond());
    let rendered = record.into_json_bytes().map_err(|error| innermost(&error))?;
    // Looked through once as a whole, and not string by string.
    let document: Document<'_> = match simdutf8::basic::from_utf8(&rendered.data) {
        Ok(text) => serde_json::from_str(text),
        Err(_) => serde_json::from_slice(&rendered.data),
    }
    .map_err(|error| error.to_string())?;
    let system = document.event.system;
    let fields = document.event.data.unwrap_or_default().0;
    let header = Header {
        provider: system.provider(),
        code: system.event_id(),
        host: system.computer(),
        keywords: system.keywords(),
        time: text::time(system.time()).unwrap_or(logged),
    };
    Ok(match translate(&header, &fields, handles) {
        Some(told) => Content::Told(told),
        None => Content::Unmapped(
            format!("{} {}", if header.provider.is_empty() { "?" } else { header.provider }, header.code).into(),
        ),
    })
}

/// Where a record stands in its chunk.
fn span(record: &EvtxRecord<'_>) -> (usize, usize) {
    // A header of 24 bytes in front, and the size again behind.
    let offset = usize::try_from(record.binxml_offset).unwrap_or(CHUNK).saturating_sub(24);
    (offset, usize::try_from(record.binxml_size).unwrap_or(0) + 28)
}

/// Where the record of an error starts.
fn offset_of(error: &EvtxError, bytes: &[u8]) -> Option<usize> {
    match error {
        EvtxError::FailedToReadRecordAt { offset, .. } => usize::try_from(*offset).ok(),
        EvtxError::FailedToParseRecord { record_id, .. } => {
            let mut at = CHUNK_HEADER;
            while let Some(header) = bytes.get(at..at + 16).filter(|header| header.starts_with(RECORD_MAGIC)) {
                let id = header.get(8..16).and_then(|id| <[u8; 8]>::try_from(id).ok()).map(u64::from_le_bytes);
                if id == Some(*record_id) {
                    return Some(at);
                }
                at += size_at(bytes, at);
            }
            None
        }
        _ => None,
    }
}

/// Bytes of the record at an offset: as its header says, or up to the next one.
fn size_at(bytes: &[u8], offset: usize) -> usize {
    let said = bytes.get(offset + 4..offset + 8).and_then(|size| <[u8; 4]>::try_from(size).ok()).map(u32::from_le_bytes);
    let said = said.and_then(|size| usize::try_from(size).ok()).filter(|size| (28..=CHUNK - CHUNK_HEADER).contains(size));
    let next = || bytes.get(offset + 4..)?.windows(4).position(|window| window == RECORD_MAGIC).map(|at| at + 4);
    let is_record = bytes.get(offset..).is_some_and(|bytes| bytes.starts_with(RECORD_MAGIC));
    said.filter(|_| is_record).or_else(next).unwrap_or(CHUNK.saturating_sub(offset)).max(4)
}

/// The cause that says most: the last in the chain.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string().lines().next().unwrap_or_default().to_owned()
}

fn wrong_type(input: &Input, start: &[u8]) -> ImportError {
    let (found, remedy) = match start.trim_ascii_start() {
        [] => ("is empty", "name another file"),
        [b'{', ..] => ("starts as JSON does", "try `agentsh import jsonl` or `agentsh import eslogger`"),
        [b'<', ..] => ("starts as XML does", "export the log as .evtx (wevtutil epl)"),
        start if start.starts_with(b"type=") || start.starts_with(b"node=") => {
            ("starts as a log of auditd does", "try `agentsh import auditd`")
        }
        start if start.starts_with(b"LfLe") || start.get(4..8) == Some(b"LfLe") => {
            ("is an event log of Windows XP", "convert it with wevtutil on Windows")
        }
        _ => ("has not the beginning of one (`ElfFile`)", "name the .evtx file itself"),
    };
    ImportError::WrongType { file: input.file().to_owned(), expected: ImportSource::Evtx, found, remedy }
}
