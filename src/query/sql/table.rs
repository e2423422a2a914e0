//! The table `events`: the sealed files and what no file holds, as of one moment.

use std::fmt;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};

use datafusion::arrow::compute::SortOptions;
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::Result;
use datafusion::datasource::TableType;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown};
use datafusion::physical_expr::expressions::Column as PhysicalColumn;
use datafusion::physical_expr::{LexOrdering, PhysicalSortExpr};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::physical_plan::streaming::StreamingTableExec;
use datafusion::physical_plan::union::UnionExec;

use super::lake::Snapshot;
use super::live::LivePart;
use super::push_down::Wanted;
use crate::encode::arrow::Column;

/// Fewer events than this are read by one thread.
const SMALL: u64 = 20_000;

/// The events of one moment.
pub(super) struct EventsTable {
    pub(super) journal: PathBuf,
    /// `seq` of the last event of the moment.
    pub(super) head: u64,
    pub(super) lake: Snapshot,
    /// How many threads may read at once.
    pub(super) threads: usize,
}

impl fmt::Debug for EventsTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "events up to {}", self.head)
    }
}

/// The row's schema as the engine reads it: texts as views, which are compared and grouped without copies. Without `leaf`, which a file need not
/// have: an answer would depend on where an event stands.
pub(super) fn table_schema() -> SchemaRef {
    static SCHEMA: OnceLock<SchemaRef> = OnceLock::new();
    let make = || {
        let fields = Column::ALL.iter().filter(|column| **column != Column::Leaf).map(|column| {
            let field = column.field();
            match field.data_type() {
                DataType::Utf8 => Field::new(column.as_str(), DataType::Utf8View, column.nullable()),
                _ => field,
            }
        });
        Arc::new(Schema::new(fields.collect::<Vec<_>>()))
    };
    Arc::clone(SCHEMA.get_or_init(make))
}

impl EventsTable {
    /// The ranges within `wanted` that no file holds, split so that several threads can read.
    fn live_ranges(&self, wanted: (u64, u64)) -> Vec<(u64, u64)> {
        let mut ranges = Vec::new();
        let mut next = wanted.0.max(1);
        for (first, last) in self.lake.ranges() {
            if next < first && next <= wanted.1 {
                ranges.push((next, (first - 1).min(wanted.1)));
            }
            next = next.max(last + 1);
        }
        if next <= wanted.1 {
            ranges.push((next, wanted.1));
        }
        let threads = u64::try_from(self.threads.max(1)).unwrap_or(1);
        match ranges.as_slice() {
            [(first, last)] if last - first >= SMALL => {
                let share = (last - first + 1).div_ceil(threads);
                let starts = (0..threads).map(|part| first + part * share).take_while(|start| start <= last);
                starts.map(|start| (start, last.min(&(start + share - 1)).to_owned())).collect()
            }
            _ => ranges,
        }
    }

    fn plan(&self, projection: Option<&Vec<usize>>, filters: &[Expr], limit: Option<usize>) -> Result<Arc<dyn ExecutionPlan>> {
        let wanted = Wanted::of(filters, self.head);
        let mut plans = Vec::new();
        plans.extend(self.lake_plan(projection, wanted.range, limit)?);
        plans.extend(self.live_plan(projection, &wanted, limit)?);
        match plans.pop() {
            None => {
                let schema = match projection {
                    Some(indices) => Arc::new(table_schema().project(indices)?),
                    None => table_schema(),
                };
                Ok(Arc::new(EmptyExec::new(schema)))
            }
            Some(only) if plans.is_empty() => Ok(only),
            Some(live) => {
                plans.push(live);
                UnionExec::try_new(plans)
            }
        }
    }

    fn lake_plan(
        &self,
        projection: Option<&Vec<usize>>,
        range: (u64, u64),
        limit: Option<usize>,
    ) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        let groups = self.lake.groups(range, self.threads);
        if groups.is_empty() {
            return Ok(None);
        }
        // Nothing is found under this address: the readers have the files open already.
        let nowhere = ObjectStoreUrl::local_filesystem();
        let source = ParquetSource::new(table_schema())
            .with_parquet_file_reader_factory(Arc::new(self.lake.readers()))
            .with_pushdown_filters(true)
            .with_reorder_filters(true)
            .with_enable_page_index(true)
            .with_bloom_filter_on_read(true);
        let config = FileScanConfigBuilder::new(nowhere, Arc::new(source))
            .with_file_groups(groups.into_iter().map(FileGroup::new).collect())
            .with_projection_indices(projection.cloned())?
            .with_output_ordering(by_seq(Column::Seq.index()))
            .with_limit(limit)
            .build();
        Ok(Some(DataSourceExec::from_data_source(config)))
    }

    fn live_plan(
        &self,
        projection: Option<&Vec<usize>>,
        wanted: &Wanted,
        limit: Option<usize>,
    ) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        let ranges = self.live_ranges(wanted.range);
        if ranges.is_empty() {
            return Ok(None);
        }
        let columns: Vec<Column> = match projection {
            Some(indices) => indices.iter().filter_map(|index| Column::ALL.get(*index).copied()).collect(),
            None => table_schema().fields().iter().filter_map(|field| Column::named(field.name())).collect(),
        };
        let fields = columns.iter().map(|column| table_schema().field(column.index()).clone());
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        let part = |range| -> Arc<dyn datafusion::physical_plan::streaming::PartitionStream> {
            Arc::new(LivePart {
                journal: self.journal.clone(),
                range,
                conditions: wanted.conditions.clone(),
                columns: columns.clone(),
                schema: Arc::clone(&schema),
            })
        };
        let place = columns.iter().position(|column| *column == Column::Seq);
        let ordering = place.map(by_seq).unwrap_or_default();
        let parts = ranges.into_iter().map(part).collect();
        Ok(Some(Arc::new(StreamingTableExec::try_new(schema, parts, None, ordering, false, limit)?)))
    }
}

/// The rows of each part stand in the order of `seq`, which is the column at `place`.
fn by_seq(place: usize) -> Vec<LexOrdering> {
    let sorted = SortOptions { descending: false, nulls_first: false };
    let seq = PhysicalSortExpr::new(Arc::new(PhysicalColumn::new(Column::Seq.as_str(), place)), sorted);
    LexOrdering::new(vec![seq]).into_iter().collect()
}

impl TableProvider for EventsTable {
    fn schema(&self) -> SchemaRef {
        table_schema()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }

    fn scan<'table, 'session, 'projection, 'filters, 'plan>(
        &'table self,
        _state: &'session dyn Session,
        projection: Option<&'projection Vec<usize>>,
        filters: &'filters [Expr],
        limit: Option<usize>,
    ) -> Pin<Box<dyn Future<Output = Result<Arc<dyn ExecutionPlan>>> + Send + 'plan>>
    where
        'table: 'plan,
        'session: 'plan,
        'projection: 'plan,
        'filters: 'plan,
        Self: 'plan,
    {
        let plan = self.plan(projection, filters, limit);
        Box::pin(std::future::ready(plan))
    }
}
