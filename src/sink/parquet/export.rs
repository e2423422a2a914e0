//! Any rows of a journal as one Parquet file: the columns, encodings and leaves of a lake's files, without the footer of a whole range.

use std::io::Write;

use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::errors::ParquetError;

use super::config::ParquetConfig;
use super::error::LakeError;
use super::format::properties;
use crate::encode::arrow::{Rows, schema};
use crate::encode::stored::Columns;

/// Rows of one batch.
const BATCH_ROWS: usize = 8_192;

/// Bytes of payloads after which a batch is written although it has fewer rows.
const BATCH_BYTES: usize = 16 << 20;

/// A Parquet file that is being written. Memory is that of a row group, 64 MiB before compression at most.
pub struct ParquetExport<W: Write + Send> {
    writer: ArrowWriter<W>,
    rows: Rows,
    name: String,
}

impl<W: Write + Send> ParquetExport<W> {
    /// An empty file; `name` is for what is said about it.
    ///
    /// # Errors
    /// [`LakeError::Parquet`].
    pub fn start(out: W, name: &str) -> Result<Self, LakeError> {
        let config = ParquetConfig::default();
        let options = ArrowWriterOptions::new().with_properties(properties(&config)).with_skip_arrow_metadata(true);
        let writer = ArrowWriter::try_new_with_options(out, schema(), options).map_err(|source| wrong(name, source))?;
        Ok(Self { writer, rows: Rows::new(true), name: name.to_owned() })
    }

    /// Adds a row.
    ///
    /// # Errors
    /// [`LakeError::Parquet`], also where the file cannot be written.
    pub fn push(&mut self, seq: u64, columns: &Columns<'_>, leaf: &[u8]) -> Result<(), LakeError> {
        self.rows.push(seq, columns, leaf);
        if self.rows.len() >= BATCH_ROWS || self.rows.payload_bytes() >= BATCH_BYTES { self.write() } else { Ok(()) }
    }

    fn write(&mut self) -> Result<(), LakeError> {
        let batch = self.rows.finish().map_err(|error| wrong(&self.name, error.into()))?;
        self.writer.write(&batch).map_err(|source| wrong(&self.name, source))
    }

    /// Ends the file.
    ///
    /// # Errors
    /// [`LakeError::Parquet`], also where the file cannot be written.
    pub fn finish(mut self) -> Result<W, LakeError> {
        self.write()?;
        let name = self.name;
        self.writer.into_inner().map_err(|source| wrong(&name, source))
    }
}

fn wrong(name: &str, source: ParquetError) -> LakeError {
    LakeError::Parquet { file: name.to_owned(), source }
}
