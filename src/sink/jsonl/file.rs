//! `Active`: the file that is appended to. Its length is always that of whole batches, or is made so before the next.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::time::SystemTime;

use super::codec::{Tail, tail};
use super::config::Compression;
use super::place::Place;
use crate::runtime::clock;

/// An open file, locked against other processes.
pub(super) struct Active {
    file: File,
    /// Device and inode, to see that it was moved away.
    identity: (u64, u64),
    /// Bytes of whole batches.
    length: u64,
    /// Whether something may stand behind them.
    torn: bool,
    /// When it was begun, µs since 1970.
    begun_us: i64,
}

impl Active {
    /// Opens the file, makes it where there is none, and finds its whole part. Nothing is cut off yet.
    ///
    /// # Errors
    /// What the system says; [`ErrorKind::WouldBlock`] while another process has it.
    pub(super) fn open(place: &Place, compression: Compression) -> io::Result<(Self, Tail)> {
        DirBuilder::new().recursive(true).mode(0o750).create(place.folder())?;
        let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o640).open(place.active())?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(io::Error::new(ErrorKind::WouldBlock, "another process writes this file"));
            }
            Err(TryLockError::Error(error)) => return Err(error),
        }
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(io::Error::new(ErrorKind::InvalidInput, "it is not a regular file"));
        }
        let tail = tail(compression, &mut file)?;
        let begun = metadata.created().or_else(|_| metadata.modified()).ok();
        let begun = begun.and_then(|time| time.duration_since(SystemTime::UNIX_EPOCH).ok());
        let begun_us = begun.and_then(|since| i64::try_from(since.as_micros()).ok());
        let torn = metadata.len() > tail.whole;
        let active = Self {
            file,
            identity: (metadata.dev(), metadata.ino()),
            length: tail.whole,
            torn,
            begun_us: begun_us.unwrap_or_else(|| clock::now().as_micros()),
        };
        Ok((active, tail))
    }

    /// Bytes of whole batches.
    pub(super) const fn length(&self) -> u64 {
        self.length
    }

    /// Whether a batch was torn.
    pub(super) const fn is_torn(&self) -> bool {
        self.torn
    }

    /// Microseconds since it was begun.
    pub(super) fn age_us(&self) -> u64 {
        u64::try_from(clock::now().as_micros().saturating_sub(self.begun_us)).unwrap_or(0)
    }

    /// Whether it still has its name: somebody may have moved it away.
    pub(super) fn is_in_place(&self, place: &Place) -> bool {
        fs::metadata(place.active()).is_ok_and(|metadata| (metadata.dev(), metadata.ino()) == self.identity)
    }

    /// Cuts off what is torn.
    ///
    /// # Errors
    /// What the system says.
    pub(super) fn mend(&mut self) -> io::Result<()> {
        if self.torn {
            self.file.set_len(self.length)?;
            self.torn = false;
        }
        Ok(())
    }

    /// Appends one whole batch.
    ///
    /// # Errors
    /// What the system says; the batch is not there then.
    pub(super) fn append(&mut self, batch: &[u8], sync: bool) -> io::Result<()> {
        self.mend()?;
        self.torn = true;
        let written = self.file.seek(SeekFrom::Start(self.length)).and_then(|_at| self.file.write_all(batch)).and_then(|()| {
            // What cannot be synced does not count, and must not be there twice.
            if sync { self.file.sync_data() } else { Ok(()) }
        });
        if let Err(error) = written {
            // If even this fails it is tried again before the next batch.
            let _mended = self.mend();
            return Err(error);
        }
        self.torn = false;
        self.length += u64::try_from(batch.len()).unwrap_or(0);
        Ok(())
    }

    /// Brings it to the disk.
    ///
    /// # Errors
    /// What the system says.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.sync_all()
    }
}
