//! `Rows`: gathers events in their stored form and makes a record batch of them.

use std::sync::Arc;

use arrow_array::{RecordBatch, RecordBatchOptions};
use arrow_schema::{ArrowError, Schema, SchemaRef};

use super::build::Builder;
use super::column::{Column, Data, schema};
use super::fields::{Field, Target, actor_fields, fields, imported_fields, sensor_fields};
use super::scan::Scanner;
use crate::encode::stored::Columns;
use crate::event::{EventId, Kind};

/// Rows that are gathered. Memory is that of the rows; whoever gathers takes them with [`Rows::finish`] in time.
pub struct Rows {
    /// One for each column in the order of [`Column`]; none for a column that is not wanted.
    builders: Vec<Option<Builder>>,
    /// The columns of a batch, in its order.
    wanted: Vec<Column>,
    schema: SchemaRef,
    /// Whether a column is wanted that stands in the payload alone.
    scans: bool,
    rows: usize,
    bytes: usize,
    leaves: bool,
}

impl Rows {
    /// No rows; with `leaves` the column `leaf` is filled.
    #[must_use]
    pub fn new(leaves: bool) -> Self {
        Self { schema: schema(), ..Self::of(Column::ALL, leaves) }
    }

    /// No rows, of these columns only, in this order. What is not wanted costs nothing, and the payload is not read where nothing of it is.
    #[must_use]
    pub fn of(wanted: &[Column], leaves: bool) -> Self {
        let builder = |column: &Column| wanted.contains(column).then(|| Builder::new(*column));
        Self {
            builders: Column::ALL.iter().map(builder).collect(),
            wanted: wanted.to_vec(),
            schema: Arc::new(Schema::new(wanted.iter().map(|column| column.field()).collect::<Vec<_>>())),
            scans: wanted.iter().any(|column| column.is_in_payload()),
            rows: 0,
            bytes: 0,
            leaves,
        }
    }

    /// How many there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.rows
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// Bytes of the payloads that were gathered.
    #[must_use]
    pub const fn payload_bytes(&self) -> usize {
        self.bytes
    }

    /// Adds the event at `seq`. A kind that this version does not know fills the envelope's columns alone.
    pub fn push(&mut self, seq: u64, columns: &Columns<'_>, leaf: &[u8]) {
        let row = self.rows;
        self.integer(Column::Seq, i64::try_from(seq).ok());
        self.bytes(Column::Id, Some(columns.id));
        self.integer(Column::Time, Some(columns.time_us));
        self.text(Column::SessionId, columns.session_id);
        self.text(Column::CommandId, columns.command_id);
        self.bytes(Column::Cause, columns.cause);
        self.text(Column::Kind, Some(columns.kind));
        self.text(Column::Subject, columns.subject);
        self.text(Column::Decision, columns.decision);
        self.text(Column::Rule, columns.rule);
        self.integer(Column::Severity, Some(columns.severity));
        self.integer(Column::Pid, columns.pid);
        self.text(Column::Payload, Some(columns.payload));
        if let Some(attack) = columns.attack {
            let _ended = self.value(&mut Scanner::new(attack), Column::Attack);
        }
        if self.leaves {
            self.bytes(Column::Leaf, Some(leaf));
        }
        let kind: Option<Kind> = columns.kind.parse().ok();
        self.text(Column::Family, Some(kind.map_or("", |kind| kind.family().as_str())));
        if self.scans {
            let own = kind.map_or(&[][..], fields);
            // A payload that cannot be read to its end fills what stands before; the column `payload` has it whole.
            let _ended = self.payload(&mut Scanner::new(columns.payload), own);
        }
        self.rows = row + 1;
        self.bytes += columns.payload.len();
    }

