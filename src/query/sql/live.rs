//! What no file holds, read from SQLite: a range of `seq`, page by page, on a thread that may wait.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::{DataFusionError, Result};
use datafusion::execution::TaskContext;
use datafusion::physical_plan::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchReceiverStream;
use datafusion::physical_plan::streaming::PartitionStream;

use super::error::SqlError;
use crate::encode::arrow::{Column, Rows};
use crate::journal::{Condition, Page, ReaderStore};

/// Positions that one statement looks at. Between two of them it is seen whether anybody still reads.
const STEP: u64 = 65_536;

/// Rows of a batch, about.
const BATCH_ROWS: usize = 8_192;

/// Batches that wait for the engine.
const WAITING: usize = 2;

/// One range of the journal.
pub(super) struct LivePart {
    pub(super) journal: PathBuf,
    /// `seq` of the first and the last event.
    pub(super) range: (u64, u64),
    pub(super) conditions: Vec<Condition>,
    pub(super) columns: Vec<Column>,
    pub(super) schema: SchemaRef,
}

impl fmt::Debug for LivePart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "seq {} to {}, {} conditions", self.range.0, self.range.1, self.conditions.len())
    }
}

impl PartitionStream for LivePart {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _context: Arc<TaskContext>) -> SendableRecordBatchStream {
        let mut builder = RecordBatchReceiverStream::builder(Arc::clone(&self.schema), WAITING);
        let sender = builder.tx();
        let (journal, range, conditions) = (self.journal.clone(), self.range, self.conditions.clone());
        let (columns, schema) = (self.columns.clone(), Arc::clone(&self.schema));
        builder.spawn_blocking(move || {
            // The receiver goes when nobody reads the answer any more.
            read(&journal, range, &conditions, &columns, &schema, &mut |batch| sender.blocking_send(Ok(batch)).is_ok(), &|| {
                sender.is_closed()
            })
        });
        builder.build()
    }
}

fn read(
    journal: &std::path::Path,
    (first, last): (u64, u64),
    conditions: &[Condition],
    columns: &[Column],
    schema: &SchemaRef,
    give: &mut dyn FnMut(RecordBatch) -> bool,
    is_over: &dyn Fn() -> bool,
) -> Result<()> {
    let failed = |error: SqlError| DataFusionError::External(Box::new(error));
    let store = ReaderStore::open(journal).map_err(|error| failed(error.into()))?;
    let mut rows = Rows::of(columns, false);
    let mut page = Page::default();
    let mut after = first.saturating_sub(1);
    while after < last && !is_over() {
        let end = last.min(after.saturating_add(STEP));
        store.page_within(after, end, conditions, &mut page).map_err(|error| failed(error.into()))?;
        for row in page.iter() {
            let row = row.map_err(|error| failed(error.into()))?;
            rows.push(row.seq, &row.columns, row.leaf);
            if rows.len() >= BATCH_ROWS && !give(batch(&mut rows, schema)?) {
                return Ok(());
            }
        }
        after = match page.last_seq() {
            Some(read) if page.is_cut() => read,
            _ => end,
        };
    }
    if !rows.is_empty() {
        let _nobody_reads = give(batch(&mut rows, schema)?);
    }
    Ok(())
}

/// The gathered rows in the types of the table: texts as views.
fn batch(rows: &mut Rows, schema: &SchemaRef) -> Result<RecordBatch> {
    let batch = rows.finish()?;
    let options = datafusion::arrow::array::RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    let columns = batch.columns().iter().zip(schema.fields()).map(|(column, field)| cast(column, field.data_type()));
    let columns = columns.collect::<std::result::Result<Vec<_>, _>>()?;
    Ok(RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)?)
}
