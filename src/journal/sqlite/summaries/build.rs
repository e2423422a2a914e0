//! Summing up a block: its rows once through, and one row of `summaries`.

use rusqlite::types::ValueRef;
use rusqlite::{OptionalExtension as _, Row, params};

use super::BLOCK;
use super::bits::{Bits, Hasher, Of, word};
use super::need::{MOST_SEVERE, STARTED};
use crate::event::{Family, Kind};
use crate::journal::error::StoreError;
use crate::journal::sqlite::append::WriterStore;
use crate::journal::sqlite::connection::store_errors;
use crate::journal::sqlite::read::ReaderStore;

/// What one block holds.
pub(crate) struct BlockSummary {
    block: u64,
    first_us: i64,
    last_us: i64,
    words: Bits,
    runs: Bits,
}

impl BlockSummary {
    fn new(block: u64) -> Self {
        Self { block, first_us: i64::MAX, last_us: i64::MIN, words: Bits::new(), runs: Bits::new() }
    }

    /// Adds the text and what it is beneath: each part of it that ends before a `sign`.
    fn add_up_to(&mut self, of: Of, text: &[u8], sign: u8) {
        let mut hasher = Hasher::new(of);
        for byte in text {
            if *byte == sign {
                self.words.add_word(hasher.finish());
            }
            hasher = hasher.with(*byte);
        }
        self.words.add_word(hasher.finish());
    }

    /// Adds the text, and each part of it that starts behind a `sign`.
    fn add_behind(&mut self, of: Of, text: &[u8], sign: u8) {
        self.words.add_word(word(of, text));
        for (at, _) in text.iter().enumerate().filter(|(_, byte)| **byte == sign) {
            self.words.add_word(word(of, text.get(at + 1..).unwrap_or_default()));
        }
    }

    /// Adds a path with all that a filter asks of one.
    fn add_path(&mut self, path: &[u8]) {
        self.add_up_to(Of::Path, path, b'/');
        self.add_text(Of::Name, path.rsplit(|byte| *byte == b'/').next());
        if path.contains(&b'.') {
            self.add_text(Of::Ending, path.rsplit(|byte| *byte == b'.').next());
        }
        self.runs.add_runs(path);
    }

    fn add_text(&mut self, of: Of, text: Option<&[u8]>) {
        if let Some(text) = text {
            self.words.add_word(word(of, text));
        }
    }

    fn add_judgement(&mut self, decision: Option<&[u8]>, rule: Option<&[u8]>) {
        self.add_text(Of::Decision, decision);
        self.add_text(Of::Rule, rule);
    }
}

/// The text before, of columns that are often those of the row before.
#[derive(Default)]
struct Before {
    subject: Vec<u8>,
    program: Vec<u8>,
}

/// The columns, and what the conditions read from the payload: the program, the second name of a file, the host, the sensor.
fn query() -> String {
    let list =
        |kinds: &mut dyn Iterator<Item = Kind>| kinds.map(|kind| format!("'{}'", kind.as_str())).collect::<Vec<_>>().join(", ");
    let started = list(&mut STARTED.into_iter());
    let network = list(&mut Kind::ALL.iter().copied().filter(|kind| kind.family() == Family::Network));
    format!(
        "SELECT time_us, session_id, command_id, kind, pid, subject, decision, rule, severity, attack, payload, \
         CASE WHEN kind IN ({started}) THEN subject ELSE json_extract(payload, '$.actor.exe') END, \
         CASE WHEN kind IN ('file_rename', 'file_link') THEN json_extract(payload, '$.to') END, \
         CASE WHEN kind IN ({network}) THEN lower(coalesce(json_extract(payload, '$.host'), json_extract(payload, '$.name'), \
         json_extract(payload, '$.sni'))) END, \
         CASE WHEN substr(payload, 1, 10) = '{{\"sensor\":' THEN json_extract(payload, '$.sensor.name') END \
         FROM events WHERE seq >= ?1 AND seq <= ?2 ORDER BY seq"
    )
}

