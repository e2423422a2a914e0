//! `LakeFile`: a sealed file that is read back.

use arrow_array::RecordBatch;
use bytes::Bytes;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};

use super::error::LakeError;
use super::footer::Footer;
use crate::encode::arrow::StoredRows;

/// Rows of one batch.
const BATCH_ROWS: usize = 8_192;

/// A file's bytes and what its footer says. The rows come in batches.
pub struct LakeFile {
    name: String,
    builder: ParquetRecordBatchReaderBuilder<Bytes>,
    footer: Footer,
}

impl LakeFile {
    /// Reads the footer of a whole file; `name` is for what is said about it.
    ///
    /// # Errors
    /// [`LakeError::Parquet`] when it is no Parquet, [`LakeError::Footer`] when it is none of ours.
    pub fn open(name: impl Into<String>, bytes: Bytes) -> Result<Self, LakeError> {
        let name = name.into();
        let builder = ParquetRecordBatchReaderBuilder::try_new(bytes)
            .map_err(|source| LakeError::Parquet { file: name.clone(), source })?
            .with_batch_size(BATCH_ROWS);
        let footer = Footer::from_pairs(&name, builder.metadata().file_metadata().key_value_metadata())?;
        Ok(Self { name, builder, footer })
    }

    /// What the footer says.
    #[must_use]
    pub const fn footer(&self) -> &Footer {
        &self.footer
    }

    /// Its name, as it was given.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Rows, as the footer counts them.
    #[must_use]
    pub fn rows(&self) -> u64 {
        u64::try_from(self.builder.metadata().file_metadata().num_rows()).unwrap_or(0)
    }

    /// The rows with all columns.
    ///
    /// # Errors
    /// [`LakeError::Parquet`].
    pub fn batches(self) -> Result<Batches, LakeError> {
        Self::build(self.name, self.builder)
    }

    /// The rows with the columns that the stored form needs alone.
    ///
    /// # Errors
    /// [`LakeError::Parquet`].
    pub fn stored_batches(self) -> Result<Batches, LakeError> {
        Self::stored(self.name, self.builder)
    }

    /// As [`LakeFile::stored_batches`], of a file that need not be a whole range of a lake: its footer says nothing of one.
    ///
    /// # Errors
    /// [`LakeError::Parquet`].
    pub fn stored_batches_of(name: impl Into<String>, bytes: Bytes) -> Result<Batches, LakeError> {
        let name = name.into();
        match ParquetRecordBatchReaderBuilder::try_new(bytes) {
            Ok(builder) => Self::stored(name, builder.with_batch_size(BATCH_ROWS)),
            Err(source) => Err(LakeError::Parquet { file: name, source }),
        }
    }

    fn stored(name: String, builder: ParquetRecordBatchReaderBuilder<Bytes>) -> Result<Batches, LakeError> {
        let names = StoredRows::needed().iter().map(|column| column.as_str());
        let mask = ProjectionMask::columns(builder.parquet_schema(), names);
        Self::build(name, builder.with_projection(mask))
    }

    fn build(name: String, builder: ParquetRecordBatchReaderBuilder<Bytes>) -> Result<Batches, LakeError> {
        match builder.build() {
            Ok(reader) => Ok(Batches { name, reader }),
            Err(source) => Err(LakeError::Parquet { file: name, source }),
        }
    }
}

/// The rows of a file, in order.
pub struct Batches {
    name: String,
    reader: ParquetRecordBatchReader,
}

impl Iterator for Batches {
    type Item = Result<RecordBatch, LakeError>;

    fn next(&mut self) -> Option<Self::Item> {
        let batch = self.reader.next()?;
        Some(batch.map_err(|source| LakeError::Parquet { file: self.name.clone(), source: source.into() }))
    }
}
