//! Reading a sealed file that is kept open, so that it can be read to its end when its name is gone.

use std::collections::HashMap;
use std::fmt;
use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

use bytes::Bytes;
use datafusion::common::{DataFusionError, Result};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::ParquetFileReaderFactory;
use datafusion::parquet::arrow::arrow_reader::ArrowReaderOptions;
use datafusion::parquet::arrow::async_reader::AsyncFileReader;
use datafusion::parquet::errors::{ParquetError, Result as ParquetResult};
use datafusion::parquet::file::metadata::ParquetMetaData;
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

/// A file that is open, and what its footer says.
#[derive(Clone)]
pub(super) struct OpenFile {
    pub(super) file: Arc<File>,
    pub(super) metadata: Arc<ParquetMetaData>,
}

/// Hands out readers of files that are open already; a file that it does not have is not opened.
pub(super) struct OpenFiles {
    files: HashMap<String, OpenFile>,
}

impl OpenFiles {
    pub(super) fn new(files: impl Iterator<Item = (String, OpenFile)>) -> Self {
        Self { files: files.collect() }
    }
}

impl fmt::Debug for OpenFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} open files", self.files.len())
    }
}

impl ParquetFileReaderFactory for OpenFiles {
    fn create_reader(
        &self,
        _partition: usize,
        file: PartitionedFile,
        _hint: Option<usize>,
        _metrics: &ExecutionPlanMetricsSet,
    ) -> Result<Box<dyn AsyncFileReader + Send>> {
        match self.files.get(file.object_meta.location.as_ref()) {
            Some(open) => Ok(Box::new(open.clone())),
            None => Err(DataFusionError::Internal(format!("{} is no file of the lake", file.object_meta.location))),
        }
    }
}

impl AsyncFileReader for OpenFile {
    /// Reads at once: the engine's threads are its own, and may wait for a disk.
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, ParquetResult<Bytes>> {
        let read = read_at(&self.file, range);
        async move { read }.boxed()
    }

    fn get_metadata<'a>(
        &'a mut self,
        _options: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, ParquetResult<Arc<ParquetMetaData>>> {
        let metadata = Arc::clone(&self.metadata);
        async move { Ok(metadata) }.boxed()
    }
}

fn read_at(file: &File, range: Range<u64>) -> ParquetResult<Bytes> {
    let length =
        usize::try_from(range.end.saturating_sub(range.start)).map_err(|error| ParquetError::External(Box::new(error)))?;
    let mut bytes = vec![0; length];
    file.read_exact_at(&mut bytes, range.start).map_err(|error| ParquetError::External(Box::new(error)))?;
    Ok(Bytes::from(bytes))
}
