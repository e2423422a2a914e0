//! Rows back to the stored form.

use arrow_array::cast::AsArray;
use arrow_array::types::{Int64Type, TimestampMicrosecondType};
use arrow_array::{Array, FixedSizeBinaryArray, Int64Array, ListArray, RecordBatch, StringArray, TimestampMicrosecondArray};

use super::column::Column;
use crate::encode::stored::Columns;

/// Why a batch or a row of it is not one of ours.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RowError {
    /// A column is missing or has another type.
    #[error("column `{column}` is not there, or of another type")]
    Column {
        /// The column.
        column: &'static str,
    },
    /// A value is missing that every row has.
    #[error("column `{column}` is null")]
    Null {
        /// The column.
        column: &'static str,
    },
}

/// The columns of a batch that the stored form needs.
pub struct StoredRows<'b> {
    batch: &'b RecordBatch,
    seq: &'b Int64Array,
    id: &'b FixedSizeBinaryArray,
    time: &'b TimestampMicrosecondArray,
    session_id: &'b StringArray,
    command_id: &'b StringArray,
    cause: &'b FixedSizeBinaryArray,
    kind: &'b StringArray,
    pid: &'b Int64Array,
    subject: &'b StringArray,
    decision: &'b StringArray,
    rule: &'b StringArray,
    severity: &'b Int64Array,
    attack: &'b ListArray,
    payload: &'b StringArray,
    leaf: &'b FixedSizeBinaryArray,
}

/// One row in its stored form. Only `attack` had to be written anew: it is a list in the row and a JSON array in the frame.
pub struct StoredRow<'b> {
    /// Position.
    pub seq: u64,
    /// The leaf, where the file keeps leaves.
    pub leaf: Option<&'b [u8]>,
    attack: Option<String>,
    columns: Columns<'b>,
}

impl StoredRow<'_> {
    /// The columns that the frame is made of.
    #[must_use]
    pub fn columns(&self) -> Columns<'_> {
        Columns { attack: self.attack.as_deref(), ..self.columns }
    }
}

impl<'b> StoredRows<'b> {
    /// Finds the columns by their names.
    ///
    /// # Errors
    /// [`RowError::Column`].
    pub fn of(batch: &'b RecordBatch) -> Result<Self, RowError> {
        let array = |column: Column| batch.column_by_name(column.as_str()).ok_or(RowError::Column { column: column.as_str() });
        let texts = |column| array(column)?.as_string_opt::<i32>().ok_or_else(|| wrong(column));
        let integers = |column| array(column)?.as_primitive_opt::<Int64Type>().ok_or_else(|| wrong(column));
        let bytes = |column| array(column)?.as_fixed_size_binary_opt().ok_or_else(|| wrong(column));
        Ok(Self {
            batch,
            seq: integers(Column::Seq)?,
            id: bytes(Column::Id)?,
            time: array(Column::Time)?.as_primitive_opt::<TimestampMicrosecondType>().ok_or_else(|| wrong(Column::Time))?,
            session_id: texts(Column::SessionId)?,
            command_id: texts(Column::CommandId)?,
            cause: bytes(Column::Cause)?,
            kind: texts(Column::Kind)?,
            pid: integers(Column::Pid)?,
            subject: texts(Column::Subject)?,
            decision: texts(Column::Decision)?,
            rule: texts(Column::Rule)?,
            severity: integers(Column::Severity)?,
            attack: array(Column::Attack)?.as_list_opt::<i32>().ok_or_else(|| wrong(Column::Attack))?,
            payload: texts(Column::Payload)?,
            leaf: bytes(Column::Leaf)?,
        })
    }

    /// The columns that the stored form needs, in any order.
    #[must_use]
    pub const fn needed() -> &'static [Column] {
        &[
            Column::Seq,
            Column::Id,
            Column::Time,
            Column::SessionId,
            Column::CommandId,
            Column::Cause,
            Column::Kind,
            Column::Pid,
            Column::Subject,
            Column::Decision,
            Column::Rule,
            Column::Severity,
            Column::Attack,
            Column::Payload,
            Column::Leaf,
        ]
    }

    /// The rows, in order.
    pub fn iter(&self) -> impl Iterator<Item = Result<StoredRow<'b>, RowError>> + '_ {
        (0..self.batch.num_rows()).map(|row| self.row(row))
    }

    fn row(&self, row: usize) -> Result<StoredRow<'b>, RowError> {
        let seq = needed(integer(self.seq, row), Column::Seq)?;
        let time_us = if self.time.is_null(row) { None } else { Some(self.time.value(row)) };
        let columns = Columns {
            id: needed(bytes(self.id, row), Column::Id)?,
            time_us: needed(time_us, Column::Time)?,
            session_id: text(self.session_id, row),
            command_id: text(self.command_id, row),
            cause: bytes(self.cause, row),
            kind: needed(text(self.kind, row), Column::Kind)?,
            pid: integer(self.pid, row),
            subject: text(self.subject, row),
            decision: text(self.decision, row),
            rule: text(self.rule, row),
            severity: needed(integer(self.severity, row), Column::Severity)?,
            attack: None,
            payload: needed(text(self.payload, row), Column::Payload)?,
        };
        Ok(StoredRow {
            // A negative position is none: it is no row of ours, and the tree will say so.
            seq: u64::try_from(seq).unwrap_or(0),
            leaf: bytes(self.leaf, row),
            attack: self.attack(row)?,
            columns,
        })
    }

    fn attack(&self, row: usize) -> Result<Option<String>, RowError> {
        if self.attack.is_null(row) {
            return Ok(None);
        }
        let list = self.attack.value(row);
        let texts = list.as_string_opt::<i32>().ok_or_else(|| wrong(Column::Attack))?;
        let texts: Vec<&str> = (0..texts.len()).filter_map(|at| text(texts, at)).collect();
        serde_json::to_string(&texts).map(Some).map_err(|_| wrong(Column::Attack))
    }
}

const fn wrong(column: Column) -> RowError {
    RowError::Column { column: column.as_str() }
}

fn needed<T>(value: Option<T>, column: Column) -> Result<T, RowError> {
    value.ok_or(RowError::Null { column: column.as_str() })
}

fn text(array: &StringArray, row: usize) -> Option<&str> {
    if array.is_null(row) { None } else { Some(array.value(row)) }
}

fn integer(array: &Int64Array, row: usize) -> Option<i64> {
    if array.is_null(row) { None } else { Some(array.value(row)) }
}

fn bytes(array: &FixedSizeBinaryArray, row: usize) -> Option<&[u8]> {
    if array.is_null(row) { None } else { Some(array.value(row)) }
}