impl ReaderStore {
    /// Sums up a block of which all events are there, and one behind it.
    ///
    /// # Errors
    /// What SQLite says; also of a payload that is no JSON.
    pub(crate) fn sum_up(&self, block: u64) -> Result<BlockSummary, StoreError> {
        let (first, last) = (block * BLOCK + 1, (block + 1) * BLOCK);
        let mut summary = BlockSummary::new(block);
        let mut before = Before::default();
        let mut statement = store_errors(self.connection.prepare_cached(&query()))?;
        let mut rows = store_errors(statement.query(params![first, last]))?;
        while let Some(row) = store_errors(rows.next())? {
            add(&mut summary, &mut before, row)?;
        }
        // The last event's decision stands in the next block.
        let sql = "SELECT decision, rule FROM events WHERE seq = ?1";
        let mut statement = store_errors(self.connection.prepare_cached(sql))?;
        let behind = statement.query_row([last + 1], |row| {
            summary.add_judgement(bytes(row.get_ref(0)?), bytes(row.get_ref(1)?));
            Ok(())
        });
        store_errors(behind.optional())?;
        Ok(summary)
    }

    /// The first block from `from` on that is not summed up although it could be.
    ///
    /// # Errors
    /// What SQLite says.
    pub(crate) fn next_to_sum_up(&self, from: u64) -> Result<Option<u64>, StoreError> {
        let mut block = from;
        let mut statement =
            store_errors(self.connection.prepare_cached("SELECT block FROM summaries WHERE block >= ?1 ORDER BY block"))?;
        let mut rows = store_errors(statement.query([from]))?;
        while let Some(row) = store_errors(rows.next())? {
            if store_errors(row.get::<_, u64>(0))? != block {
                break;
            }
            block += 1;
        }
        Ok((self.head()? > (block + 1) * BLOCK).then_some(block))
    }
}

impl WriterStore {
    /// Keeps what blocks hold.
    ///
    /// # Errors
    /// What SQLite says; nothing is kept then.
    pub(crate) fn put_summaries(&mut self, summaries: &[BlockSummary]) -> Result<(), StoreError> {
        self.transaction(|transaction| {
            let sql = "INSERT OR REPLACE INTO summaries(block, first_us, last_us, words, runs) VALUES (?1, ?2, ?3, ?4, ?5)";
            let mut statement = store_errors(transaction.connection.prepare_cached(sql))?;
            for of in summaries {
                let (words, runs) = (of.words.as_bytes(), of.runs.as_bytes());
                store_errors(statement.execute(params![of.block, of.first_us, of.last_us, words, runs]))?;
            }
            Ok(())
        })
    }

    /// Forgets all of them.
    ///
    /// # Errors
    /// What SQLite says.
    pub(crate) fn drop_summaries(&mut self) -> Result<(), StoreError> {
        self.transaction(|transaction| store_errors(transaction.connection.execute("DELETE FROM summaries", [])).map(drop))
    }
}

fn bytes(value: ValueRef<'_>) -> Option<&[u8]> {
    match value {
        ValueRef::Text(text) => Some(text),
        // What no condition equals.
        ValueRef::Null | ValueRef::Integer(_) | ValueRef::Real(_) | ValueRef::Blob(_) => None,
    }
}

fn add(summary: &mut BlockSummary, before: &mut Before, row: &Row<'_>) -> Result<(), StoreError> {
    let text = |index: usize| store_errors(row.get_ref(index)).map(bytes);
    let time: i64 = store_errors(row.get(0))?;
    summary.first_us = summary.first_us.min(time);
    summary.last_us = summary.last_us.max(time);
    summary.add_text(Of::Session, text(1)?);
    summary.add_text(Of::Command, text(2)?);
    summary.add_text(Of::Kind, text(3)?);
    if let Some(pid) = store_errors(row.get::<_, Option<i64>>(4))? {
        summary.add_text(Of::Pid, Some(pid.to_string().as_bytes()));
    }
    if let Some(subject) = text(5)?
        && subject != before.subject
    {
        before.subject.clear();
        before.subject.extend_from_slice(subject);
        summary.add_path(subject);
    }
    summary.add_judgement(text(6)?, text(7)?);
    let severity = store_errors(row.get::<_, i64>(8))?.clamp(1, MOST_SEVERE);
    summary.add_text(Of::Severity, Some(severity.to_string().as_bytes()));
    if let Some(attack) = text(9)? {
        for technique in serde_json::from_slice::<Vec<String>>(attack).unwrap_or_default() {
            summary.add_up_to(Of::Technique, technique.as_bytes(), b'.');
        }
    }
    summary.runs.add_runs(text(10)?.unwrap_or_default());
    if let Some(program) = text(11)?
        && program != before.program
    {
        before.program.clear();
        before.program.extend_from_slice(program);
        summary.add_behind(Of::Program, program, b'/');
    }
    if let Some(to) = text(12)? {
        summary.add_path(to);
    }
    if let Some(host) = text(13)? {
        summary.add_behind(Of::Host, host, b'.');
    }
    summary.add_text(Of::Sensor, text(14)?);
    Ok(())
}
