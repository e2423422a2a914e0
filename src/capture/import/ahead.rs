//! Reading ahead: a file is read and parsed on a thread of its own, while what it held is judged and recorded on the caller's.
//!
//! ```text
//! reader's thread: next, next, … ──▶ at most BLOCKS blocks ──▶ caller: next
//! ```
//!
//! The records come out in the order in which the reader gives them. A block is full after [`RECORDS`] records or [`BYTES`] bytes of the
//! file; the reader waits while [`BLOCKS`] of them are not taken yet. Of a file without a hash of its own (standard input, a pipe) each
//! record goes at once, with the hash of what was read up to its end: nothing waits there for records that may come much later.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use super::error::ImportError;
use super::input::Digest;
use super::reader::Reader;
use super::record::Record;

/// Records of a block.
const RECORDS: usize = 256;
/// Bytes of the file after which a block is full, about: a record more may have [`super::MAX_LINE_BYTES`].
const BYTES: u64 = 256 * 1024;
/// Blocks that wait to be taken.
const BLOCKS: usize = 4;

/// Some records, or the end.
enum Block {
    Records {
        records: Vec<Record>,
        /// Of a file without a hash of its own, the hash up to the end of the last record.
        digest: Option<String>,
    },
    Failed(ImportError),
    End,
}

/// A reader that runs ahead.
pub struct ReadAhead {
    blocks: Option<Receiver<Block>>,
    ready: std::vec::IntoIter<Record>,
    digest: Option<String>,
    thread: Option<JoinHandle<Box<dyn Reader>>>,
}

impl ReadAhead {
    /// Starts to read.
    ///
    /// # Errors
    /// [`ImportError::Thread`].
    pub fn start(reader: Box<dyn Reader>) -> Result<Self, ImportError> {
        let (sender, blocks) = sync_channel(BLOCKS);
        let thread = std::thread::Builder::new()
            .name("import-reader".to_owned())
            .spawn(move || read(reader, &sender))
            .map_err(|source| ImportError::Thread { source })?;
        Ok(Self { blocks: Some(blocks), ready: Vec::new().into_iter(), digest: None, thread: Some(thread) })
    }

    /// The next record; `None` at the end.
    ///
    /// # Errors
    /// What the reader says.
    pub fn record(&mut self) -> Result<Option<Record>, ImportError> {
        loop {
            if let Some(record) = self.ready.next() {
                return Ok(Some(record));
            }
            let Some(blocks) = &self.blocks else { return Ok(None) };
            match blocks.recv() {
                Ok(Block::Records { records, digest }) => {
                    self.ready = records.into_iter();
                    self.digest = digest;
                }
                Ok(Block::Failed(error)) => {
                    self.blocks = None;
                    return Err(error);
                }
                Ok(Block::End) => self.blocks = None,
                // The thread has ended without a word: by a panic, which goes on here.
                Err(_) => {
                    self.blocks = None;
                    self.join();
                }
            }
        }
    }

    /// Of a file without a hash of its own, the hash of what was read up to the end of the last record.
    pub fn rolling_digest(&mut self) -> Option<String> {
        self.digest.take()
    }

    /// Whether the file is as it was when it was hashed. To be asked at the end.
    ///
    /// # Errors
    /// [`ImportError::Changed`].
    pub fn check_unchanged(mut self) -> Result<(), ImportError> {
        self.blocks = None;
        self.join().map_or(Ok(()), |reader| reader.input().check_unchanged())
    }

    fn join(&mut self) -> Option<Box<dyn Reader>> {
        match self.thread.take()?.join() {
            Ok(reader) => Some(reader),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }
}

/// Reads until the end, or until nobody takes what was read.
fn read(mut reader: Box<dyn Reader>, sender: &SyncSender<Block>) -> Box<dyn Reader> {
    let most = if *reader.input().digest() == Digest::Rolling { 1 } else { RECORDS };
    let mut end = None;
    while end.is_none() {
        let start = reader.position();
        let mut records = Vec::with_capacity(most);
        while end.is_none() && records.len() < most && reader.position() - start < BYTES {
            match reader.next() {
                Ok(Some(record)) => records.push(record),
                Ok(None) => end = Some(Block::End),
                Err(error) => end = Some(Block::Failed(error)),
            }
        }
        let digest = reader.rolling_digest();
        if !records.is_empty() && sender.send(Block::Records { records, digest }).is_err() {
            return reader;
        }
    }
    // Whoever does not take the end has gone.
    let _taken = end.map(|end| sender.send(end));
    reader
}
