//! The builder of one column. A row that has no value costs nothing: the nulls up to the next value are added with it.

use std::sync::Arc;

use arrow_array::ArrayRef;
use arrow_array::builder::{
    BooleanBuilder, FixedSizeBinaryBuilder, Int64Builder, ListBuilder, StringBuilder, TimestampMicrosecondBuilder,
};
use arrow_schema::Field;

use super::column::{Column, Data};

enum Values {
    Integer(Int64Builder),
    Time(TimestampMicrosecondBuilder),
    Text(StringBuilder),
    Flag(BooleanBuilder),
    Bytes(FixedSizeBinaryBuilder),
    Texts(ListBuilder<StringBuilder>),
    Integers(ListBuilder<Int64Builder>),
}

/// One column of the rows that are being gathered.
pub(super) struct Builder {
    values: Values,
    /// Rows that have their place already.
    rows: usize,
}

impl Builder {
    pub(super) fn new(column: Column) -> Self {
        let element = || Field::new("element", arrow_schema::DataType::Utf8, false);
        let number = || Field::new("element", arrow_schema::DataType::Int64, false);
        let values = match column.data() {
            Data::Integer => Values::Integer(Int64Builder::new()),
            Data::Time => Values::Time(TimestampMicrosecondBuilder::new().with_timezone("UTC")),
            Data::Text => Values::Text(StringBuilder::new()),
            Data::Flag => Values::Flag(BooleanBuilder::new()),
            Data::Id => Values::Bytes(FixedSizeBinaryBuilder::new(16)),
            Data::Hash => Values::Bytes(FixedSizeBinaryBuilder::new(32)),
            Data::Texts => Values::Texts(ListBuilder::new(StringBuilder::new()).with_field(element())),
            Data::Integers => Values::Integers(ListBuilder::new(Int64Builder::new()).with_field(number())),
        };
        Self { values, rows: 0 }
    }

    /// Makes room for a value in `row`; `false` when there is one already.
    fn reach(&mut self, row: usize) -> bool {
        if self.rows > row {
            return false;
        }
        self.pad(row);
        self.rows = row + 1;
        true
    }

    fn pad(&mut self, rows: usize) {
        let missing = rows.saturating_sub(self.rows);
        if missing == 0 {
            return;
        }
        match &mut self.values {
            Values::Integer(builder) => builder.append_nulls(missing),
            Values::Time(builder) => builder.append_nulls(missing),
            Values::Text(builder) => builder.append_nulls(missing),
            Values::Flag(builder) => builder.append_nulls(missing),
            Values::Bytes(builder) => builder.append_nulls(missing),
            Values::Texts(builder) => builder.append_nulls(missing),
            Values::Integers(builder) => builder.append_nulls(missing),
        }
        self.rows = rows;
    }

    pub(super) fn integer(&mut self, row: usize, value: i64) {
        if !self.reach(row) {
            return;
        }
        match &mut self.values {
            Values::Integer(builder) => builder.append_value(value),
            Values::Time(builder) => builder.append_value(value),
            _ => self.rows = row,
        }
    }

    pub(super) fn text(&mut self, row: usize, value: &str) {
        if !self.reach(row) {
            return;
        }
        match &mut self.values {
            Values::Text(builder) => builder.append_value(value),
            _ => self.rows = row,
        }
    }

    pub(super) fn flag(&mut self, row: usize, value: bool) {
        if !self.reach(row) {
            return;
        }
        match &mut self.values {
            Values::Flag(builder) => builder.append_value(value),
            _ => self.rows = row,
        }
    }

    pub(super) fn bytes(&mut self, row: usize, value: &[u8]) {
        if !self.reach(row) {
            return;
        }
        // Bytes of another length are no id and no hash: nothing is appended then.
        let appended = if let Values::Bytes(builder) = &mut self.values { builder.append_value(value).is_ok() } else { false };
        if !appended {
            self.rows = row;
        }
    }

    /// A list of texts, all of them or none.
    pub(super) fn texts<'a>(&mut self, row: usize, values: impl Iterator<Item = &'a str>) {
        if !self.reach(row) {
            return;
        }
        match &mut self.values {
            Values::Texts(builder) => {
                for value in values {
                    builder.values().append_value(value);
                }
                builder.append(true);
            }
            _ => self.rows = row,
        }
    }

    /// A list of numbers, all of them or none.
    pub(super) fn integers(&mut self, row: usize, values: &[i64]) {
        if !self.reach(row) {
            return;
        }
        match &mut self.values {
            Values::Integers(builder) => {
                builder.values().append_slice(values);
                builder.append(true);
            }
            _ => self.rows = row,
        }
    }

    /// The column of `rows` rows; the builder is empty again.
    pub(super) fn finish(&mut self, rows: usize) -> ArrayRef {
        self.pad(rows);
        self.rows = 0;
        match &mut self.values {
            Values::Integer(builder) => Arc::new(builder.finish()),
            Values::Time(builder) => Arc::new(builder.finish()),
            Values::Text(builder) => Arc::new(builder.finish()),
            Values::Flag(builder) => Arc::new(builder.finish()),
            Values::Bytes(builder) => Arc::new(builder.finish()),
            Values::Texts(builder) => Arc::new(builder.finish()),
            Values::Integers(builder) => Arc::new(builder.finish()),
        }
    }
}
