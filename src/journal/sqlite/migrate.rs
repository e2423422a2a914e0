//! The numbered migrations, and the check of what a file is before it is touched.

use std::io;
use std::path::Path;

use nix::fcntl::{AT_FDCWD, AtFlags};
use nix::unistd::{AccessFlags, faccessat};
use rusqlite::{Connection, ErrorCode};

use super::connection::{open_locking, open_unchanging, store_error};
use crate::journal::error::JournalError;

/// SQLite `application_id` of a journal: "aGsh".
const APPLICATION_ID: i64 = 0x6147_7368;

/// Migrations in order; the n-th brings a journal to version n. One that was released is never edited.
const MIGRATIONS: [&str; 7] = [
    include_str!("../../../migrations/0001_journal.sql"),
    include_str!("../../../migrations/0002_readers.sql"),
    include_str!("../../../migrations/0003_dead_letter_retries.sql"),
    include_str!("../../../migrations/0004_imports.sql"),
    include_str!("../../../migrations/0005_detections.sql"),
    include_str!("../../../migrations/0006_hindsight.sql"),
    include_str!("../../../migrations/0007_summaries.sql"),
];

/// Newest version that this build knows.
pub(super) const VERSION: i64 = MIGRATIONS.len() as i64;

/// Checks what a file is, without touching it: opening a database for use could already change it. `false` when there is none.
///
/// The file is read through SQLite, although its header would be easy to read: if this process has the journal open already,
/// closing a descriptor of its own would drop SQLite's locks on it (`fcntl(2)`, "Advisory record locking"), and another process
/// could then take the log away under us.
///
/// # Errors
/// [`JournalError::Foreign`], [`JournalError::Newer`], or what the system said. A missing or empty file is fine.
pub(crate) fn check_before_touching(path: &Path) -> Result<bool, JournalError> {
    let io_error = |source| JournalError::Io { what: "cannot read", path: path.to_owned(), source };
    let foreign = || JournalError::Foreign { path: path.to_owned() };
    match std::fs::metadata(path) {
        Ok(metadata) if !metadata.is_file() => return Err(foreign()),
        Ok(metadata) if metadata.len() == 0 => return Ok(false),
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(io_error(error)),
    }
    let header = open_unchanging(path).and_then(|connection| header(&connection)).or_else(|error| {
        // The page count is ahead of the file while another recorder's checkpoint makes the file longer. A reader with locks sees
        // neither half.
        if error.sqlite_error_code() == Some(ErrorCode::DatabaseCorrupt) {
            open_locking(path).and_then(|c| header(&c))
        } else {
            Err(error)
        }
    });
    match header {
        Ok((APPLICATION_ID, found)) => check_version(found, path).map(|()| true),
        Ok(_) => Err(foreign()),
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::NotADatabase) => Err(foreign()),
        // SQLite says no more than that it cannot; the system has the reason.
        Err(error) => match faccessat(AT_FDCWD, path, AccessFlags::R_OK, AtFlags::AT_EACCESS) {
            Err(errno) => Err(io_error(errno.into())),
            Ok(()) => Err(JournalError::Store { path: path.to_owned(), source: store_error(&error) }),
        },
    }
}

/// The application and the version that a database says it is of.
fn header(connection: &Connection) -> rusqlite::Result<(i64, i64)> {
    let number = |pragma| connection.pragma_query_value(None, pragma, |row| row.get(0));
    Ok((number("application_id")?, number("user_version")?))
}

/// Refuses a version that this build does not know.
fn check_version(found: i64, path: &Path) -> Result<(), JournalError> {
    if found > VERSION { Err(JournalError::Newer { path: path.to_owned(), found, known: VERSION }) } else { Ok(()) }
}

/// Refuses a journal whose newer version stands in the write-ahead log only, where [`check_before_touching`] does not look.
///
/// # Errors
/// [`JournalError::Newer`], or what SQLite says.
pub(super) fn check_opened(connection: &Connection, path: &Path) -> Result<i64, JournalError> {
    let (_application, found) =
        header(connection).map_err(|error| JournalError::Store { path: path.to_owned(), source: store_error(&error) })?;
    check_version(found, path).map(|()| found)
}

/// Brings a journal to the newest version, each step in a transaction of its own. The caller holds the data directory's lock.
///
/// # Errors
/// [`JournalError`]; steps before the one that failed are in force.
pub(super) fn migrate(connection: &Connection, path: &Path) -> Result<(), JournalError> {
    let found = check_opened(connection, path)?;
    for (index, migration) in MIGRATIONS.iter().enumerate() {
        let version = i64::try_from(index).unwrap_or(i64::MAX) + 1;
        if version <= found {
            continue;
        }
        // While the file is new it is still in rollback mode, so that the two numbers of the header are in the main file from the
        // start. A later step runs in the write-ahead log, which is emptied for that.
        let sql = format!(
            "BEGIN IMMEDIATE; PRAGMA application_id = {APPLICATION_ID}; {migration}; PRAGMA user_version = {version}; COMMIT; \
             PRAGMA wal_checkpoint(TRUNCATE);"
        );
        connection.execute_batch(&sql).map_err(|error| {
            let _no_transaction_left = connection.execute_batch("ROLLBACK");
            JournalError::Store { path: path.to_owned(), source: store_error(&error) }
        })?;
    }
    Ok(())
}

/// Whether a trigger has just the text that a migration gave it.
pub(crate) fn is_own_trigger(name: &str, sql: &str) -> bool {
    sql.starts_with(&format!("CREATE TRIGGER {name} "))
        && MIGRATIONS.iter().any(|migration| migration.contains(&format!("{sql};")))
}
