//! The `sensors` table: how far each sensor's events are in the journal. A projection of the events, kept up with each commit, so that
//! what is acknowledged is what is there, whenever the recorder dies.

use std::collections::BTreeMap;

use rusqlite::{OptionalExtension as _, Row, params};

use super::append::Transaction;
use super::connection::store_errors;
use super::read::ReaderStore;
use crate::encode::stored::Columns;
use crate::journal::error::StoreError;

/// What a transaction has changed about the sensors, by their names.
#[derive(Default)]
pub(super) struct Sensors(BTreeMap<String, SensorDelta>);

struct SensorDelta {
    sequence: u64,
    seq: u64,
    time_us: i64,
    events: u64,
}

/// One row of `sensors`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SensorRow {
    /// Name of the sensor.
    pub name: String,
    /// Its last number that is in the journal.
    pub sequence: u64,
    /// `seq` of that event.
    pub seq: u64,
    /// When that event was seen, µs since 1970.
    pub time_us: i64,
    /// Its events in the journal.
    pub events: u64,
}

impl Sensors {
    /// Takes in one event.
    pub(super) fn project(&mut self, seq: u64, columns: &Columns<'_>) {
        // A projection must not stop the journal: what another version wrote and this one cannot read stays out of it.
        let Ok(Some(origin)) = columns.sensor() else { return };
        let delta = self.0.entry(origin.name).or_insert(SensorDelta { sequence: 0, seq, time_us: columns.time_us, events: 0 });
        delta.events += 1;
        if origin.sequence >= delta.sequence {
            (delta.sequence, delta.seq, delta.time_us) = (origin.sequence, seq, columns.time_us);
        }
    }
}

impl Transaction<'_> {
    /// Writes what the transaction has changed.
    pub(super) fn put_sensors(&mut self) -> Result<(), StoreError> {
        if self.sensors.0.is_empty() {
            return Ok(());
        }
        // SQLite has no unsigned 64-bit integers; a sensor does not get to its last number.
        let integer = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        let mut statement = store_errors(self.connection.prepare_cached(
            "INSERT INTO sensors(name, sequence, seq, time_us, events) VALUES (?1, ?2, ?3, ?4, ?5) \
             ON CONFLICT(name) DO UPDATE SET sequence = max(sequence, ?2), seq = ?3, time_us = ?4, events = events + ?5",
        ))?;
        for (name, delta) in std::mem::take(&mut self.sensors).0 {
            let values = params![name, integer(delta.sequence), integer(delta.seq), delta.time_us, integer(delta.events)];
            store_errors(statement.execute(values))?;
        }
        Ok(())
    }

    /// Drops and recomputes the table.
    pub(super) fn rebuild_sensors(&mut self) -> Result<(), StoreError> {
        store_errors(self.connection.execute("DELETE FROM sensors", []))?;
        let connection = self.connection;
        let mut statement = store_errors(connection.prepare(
            "SELECT seq, kind, id, time_us, severity, payload FROM events WHERE payload GLOB '{\"sensor\":*' ORDER BY seq",
        ))?;
        let mut rows = store_errors(statement.query([]))?;
        while let Some(row) = store_errors(rows.next())? {
            let damaged = |error: rusqlite::types::FromSqlError| StoreError::Damaged(error.to_string());
            let text = |index: usize| store_errors(row.get_ref(index))?.as_str().map_err(damaged);
            let columns = Columns {
                id: store_errors(row.get_ref(2))?.as_blob().map_err(damaged)?,
                time_us: store_errors(row.get(3))?,
                session_id: None,
                command_id: None,
                cause: None,
                kind: text(1)?,
                pid: None,
                subject: None,
                decision: None,
                rule: None,
                severity: store_errors(row.get(4))?,
                attack: None,
                payload: text(5)?,
            };
            self.sensors.project(store_errors(row.get(0))?, &columns);
        }
        Ok(())
    }
}

impl ReaderStore {
    /// How far the events of a sensor are in the journal; `None` when there are none.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn sensor(&self, name: &str) -> Result<Option<SensorRow>, StoreError> {
        let sql = "SELECT name, sequence, seq, time_us, events FROM sensors WHERE name = ?1";
        store_errors(self.connection.query_row(sql, [name], sensor_row).optional())
    }

    /// How far the events of every sensor are in the journal, by name.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn sensors(&self) -> Result<Vec<SensorRow>, StoreError> {
        self.list("SELECT name, sequence, seq, time_us, events FROM sensors ORDER BY name", sensor_row)
    }
}

fn sensor_row(row: &Row<'_>) -> rusqlite::Result<SensorRow> {
    Ok(SensorRow { name: row.get(0)?, sequence: row.get(1)?, seq: row.get(2)?, time_us: row.get(3)?, events: row.get(4)? })
}