    /// The rows as a batch; the gathering starts anew.
    ///
    /// # Errors
    /// [`ArrowError`] when a row lacks what every row has, which no stored event does.
    pub fn finish(&mut self) -> Result<RecordBatch, ArrowError> {
        let rows = std::mem::take(&mut self.rows);
        self.bytes = 0;
        let mut columns = Vec::with_capacity(self.wanted.len());
        for column in &self.wanted {
            if let Some(builder) = self.builders.get_mut(column.index()).and_then(Option::as_mut) {
                columns.push(builder.finish(rows));
            }
        }
        // A batch without columns still has rows, which are counted.
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)
    }

    fn builder(&mut self, column: Column) -> Option<&mut Builder> {
        self.builders.get_mut(column.index())?.as_mut()
    }

    fn integer(&mut self, column: Column, value: Option<i64>) {
        let row = self.rows;
        if let (Some(value), Some(builder)) = (value, self.builder(column)) {
            builder.integer(row, value);
        }
    }

    fn text(&mut self, column: Column, value: Option<&str>) {
        let row = self.rows;
        if let (Some(value), Some(builder)) = (value, self.builder(column)) {
            builder.text(row, value);
        }
    }

    fn bytes(&mut self, column: Column, value: Option<&[u8]>) {
        let row = self.rows;
        if let (Some(value), Some(builder)) = (value, self.builder(column)) {
            builder.bytes(row, value);
        }
    }

    fn payload(&mut self, scanner: &mut Scanner<'_>, own: &'static [Field]) -> Option<()> {
        let mut next = 0;
        scanner.object(|key, scanner| match key {
            "actor" => self.object(scanner, actor_fields()),
            "sensor" => self.object(scanner, sensor_fields()),
            "imported" => self.object(scanner, imported_fields()),
            _ => self.field(scanner, own, key, &mut next),
        })
    }

    fn object(&mut self, scanner: &mut Scanner<'_>, own: &'static [Field]) -> Option<()> {
        let mut next = 0;
        scanner.object(|key, scanner| self.field(scanner, own, key, &mut next))
    }

    /// Fields come in the order of the table, some left out: the search goes on where the last one was found.
    fn field(&mut self, scanner: &mut Scanner<'_>, own: &'static [Field], key: &str, next: &mut usize) -> Option<()> {
        let is_it = |(_, (name, _)): &(usize, &Field)| *name == key;
        let (ahead, behind) = (own.iter().enumerate().skip(*next), own.iter().enumerate().take(*next));
        let Some((at, (_, target))) = ahead.chain(behind).find(is_it) else { return scanner.skip() };
        *next = at + 1;
        match *target {
            Target::Column(column) => self.value(scanner, column),
            Target::Object(fields) if scanner.next_is(b'{') => self.object(scanner, fields),
            Target::Object(_) | Target::Envelope(_) | Target::PayloadOnly(_) => scanner.skip(),
        }
    }

    fn value(&mut self, scanner: &mut Scanner<'_>, column: Column) -> Option<()> {
        let row = self.rows;
        if self.builder(column).is_none() {
            return scanner.skip();
        }
        match column.data() {
            Data::Integer | Data::Time if scanner.next_is(b'0') => self.integer(column, scanner.integer()?),
            Data::Text if scanner.next_is(b'"') => self.text(column, Some(&scanner.text()?)),
            Data::Flag if scanner.next_is(b't') => {
                let value = scanner.flag()?;
                self.builder(column)?.flag(row, value);
            }
            Data::Id if scanner.next_is(b'"') => {
                let id: Option<EventId> = scanner.text()?.parse().ok();
                self.bytes(column, id.as_ref().map(|id| &id.as_bytes()[..]));
            }
            Data::Texts if scanner.next_is(b'[') => {
                let mut texts = Vec::new();
                scanner.list(|scanner| scanner.text().map(|text| texts.push(text)))?;
                self.builder(column)?.texts(row, texts.iter().map(AsRef::as_ref));
            }
            Data::Integers if scanner.next_is(b'[') => {
                let mut numbers = Vec::new();
                scanner.list(|scanner| scanner.integer()?.map(|number| numbers.push(number)))?;
                self.builder(column)?.integers(row, &numbers);
            }
            Data::Integer | Data::Time | Data::Text | Data::Flag | Data::Id | Data::Hash | Data::Texts | Data::Integers => {
                scanner.skip()?;
            }
        }
        Some(())
    }
}
