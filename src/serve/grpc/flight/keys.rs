//! Keys of tables: `seq` of `events`, and none from one table to another.

use std::sync::Arc;

use arrow_flight::sql::CommandGetPrimaryKeys;
use datafusion::arrow::array::{ArrayRef, Int32Array, RecordBatch, StringArray};
use datafusion::arrow::datatypes::{DataType, Field, Schema};
use tonic::Status;

use crate::query::sql::{Batch, Engine};

/// The one table that has a key, and its column.
const KEY: (&str, &str) = ("events", "seq");

/// The columns that the primary key of a table consists of. A view has none.
pub(super) fn primary(asked: &CommandGetPrimaryKeys) -> Result<Batch, Status> {
    let (catalog, schema) = Engine::home();
    let (table, column) = KEY;
    let is_meant = asked.table == table
        && asked.catalog.as_deref().is_none_or(|asked| asked == catalog)
        && asked.db_schema.as_deref().is_none_or(|asked| asked == schema);
    let only = |text: &'static str| -> ArrayRef { Arc::new(StringArray::from_iter_values(is_meant.then_some(text))) };
    let columns: Vec<ArrayRef> = vec![
        only(catalog),
        only(schema),
        only(table),
        only(column),
        Arc::new(Int32Array::from_iter_values(is_meant.then_some(1))),
        Arc::new(StringArray::from_iter(is_meant.then_some(None::<&str>))),
    ];
    let fields = vec![
        Field::new("catalog_name", DataType::Utf8, true),
        Field::new("db_schema_name", DataType::Utf8, true),
        Field::new("table_name", DataType::Utf8, false),
        Field::new("column_name", DataType::Utf8, false),
        Field::new("key_sequence", DataType::Int32, false),
        Field::new("key_name", DataType::Utf8, true),
    ];
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).map_err(|error| Status::internal(error.to_string()))
}

/// The answer to who refers to whose keys: no rows.
pub(super) fn foreign() -> Batch {
    let text = |name: &str, is_null: bool| Field::new(name, DataType::Utf8, is_null);
    let fields = vec![
        text("pk_catalog_name", true),
        text("pk_db_schema_name", true),
        text("pk_table_name", false),
        text("pk_column_name", false),
        text("fk_catalog_name", true),
        text("fk_db_schema_name", true),
        text("fk_table_name", false),
        text("fk_column_name", false),
        Field::new("key_sequence", DataType::Int32, false),
        text("fk_key_name", true),
        text("pk_key_name", true),
        Field::new("update_rule", DataType::UInt8, false),
        Field::new("delete_rule", DataType::UInt8, false),
    ];
    RecordBatch::new_empty(Arc::new(Schema::new(fields)))
}
