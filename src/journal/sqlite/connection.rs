//! Opening connections, and what SQLite's result codes mean to us.

use std::fs::OpenOptions;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
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

/// Opens for writing; makes the file, for the owner only, where there is none.
pub(super) fn open_writer(path: &Path) -> Result<Connection, StoreError> {
    // SQLite gives the log and its index the mode of the database. An existing file must not be opened here: closing it would
    // drop the locks that connections of this process have on it.
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(_made) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(StoreError::Disk(error.to_string())),
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = store_errors(Connection::open_with_flags(path, flags))?;
    store_errors(connection.busy_timeout(BUSY_TIMEOUT))?;
    store_errors(connection.pragma_update(None, "page_size", PAGE_SIZE))?;
    Ok(connection)
}

/// Bytes of a page of a new journal; one that exists keeps what it has. Of SQLite's own 4 KiB a page has room for three rows of an
/// import, and each page costs two writes. Twice as much again would make commits of single events cost half as much again.
const PAGE_SIZE: u32 = 8_192;

/// Bytes of the write-ahead log behind which each commit moves what is left into the database file itself. `journal::mover` and the
/// writer have moved them long before; recorders that live too briefly for that, or readers that hold the log, are why it is here.
const LOG_BYTES: u64 = 64 << 20;

fn page_size(connection: &Connection) -> Result<u64, StoreError> {
    store_errors(connection.pragma_query_value(None, "page_size", |row| row.get(0)))
}

/// Pragmas of a writer: commits go to the write-ahead log without a sync of their own; `journal::sync` syncs the log on its timer.
pub(super) fn prepare_writer(connection: &Connection) -> Result<(), StoreError> {
    let mode: String = store_errors(connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0)))?;
    if mode != "wal" {
        return Err(StoreError::Disk(format!("the file system does not allow a write-ahead log (journal mode {mode})")));
    }
    store_errors(connection.execute_batch(
        "PRAGMA synchronous = NORMAL; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -8192; PRAGMA journal_size_limit = 67108864;",
    ))?;
    let pages = LOG_BYTES / page_size(connection)?.max(1);
    store_errors(connection.pragma_update(None, "wal_autocheckpoint", i64::try_from(pages).unwrap_or(i64::MAX)))
}

/// A connection that moves committed pages into the database file and never changes anything.
pub(crate) struct LogMover {
    connection: Connection,
}

impl LogMover {
    /// # Errors
    /// What SQLite says.
    pub(crate) fn open(path: &Path) -> Result<Self, StoreError> {
        let connection = open_writer(path)?;
        store_errors(connection.execute_batch("PRAGMA synchronous = NORMAL; PRAGMA cache_size = -256;"))?;
        Ok(Self { connection })
    }

    /// Moves what no reader needs in the log any more, and syncs the database file, beside readers and writers. Where another
    /// recorder is doing just that, nothing is done. Returns the bytes of the log.
    ///
    /// # Errors
    /// What SQLite says.
    pub(crate) fn run(&self) -> Result<u64, StoreError> {
        move_log(&self.connection)
    }
}

/// Moves what no reader needs in the log any more, and syncs the database file. Returns the bytes of the log.
pub(super) fn move_log(connection: &Connection) -> Result<u64, StoreError> {
    let moved =
        connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| Ok((row.get::<_, bool>(0)?, row.get::<_, i64>(1)?)));
    let (busy, pages) = store_errors(moved)?;
    if busy {
        tracing::debug!("another recorder moves the write-ahead log");
    }
    // -1: there is no log.
    Ok(u64::try_from(pages).unwrap_or(0) * page_size(connection)?)
}

/// Moves everything that is committed into the database file, syncs that, and empties the log.
///
/// # Errors
/// What SQLite says; [`StoreError::Busy`] when a reader or a writer does not let it.
pub(crate) fn empty_log(path: &Path) -> Result<(), StoreError> {
    let connection = open_writer(path)?;
    let busy: bool = store_errors(connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0)))?;
    if busy { Err(StoreError::Busy) } else { Ok(()) }
}

/// Opens read-only.
pub(super) fn open_reader(path: &Path) -> Result<Connection, StoreError> {
    let opened = store_errors(open_locking(path).and_then(|connection| {
        // The first look says whether the log can be used here.
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get::<_, i64>(0))?;
        Ok(connection)
    }));
    match opened {
        Err(StoreError::Disk(_)) if !has_log(path) => store_errors(open_unchanging(path)),
        opened => opened,
    }
}

/// Opens read-only, beside recorders that write.
pub(super) fn open_locking(path: &Path) -> rusqlite::Result<Connection> {
    // The write-ahead log's index has to be written even by readers, so the file is opened for writing where that is allowed and
    // `query_only` keeps the connection from changing anything.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)
        .or_else(|_| Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX))?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.execute_batch("PRAGMA query_only = ON; PRAGMA cache_size = -4096;")?;
    Ok(connection)
}

/// Whether a write-ahead log with something in it stands beside the database.
fn has_log(path: &Path) -> bool {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    std::fs::metadata(Path::new(&log)).is_ok_and(|metadata| metadata.len() > 0)
}

/// Opens a file that nobody changes, such as one on a read-only medium, without locks, log or index: nothing but the file is read,
/// and nothing is written.
pub(super) fn open_unchanging(path: &Path) -> rusqlite::Result<Connection> {
    let mut uri = String::from("file:");
    for byte in path.as_os_str().as_bytes() {
        if byte.is_ascii_alphanumeric() || b"/-_.~".contains(byte) {
            uri.push(char::from(*byte));
        } else {
            uri.push_str(&format!("%{byte:02X}"));
        }
    }
    uri.push_str("?immutable=1");
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    Connection::open_with_flags(uri, flags)
}
