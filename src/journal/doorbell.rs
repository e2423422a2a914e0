//! The doorbell: tells readers in other processes that something was committed.
//!
//! Each waiting reader binds a datagram socket in `doorbell/`; after a commit the writer sends a byte to each. A socket whose
//! reader is gone answers `ECONNREFUSED` and is removed. A bell that is already ringing (a full socket) is left alone: the reader
//! will look anyway. Losing a ring costs a reader at most its poll interval, never an event.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::runtime::{clock, ids};

/// The writer's side.
pub(super) struct Ringer {
    folder: File,
    path: PathBuf,
    socket: UnixDatagram,
    /// Modification time of the folder when `names` was read; `None` when it was too young to tell a change by.
    seen: Option<i64>,
    names: Vec<OsString>,
}

/// Age in microseconds from which a folder's modification time tells a later change from an earlier one. The kernel stamps files
/// with a clock that steps with its timer, at most every 10 ms.
const STEADY: i64 = 50_000;

/// A reader's side; its socket is removed when it is dropped.
pub struct Bell {
    socket: UnixDatagram,
    path: PathBuf,
}

/// The address of a socket in a folder. Addresses are limited to 107 bytes (`unix(7)`), data directories are not: a longer one goes
/// through the folder's descriptor.
fn address(path: &Path, folder: &File, name: &OsStr) -> PathBuf {
    let direct = path.join(name);
    if direct.as_os_str().len() <= 107 {
        return direct;
    }
    Path::new("/proc/self/fd").join(folder.as_raw_fd().to_string()).join(name)
}

impl Ringer {
    /// Prepares to ring in `folder`.
    ///
    /// # Errors
    /// When the folder cannot be opened or no socket can be made.
    pub(super) fn new(folder: &Path) -> io::Result<Self> {
        let socket = UnixDatagram::unbound()?;
        socket.set_nonblocking(true)?;
        Ok(Self { folder: File::open(folder)?, path: folder.to_owned(), socket, seen: None, names: Vec::new() })
    }

    /// Reads the names of the sockets, unless the folder is as it was.
    fn look(&mut self) {
        let Ok(metadata) = self.folder.metadata() else { return };
        let changed = metadata.mtime().saturating_mul(1_000_000).saturating_add(metadata.mtime_nsec() / 1_000);
        if self.seen == Some(changed) {
            return;
        }
        // Another socket that is made within the same step of the clock leaves the time as it is: look again until it is over.
        let steady = clock::now().as_micros().saturating_sub(changed) > STEADY;
        self.seen = steady.then_some(changed);
        let Ok(entries) = fs::read_dir(&self.path) else { return };
        self.names = entries.filter_map(Result::ok).map(|entry| entry.file_name()).collect();
    }

    /// Rings for every reader that waits.
    pub(super) fn ring(&mut self) {
        self.look();
        for name in &self.names {
            match self.socket.send_to(&[1], address(&self.path, &self.folder, name)) {
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                    // Its reader died: nobody else will remove it. Another ringer may have been faster.
                    let _removed_by_another = fs::remove_file(self.path.join(name));
                }
                // Rung, or still ringing, or just gone.
                Ok(_) | Err(_) => {}
            }
        }
    }
}

impl Bell {
    /// Hangs up a bell in `folder`.
    ///
    /// # Errors
    /// When the socket cannot be made there.
    pub fn hang(folder: &Path) -> io::Result<Self> {
        let name = format!("{}-{:08x}.sock", std::process::id(), u32::from_be_bytes(ids::random()));
        let directory = File::open(folder)?;
        let socket = UnixDatagram::bind(address(folder, &directory, name.as_ref()))?;
        Ok(Self { socket, path: folder.join(name) })
    }

    /// The bell's socket, not blocking, for an event loop that waits for rings by itself: each ring is a datagram of one byte.
    ///
    /// # Errors
    /// What the socket says.
    pub fn socket(&self) -> io::Result<UnixDatagram> {
        let socket = self.socket.try_clone()?;
        socket.set_nonblocking(true)?;
        Ok(socket)
    }

    /// Waits for a ring, at most `timeout`; swallows those that have piled up.
    ///
    /// # Errors
    /// What the socket says.
    pub fn wait(&self, timeout: Duration) -> io::Result<()> {
        self.socket.set_read_timeout(Some(timeout.max(Duration::from_millis(1))))?;
        let mut byte = [0];
        match self.socket.recv(&mut byte) {
            Ok(_) => {}
            Err(error)
                if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted) =>
            {
                return Ok(());
            }
            Err(error) => return Err(error),
        }
        self.socket.set_nonblocking(true)?;
        while self.socket.recv(&mut byte).is_ok() {}
        self.socket.set_nonblocking(false)
    }
}

impl Drop for Bell {
    fn drop(&mut self) {
        let _removed_by_a_ringer = fs::remove_file(&self.path);
    }
}
