//! Reading the intake of a recorder that died.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use super::format::{
    HEADER, Hop, IDENTITY, Identity, IntakeId, Loss, MAGIC, Mark, OFFERED_AT, PADDING, RECORD_HEAD, RecordHead, VERSION,
    record_size,
};
use super::ring::Counters;

/// Why an intake cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum RecoverError {
    /// The file cannot be opened or read.
    #[error("intake {path} cannot be read: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file is not an intake of this version; it was left as it is.
    #[error("{path} is not an intake that this version can read")]
    Foreign {
        /// The file.
        path: PathBuf,
    },
}

/// The intake of a recorder that died, locked by us.
pub struct DeadIntake {
    file: File,
    path: PathBuf,
    identity: Identity,
    /// The header did not reach the disk; its counters say nothing.
    headless: bool,
}

impl DeadIntake {
    /// Opens and locks an intake; `None` when its recorder lives, or it was removed in between.
    ///
    /// # Errors
    /// [`RecoverError`] when the file cannot be read or is not an intake; it is left as it is.
    pub fn open(path: &Path) -> Result<Option<Self>, RecoverError> {
        let io = |source| RecoverError::Io { path: path.to_owned(), source };
        let foreign = || RecoverError::Foreign { path: path.to_owned() };
        if std::fs::symlink_metadata(path).is_ok_and(|metadata| !metadata.is_file()) {
            return Err(foreign());
        }
        let file = match OpenOptions::new().read(true).write(true).open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(io(error)),
        };
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(io(error)),
        }
        let metadata = file.metadata().map_err(io)?;
        // Another one may have drained and removed it between our open and our lock.
        if !std::fs::metadata(path).is_ok_and(|there| there.ino() == metadata.ino() && there.dev() == metadata.dev()) {
            return Ok(None);
        }
        let mut head = [0_u8; IDENTITY];
        match file.read_exact_at(&mut head, 0) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Err(foreign()),
            Err(error) => return Err(io(error)),
        }
        let written = Identity::from_bytes(&head);
        let headless = written.is_none();
        let identity = written.or_else(|| salvage(path, &head, metadata.len())).ok_or_else(foreign)?;
        if metadata.len() < identity.capacity + HEADER as u64 {
            return Err(foreign());
        }
        Ok(Some(Self { file, path: path.to_owned(), identity, headless }))
    }

    /// Name of the intake.
    #[must_use]
    pub const fn id(&self) -> IntakeId {
        self.identity.id
    }

    /// Process id of the recorder that died.
    #[must_use]
    pub const fn pid(&self) -> u64 {
        self.identity.pid
    }

    /// When the intake was made, in microseconds since 1970.
    #[must_use]
    pub const fn created_us(&self) -> i64 {
        self.identity.created_us
    }

    /// The header's counters.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn counters(&self) -> io::Result<Counters> {
        if self.headless {
            return Ok(Counters::default());
        }
        let mut counters = Counters { offered: u64::from_le_bytes(self.array(OFFERED_AT as u64)?), ..Counters::default() };
        for (hop, loss) in Hop::ALL.into_iter().zip(&mut counters.losses) {
            *loss = Loss::from_bytes(&self.array(Loss::offset(hop) as u64)?);
        }
        Ok(counters)
    }

    /// Reads every whole record behind `mark`, calling `each` with its frames and its number of events. Returns the mark behind the
    /// last one and the bytes of a torn record that follows it (0 if none).
    ///
    /// # Errors
    /// When the file cannot be read, or `each` fails.
    pub fn read_from<E: From<io::Error>>(
        &self,
        mut mark: Mark,
        mut each: impl FnMut(&[u8], u16, Mark) -> Result<(), E>,
    ) -> Result<(Mark, u64), E> {
        let capacity = self.identity.capacity;
        let salt = self.identity.id.checksum();
        let mut payload = Vec::new();
        let start = mark.position;
        loop {
            let left = capacity - mark.position % capacity;
            if left < RECORD_HEAD as u64 {
                mark.position += left;
                continue;
            }
            // A ring that was never read holds at most its size; a damaged chain of lengths must end.
            if mark.position - start > capacity {
                return Ok((mark, 0));
            }
            let place = HEADER as u64 + mark.position % capacity;
            let head = RecordHead::from_bytes(&self.array(place)?);
            if head.number != mark.number {
                return Ok((mark, 0));
            }
            if head.flags == PADDING {
                if head.len != 0 || head.checksum(salt.clone()) != head.crc {
                    return Ok((mark, RECORD_HEAD as u64));
                }
                mark.position += left;
                continue;
            }
            let len = usize::try_from(head.len).map_err(io::Error::other)?;
            if record_size(len) > left {
                return Ok((mark, left));
            }
            payload.resize(len, 0);
            self.file.read_exact_at(&mut payload, place + RECORD_HEAD as u64)?;
            let mut checksum = salt.clone();
            checksum.update(&payload);
            if head.checksum(checksum) != head.crc {
                return Ok((mark, record_size(len)));
            }
            mark = Mark { position: mark.position + record_size(len), number: head.number + 1 };
            each(&payload, head.events, mark)?;
        }
    }

    /// Removes the file, once its records are committed and on the disk.
    ///
    /// # Errors
    /// When the file cannot be removed.
    pub fn remove(self) -> io::Result<()> {
        std::fs::remove_file(&self.path)
    }

    fn array<const N: usize>(&self, offset: u64) -> io::Result<[u8; N]> {
        let mut bytes = [0; N];
        self.file.read_exact_at(&mut bytes, offset)?;
        Ok(bytes)
    }
}

/// The identity of an intake whose header did not reach the disk before the power failed, from what the file system knows about
/// the file. Records have checksums of their own that start with the id, so nothing else can pass for one.
fn salvage(path: &Path, head: &[u8; IDENTITY], size: u64) -> Option<Identity> {
    let torn = head.starts_with(&MAGIC) && head.get(8..12) == Some(&VERSION.to_le_bytes()) || head.iter().all(|byte| *byte == 0);
    let id = path.file_stem().and_then(std::ffi::OsStr::to_str).and_then(IntakeId::parse)?;
    let capacity = size.checked_sub(HEADER as u64).filter(|capacity| *capacity > 0 && capacity.is_multiple_of(4096))?;
    torn.then_some(Identity { capacity, id, pid: 0, created_us: 0 })
}
