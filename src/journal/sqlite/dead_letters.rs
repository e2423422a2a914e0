//! What sinks' peers refused: listed, asked to be sent again, and dropped.
//!
//! A dead letter is sent again by whoever delivers to its sink, in whichever process that is: asking is a row in `dead_letter_retries`, which
//! goes in the transaction that puts the outcome on record. A kill in between sends the event once more, with the same id.

use rusqlite::{OptionalExtension, Transaction, TransactionBehavior, params};

use super::connection::store_errors;
use super::cursors::CursorStore;
use super::read::ReaderStore;
use crate::journal::doorbell::Ringer;
use crate::journal::error::StoreError;
use crate::runtime::clock;

/// One row of `dead_letters`: an event that a sink's peer will not take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetterRow {
    /// The sink.
    pub sink: String,
    /// The event.
    pub seq: u64,
    /// When it was given up, µs since 1970.
    pub time_us: i64,
    /// How often it was tried.
    pub attempts: u64,
    /// What the peer said.
    pub reason: String,
}

/// Which dead letters of a sink.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeadLetters {
    /// Every one.
    All,
    /// Those of these events; what is none is passed over.
    Of(Vec<u64>),
}

impl CursorStore {
    /// Asks for dead letters to be sent again, and wakes whoever delivers. Asking twice is asking once.
    ///
    /// # Errors
    /// What SQLite says; nothing was asked for then.
    pub fn ask_again(&mut self, sink: &str, which: &DeadLetters) -> Result<Vec<u64>, StoreError> {
        let now = clock::now().as_micros();
        let asked = self.write(|transaction| {
            let mut asked = Vec::new();
            each(transaction, sink, which, |transaction, seq| {
                let sql = "INSERT INTO dead_letter_retries(sink, seq, asked_us) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
                transaction.prepare_cached(sql)?.execute(params![sink, seq, now])?;
                asked.push(seq);
                Ok(())
            })?;
            Ok(asked)
        })?;
        // Who hears nothing looks within a second.
        if let Ok(mut ringer) = Ringer::new(&self.doorbell) {
            ringer.ring();
        }
        Ok(asked)
    }

    /// Drops dead letters; the events stay in the journal. Returns those that were dropped.
    ///
    /// # Errors
    /// What SQLite says; nothing was dropped then.
    pub fn purge(&mut self, sink: &str, which: &DeadLetters) -> Result<Vec<u64>, StoreError> {
        self.write(|transaction| {
            let mut dropped = Vec::new();
            each(transaction, sink, which, |transaction, seq| {
                forget(transaction, sink, seq)?;
                dropped.push(seq);
                Ok(())
            })?;
            Ok(dropped)
        })
    }

    /// The next dead letter behind `after` that is to be sent again.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn next_asked(&self, sink: &str, after: u64) -> Result<Option<u64>, StoreError> {
        let sql = "SELECT seq FROM dead_letter_retries WHERE sink = ?1 AND seq > ?2 ORDER BY seq LIMIT 1";
        let mut statement = store_errors(self.connection.prepare_cached(sql))?;
        store_errors(statement.query_row(params![sink, after], |row| row.get(0)).optional())
    }

    /// Puts on record what became of a dead letter that was sent again: it is none any more, or why it is one still. One that was dropped
    /// meanwhile stays dropped.
    ///
    /// # Errors
    /// What SQLite says; it is sent once more then.
    pub fn sent_again(&mut self, sink: &str, seq: u64, refused: Option<&str>) -> Result<(), StoreError> {
        let now = clock::now().as_micros();
        self.write(|transaction| match refused {
            None => forget(transaction, sink, seq),
            Some(reason) => {
                let sql =
                    "UPDATE dead_letters SET time_us = ?3, attempts = attempts + 1, reason = ?4 WHERE sink = ?1 AND seq = ?2";
                transaction.prepare_cached(sql)?.execute(params![sink, seq, now, reason])?;
                unask(transaction, sink, seq)
            }
        })
    }

    fn write<T>(&mut self, work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>) -> Result<T, StoreError> {
        let transaction = store_errors(self.connection.transaction_with_behavior(TransactionBehavior::Immediate))?;
        let done = store_errors(work(&transaction))?;
        store_errors(transaction.commit())?;
        Ok(done)
    }
}

/// Does something for each dead letter of a choice, in order.
fn each(
    transaction: &Transaction<'_>,
    sink: &str,
    which: &DeadLetters,
    mut work: impl FnMut(&Transaction<'_>, u64) -> rusqlite::Result<()>,
) -> rusqlite::Result<()> {
    let mut statement = transaction.prepare_cached("SELECT seq FROM dead_letters WHERE sink = ?1 ORDER BY seq")?;
    let there = statement.query_map([sink], |row| row.get(0))?.collect::<rusqlite::Result<Vec<u64>>>()?;
    for seq in there {
        if matches!(which, DeadLetters::All) || matches!(which, DeadLetters::Of(chosen) if chosen.contains(&seq)) {
            work(transaction, seq)?;
        }
    }
    Ok(())
}

fn forget(transaction: &Transaction<'_>, sink: &str, seq: u64) -> rusqlite::Result<()> {
    transaction.prepare_cached("DELETE FROM dead_letters WHERE sink = ?1 AND seq = ?2")?.execute(params![sink, seq])?;
    unask(transaction, sink, seq)
}

fn unask(transaction: &Transaction<'_>, sink: &str, seq: u64) -> rusqlite::Result<()> {
    transaction.prepare_cached("DELETE FROM dead_letter_retries WHERE sink = ?1 AND seq = ?2")?.execute(params![sink, seq])?;
    Ok(())
}

impl ReaderStore {
    /// Dead letters of one sink or of all, at most `most`, the newest events first.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn dead_letters(&self, sink: Option<&str>, most: u64) -> Result<Vec<DeadLetterRow>, StoreError> {
        let sql = "SELECT sink, seq, time_us, attempts, reason FROM dead_letters WHERE ?1 IS NULL OR sink = ?1 \
                   ORDER BY seq DESC, sink LIMIT ?2";
        let mut statement = store_errors(self.connection.prepare_cached(sql))?;
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let rows = store_errors(statement.query_map(params![sink, most], |row| {
            Ok(DeadLetterRow {
                sink: row.get(0)?,
                seq: row.get(1)?,
                time_us: row.get(2)?,
                attempts: row.get(3)?,
                reason: row.get(4)?,
            })
        }))?;
        store_errors(rows.collect())
    }

    /// How many dead letters each sink has.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn count_dead_letters(&self) -> Result<Vec<(String, u64)>, StoreError> {
        self.list("SELECT sink, count(*) FROM dead_letters GROUP BY sink ORDER BY sink", |row| Ok((row.get(0)?, row.get(1)?)))
    }

    /// Dead letters that are to be sent again and were not yet: sink and event. None in a journal that no recorder of this version has
    /// opened yet.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn asked_again(&self) -> Result<Vec<(String, u64)>, StoreError> {
        let sql = "SELECT count(*) FROM sqlite_schema WHERE name = 'dead_letter_retries'";
        let there: u64 = store_errors(self.connection.query_row(sql, [], |row| row.get(0)))?;
        if there == 0 {
            return Ok(Vec::new());
        }
        self.list("SELECT sink, seq FROM dead_letter_retries ORDER BY sink, seq", |row| Ok((row.get(0)?, row.get(1)?)))
    }
}
