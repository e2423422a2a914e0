//! Opening connections, and what SQLite's result codes mean to us.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags};

use crate::journal::error::StoreError;

/// How long a statement waits for another process's lock before it answers `Busy`.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// What an error of SQLite means.
pub(super) fn store_error(error: &rusqlite::Error) -> StoreError {
    let text = error.to_string();
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::Busy,
        Some(ErrorCode::DiskFull) => StoreError::Full,
        Some(ErrorCode::SystemIoFailure | ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
            StoreError::Disk(text)
        }
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => StoreError::Damaged(text),
        _ => StoreError::Other(text),
    }
}

pub(super) fn store_errors<T>(result: rusqlite::Result<T>) -> Result<T, StoreError> {
    result.map_err(|error| store_error(&error))
}

/// Opens for writing; makes the file where there is none.
pub(super) fn open_writer(path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = store_errors(Connection::open_with_flags(path, flags))?;
    store_errors(connection.busy_timeout(BUSY_TIMEOUT))?;
    Ok(connection)
}

/// Pragmas of a writer: commits go to the write-ahead log without a sync of their own; `journal::sync` syncs the log on its timer.
pub(super) fn prepare_writer(connection: &Connection) -> Result<(), StoreError> {
    store_errors(connection.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -8192; \
         PRAGMA wal_autocheckpoint = 2000; PRAGMA journal_size_limit = 67108864;",
    ))
}

/// Opens read-only.
pub(super) fn open_reader(path: &Path) -> Result<Connection, StoreError> {
    // The write-ahead log's index has to be written even by readers, so the file is opened for writing where that is allowed and
    // `query_only` keeps the connection from changing anything.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)
        .or_else(|_| Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX));
    let connection = store_errors(connection)?;
    store_errors(connection.busy_timeout(BUSY_TIMEOUT))?;
    store_errors(connection.execute_batch("PRAGMA query_only = ON; PRAGMA cache_size = -4096; PRAGMA mmap_size = 268435456;"))?;
    Ok(connection)
}
