//! `Encoder`: turns rows into Parquet on a thread of its own, so that the journal is read meanwhile.
//!
//! Three things take time: reading the journal, making columns of the rows, and encoding the columns. The first is the caller's, the last
//! the thread's; who makes the columns is decided batch by batch: the thread while it has nothing else to do, else the caller.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use arrow_array::RecordBatch;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;

use super::config::ParquetConfig;
use super::format::properties;
use super::frames::Frames;
use crate::encode::arrow::{Rows, schema};

/// Batches that may wait for the encoder or be under its hands; whoever writes one more waits. Enough that the end of a row group, which
/// takes as long as a few batches, holds nobody up.
const AHEAD: usize = 3;

/// Batches in front of the encoder from which on the caller makes the columns himself.
const BUSY: usize = 2;

/// Rows on their way to the encoder.
enum Batch {
    Frames(Frames),
    Columns(RecordBatch),
}

/// One file that is being encoded, in memory.
pub(super) struct Encoder {
    batches: SyncSender<Batch>,
    /// The answer to each batch: the bytes that the file has with it.
    encoded: Receiver<Result<usize, ParquetError>>,
    thread: JoinHandle<Result<ArrowWriter<Vec<u8>>, ParquetError>>,
    /// Batches whose answer was not taken.
    ahead: usize,
    /// Batches that the thread has not done.
    undone: Arc<AtomicUsize>,
    rows: Rows,
    bytes: usize,
}

impl Encoder {
    /// An empty file.
    pub(super) fn start(config: &ParquetConfig) -> Result<Self, ParquetError> {
        // The Arrow schema would be a tenth of a small file, and every type is told by Parquet's own.
        let options = ArrowWriterOptions::new().with_properties(properties(config)).with_skip_arrow_metadata(true);
        let writer = ArrowWriter::try_new_with_options(Vec::new(), schema(), options)?;
        let (batches, waiting) = sync_channel(AHEAD);
        let (answers, encoded) = sync_channel(AHEAD);
        let undone = Arc::new(AtomicUsize::new(0));
        let run = {
            let (rows, undone) = (Rows::new(config.leaves), Arc::clone(&undone));
            move || encode(writer, rows, &undone, &waiting, &answers)
        };
        let thread = std::thread::Builder::new().name("parquet-encoder".to_owned()).spawn(run)?;
        Ok(Self { batches, encoded, thread, ahead: 0, undone, rows: Rows::new(config.leaves), bytes: 0 })
    }

    /// Bytes that the file had, about, once the last answered batch was in it. Which batch that is depends on the batches alone and not
    /// on the threads' pace, so that the same journal is always cut into the same files.
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Adds rows. Waits while [`AHEAD`] batches have no answer.
    pub(super) fn write(&mut self, frames: Frames) -> Result<(), ParquetError> {
        let is_busy = self.undone.load(Ordering::Relaxed) >= BUSY;
        let batch = if is_busy { Batch::Columns(frames.columns(&mut self.rows)?) } else { Batch::Frames(frames) };
        if self.ahead == AHEAD {
            self.bytes = self.answer()?;
            self.ahead -= 1;
        }
        self.undone.fetch_add(1, Ordering::Relaxed);
        self.batches.send(batch).map_err(|_gone| gone())?;
        self.ahead += 1;
        Ok(())
    }

    /// Ends the file and answers its bytes.
    pub(super) fn finish(mut self, footer: impl IntoIterator<Item = KeyValue>) -> Result<Vec<u8>, ParquetError> {
        while self.ahead > 0 {
            self.answer()?;
            self.ahead -= 1;
        }
        drop(self.batches);
        let mut writer = self.thread.join().map_err(|_panicked| gone())??;
        for pair in footer {
            writer.append_key_value_metadata(pair);
        }
        writer.into_inner()
    }

    fn answer(&self) -> Result<usize, ParquetError> {
        self.encoded.recv().map_err(|_gone| gone())?
    }
}

/// The encoder's thread: until nobody holds the other end.
fn encode(
    mut writer: ArrowWriter<Vec<u8>>,
    mut rows: Rows,
    undone: &AtomicUsize,
    waiting: &Receiver<Batch>,
    answers: &SyncSender<Result<usize, ParquetError>>,
) -> Result<ArrowWriter<Vec<u8>>, ParquetError> {
    while let Ok(batch) = waiting.recv() {
        let columns = match batch {
            Batch::Frames(frames) => frames.columns(&mut rows).map_err(ParquetError::from),
            Batch::Columns(columns) => Ok(columns),
        };
        let written =
            columns.and_then(|columns| writer.write(&columns)).map(|()| writer.bytes_written() + writer.in_progress_size());
        undone.fetch_sub(1, Ordering::Relaxed);
        if answers.send(written).is_err() {
            break;
        }
    }
    Ok(writer)
}

fn gone() -> ParquetError {
    ParquetError::General("the encoder's thread has ended".to_owned())
}
