//! How a file is encoded: compression, encodings, statistics, bloom filters, sorting. The numbers were measured: docs/parquet.md.

use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::metadata::SortingColumn;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;

use super::config::ParquetConfig;
use crate::encode::arrow::{Column, Data};

/// Bytes of a page before compression. Large pages compress better; those that are skipped by the page index are split by rows.
const PAGE_BYTES: usize = 1 << 20;

/// Columns by which single values are searched: a bloom filter says of most row groups that they do not have it.
const SEARCHED: &[Column] = &[
    Column::Id,
    Column::SessionId,
    Column::CommandId,
    Column::Subject,
    Column::Path,
    Column::Host,
    Column::Address,
    Column::Exe,
    Column::Pid,
    Column::RegistryKey,
];

/// Columns with statistics for each page too; the others have them for each row group.
const PAGED: &[Column] = &[
    Column::Seq,
    Column::Time,
    Column::SessionId,
    Column::CommandId,
    Column::Kind,
    Column::Family,
    Column::Subject,
    Column::Decision,
    Column::Severity,
    Column::Pid,
    Column::Path,
    Column::Host,
    Column::Port,
];

/// The writer's properties.
pub(super) fn properties(config: &ParquetConfig) -> WriterProperties {
    let level = ZstdLevel::try_new(i32::from(config.zstd_level.clamp(1, 19))).unwrap_or_default();
    let rows = usize::try_from(config.row_group_rows).unwrap_or(usize::MAX).max(1);
    let mut builder = WriterProperties::builder()
        .set_created_by(concat!("agentsh ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_compression(Compression::ZSTD(level))
        .set_max_row_group_row_count(Some(rows))
        .set_max_row_group_bytes(Some(64 << 20))
        .set_data_page_size_limit(PAGE_BYTES)
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_sorting_columns(Some(vec![SortingColumn { column_idx: 0, descending: false, nulls_first: false }]));
    for column in Column::ALL {
        let path = ColumnPath::from(column.as_str());
        builder = match (column, column.data()) {
            // Positions and times grow a little from row to row.
            (Column::Seq | Column::Time, _) => builder
                .set_column_dictionary_enabled(path.clone(), false)
                .set_column_encoding(path, Encoding::DELTA_BINARY_PACKED),
            // Random bytes: a dictionary of them is larger than they are, and their order says nothing.
            (_, Data::Id | Data::Hash) => builder
                .set_column_dictionary_enabled(path.clone(), false)
                .set_column_statistics_enabled(path, EnabledStatistics::None),
            (Column::Payload, _) => builder
                .set_column_dictionary_enabled(path.clone(), false)
                .set_column_statistics_enabled(path, EnabledStatistics::None),
            _ => builder,
        };
    }
    for column in PAGED {
        builder = builder.set_column_statistics_enabled(ColumnPath::from(column.as_str()), EnabledStatistics::Page);
    }
    for column in SEARCHED {
        let path = ColumnPath::from(column.as_str());
        builder = builder
            .set_column_bloom_filter_fpp(path.clone(), 0.01)
            .set_column_bloom_filter_max_ndv(path, config.row_group_rows.max(1));
    }
    builder.build()
}
