//! The forms of an answer: JSON, JSON lines, CSV, Arrow's stream, Parquet. Written as the batches come.

use std::io::{self, Write};
use std::time::Duration;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::ipc::writer::StreamWriter;
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::basic::{Compression, ZstdLevel};
use datafusion::parquet::errors::ParquetError;
use datafusion::parquet::file::properties::WriterProperties;
use serde_json::{Map, Value, json};

use super::cells;
use super::plain::{plain, plain_columns};
use super::tables::words;

/// Bytes of a row group of Parquet, about: so much of an answer is held until it can be written.
const ROW_GROUP: usize = 64 << 20;

/// A form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// One object: `columns`, `rows` (a list for each), `truncated`.
    Json,
    /// An object for each row, on a line of its own. Of columns with one name the second is `name_2`.
    JsonLines,
    /// RFC 4180 with a header; lines end with a line feed alone, lists are JSON.
    Csv,
    /// Arrow's IPC stream.
    Arrow,
    /// One Parquet file.
    Parquet,
}

/// Writes an answer in one form.
pub struct AnswerWriter<W: Write + Send> {
    /// Of each column, no two alike.
    names: Vec<String>,
    inner: Inner<W>,
    rows: u64,
}

enum Inner<W: Write + Send> {
    Json(W),
    JsonLines(W),
    Csv(W),
    Arrow(Box<StreamWriter<W>>),
    Parquet(Box<ArrowWriter<W>>),
}

impl<W: Write + Send> AnswerWriter<W> {
    /// Writes what stands before the first row.
    ///
    /// # Errors
    /// What the writer says.
    pub fn start(form: Form, schema: &SchemaRef, mut out: W) -> io::Result<Self> {
        let inner = match form {
            Form::Json => {
                let columns = schema.fields().iter().map(|field| json!({"name": field.name(), "type": words(field.data_type())}));
                write!(out, "{{\"columns\":{},\"rows\":[", Value::from_iter(columns))?;
                Inner::Json(out)
            }
            Form::JsonLines => Inner::JsonLines(out),
            Form::Csv => {
                let names: Vec<String> = schema.fields().iter().map(|field| quoted(field.name())).collect();
                writeln!(out, "{}", names.join(","))?;
                Inner::Csv(out)
            }
            Form::Arrow => Inner::Arrow(Box::new(StreamWriter::try_new(out, &plain_columns(schema)).map_err(arrow)?)),
            Form::Parquet => {
                let level = ZstdLevel::try_new(3).map_err(parquet)?;
                let properties = WriterProperties::builder().set_compression(Compression::ZSTD(level)).build();
                Inner::Parquet(Box::new(ArrowWriter::try_new(out, plain_columns(schema), Some(properties)).map_err(parquet)?))
            }
        };
        Ok(Self { names: names(schema), inner, rows: 0 })
    }

    /// Writes a batch.
    ///
    /// # Errors
    /// What the writer says.
    pub fn write(&mut self, batch: &RecordBatch) -> io::Result<()> {
        match &mut self.inner {
            Inner::Json(out) => {
                for row in 0..batch.num_rows() {
                    if self.rows > 0 {
                        out.write_all(b",")?;
                    }
                    self.rows += 1;
                    serde_json::to_writer(&mut *out, &cells::row(batch, row))?;
                }
            }
            Inner::JsonLines(out) => {
                for row in 0..batch.num_rows() {
                    let object: Map<String, Value> = self.names.iter().cloned().zip(cells::row(batch, row)).collect();
                    serde_json::to_writer(&mut *out, &object)?;
                    out.write_all(b"\n")?;
                }
            }
            Inner::Csv(out) => {
                for row in 0..batch.num_rows() {
                    let cells: Vec<String> = cells::row(batch, row).iter().map(|value| quoted(&shown(value))).collect();
                    writeln!(out, "{}", cells.join(","))?;
                }
            }
            Inner::Arrow(writer) => writer.write(&plain(batch).map_err(arrow)?).map_err(arrow)?,
            Inner::Parquet(writer) => {
                writer.write(&plain(batch).map_err(arrow)?).map_err(parquet)?;
                if writer.memory_size() >= ROW_GROUP {
                    writer.flush().map_err(parquet)?;
                }
            }
        }
        Ok(())
    }

    /// Writes what stands behind the last row.
    ///
    /// # Errors
    /// What the writer says.
    pub fn finish(self, truncated: bool) -> io::Result<()> {
        self.end(&format!("\"truncated\":{truncated}"))
    }

    /// The same, and how long it took, where the form can say it.
    ///
    /// # Errors
    /// What the writer says.
    pub fn finish_timed(self, truncated: bool, elapsed: Duration) -> io::Result<()> {
        self.end(&format!("\"truncated\":{truncated},\"elapsed_ms\":{}", elapsed.as_millis()))
    }

    fn end(self, members: &str) -> io::Result<()> {
        match self.inner {
            Inner::Json(mut out) => writeln!(out, "],{members}}}"),
            Inner::JsonLines(_) | Inner::Csv(_) => Ok(()),
            Inner::Arrow(mut writer) => writer.finish().map_err(arrow),
            Inner::Parquet(writer) => writer.close().map(|_written| ()).map_err(parquet),
        }
    }
}

/// The names of columns for an object, in which a name stands once: the second `seq` is `seq_2`.
fn names(schema: &SchemaRef) -> Vec<String> {
    let mut names: Vec<String> = Vec::with_capacity(schema.fields().len());
    for field in schema.fields() {
        let numbered = (2..).map(|number| format!("{}_{number}", field.name()));
        let free = std::iter::once(field.name().clone()).chain(numbered).find(|name| !names.contains(name));
        names.extend(free);
    }
    names
}

/// The rows of a batch as texts for people; `None` where there is nothing.
#[must_use]
pub fn texts(batch: &RecordBatch) -> Vec<Vec<Option<String>>> {
    let text = |value: Value| if value.is_null() { None } else { Some(shown(&value)) };
    (0..batch.num_rows()).map(|row| cells::row(batch, row).into_iter().map(text).collect()).collect()
}

fn shown(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_owned() }
}

fn arrow(error: ArrowError) -> io::Error {
    match error {
        ArrowError::IoError(_, source) => source,
        other => io::Error::other(other),
    }
}

fn parquet(error: ParquetError) -> io::Error {
    io::Error::other(error)
}
