//! What can be asked about: tables, columns, types, meanings and functions.

use datafusion::arrow::datatypes::{DataType, SchemaRef};

use crate::encode::arrow::Column;

/// A table or a view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableInfo {
    /// Its name.
    pub name: String,
    /// What is in it.
    pub about: String,
    /// Its columns, in order.
    pub columns: Vec<ColumnInfo>,
    /// Which of both it is.
    pub kind: TableKind,
    /// Its columns as the engine has them.
    pub schema: SchemaRef,
}

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TableKind {
    /// The table.
    Table,
    /// A view of it.
    View,
}

/// A column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnInfo {
    /// Its name.
    pub name: String,
    /// Its type, in words.
    pub data_type: String,
    /// Its meaning and unit; empty where a view computes it.
    pub about: &'static str,
}

/// The columns of a schema, with what is known of their meaning.
pub(super) fn columns(schema: &SchemaRef) -> Vec<ColumnInfo> {
    let info = |field: &std::sync::Arc<datafusion::arrow::datatypes::Field>| {
        let known = Column::named(field.name());
        ColumnInfo {
            name: field.name().clone(),
            data_type: known.map_or_else(|| words(field.data_type()), |column| column.data().words().to_owned()),
            about: known.map_or("", Column::about),
        }
    };
    schema.fields().iter().map(info).collect()
}

/// A type in words.
pub(super) fn words(data_type: &DataType) -> String {
    match data_type {
        DataType::Utf8 | DataType::Utf8View | DataType::LargeUtf8 => "string".to_owned(),
        DataType::Int64 => "int64".to_owned(),
        DataType::Boolean => "boolean".to_owned(),
        DataType::Timestamp(_, _) => "timestamp".to_owned(),
        DataType::FixedSizeBinary(bytes) => format!("{bytes} bytes"),
        DataType::List(item) => format!("list of {}", words(item.data_type())),
        other => other.to_string().to_lowercase(),
    }
}
