//! The numbered migrations, and the check of what a file is before it is touched.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use rusqlite::Connection;

use super::connection::{store_error, store_errors};
use crate::journal::error::{JournalError, StoreError};

/// SQLite `application_id` of a journal: "aGsh".
const APPLICATION_ID: i64 = 0x6147_7368;

/// Migrations in order; the n-th brings a journal to version n. One that was released is never edited.
const MIGRATIONS: [&str; 1] = [include_str!("../../../migrations/0001_journal.sql")];

/// Newest version that this build knows.
pub(super) const VERSION: i64 = MIGRATIONS.len() as i64;

/// Checks the file's header (SQLite file format §1.3) without opening it as a database, which could already change it.
///
/// # Errors
/// [`JournalError::Foreign`], [`JournalError::Newer`], or what the system said. A missing or empty file is fine.
pub(super) fn check_before_touching(path: &Path) -> Result<bool, JournalError> {
    let io_error = |source| JournalError::Io { what: "cannot read", path: path.to_owned(), source };
    let mut header = Vec::with_capacity(100);
    match File::open(path) {
        Ok(file) => file.take(100).read_to_end(&mut header).map_err(io_error)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(io_error(error)),
    };
    if header.is_empty() {
        return Ok(false);
    }
    let number = |at: usize| {
        header.get(at..at + 4).and_then(|bytes| <[u8; 4]>::try_from(bytes).ok()).map(|bytes| i64::from(i32::from_be_bytes(bytes)))
    };
    if !header.starts_with(b"SQLite format 3\0") || number(68) != Some(APPLICATION_ID) {
        return Err(JournalError::Foreign { path: path.to_owned() });
    }
    match number(60) {
        Some(found) if found > VERSION => Err(JournalError::Newer { path: path.to_owned(), found, known: VERSION }),
        _ => Ok(true),
    }
}

/// Brings a journal to the newest version, each step in a transaction of its own. The caller holds the data directory's lock.
///
/// # Errors
/// [`StoreError`]; steps before the one that failed are in force.
pub(super) fn migrate(connection: &Connection) -> Result<(), StoreError> {
    let found: i64 = store_errors(connection.pragma_query_value(None, "user_version", |row| row.get(0)))?;
    for (index, migration) in MIGRATIONS.iter().enumerate() {
        let version = i64::try_from(index).unwrap_or(i64::MAX) + 1;
        if version <= found {
            continue;
        }
        // While the file is new it is still in rollback mode, so that the two numbers of the header are in the main file from the
        // start and `check_before_touching` never has to look into the write-ahead log.
        connection
            .execute_batch(&format!(
                "BEGIN IMMEDIATE; PRAGMA application_id = {APPLICATION_ID}; {migration}; PRAGMA user_version = {version}; COMMIT;"
            ))
            .map_err(|error| {
                let _no_transaction_left = connection.execute_batch("ROLLBACK");
                store_error(&error)
            })?;
    }
    Ok(())
}
